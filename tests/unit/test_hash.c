/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash-1-3 against a plain implementation written from the algorithm's description (Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF", 2012), and against vectors published with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/random.h"

static uint64_t rotate_left(uint64_t x, unsigned by) {
    return x << by | x >> (64 - by);
}

/* Section 2.1 of the paper, one step a line. */
static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13);
    v[3] = rotate_left(v[3], 16);
    v[1] ^= v[0];
    v[3] ^= v[2];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_left(v[1], 17);
    v[3] = rotate_left(v[3], 21);
    v[1] ^= v[2];
    v[3] ^= v[0];
    v[2] = rotate_left(v[2], 32);
}

/* SipHash-c-d of a message, the padded last word made byte by byte. */
static uint64_t sip_hash(int c, int d, const uint64_t key[2], const unsigned char *message,
                         size_t len) {
    uint64_t v[4] = {key[0], key[1], key[0], key[1]};
    const char start[] = "somepseudorandomlygeneratedbytes";
    for (int i = 0; i < 32; i++) v[i / 8] ^= (uint64_t)start[i] << (8 * (7 - i % 8));
    for (size_t word = 0; word <= len / 8; word++) {
        uint64_t m = 0;
        for (size_t i = 0; i < 8; i++) {
            size_t at = word * 8 + i;
            unsigned char byte = at < len ? message[at] : 0;
            if (word == len / 8 && i == 7) byte = (unsigned char)len;
            m |= (uint64_t)byte << (8 * i);
        }
        v[3] ^= m;
        for (int i = 0; i < c; i++) sip_round(v);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < d; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The paper's appendix works through SipHash-2-4 of these 15 bytes under this key. */
static void the_model_is_right(void **unused) {
    const uint64_t key[2] = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    unsigned char message[15];
    for (int i = 0; i < 15; i++) message[i] = (unsigned char)i;
    assert_true(sip_hash(2, 4, key, message, 15) == 0xa129ca6149be45e5ULL);
}

/* All lengths at all alignments, the message at the very end of an allocation so that a sanitizer
 * build sees a read past it. */
static void all_lengths_and_alignments(void **unused) {
    struct random r;
    random_seed_fixed(&r, 7);
    for (size_t len = 0; len <= 64; len++) {
        for (size_t skew = 0; skew < 16; skew++) {
            struct hash_seed seed = {random_u64(&r), random_u64(&r)};
            unsigned char *room = malloc(skew + len + !len);
            for (size_t i = 0; i < skew + len; i++) room[i] = (unsigned char)random_u64(&r);
            uint64_t hash = hash_bytes(&seed, slice_of(room + skew, len));
            assert_true(hash == sip_hash(1, 3, (uint64_t[]){seed.k0, seed.k1}, room + skew, len));
            free(room);
        }
    }
}

/* The length's lowest byte is part of the hash: 256 and more wrap. */
static void long_messages(void **unused) {
    enum { LEN = 70000 };
    const struct hash_seed seed = {1, 2};
    unsigned char *message = malloc(LEN);
    for (size_t i = 0; i < LEN; i++) message[i] = (unsigned char)(i * i);
    for (size_t len = 65; len <= LEN; len += len < 600 ? 1 : 9907) {
        uint64_t hash = hash_bytes(&seed, slice_of(message, len));
        assert_true(hash == sip_hash(1, 3, (uint64_t[]){1, 2}, message, len));
    }
    free(message);
}

static void no_bytes_at_all(void **unused) {
    const struct hash_seed seed = {3, 4};
    assert_true(hash_bytes(&seed, slice_of(NULL, 0)) == hash_bytes(&seed, SLICE("")));
}

static void seeds_are_random(void **unused) {
    struct hash_seed a = hash_seed_random(), b = hash_seed_random();
    assert_true(a.k0 != b.k0 && a.k1 != b.k1 && a.k0 != a.k1);
    assert_true(hash_bytes(&a, SLICE("key")) != hash_bytes(&b, SLICE("key")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_is_right), cmocka_unit_test(all_lengths_and_alignments),
        cmocka_unit_test(long_messages),      cmocka_unit_test(no_bytes_at_all),
        cmocka_unit_test(seeds_are_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
