/* SPDX-License-Identifier: BSD-3-Clause */
/* The generator against its published reference values, evenness of random_below, and the clocks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"

/* The first outputs of xoshiro256** from the state 1, 2, 3, 4, as published with it. */
static void follows_the_definition(void **unused) {
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    struct random r = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_true(random_u64(&r) == expected[i]);
}

static void fixed_seeds_repeat(void **unused) {
    struct random a, b, c;
    random_seed_fixed(&a, 5);
    random_seed_fixed(&b, 5);
    random_seed_fixed(&c, 6);
    assert_memory_equal(&a, &b, sizeof(a));
    for (int i = 0; i < 1000; i++) {
        uint64_t value = random_u64(&a);
        assert_true(value == random_u64(&b));
        assert_true(value != random_u64(&c));
    }
}

static void seeds_differ(void **unused) {
    struct random a, b;
    random_seed(&a);
    random_seed(&b);
    assert_memory_not_equal(&a, &b, sizeof(a));
}

/* Chi squared of 7 classes: above 40 by chance once in millions of runs, and the seed is fixed. */
static void below_is_even(void **unused) {
    enum { CLASSES = 7, ROUNDS = 700000 };
    struct random r;
    random_seed_fixed(&r, 1);
    uint32_t seen[CLASSES] = {0};
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t value = random_below(&r, CLASSES);
        assert_true(value < CLASSES);
        seen[value]++;
    }
    double chi = 0, mean = (double)ROUNDS / CLASSES;
    for (int i = 0; i < CLASSES; i++) chi += (seen[i] - mean) * (seen[i] - mean) / mean;
    assert_true(chi < 40);
}

/* Two thirds of 2^64: a plain remainder or product would hit the lower half of the range twice as
 * often. */
static void below_is_even_in_wide_ranges(void **unused) {
    enum { ROUNDS = 300000 };
    const uint64_t n = UINT64_MAX / 3 * 2;
    struct random r;
    random_seed_fixed(&r, 2);
    int low = 0, even = 0;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t value = random_below(&r, n);
        assert_true(value < n);
        low += value < n / 2;
        even += value % 2 == 0;
    }
    assert_in_range(low, ROUNDS / 2 - 2000, ROUNDS / 2 + 2000);
    assert_in_range(even, ROUNDS / 2 - 2000, ROUNDS / 2 + 2000);
    assert_int_equal(random_below(&r, 1), 0);
}

static void hex_is_hex(void **unused) {
    char ids[200][41];
    uint32_t seen[256] = {0};
    for (int i = 0; i < 200; i++) {
        ids[i][40] = '!';
        random_hex(ids[i], 40);
        assert_int_equal(ids[i][40], '!');
        for (int at = 0; at < 40; at++) seen[(unsigned char)ids[i][at]]++;
        for (int j = 0; j < i; j++) assert_memory_not_equal(ids[i], ids[j], 40);
    }
    uint32_t digits = 0;
    for (const char *c = "0123456789abcdef"; *c; c++) {
        assert_true(seen[(unsigned char)*c] > 200);
        digits += seen[(unsigned char)*c];
    }
    assert_int_equal(digits, 8000);
}

/* A minute may pass between two looks: a wrong unit makes more of a difference. */
static void clocks_agree(void **unused) {
    int64_t ns = clock_mono_ns(), us = clock_mono_us(), ms = clock_mono_ms();
    assert_true(us >= ns / 1000 && us - ns / 1000 < 60000000);
    assert_true(ms >= us / 1000 && ms - us / 1000 < 60000);
    for (int i = 0; i < 10000; i++) {
        int64_t next = clock_mono_ns();
        assert_true(next >= ns);
        ns = next;
    }
    int64_t cpu_ns = clock_thread_cpu_ns();
    assert_true(cpu_ns > 0 && cpu_ns < 600 * (int64_t)1000000000);
    while (clock_thread_cpu_ns() == cpu_ns) clock_mono_ns();
    assert_true(clock_thread_cpu_ns() > cpu_ns);
    /* time() may be behind by the kernel's tick. */
    time_t before = time(NULL);
    int64_t wall_us = clock_wall_us(), wall_ms = clock_wall_ms();
    assert_true(wall_us / 1000000 >= before && wall_us / 1000000 <= time(NULL) + 1);
    assert_true(wall_ms >= wall_us / 1000 && wall_ms - wall_us / 1000 < 60000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_definition),
        cmocka_unit_test(fixed_seeds_repeat),
        cmocka_unit_test(seeds_differ),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(below_is_even_in_wide_ranges),
        cmocka_unit_test(hex_is_hex),
        cmocka_unit_test(clocks_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
