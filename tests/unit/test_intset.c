/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of integers against a model: a plain unsorted array. The seed is fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "ds/intset.h"

enum { MODEL_MAX = 512 };

struct model {
    int64_t values[MODEL_MAX];
    size_t count;
    unsigned width; /* of the widest value ever added */
};

static struct random rng;

static size_t model_find(const struct model *m, int64_t value) {
    for (size_t i = 0; i < m->count; i++)
        if (m->values[i] == value) return i;
    return m->count;
}

static unsigned width_of(int64_t value) {
    if (value >= -32768 && value <= 32767) return 2;
    return value >= INT32_MIN && value <= INT32_MAX ? 4 : 8;
}

static bool model_add(struct model *m, int64_t value) {
    if (model_find(m, value) < m->count) return false;
    m->values[m->count++] = value;
    if (width_of(value) > m->width) m->width = width_of(value);
    return true;
}

static bool model_remove(struct model *m, int64_t value) {
    size_t at = model_find(m, value);
    if (at == m->count) return false;
    m->values[at] = m->values[--m->count];
    return true;
}

static void check(const uint8_t *set, const struct model *m) {
    assert_int_equal(intset_count(set), m->count);
    assert_int_equal(intset_bytes(set), 8 + m->width * m->count);
    assert_true(intset_valid(set, intset_bytes(set)));
    assert_int_equal(intset_memory(set), mem_usable_size(set));
    for (size_t i = 0; i < m->count; i++) {
        assert_true(model_find(m, intset_at(set, i)) < m->count);
        assert_true(intset_has(set, m->values[i]));
    }
}

/* Numbers close together, so that they meet again, around places where widths end. */
static int64_t number(unsigned widest) {
    static const int64_t around[][3] = {
        {0, INT16_MIN, INT16_MAX}, {INT32_MIN, INT32_MAX, 1 << 20}, {INT64_MIN, INT64_MAX, 0}};
    unsigned group = (unsigned)random_below(&rng, widest + 1);
    int64_t from = around[group][random_below(&rng, 3)];
    return (int64_t)((uint64_t)from + random_below(&rng, 80) - 40);
}

static void random_operations(void **state) {
    for (unsigned round = 0; round < 60; round++) {
        struct model m = {.width = 2};
        uint8_t *set = intset_new();
        check(set, &m);
        for (unsigned op = 0; op < 600; op++) {
            int64_t value = number(op < 200 ? 0 : round % 3);
            bool grow = op / 150 % 2 == 0;
            if ((random_below(&rng, 4) != 0) == grow)
                assert_int_equal(intset_add(&set, value), model_add(&m, value));
            else
                assert_int_equal(intset_remove(&set, value), model_remove(&m, value));
            value = number(2);
            assert_int_equal(intset_has(set, value), model_find(&m, value) < m.count);
            check(set, &m);
        }
        uint8_t *copy = intset_copy(set);
        while (m.count) {
            int64_t value = m.values[random_below(&rng, m.count)];
            assert_true(intset_remove(&set, value));
            model_remove(&m, value);
            assert_true(intset_has(copy, value));
            check(set, &m);
        }
        intset_free(set);
        intset_free(copy);
    }
}

/* The bytes are the format's. */
static void bytes(void **state) {
    uint8_t *set = intset_new();
    static const uint8_t empty[] = {2, 0, 0, 0, 0, 0, 0, 0};
    assert_memory_equal(set, empty, sizeof empty);
    intset_add(&set, 5);
    intset_add(&set, -2);
    static const uint8_t narrow[] = {2, 0, 0, 0, 2, 0, 0, 0, 0xfe, 0xff, 5, 0};
    assert_memory_equal(set, narrow, sizeof narrow);
    intset_add(&set, 65536);
    static const uint8_t middle[] = {4,    0,    0, 0, 3, 0, 0, 0, 0xfe, 0xff,
                                     0xff, 0xff, 5, 0, 0, 0, 0, 0, 1,    0};
    assert_memory_equal(set, middle, sizeof middle);
    intset_add(&set, INT64_MIN);
    assert_int_equal(intset_bytes(set), 8 + 4 * 8);
    assert_true(intset_at(set, 0) == INT64_MIN && intset_at(set, 3) == 65536);
    intset_free(set);
}

/* Damaged bytes are refused, whatever is wrong. */
static void damaged(void **state) {
    uint8_t *set = intset_new();
    for (int64_t i = -3; i < 3; i++) intset_add(&set, i * 1000000);
    size_t len = intset_bytes(set);
    uint8_t *bad = malloc(len + 1);
    assert_true(intset_valid(set, len));
    for (size_t cut = 0; cut < len; cut++) assert_false(intset_valid(set, cut));
    memcpy(bad, set, len);
    assert_false(intset_valid(bad, len + 1));
    for (unsigned width = 0; width < 20; width++) {
        bad[0] = (uint8_t)width;
        assert_int_equal(intset_valid(bad, len), width == 4);
    }
    memcpy(bad, set, len);
    memcpy(bad + 12, set + 8, 4); /* the first one twice */
    assert_false(intset_valid(bad, len));
    memcpy(bad + 8, set + 12, 4); /* out of order */
    memcpy(bad + 12, set + 8, 4);
    assert_false(intset_valid(bad, len));
    memset(bad + 4, 0xff, 4); /* a count that would overflow 32 bits */
    assert_false(intset_valid(bad, len));
    free(bad);
    intset_free(set);
}

int main(void) {
    random_seed_fixed(&rng, 20240717);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
        cmocka_unit_test(bytes),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
