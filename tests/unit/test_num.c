/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers to and from text: known texts, and random values against the C library. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/num.h"

static uint64_t state = 20240601;

static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1dU;
}

static double random_double(void) {
    for (;;) {
        uint64_t bits = next_random();
        double value;
        memcpy(&value, &bits, sizeof(value));
        if (isfinite(value)) return value;
    }
}

static void expect_text(const char *expected, const char *text, size_t len) {
    if (len != strlen(expected) || memcmp(expected, text, len) != 0)
        fail_msg("expected '%s', got '%.*s'", expected, (int)len, text);
}

static void check_i64(int64_t value) {
    char expected[64], text[NUM_I64_MAX];
    snprintf(expected, sizeof(expected), "%" PRId64, value);
    size_t len = num_from_i64(text, value);
    expect_text(expected, text, len);
    int64_t back = ~value;
    assert_true(num_to_i64(slice_of(text, len), &back));
    assert_int_equal(back, value);

    snprintf(expected, sizeof(expected), "%" PRIu64, (uint64_t)value);
    len = num_from_u64(text, (uint64_t)value);
    expect_text(expected, text, len);
    uint64_t unsigned_back = ~(uint64_t)value;
    assert_true(num_to_u64(slice_of(text, len), &unsigned_back));
    assert_true(unsigned_back == (uint64_t)value);
}

static void integers_go_round(void **unused) {
    for (int64_t i = -100000; i <= 100000; i++) check_i64(i);
    for (int bit = 0; bit < 64; bit++) {
        int64_t power = (int64_t)((uint64_t)1 << bit);
        check_i64(power);
        check_i64((int64_t)((uint64_t)power - 1));
        check_i64((int64_t)(0 - (uint64_t)power));
    }
    for (int i = 0; i < 200000; i++) check_i64((int64_t)next_random() >> (next_random() % 64));
}

