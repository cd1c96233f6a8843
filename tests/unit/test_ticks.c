/* SPDX-License-Identifier: BSD-3-Clause */
/* Time by ticks against the monotonic clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ticks.h"

/* The CPU may be taken away between two readings, so the best of several tries counts. */
static double best_error(const struct ticks *t) {
    double best = 1;
    for (int attempt = 0; attempt < 20; attempt++) {
        int64_t start_ns = clock_mono_ns(), span_ns;
        uint64_t start = ticks_now(t);
        while ((span_ns = clock_mono_ns() - start_ns) < 2000000) continue;
        double ratio = (double)ticks_to_ns(t, ticks_now(t) - start) / (double)span_ns;
        double error = ratio > 1 ? ratio - 1 : 1 - ratio;
        if (error < best) best = error;
    }
    return best;
}

/* So it may in the middle of a measure. */
static void agrees_with_the_clock(void **unused) {
    enum { MEASURES = 10 };
    bool first = false, later = false; /* the first measure is a short one */
    for (int i = 0; i < MEASURES && !(first && later); i++) {
        struct ticks t;
        ticks_init(&t);
        first |= best_error(&t) < 0.1;
        ticks_calibrate(&t);
        later |= best_error(&t) < 0.01;
    }
    assert_true(first && later);
}

static void without_a_counter(void **unused) {
    struct ticks t = {.factor = (uint64_t)1 << 32};
    ticks_calibrate(&t);
    assert_true(ticks_to_ns(&t, 12345) == 12345);
    int64_t before = clock_mono_ns();
    uint64_t now = ticks_now(&t);
    assert_true((int64_t)now >= before && (int64_t)now <= clock_mono_ns());
}

/* A year in ticks of a third of a nanosecond: no overflow in between. */
static void long_spans(void **unused) {
    struct ticks t = {.counter = true, .factor = ((uint64_t)1 << 32) / 3};
    const uint64_t year_ns = 365ULL * 24 * 3600 * 1000000000;
    uint64_t ns = ticks_to_ns(&t, year_ns * 3);
    assert_true(ns <= year_ns && ns > year_ns - year_ns / 1000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_clock),
        cmocka_unit_test(without_a_counter),
        cmocka_unit_test(long_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
