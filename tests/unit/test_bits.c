/* SPDX-License-Identifier: BSD-3-Clause */
/* Bit arrays against models that look at one bit at a time. Strings lie at the very end of an
 * allocation, so that a sanitizer build sees a read past them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "type/bits.h"

static uint64_t state = 20240817;

static uint64_t rnd(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static uint64_t rnd_below(uint64_t n) {
    return rnd() % n;
}

/* Random bytes, or mostly the same byte so that searches go far. */
static char *random_bytes(size_t len) {
    char *bytes = malloc(len ? len : 1);
    unsigned kind = (unsigned)rnd_below(4);
    for (size_t i = 0; i < len; i++) {
        if (kind < 2 && rnd_below(200)) {
            bytes[i] = kind ? (char)0xff : 0;
        } else {
            bytes[i] = (char)rnd();
        }
    }
    return bytes;
}

static size_t random_len(void) {
    return rnd_below(10) ? rnd_below(80) : rnd_below(20000);
}

static bool model_get(struct slice s, uint64_t pos) {
    if (pos / 8 >= s.len) return false;
    return (unsigned char)s.ptr[pos / 8] & (0x80 >> pos % 8);
}

static void count_and_find(void **unused) {
    for (int round = 0; round < 4000; round++) {
        size_t len = random_len() + 1;
        struct slice s = slice_of(random_bytes(len), len);
        uint64_t x = rnd_below(len * 8), y = rnd_below(len * 8);
        struct bits_range range = {x < y ? x : y, x < y ? y : x};
        uint64_t ones = 0;
        int64_t found[2] = {-1, -1};
        for (uint64_t pos = range.first; pos <= range.last; pos++) {
            bool bit = model_get(s, pos);
            ones += bit;
            if (found[bit] < 0) found[bit] = (int64_t)pos;
        }
        assert_int_equal(bits_count_range(s, range), ones);
        assert_int_equal(bits_find(s, false, range), found[0]);
        assert_int_equal(bits_find(s, true, range), found[1]);
        if (round % 8 == 0) {
            struct bits_range all = {0, len * 8 - 1};
            assert_int_equal(bits_count(s), bits_count_range(s, all));
        }
        free((void *)s.ptr);
    }
    assert_int_equal(bits_count(slice_of(NULL, 0)), 0);
}

/* Ranges as a server answers them for a string of ten units. */
static void ranges(void **unused) {
    static const struct {
        int64_t start, end;
        int first, last; /* -1: nothing left */
    } known[] = {
        {0, -1, 0, 9},
        {0, 0, 0, 0},
        {-1, -1, 9, 9},
        {9, 9, 9, 9},
        {10, 10, -1, -1},
        {10, -1, -1, -1},
        {5, 4, -1, -1},
        {3, 100, 3, 9},
        {-100, 2, 0, 2},
        {0, -100, 0, 0},
        {-100, -50, 0, 0},
        {-50, -100, 0, 0},
        {-1, -2, -1, -1},
        {-3, -2, 7, 8},
        {1, -100, -1, -1},
        {INT64_MIN, INT64_MAX, 0, 9},
        {INT64_MAX, INT64_MIN, -1, -1},
    };
    struct bits_range r;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        bool some = bits_range_clip(known[i].start, known[i].end, 10, &r);
        assert_int_equal(some, known[i].first >= 0);
        if (!some) continue;
        assert_int_equal(r.first, known[i].first);
        assert_int_equal(r.last, known[i].last);
    }
    assert_false(bits_range_clip(0, -1, 0, &r));
    r = bits_range_of_bytes((struct bits_range){2, 3});
    assert_int_equal(r.first, 16);
    assert_int_equal(r.last, 31);
}

static void single_bits(void **unused) {
    char bytes[9] = {0};
    bool model[72] = {false};
    for (int round = 0; round < 5000; round++) {
        uint64_t pos = rnd_below(72);
        bool bit = rnd() & 1;
        assert_int_equal(bits_set(bytes, pos, bit), model[pos]);
        model[pos] = bit;
        for (uint64_t i = 0; i < 72; i++)
            assert_int_equal(bits_get(slice_of(bytes, 9), i), model[i]);
    }
    assert_false(bits_get(slice_of(bytes, 9), 72));
    assert_false(bits_get(slice_of(bytes, 9), UINT64_MAX));
}

static bool model_op(enum bits_op op, const struct slice *in, size_t n, uint64_t pos) {
    bool x = model_get(in[0], pos);
    size_t others = 0;
    for (size_t i = 1; i < n; i++) others += model_get(in[i], pos);
    switch (op) {
    case BITS_AND: return x && others == n - 1;
    case BITS_OR: return x || others;
    case BITS_XOR: return (x + others) % 2;
    case BITS_NOT: return !x;
    case BITS_DIFF: return x && !others;
    case BITS_DIFF1: return !x && others;
    case BITS_ANDOR: return x && others;
    default: return x + others == 1;
    }
}

