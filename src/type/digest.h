/* SPDX-License-Identifier: BSD-3-Clause */
/* A digest of contents: two values, keys or data sets have the same if they hold the same, however
 * they're encoded and in whatever order what has no order is visited. For tests (DEBUG DIGEST), not
 * against people who look for collisions: the key of the hash is fixed, so that servers can be
 * compared.
 *
 * 160 bits out of three lanes of SipHash-1-3, each with a key of its own. What has no order is
 * added up modulo 2^64; what has one is chained: lane = hash(lane, hash(bytes)). */
#ifndef DREY_TYPE_DIGEST_H
#define DREY_TYPE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { DIGEST_LANES = 3, DIGEST_HEX = 40 };

struct digest {
    uint64_t lanes[DIGEST_LANES];
    size_t bytes; /* chained so far: with a length each, about what a file would hold */
};

#define DIGEST_INIT                                                                                \
    { {0, 0, 0}, 0 }

/* Adds bytes that come next: another order gives another digest. */
void digest_chain(struct digest *d, struct slice bytes);

/* Adds a part that has a digest of its own and no place: any order gives the same. */
void digest_add(struct digest *d, const struct digest *part);

/* 40 lower-case hexadecimal digits and a NUL. Nothing added gives zeros. */
void digest_hex(const struct digest *d, char text[DIGEST_HEX + 1]);

#endif
