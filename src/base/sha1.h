/* SPDX-License-Identifier: BSD-3-Clause */
/* SHA-1 (RFC 3174): what scripts are named by. Not for secrets: collisions can be made. */
#ifndef DREY_BASE_SHA1_H
#define DREY_BASE_SHA1_H

#include "base/slice.h"

enum { SHA1_HEX = 40 };

/* The digest of `bytes` as 40 hexadecimal digits in lower case, no terminator. */
void sha1_hex(struct slice bytes, char to[SHA1_HEX]);

#endif
