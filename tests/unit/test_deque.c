/* SPDX-License-Identifier: BSD-3-Clause */
/* Random operations on long lists against an array of strings, with small blocks so that all of
 * their limits are met all the time; and on single blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "ds/deque_edit.h"
#include "unit/list_model.h"

static void assert_value(const struct deque_value *v, struct slice text) {
    char digits[NUM_I64_MAX];
    struct slice got = v->value.text ? slice_of(v->value.text, v->value.len)
                                     : slice_of(digits, num_from_i64(digits, v->value.number));
    assert_true(slice_eq(got, text));
    struct listpack_key key = listpack_key(text);
    assert_true(deque_value_is(v, &key));
}

/* Reads everything from a random place on, both ways. */
static void compare(const struct deque *d, const struct list_model *m, struct random *rng) {
    assert_int_equal(deque_count(d), m->count);
    for (int backward = 0; backward < 2; backward++) {
        size_t at = random_below(rng, m->count + 1) - (size_t)backward;
        struct deque_iter it;
        struct deque_value v = {0};
        deque_iter_init(&it, d, at, backward);
        for (; at < m->count; backward ? at-- : at++) {
            assert_true(deque_next(&it, &v));
            assert_value(&v, m->items[at]);
        }
        assert_false(deque_next(&it, &v));
        deque_iter_end(&it);
    }
}

static struct deque_item item_of(struct slice text) {
    return (struct deque_item){listpack_key(text), NULL};
}

static void random_step(struct deque *d, struct list_model *m, struct random *rng, size_t longest) {
    char room[2000];
    struct slice text = list_model_text(rng, room, longest);
    struct deque_item item = item_of(text);
    bool front = random_below(rng, 2);
    size_t n = m->count, at = n ? random_below(rng, n) : 0;
    size_t kind = random_below(rng, 100);
    if (n > LIST_MODEL_MAX - 10 || (kind >= 96 && n)) {
        size_t drop = 1 + random_below(rng, random_below(rng, 4) ? n / 4 + 1 : n);
        deque_drop(d, drop, front);
        list_model_delete(m, front ? 0 : n - drop, drop);
    } else if (kind < 45 || !n) {
        deque_push(d, &item, front);
        list_model_insert(m, front ? 0 : n, text);
    } else if (kind < 60) {
        deque_drop(d, 1, front);
        list_model_delete(m, front ? 0 : n - 1, 1);
    } else if (kind < 75) {
        deque_insert(d, at, &item);
        list_model_insert(m, at, text);
    } else if (kind < 92) {
        deque_replace(d, at, &item);
        list_model_delete(m, at, 1);
        list_model_insert(m, at, text);
    } else {
        size_t max = random_below(rng, 2) ? SIZE_MAX : 1 + random_below(rng, 5);
        assert_int_equal(deque_remove(d, &item.key, max, front),
                         list_model_remove(m, text, max, front));
    }
}

static void run(const struct deque_limits *limits, uint64_t seed, int steps, size_t longest) {
    struct random rng;
    random_seed_fixed(&rng, seed);
    struct deque *d = deque_new(limits);
    struct list_model *m = mem_zalloc(sizeof *m);
    for (int i = 0; i < steps; i++) {
        random_step(d, m, &rng, longest);
        deque_check(d);
        if (i % 8 == 0) compare(d, m, &rng);
    }
    struct deque *copy = deque_copy(d);
    deque_free(d);
    deque_check(copy);
    compare(copy, m, &rng);
    deque_free(copy);
    list_model_delete(m, 0, m->count);
    mem_free(m);
}

static void test_against_model(void **state) {
    static const struct deque_limits limits[] = {
        {256, UINT32_MAX, 0, 200},  {256, 1, 0, 200},          {512, 3, 1, 400},
        {4096, UINT32_MAX, 0, 900}, {512, UINT32_MAX, 1, 490}, {512, UINT32_MAX, 2, 100},
        {1024, 20, 100, 1000},      {64, UINT32_MAX, 0, 50},   {65536, UINT32_MAX, 0, 1900},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        run(&limits[i], 100 + i, 3000, 500);
        run(&limits[i], 200 + i, 1500, 40);
        run(&limits[i], 300 + i, 500, 2000);
    }
}

static void assert_front_to_back(const struct deque *d, int64_t first, int64_t step) {
    struct deque_iter it;
    struct deque_value v = {0};
    deque_iter_init(&it, d, 0, false);
    for (size_t i = 0; i < deque_count(d); i++, first += step) {
        assert_true(deque_next(&it, &v));
        assert_null(v.value.text);
        assert_int_equal(v.value.number, first);
    }
    deque_iter_end(&it);
}

static void push_number(struct deque *d, int64_t number, bool front) {
    char digits[NUM_I64_MAX];
    struct deque_item item = item_of(slice_of(digits, num_from_i64(digits, number)));
    deque_push(d, &item, front);
}

