/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include <sys/random.h>

#include "base/assert.h"

struct hash_seed hash_seed_random(void) {
    struct hash_seed seed;
    ASSERT(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    return seed;
}
