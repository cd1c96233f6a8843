/* SPDX-License-Identifier: BSD-3-Clause */
/* Latency histograms against sorted values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/histogram.h"
#include "base/random.h"

static const uint64_t LIMIT = (uint64_t)1 << 40; /* values from here on share the last cell */

/* Cells follow each other without a gap, and none is wider than a 32nd of what's in it. */
static void cells_are_in_order(void **unused) {
    uint64_t first = 0;
    for (size_t cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        uint64_t top = histogram_cell_top(cell);
        assert_int_equal(histogram_cell(first), cell);
        assert_int_equal(histogram_cell(top), cell);
        assert_true(top >= first && (top - first) * HISTOGRAM_STEPS <= first);
        first = top + 1;
    }
    assert_true(first == LIMIT);
    assert_int_equal(histogram_cell(LIMIT), HISTOGRAM_CELLS - 1);
    assert_int_equal(histogram_cell(UINT64_MAX), HISTOGRAM_CELLS - 1);
}

static void cell_round_trip(void **unused) {
    struct random r;
    random_seed_fixed(&r, 1);
    for (int i = 0; i < 100000; i++) {
        uint64_t value = random_u64(&r) >> (24 + random_below(&r, 40));
        uint64_t top = histogram_cell_top(histogram_cell(value));
        assert_true(value <= top && (double)top <= (double)value * 1.032);
    }
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

enum { VALUES = 5000 };

static void check_percentiles(const struct histogram *h, const uint64_t *sorted, size_t count) {
    static const double percents[] = {0, 0.1, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100};
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
        double exact_rank = percents[i] / 100 * (double)count;
        size_t rank = (size_t)exact_rank;
        if ((double)rank < exact_rank || rank == 0) rank++;
        double exact = (double)sorted[rank - 1];
        double found = (double)histogram_percentile(h, percents[i]);
        assert_true(found >= exact && found <= exact * 1.032);
    }
}

static void percentiles(void **unused) {
    struct random r;
    random_seed_fixed(&r, 2);
    for (int round = 0; round < 60; round++) {
        struct histogram *h = calloc(1, sizeof(*h));
        uint64_t values[VALUES];
        size_t count = round < 5 ? (size_t)round + 1 : 1 + random_below(&r, VALUES);
        uint64_t spread = 25 + random_below(&r, 39);
        for (size_t i = 0; i < count; i++) {
            values[i] = random_u64(&r) >> (round % 2 ? spread : 24 + random_below(&r, 40));
            histogram_add(h, values[i]);
        }
        assert_int_equal(h->total, count);
        qsort(values, count, sizeof(values[0]), by_value);
        check_percentiles(h, values, count);
        free(h);
    }
}

static void at_most(void **unused) {
    struct random r;
    random_seed_fixed(&r, 3);
    struct histogram *h = calloc(1, sizeof(*h));
    uint64_t values[VALUES];
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = random_u64(&r) >> (24 + random_below(&r, 40));
        histogram_add(h, values[i]);
    }
    for (int i = 0; i < 500; i++) {
        uint64_t limit = random_u64(&r) >> (24 + random_below(&r, 40)), below = 0, cells_below = 0;
        for (size_t at = 0; at < VALUES; at++) {
            below += values[at] <= limit;
            cells_below += (double)values[at] <= (double)limit * 1.032;
        }
        assert_in_range(histogram_at_most(h, limit), below, cells_below);
    }
    assert_int_equal(histogram_at_most(h, UINT64_MAX), VALUES);
    free(h);
}

static void nothing_recorded(void **unused) {
    struct histogram *h = calloc(1, sizeof(*h));
    assert_int_equal(histogram_percentile(h, 50), 0);
    assert_int_equal(histogram_at_most(h, UINT64_MAX), 0);
    free(h);
}

/* A server can run more than 2^32 calls of one latency within hours. */
static void counts_last(void **unused) {
    struct histogram *h = calloc(1, sizeof(*h));
    h->total = h->cells[histogram_cell(100)] = UINT32_MAX;
    histogram_add(h, 100);
    histogram_add(h, 200);
    assert_true(histogram_at_most(h, 150) == (uint64_t)UINT32_MAX + 1);
    assert_int_equal(histogram_percentile(h, 99), histogram_cell_top(histogram_cell(100)));
    free(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_in_order), cmocka_unit_test(cell_round_trip),
        cmocka_unit_test(percentiles),        cmocka_unit_test(at_most),
        cmocka_unit_test(nothing_recorded),   cmocka_unit_test(counts_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
