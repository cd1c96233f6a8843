/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/random.h"
#include "ds/hitters.h"

enum { SLOTS = 256, SECOND = 1000000, WINDOW = 60 * SECOND, TOP = 10 };

static const struct hash_seed seed = {1, 2};

static void add(struct hitters *h, const char *name, uint64_t weight, uint64_t now_us) {
    struct slice key = slice_str(name);
    struct hitter_key k = {hash_bytes(&seed, key), 0, key};
    hitters_add(h, &k, weight, now_us);
}

static double count_of(struct hitters *h, const char *name, uint64_t now_us) {
    struct hitter top[SLOTS];
    size_t n = hitters_top(h, now_us, top, SLOTS);
    for (size_t i = 0; i < n; i++)
        if (top[i].hash == hash_bytes(&seed, slice_str(name))) return top[i].count;
    return 0;
}

/* While there's room for all, all is exact. */
static void test_few_keys(void **state) {
    struct hitters *h = hitters_new(SLOTS, WINDOW, 1);
    struct hitter top[3];
    assert_int_equal(hitters_top(h, 1, top, 3), 0);
    assert_true(hitters_sum(h, 1).count == 0);
    for (int i = 0; i < 30; i++) {
        add(h, "often", 2, SECOND);
        if (i % 2) add(h, "sometimes", 1, SECOND);
        if (i % 10 == 0) add(h, "seldom", 3, SECOND);
        add(h, "nothing", 0, SECOND);
    }
    hitters_check(h);
    assert_int_equal(hitters_top(h, SECOND, top, 3), 3);
    assert_true(top[0].count == 60 && top[1].count == 15 && top[2].count == 9);
    assert_memory_equal(top[0].name.ptr, "often", 5);
    assert_int_equal(top[0].name_len, 5);
    assert_true(fabs(top[0].error - 2 * sqrt(120)) < 1e-6);
    assert_int_equal(hitters_top(h, SECOND, top, 1), 1);
    assert_memory_equal(top[0].name.ptr, "often", 5);
    assert_true(hitters_sum(h, SECOND).count == 84);
    hitters_clear(h);
    assert_int_equal(hitters_top(h, SECOND, top, 3), 0);
    hitters_free(h);
}

static void test_names_and_spaces(void **state) {
    struct hitters *h = hitters_new(SLOTS, WINDOW, 1);
    char name[100];
    memset(name, 'x', sizeof name);
    struct hitter_key k = {7, 1, slice_of(name, sizeof name)};
    hitters_add(h, &k, 5, SECOND);
    k.space = 2;
    hitters_add(h, &k, 4, SECOND);
    struct hitter top[TOP];
    assert_int_equal(hitters_top(h, SECOND, top, TOP), 2);
    assert_true(top[0].space == 1 && top[1].space == 2);
    assert_int_equal(top[0].name_len, sizeof name);
    assert_int_equal(top[0].name.len, HITTERS_NAME_KEPT);
    hitters_free(h);
}

/* A key's even use fades out evenly once it has stopped, and is gone a window later. */
static void test_window(void **state) {
    struct hitters *h = hitters_new(SLOTS, WINDOW, 1);
    uint64_t now = 5 * SECOND;
    for (int i = 0; i < 60; i++, now += SECOND) add(h, "a", 100, now);
    assert_true(fabs(count_of(h, "a", now) - 6000) < 200);
    assert_int_equal(hitters_sum(h, now).covered_us, 60 * SECOND);
    for (int i = 0; i < 60; i++, now += SECOND) {
        add(h, "b", 50, now);
        double a = count_of(h, "a", now), b = count_of(h, "b", now);
        assert_true(fabs(a - 100 * (60 - i)) < 200);
        assert_true(fabs(b - 50 * (i + 1)) < 200);
        assert_true(fabs(hitters_sum(h, now).count - a - b) < 1);
        hitters_check(h);
    }
    assert_true(count_of(h, "a", now + 2 * SECOND) < 200);
    assert_true(count_of(h, "b", now + 1000ULL * SECOND) == 0); /* nobody looked for long */
    assert_int_equal(hitters_sum(h, now + 1000ULL * SECOND).covered_us, WINDOW);
    hitters_free(h);
}

/* A clock that goes back stands still; the random walk of it breaks nothing. */
static void test_clock_goes_back(void **state) {
    struct hitters *h = hitters_new(64, WINDOW, 1);
    struct random rng;
    random_seed_fixed(&rng, 3);
    add(h, "a", 10, 100ULL * SECOND);
    add(h, "a", 10, 50ULL * SECOND);
    assert_true(count_of(h, "a", 40ULL * SECOND) == 20);
    uint64_t now = 1000ULL * SECOND;
    for (int i = 0; i < 20000; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", (int)random_below(&rng, 300));
        now = now - 5 * SECOND + random_below(&rng, 11 * SECOND);
        if (random_below(&rng, 500) == 0) now += random_below(&rng, 100) * SECOND;
        add(h, name, random_below(&rng, 9), now);
        if (i % 50 == 0) hitters_check(h);
    }
    hitters_free(h);
}

