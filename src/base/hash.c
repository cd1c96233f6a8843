/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/hash.h"

#include "base/random.h"

struct hash_seed hash_seed_random(void) {
    struct hash_seed seed;
    random_bytes(&seed, sizeof seed);
    return seed;
}