static void integers_refuse(void **unused) {
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      "-0",
                                      "00",
                                      "01",
                                      "-01",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "0x10",
                                      "1e3",
                                      "a",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551616",
                                      "99999999999999999999",
                                      "--1",
                                      "123456789012345678901234567890"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t value = 77;
        assert_false(num_to_i64(slice_str(bad[i]), &value));
        assert_int_equal(value, 77);
    }
    uint64_t value = 77;
    assert_false(num_to_u64(SLICE("-1"), &value));
    assert_false(num_to_u64(SLICE("18446744073709551616"), &value));
    assert_false(num_to_u64(SLICE("28446744073709551615"), &value));
    assert_false(num_to_u64(SLICE("1\0"), &value));
    assert_int_equal(value, 77);
    assert_true(num_to_u64(SLICE("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
}

/* Texts of few kinds of bytes, so that most of them hold a number; one in eight is a long one. */
static void leading_integers_are_strtol(void **unused) {
    static const char bytes[] = "0123456789999-+ \t\v\rx.";
    for (int i = 0; i < 500000; i++) {
        char text[32] = "";
        size_t len = next_random() % (next_random() % 8 ? 6 : 24);
        for (size_t k = 0; k < len; k++) text[k] = bytes[next_random() % (sizeof(bytes) - 1)];
        if (next_random() % 8 == 0) snprintf(text, sizeof(text), "-922337203685477580%d", i % 10);
        const char *at = text + (*text == '-' && next_random() % 2);
        assert_int_equal(num_leading_i64(slice_str(at)), strtoll(at, NULL, 10));
    }
    assert_int_equal(num_leading_i64(slice_of("123", 2)), 12);
}

static void doubles_print_as_redis(void **unused) {
    static const struct {
        double value;
        const char *text;
    } known[] = {
        {3, "3"},
        {0.0, "0"},
        {-0.0, "-0"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
        {0.1, "0.1"},
        {-0.1, "-0.1"},
        {0.30000000000000004, "0.30000000000000004"},
        {1e17, "100000000000000000"},
        {-1e18, "-1000000000000000000"},
        {0x1p62, "4611686018427387904"},
        {5e18, "5e+18"},
        {1e20, "1e+20"},
        {1e21, "1e+21"},
        {-1e22, "-1e+22"},
        {12345678901234567000.0, "12345678901234567000"},
        {-12345678901234567000.0, "-12345678901234567000"},
        {12345678901234567e7, "123456789012345670000000"},
        {-12345678901234567e7, "-1.2345678901234567e+23"},
        {12345678901234567e8, "1.2345678901234568e+24"},
        {1e-5, "0.00001"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-6, "1.5e-6"},
        {123.456, "123.456"},
        {3.141592653589793, "3.141592653589793"},
        {1234.5678901234567, "1234.5678901234567"},
        {12345.678901234567, "1.2345678901234567e+4"},
        {0.001234567890123, "0.001234567890123"},
        {0.0001234567890123, "1.234567890123e-4"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[NUM_DOUBLE_MAX];
        expect_text(known[i].text, text, num_from_double(text, known[i].value));
    }
}

static void check_double(double value) {
    char text[NUM_DOUBLE_MAX + 1];
    size_t len = num_from_double(text, value);
    assert_true(len <= NUM_DOUBLE_MAX);
    text[len] = '\0';
    double back = strtod(text, NULL);
    if (memcmp(&back, &value, sizeof(value)) != 0) fail_msg("%a printed as %s", value, text);
    double ours;
    assert_true(num_to_double(slice_of(text, len), &ours));
    assert_memory_equal(&ours, &value, sizeof(value));
}

static void doubles_go_round(void **unused) {
    for (int i = 0; i < 300000; i++) {
        check_double(random_double());
        check_double((double)(int64_t)next_random() / 1e6);
        check_double(ldexp(1, (int)(next_random() % 2000) - 1000));
    }
}

/* The fast path for short numbers must agree with the C library to the last bit. */
static void short_decimals_read_exactly(void **unused) {
    for (int i = 0; i < 300000; i++) {
        char text[64];
        uint64_t digits = next_random() >> (next_random() % 64);
        int whole =
            snprintf(text, sizeof(text), "%s%" PRIu64, next_random() % 2 ? "-" : "", digits);
        if (next_random() % 2)
            snprintf(text + whole, sizeof(text) - (size_t)whole, ".%0*" PRIu64,
                     (int)(next_random() % 20), next_random() >> (next_random() % 64));
        double value, expected = strtod(text, NULL);
        assert_true(num_to_double(slice_str(text), &value));
        if (memcmp(&value, &expected, sizeof(value)) != 0) fail_msg("%s", text);
        long double wide, wide_expected = strtold(text, NULL);
        assert_true(num_to_ldouble(slice_str(text), &wide));
        if (wide != wide_expected) fail_msg("%s", text);
    }
}

static void floats_accept_and_refuse(void **unused) {
    /* Both / neither / only one of the two forms, as ZADD and INCRBYFLOAT of Redis 7.0.15 do. */
    static const char *const good[] = {"inf", "+inf", "-infinity", "INF", "0x10", "0x1p-3",
                                       "+5",  "5.",   ".5",        "1e5", "-0",   "007"};
    static const char *const bad[] = {"",    "nan", "-nan",  "nan(1)", " 1",      "1 ",
                                      "\t1", ".",   "1e",    "--1",    "+-1",     "0x",
                                      "1,5", "-",   "1.2.3", "e5",     "infinit", "1_000"};
    double value = 7;
    long double wide = 7;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(num_to_double(slice_str(good[i]), &value));
        assert_true(value == strtod(good[i], NULL));
        assert_true(num_to_ldouble(slice_str(good[i]), &wide));
        assert_true(wide == strtold(good[i], NULL));
    }
    value = 7;
    wide = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (num_to_double(slice_str(bad[i]), &value)) fail_msg("'%s'", bad[i]);
        if (num_to_ldouble(slice_str(bad[i]), &wide)) fail_msg("'%s'", bad[i]);
    }
    assert_false(num_to_double(SLICE("1\0"), &value));
    assert_false(num_to_double(SLICE("1e400"), &value));
    assert_false(num_to_double(SLICE("-1e400"), &value));
    assert_false(num_to_double(SLICE("1e-400"), &value));
    assert_true(value == 7 && wide == 7);
    assert_true(num_to_double(SLICE("1e-320"), &value) && value == 1e-320);
    assert_true(num_to_ldouble(SLICE("1e400"), &wide) && wide == 1e400L);
    assert_false(num_to_ldouble(SLICE("1e5000"), &wide));
}

static void long_texts(void **unused) {
    enum { LEN = 6000 };
    static char text[LEN + 1];
    memset(text, '0', LEN);
    text[LEN - 1] = '5';
    double value;
    long double wide;
    assert_true(num_to_double(slice_of(text, LEN), &value) && value == 5);
    assert_true(
        num_to_ldouble(slice_of(text + LEN - NUM_LDOUBLE_MAX + 1, NUM_LDOUBLE_MAX - 1), &wide));
    assert_true(wide == 5);
    assert_false(num_to_ldouble(slice_of(text + LEN - NUM_LDOUBLE_MAX, NUM_LDOUBLE_MAX), &wide));
}

static void check_ldouble(long double value) {
    static char expected[NUM_LDOUBLE_MAX], text[NUM_LDOUBLE_MAX];
    size_t len = (size_t)snprintf(expected, sizeof(expected), "%.17Lf", value);
    while (expected[len - 1] == '0') len--;
    if (expected[len - 1] == '.') len--;
    expected[len] = '\0';
    expect_text(strcmp(expected, "-0") == 0 ? "0" : expected, text, num_from_ldouble(text, value));
}

static void ldoubles_print_as_redis(void **unused) {
    static const long double known[] = {0.0L,
                                        -0.0L,
                                        0.1L,
                                        -1e-20L,
                                        -1e-17L,
                                        5e-18L,
                                        1.5e-17L,
                                        3.0L,
                                        1e400L,
                                        -1e400L,
                                        0x1p-6L,
                                        0x1p63L,
                                        0x1p62L,
                                        123.456L,
                                        1e-3L,
                                        0.5L,
                                        0.999999999999999999L,
                                        2.999999999999999999L};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) check_ldouble(known[i]);
    check_ldouble(1.1e4932L);
    for (int i = 0; i < 100000; i++) {
        long double value = (long double)(int64_t)next_random();
        check_ldouble(ldexpl(value, -(int)(next_random() % 80)));
        check_ldouble(value / 1e17L);
        check_ldouble((long double)((int64_t)next_random() % 1000000) / 1000);
    }
    char text[NUM_LDOUBLE_MAX];
    expect_text("inf", text, num_from_ldouble(text, INFINITY));
    expect_text("-inf", text, num_from_ldouble(text, -INFINITY));
    expect_text("nan", text, num_from_ldouble(text, NAN));
}

static void sizes(void **unused) {
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"100", 100},        {"", 0},
                {"kb", 0},           {"1k", 1000},
                {"1KB", 1024},       {"2m", 2000000},
                {"2Mb", 2097152},    {"3g", 3000000000},
                {"3gB", 3221225472}, {"5b", 5},
                {"007", 7},          {"18446744073709551615", UINT64_MAX}};
    static const char *const bad[] = {"-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1t",
                                      "1.5",
                                      "0x10",
                                      "1kbb",
                                      "18446744073709551616",
                                      "18014398509481984gb",
                                      "k1"};
    uint64_t bytes = 7;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(num_to_bytes(slice_str(good[i].text), &bytes));
        assert_true(bytes == good[i].bytes);
    }
    bytes = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(num_to_bytes(slice_str(bad[i]), &bytes));
    assert_int_equal(bytes, 7);
}

