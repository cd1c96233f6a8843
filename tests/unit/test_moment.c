/* SPDX-License-Identifier: BSD-3-Clause */
/* Moments: against the system's own calendar, in all forms, and what isn't one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/moment.h"
#include "base/random.h"

static void expect_moment(const char *text, int64_t want) {
    int64_t got;
    if (!moment_parse(slice_str(text), &got)) fail_msg("%s isn't read", text);
    if (got != want) fail_msg("%s is %lld, not %lld", text, (long long)got, (long long)want);
}

static void test_forms(void **state) {
    expect_moment("0", 0);
    expect_moment("1795271109", 1795271109);
    expect_moment("1970-01-01", 0);
    expect_moment("2026-11-21T14:25:09", 1795271109);
    expect_moment("2026-11-21 14:25:09Z", 1795271109);
    expect_moment("2026-11-21t14:25:09.999z", 1795271109);
    expect_moment("2026-11-21T14:25", 1795271100);
    expect_moment("2026-11-21T15:25:09+01:00", 1795271109);
    expect_moment("2026-11-21T15:25:09+0100", 1795271109);
    expect_moment("2026-11-21T15:25:09+01", 1795271109);
    expect_moment("2026-11-21T06:55:09-07:30", 1795271109);
    expect_moment("2024-02-29", 1709164800);
}

static void test_others(void **state) {
    static const char *const texts[] = {
        "",
        "-1",
        "yesterday",

        "2026-11",
        "2026-13-01",
        "2026-02-29",
        "1900-02-29",
        "2026-11-21T",
        "2026-11-21T14",
        "2026-11-21T24:00",
        "2026-11-21T14:60",
        "2026-11-21T14:25:61",
        "2026-11-21T14:25:09.",
        "2026-11-21T14:25:09+1",
        "2026-11-21T14:25:09+01:0",
        "2026-11-21T14:25:09+24:00",
        "2026-11-21T14:25:09ZZ",
        "2026-11-21Z",
        "0000-01-01",
        "26-11-21",
    };
    int64_t got;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (moment_parse(slice_str(texts[i]), &got)) fail_msg("%s is read", texts[i]);
}

static void test_calendar(void **state) {
    struct random rng;
    random_seed_fixed(&rng, 20261121);
    for (int i = 0; i < 20000; i++) {
        char text[64];
        struct tm tm;
        time_t unix_s = (time_t)(random_u64(&rng) % 250000000000);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&unix_s, &tm));
        expect_moment(text, (int64_t)unix_s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