static void combine(void **unused) {
    for (int round = 0; round < 1200; round++) {
        enum bits_op op = (enum bits_op)(round % (BITS_ONE + 1));
        size_t n = op == BITS_NOT ? 1 : 2 + rnd_below(4);
        struct slice in[5];
        for (size_t i = 0; i < n; i++) {
            size_t len = rnd_below(5) ? random_len() : 0;
            in[i] = slice_of(random_bytes(len), len);
        }
        size_t len = bits_op_len(in, n);
        char *out = malloc(len ? len : 1);
        bits_combine(op, in, n, out);
        for (uint64_t pos = 0; pos < len * 8; pos++) {
            if (model_get(slice_of(out, len), pos) != model_op(op, in, n, pos))
                fail_msg("round %d, op %d, bit %llu", round, op, (unsigned long long)pos);
        }
        free(out);
        for (size_t i = 0; i < n; i++) free((void *)in[i].ptr);
    }
}

static void fields(void **unused) {
    enum { LEN = 21 };
    for (int round = 0; round < 20000; round++) {
        char *bytes = random_bytes(LEN);
        struct slice s = slice_of(bytes, LEN);
        char before[LEN];
        memcpy(before, bytes, LEN);
        unsigned width = 1 + (unsigned)rnd_below(64);
        uint64_t pos = rnd_below(LEN * 8 + 40), value = 0;
        for (unsigned i = 0; i < width; i++) value = value << 1 | model_get(s, pos + i);
        assert_true(bits_field_get(s, pos, width) == value);
        bool negative = value >> (width - 1);
        int64_t extended = (int64_t)(negative ? value | ~UINT64_C(0) << (width - 1) : value);
        assert_true(bits_field_get_signed(s, pos, width) == extended);
        if (pos + width <= LEN * 8) {
            uint64_t fresh = rnd();
            bits_field_set(bytes, pos, width, fresh);
            assert_true(bits_field_get(s, pos, width) == fresh << (64 - width) >> (64 - width));
            for (uint64_t i = 0; i < LEN * 8; i++) {
                if (i < pos || i >= pos + width)
                    assert_int_equal(model_get(s, i), model_get(slice_of(before, LEN), i));
            }
        }
        free(bytes);
    }
    assert_int_equal(bits_field_get(slice_of(NULL, 0), 5, 64), 0);
    assert_int_equal(bits_field_get(slice_of("x", 1), UINT64_MAX - 64, 64), 0);
}

/* All sums of narrow fields, by counting. */
static void narrow_overflow(void **unused) {
    for (unsigned width = 1; width <= 5; width++) {
        int64_t size = INT64_C(1) << width, half = size / 2;
        for (int64_t value = -half; value < size; value++) {
            for (int64_t incr = -3 * size; incr <= 3 * size; incr++) {
                int64_t sum = value + incr, i = -99;
                uint64_t u = 99;
                if (value >= 0) {
                    bool fits = sum >= 0 && sum < size;
                    int64_t wrapped = ((sum % size) + size) % size;
                    assert_int_equal(bits_add_unsigned((uint64_t)value, incr, width, BITS_WRAP, &u),
                                     fits);
                    assert_int_equal(u, wrapped);
                    bits_add_unsigned((uint64_t)value, incr, width, BITS_SAT, &u);
                    assert_int_equal(u, sum < 0 ? 0 : fits ? sum : size - 1);
                    u = 99;
                    bits_add_unsigned((uint64_t)value, incr, width, BITS_FAIL, &u);
                    assert_int_equal(u, fits ? sum : 99);
                }
                if (value < half) {
                    bool fits = sum >= -half && sum < half;
                    int64_t wrapped = ((sum + half) % size + size) % size - half;
                    assert_int_equal(bits_add_signed(value, incr, width, BITS_WRAP, &i), fits);
                    assert_int_equal(i, wrapped);
                    bits_add_signed(value, incr, width, BITS_SAT, &i);
                    assert_int_equal(i, sum < -half ? -half : fits ? sum : half - 1);
                    i = -99;
                    bits_add_signed(value, incr, width, BITS_FAIL, &i);
                    assert_int_equal(i, fits ? sum : -99);
                }
            }
        }
    }
}

static void wide_overflow(void **unused) {
    int64_t i;
    uint64_t u;
    assert_false(bits_add_signed(INT64_MAX, 1, 64, BITS_WRAP, &i));
    assert_true(i == INT64_MIN);
    assert_false(bits_add_signed(INT64_MIN, -1, 64, BITS_WRAP, &i));
    assert_true(i == INT64_MAX);
    assert_false(bits_add_signed(INT64_MIN, INT64_MIN, 64, BITS_SAT, &i));
    assert_true(i == INT64_MIN);
    assert_true(bits_add_signed(INT64_MIN, INT64_MAX, 64, BITS_SAT, &i));
    assert_true(i == -1);
    assert_false(bits_add_signed(INT64_MAX, 0, 63, BITS_SAT, &i)); /* a SET that doesn't fit */
    assert_true(i == INT64_MAX / 2);
    assert_false(bits_add_unsigned(UINT64_MAX >> 1, 1, 63, BITS_WRAP, &u));
    assert_true(u == 0);
    assert_false(bits_add_unsigned((uint64_t)-1, 0, 8, BITS_SAT, &u)); /* SET u8 -1 */
    assert_true(u == 255);
    assert_false(bits_add_unsigned(5, INT64_MIN, 63, BITS_WRAP, &u));
    assert_true(u == 5);
    assert_false(bits_add_unsigned(5, -6, 63, BITS_SAT, &u));
    assert_true(u == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count_and_find), cmocka_unit_test(ranges),
        cmocka_unit_test(single_bits),    cmocka_unit_test(combine),
        cmocka_unit_test(fields),         cmocka_unit_test(narrow_overflow),
        cmocka_unit_test(wide_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