/* Many blocks: finding by number over long directories, from both ends. */
static void test_long_lists(void **state) {
    struct deque_limits limits = {128, UINT32_MAX, 0, 100};
    enum { N = 200000 };
    struct deque *d = deque_new(&limits);
    for (int64_t i = 0; i < N; i++) push_number(d, i & 1 ? -1 - i / 2 : i / 2, i & 1);
    deque_check(d);
    assert_front_to_back(d, -N / 2, 1);
    struct random rng;
    random_seed_fixed(&rng, 7);
    for (int i = 0; i < 10000; i++) {
        struct deque_iter it;
        struct deque_value v = {0};
        size_t at = random_below(&rng, N);
        deque_iter_init(&it, d, at, i & 1);
        assert_true(deque_next(&it, &v));
        assert_int_equal(v.value.number, (int64_t)at - N / 2);
        deque_iter_end(&it);
    }
    deque_free(d);
}

/* A queue and a ring keep their size: what's popped gives its place back. */
static void test_queues(void **state) {
    struct deque_limits limits = {1024, UINT32_MAX, 0, 1000};
    for (int kind = 0; kind < 4; kind++) {
        struct deque *d = deque_new(&limits);
        bool front = kind & 1;
        for (int64_t i = 0; i < 1000; i++) push_number(d, i, front);
        size_t memory = deque_memory(d, 0);
        for (int64_t i = 1000; i < 50000; i++) {
            if (kind & 2) deque_drop(d, 1, !front);
            push_number(d, i, front);
            if (!(kind & 2)) deque_drop(d, 1, !front);
        }
        deque_check(d);
        assert_front_to_back(d, front ? 49999 : 49000, front ? -1 : 1);
        assert_true(deque_memory(d, 0) < memory + 3 * 1024);
        deque_free(d);
    }
}

static size_t bytes_per_element(bool front, uint32_t depth, size_t n) {
    struct deque_limits limits = {8192, UINT32_MAX, depth, 8000};
    struct deque *d = deque_new(&limits);
    char text[33];
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(text, sizeof text, "%032zu", i);
        struct deque_item item = item_of(slice_of(text, 32));
        deque_push(d, &item, front);
    }
    size_t memory = deque_memory(d, 0) * 100 / n;
    deque_free(d);
    return memory;
}

/* In hundredths of a byte: a code each beyond the text, and hardly more. */
static void test_memory(void **state) {
    for (int front = 0; front < 2; front++) {
        assert_in_range(bytes_per_element(front, 0, 100000), 3300, 3340);
        assert_in_range(bytes_per_element(front, 0, 260), 3300, 4300);
        assert_in_range(bytes_per_element(front, 1, 100000), 1, 1500);
    }
}

/* Nothing but codes: the most elements that a block can have, and can have had. */
static void test_empty_texts(void **state) {
    struct deque_limits limits = {LIST_BLOCK_MAX, UINT32_MAX, 0, LIST_BLOCK_TEXT_MAX};
    struct deque_item item = item_of(SLICE(""));
    for (int front = 0; front < 2; front++) {
        struct deque *d = deque_new(&limits);
        for (int i = 0; i < 300000; i++) deque_push(d, &item, front);
        deque_check(d);
        assert_true(deque_memory(d, 0) < 400000);
        deque_drop(d, 65000, !front);
        deque_check(d);
        for (int i = 0; i < 65000; i++) deque_push(d, &item, !front);
        deque_check(d);
        assert_int_equal(deque_remove(d, &item.key, SIZE_MAX, front), 300000);
        assert_int_equal(deque_blocks(d), 0);
        deque_free(d);
    }
}

/* A long element's memory is the one that was given, in a copy of the list, too. */
static void test_shared_bytes(void **state) {
    struct deque_limits limits = {4096, UINT32_MAX, 0, 4000};
    struct deque *d = deque_new(&limits);
    struct bytes *bytes = bytes_new(5000);
    memset(bytes->data, 'x', bytes->len = 5000);
    struct deque_item item = {listpack_key(bytes_slice(bytes)), bytes};
    deque_push(d, &item, false);
    struct deque *copy = deque_copy(d);
    deque_free(d);
    struct deque_iter it;
    struct deque_value v = {0};
    deque_iter_init(&it, copy, 0, false);
    assert_true(deque_next(&it, &v));
    assert_ptr_equal(v.bytes, bytes);
    deque_iter_end(&it);
    deque_free(copy);
    assert_int_equal(bytes->refs, 1);
    bytes_unref(bytes);
}

/* A text of 240 bytes makes all codes of a block wide, and the block must have room for that. */
static void test_wide_codes(void **state) {
    struct list_block *b = list_block_new(0, false);
    char text[300];
    memset(text, 'x', sizeof text);
    struct listpack_key one = listpack_key(SLICE("1")), wide = listpack_key(slice_of(text, 240));
    unsigned n = 0;
    while (list_block_push(&b, &one, false, 512)) n++;
    list_block_check(b);
    assert_int_equal(n, (512 - LIST_BLOCK_HEADER) / 2);
    assert_false(list_block_insert(&b, 3, &wide, 512));
    assert_int_equal(b->count, n);
    list_block_delete(b, 10, n - 20);
    assert_true(list_block_insert(&b, 3, &wide, 512));
    list_block_check(b);
    assert_int_equal(list_block_get(b, 3).len, 240);
    assert_int_equal(list_block_get(b, 4).number, 1);
    assert_int_equal(list_block_remove(b, &one, 30, true), 20);
    assert_int_equal(b->count, 1);
    list_block_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model), cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_queues),        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_empty_texts),   cmocka_unit_test(test_shared_bytes),
        cmocka_unit_test(test_wide_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
