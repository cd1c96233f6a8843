/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/crc64.h"
#include "base/random.h"

/* Bit by bit, as the polynomial says. */
static uint64_t naive(uint64_t crc, const uint8_t *at, size_t len) {
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ UINT64_C(0x95ac9329ac4bc9b5) : crc >> 1;
    }
    return crc;
}

static void test_known_value(void **unused) {
    assert_int_equal(crc64(0, "123456789", 9), UINT64_C(0xe9c6d914c4b8d9ca));
    assert_int_equal(crc64(0, "", 0), 0);
}

static void test_any_length_and_start(void **unused) {
    enum { MAX = 700 };
    uint8_t bytes[MAX];
    struct random rng;
    random_seed_fixed(&rng, 1);
    for (size_t i = 0; i < MAX; i++) bytes[i] = (uint8_t)random_u64(&rng);
    for (size_t len = 0; len < MAX - 8; len++) {
        uint64_t start = len & 1 ? random_u64(&rng) : 0;
        const uint8_t *from = bytes + random_below(&rng, 8);
        assert_int_equal(crc64(start, from, len), naive(start, from, len));
        size_t cut = (size_t)random_below(&rng, len + 1);
        uint64_t first = crc64(start, from, cut);
        assert_int_equal(crc64(first, from + cut, len - cut), naive(start, from, len));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_value),
        cmocka_unit_test(test_any_length_and_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
