/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/assert.h"

void random_bytes(void *to, size_t len) {
    unsigned char *at = to;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR) continue;
        ASSERT(got > 0);
        at += got;
        len -= (size_t)got;
    }
}

void random_hex(char *to, size_t len) {
    static const char digits[] = "0123456789abcdef";
    random_bytes(to, len);
    for (size_t i = 0; i < len; i++) to[i] = digits[to[i] & 15];
}

void random_seed(struct random *r) {
    /* All zeros is the one state that stays as it is. */
    do random_bytes(r->state, sizeof(r->state));
    while (!(r->state[0] | r->state[1] | r->state[2] | r->state[3]));
}

/* SplitMix64, as the generator's authors advise: seeds that differ in a bit give unrelated states.
 */
void random_seed_fixed(struct random *r, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        uint64_t x = seed += 0x9e3779b97f4a7c15U;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
        x = (x ^ x >> 27) * 0x94d049bb133111ebU;
        r->state[i] = x ^ x >> 31;
    }
}

static inline uint64_t rotate(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

uint64_t random_u64(struct random *r) {
    uint64_t *s = r->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

/* Lemire, "Fast Random Integer Generation in an Interval" (2019): the upper half of a product, and
 * one division only in the rare case that the lower half could fall into the uneven rest. */
uint64_t random_below(struct random *r, uint64_t n) {
    unsigned __int128 product = (unsigned __int128)random_u64(r) * n;
    if ((uint64_t)product < n) {
        uint64_t uneven = -n % n;
        while ((uint64_t)product < uneven) product = (unsigned __int128)random_u64(r) * n;
    }
    return (uint64_t)(product >> 64);
}
