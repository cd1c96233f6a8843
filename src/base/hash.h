/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-1-3 (Aumasson and Bernstein, 2012; the variant that hash tables use): a keyed hash, so
 * that nobody who doesn't know the seed can choose colliding keys. Inline: it's on the path of
 * every request. */
#ifndef DREY_BASE_HASH_H
#define DREY_BASE_HASH_H

#include <stdint.h>

#include "base/load.h"
#include "base/slice.h"

struct hash_seed {
    uint64_t k0, k1;
};

/* A seed from the kernel's random numbers. */
struct hash_seed hash_seed_random(void);

#define HASH_ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define HASH_ROUND(v0, v1, v2, v3)                                                                 \
    do {                                                                                           \
        v0 += v1, v1 = HASH_ROTL(v1, 13), v1 ^= v0, v0 = HASH_ROTL(v0, 32);                        \
        v2 += v3, v3 = HASH_ROTL(v3, 16), v3 ^= v2;                                                \
        v0 += v3, v3 = HASH_ROTL(v3, 21), v3 ^= v0;                                                \
        v2 += v1, v1 = HASH_ROTL(v1, 17), v1 ^= v2, v2 = HASH_ROTL(v2, 32);                        \
    } while (0)

/* The last key.len % 8 bytes, at least one. Of a key of a word or more they're the end of its last
 * eight bytes, which takes no branch on how many they are. */
static inline uint64_t hash_tail(struct slice key) {
    size_t len = key.len % 8;
    const char *end = key.ptr + key.len;
    return key.len > 8 ? load_le64(end - 8) >> (64 - 8 * len) : load_le_part(end - len, len);
}

__attribute__((always_inline)) static inline uint64_t hash_bytes(const struct hash_seed *seed,
                                                                 struct slice key) {
    uint64_t v0 = seed->k0 ^ 0x736f6d6570736575ULL, v1 = seed->k1 ^ 0x646f72616e646f6dULL;
    uint64_t v2 = seed->k0 ^ 0x6c7967656e657261ULL, v3 = seed->k1 ^ 0x7465646279746573ULL;
    const unsigned char *at = (const unsigned char *)key.ptr;
    for (size_t words = key.len / 8; words; words--, at += 8) {
        uint64_t word = load_le64(at);
        v3 ^= word;
        HASH_ROUND(v0, v1, v2, v3);
        v0 ^= word;
    }
    uint64_t last = (uint64_t)key.len << 56;
    if (key.len % 8) last |= hash_tail(key);
    v3 ^= last;
    HASH_ROUND(v0, v1, v2, v3);
    v0 ^= last;
    v2 ^= 0xff;
    HASH_ROUND(v0, v1, v2, v3);
    HASH_ROUND(v0, v1, v2, v3);
    HASH_ROUND(v0, v1, v2, v3);
    return v0 ^ v1 ^ v2 ^ v3;
}

#endif
