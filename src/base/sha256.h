/* SPDX-License-Identifier: BSD-3-Clause */
/* SHA-256 (FIPS 180-4), by OpenSSL: what passwords are kept as. */
#ifndef DREY_BASE_SHA256_H
#define DREY_BASE_SHA256_H

#include <stdbool.h>

#include "base/slice.h"

enum { SHA256_HEX = 64 };

/* The digest of `bytes` as 64 hexadecimal digits in lower case, no terminator. */
void sha256_hex(struct slice bytes, char to[SHA256_HEX]);

/* Compares two such digests in a time that doesn't depend on what they are. */
bool sha256_hex_eq(const char *a, const char *b);

#endif