/* --- Recall --- */

struct zipf {
    double *sums;
    size_t keys;
};

static struct zipf zipf_new(size_t keys, double s) {
    struct zipf z = {mem_alloc(keys * sizeof *z.sums), keys};
    double sum = 0;
    for (size_t i = 0; i < keys; i++) z.sums[i] = sum += pow((double)(i + 1), -s);
    return z;
}

static size_t zipf_draw(const struct zipf *z, struct random *rng) {
    double at = (double)(random_u64(rng) >> 11) * 0x1p-53 * z->sums[z->keys - 1];
    size_t low = 0, high = z->keys - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (z->sums[middle] <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void true_top(const uint32_t *counts, size_t keys, size_t top[TOP]) {
    size_t n = 0;
    for (size_t i = 0; i < keys; i++) {
        if (n == TOP && counts[top[TOP - 1]] >= counts[i]) continue;
        size_t at = n < TOP ? n++ : TOP - 1;
        for (; at > 0 && counts[top[at - 1]] < counts[i]; at--) top[at] = top[at - 1];
        top[at] = i;
    }
}

/* How many of the ten keys drawn most are among the ten told, and that no told count is off by more
 * than a multiple of its error. */
static int run(const struct zipf *z, size_t draws, uint64_t number) {
    struct hitters *h = hitters_new(SLOTS, WINDOW, number);
    uint32_t *counts = mem_zalloc(z->keys * sizeof *counts);
    struct random rng;
    random_seed_fixed(&rng, number);
    for (size_t i = 0; i < draws; i++) {
        size_t key = zipf_draw(z, &rng);
        struct hitter_key k = {hash_bytes(&seed, slice_of(&key, sizeof key)), 0,
                               slice_of(&key, sizeof key)};
        hitters_add(h, &k, 1, 1 + i * (WINDOW - 2) / draws);
        counts[key]++;
    }
    hitters_check(h);
    size_t wanted[TOP];
    struct hitter told[TOP];
    int found = 0;
    true_top(counts, z->keys, wanted);
    assert_int_equal(hitters_top(h, WINDOW - 1, told, TOP), TOP);
    for (int i = 0; i < TOP; i++) {
        size_t key;
        memcpy(&key, told[i].name.ptr, sizeof key);
        assert_true(fabs(told[i].count - counts[key]) <= 2 * told[i].error);
        for (int k = 0; k < TOP; k++) found += wanted[k] == key;
    }
    mem_free(counts);
    hitters_free(h);
    return found;
}

static void recall(size_t keys, double s, size_t draws, double least) {
    enum { RUNS = 10 };
    struct zipf z = zipf_new(keys, s);
    int found = 0;
    for (uint64_t number = 1; number <= RUNS; number++) found += run(&z, draws, number);
    double got = (double)found / (RUNS * TOP);
    print_message("Zipf %.2f of %zu keys, %zu draws: recall %.3f\n", s, keys, draws, got);
    if (got < least) fail_msg("recall %.3f", got);
    mem_free(z.sums);
}

static void test_recall(void **state) {
    recall(1000000, 1.2, 200000, 0.99);
    recall(1000000, 0.99, 200000, 0.99);
    recall(1000000, 0.99, 20000, 0.95);
    recall(1000000, 0.8, 200000, 0.98);
    recall(10000, 0.6, 200000, 0.98);
}

/* Weights as sizes of replies have them: few keys are read seldom, and are large. */
static void test_weights(void **state) {
    struct hitters *h = hitters_new(128, WINDOW, 1);
    struct random rng;
    random_seed_fixed(&rng, 5);
    for (int i = 0; i < 200000; i++) {
        char name[16];
        bool large = random_below(&rng, 1000) == 0;
        snprintf(name, sizeof name, "%s%d", large ? "large" : "small",
                 (int)random_below(&rng, large ? 5 : 100000));
        add(h, name, large ? 100000 : 30 + random_below(&rng, 40), 1 + (uint64_t)i);
    }
    struct hitter top[5];
    assert_int_equal(hitters_top(h, 200000, top, 5), 5);
    for (int i = 0; i < 5; i++) {
        assert_memory_equal(top[i].name.ptr, "large", 5);
        assert_true(fabs(top[i].count - 4000000) < top[i].error * 2);
    }
    hitters_free(h);
}

static void test_bytes(void **state) {
    struct hitters *h = hitters_new(256, WINDOW, 1);
    assert_in_range(hitters_bytes(h), 256 * 120, 256 * 128 + 256);
    hitters_free(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_keys), cmocka_unit_test(test_names_and_spaces),
        cmocka_unit_test(test_window),   cmocka_unit_test(test_clock_goes_back),
        cmocka_unit_test(test_recall),   cmocka_unit_test(test_weights),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