static void human_sizes(void **unused) {
    for (int i = 0; i < 100000; i++) {
        static const char units[] = "KMGTP";
        uint64_t bytes = (next_random() & ((1ULL << 53) - 1)) >> (next_random() % 53);
        char expected[64], text[NUM_DOUBLE_MAX];
        int unit = 0;
        double quotient = (double)bytes;
        for (; quotient >= 1024; unit++) quotient /= 1024;
        if (unit == 0)
            snprintf(expected, sizeof(expected), "%" PRIu64 "B", bytes);
        else
            snprintf(expected, sizeof(expected), "%.2f%c", quotient, units[unit - 1]);
        expect_text(expected, text, num_to_human(text, bytes));
    }
    char text[NUM_DOUBLE_MAX];
    expect_text("1023B", text, num_to_human(text, 1023));
    expect_text("1.00K", text, num_to_human(text, 1024));
    expect_text("18446744073709551615B", text, num_to_human(text, UINT64_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_go_round),
        cmocka_unit_test(integers_refuse),
        cmocka_unit_test(leading_integers_are_strtol),
        cmocka_unit_test(doubles_print_as_redis),
        cmocka_unit_test(doubles_go_round),
        cmocka_unit_test(short_decimals_read_exactly),
        cmocka_unit_test(floats_accept_and_refuse),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(ldoubles_print_as_redis),
        cmocka_unit_test(sizes),
        cmocka_unit_test(human_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
