/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists in both encodings against an array of strings, and when they change from one to the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "type/t_list.h"
#include "unit/list_model.h"

enum { LONGEST = 900 };

static struct hash_seed seed;

static struct entry *new_list(const struct type_settings *settings) {
    return type_new(SLICE("key"), TYPE_LIST, settings);
}

static void push(struct entry *e, struct slice text, bool front,
                 const struct type_settings *settings) {
    struct deque_item item = list_item(text, NULL);
    list_expect(e, 1, text.len, settings);
    list_push(e, &item, front);
}

static void compare(const struct entry *e, const struct list_model *m, struct random *rng) {
    char digits[NUM_I64_MAX];
    assert_int_equal(list_count(e), m->count);
    for (int backward = 0; backward < 2; backward++) {
        size_t at = random_below(rng, m->count + 1) - (size_t)backward;
        struct list_iter it;
        struct deque_value v = {0};
        list_iter_init(&it, e, at, backward);
        for (; at < m->count; backward ? at-- : at++) {
            assert_true(list_next(&it, &v));
            assert_true(slice_eq(list_value_text(&v, digits), m->items[at]));
        }
        assert_false(list_next(&it, &v));
        list_iter_end(&it);
    }
}

static size_t find(const struct list_model *m, struct slice text) {
    for (size_t i = 0; i < m->count; i++)
        if (slice_eq(m->items[i], text)) return i;
    return LIST_NONE;
}

static void remove_step(struct entry *e, struct list_model *m, struct random *rng,
                        struct slice text, const struct type_settings *settings) {
    size_t n = m->count, drop = random_below(rng, n + 1);
    bool front = random_below(rng, 2);
    if (random_below(rng, 2)) {
        list_drop(e, drop, front, settings);
        list_model_delete(m, front ? 0 : n - drop, drop);
    } else {
        struct listpack_key key = listpack_key(text);
        size_t max = random_below(rng, 2) ? SIZE_MAX : random_below(rng, 4);
        assert_int_equal(list_remove(e, &key, max, front, settings),
                         list_model_remove(m, text, max, front));
    }
}

static void step(struct entry *e, struct list_model *m, struct random *rng,
                 const struct type_settings *settings) {
    char room[LONGEST + 40];
    struct slice text = list_model_text(rng, room, random_below(rng, 8) ? 20 : LONGEST);
    struct listpack_key key = listpack_key(text);
    struct deque_item item = list_item(text, NULL);
    size_t n = m->count, kind = random_below(rng, 10), at = n ? random_below(rng, n) : 0;
    assert_int_equal(list_find(e, &key), find(m, text));
    if (n == 0 || kind < 5) {
        bool front = random_below(rng, 2);
        push(e, text, front, settings);
        list_model_insert(m, front ? 0 : n, text);
    } else if (kind < 7) {
        at = random_below(rng, n + 1);
        list_insert(e, at, &item, settings);
        list_model_insert(m, at, text);
    } else if (kind < 9) {
        list_replace(e, at, &item, settings);
        list_model_delete(m, at, 1);
        list_model_insert(m, at, text);
    } else {
        remove_step(e, m, rng, text, settings);
    }
}

/* A packed block keeps within the limits (a replaced element is counted twice, so it may be the
 * shorter, never the longer). */
static void assert_encoding_fits(const struct entry *e, const struct type_settings *settings) {
    if (e->encoding != LIST_LISTPACK) return;
    const uint8_t *lp = entry_ptr(e);
    int64_t size = settings->list_max_listpack_size;
    if (size > 0) assert_true(listpack_count(lp) <= (size_t)size);
    /* The limit is one of bytes before the last element came, its own head not counted. */
    assert_true(listpack_bytes(lp) <= (size < 0 ? 4096u << (-1 - size) : 8192) + 12);
}

static struct digest digest_of(const struct entry *e) {
    struct digest d = DIGEST_INIT;
    type_list.digest(e, &d);
    return d;
}

static void run(int64_t size, int64_t depth, uint64_t own_place_from, uint64_t number) {
    struct type_settings settings = TYPE_SETTINGS_DEFAULT;
    settings.seed = &seed;
    settings.list_max_listpack_size = size;
    settings.list_compress_depth = depth;
    settings.list_own_place_from = own_place_from;
    struct random rng;
    random_seed_fixed(&rng, number);
    struct entry *e = new_list(&settings);
    struct list_model *m = mem_zalloc(sizeof *m);
    for (int i = 0; i < 2500; i++) {
        step(e, m, &rng, &settings);
        list_check(e);
        compare(e, m, &rng);
        assert_encoding_fits(e, &settings);
        assert_int_equal(type_list.is_empty(e), m->count == 0);
    }
    struct entry *copy = entry_copy(e, SLICE("copy"));
    compare(copy, m, &rng);
    struct digest a = digest_of(e), b = digest_of(copy);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(type_memory(e, 0) > 0 && type_list.free_effort(e) > 0);
    entry_free(copy);
    entry_free(e);
    list_model_delete(m, 0, m->count);
    mem_free(m);
}

static void test_against_model(void **state) {
    run(-1, 0, 0, 1);
    run(-2, 1, 0, 2);
    run(1, 0, 0, 3);
    run(3, 2, 0, 4);
    run(20, 0, 10, 5);
    run(-1, 1, 5, 6);
}

static const char *encoding(const struct entry *e) {
    return type_list.encoding_name(e);
}

static struct entry *list_of(size_t n, struct slice text, const struct type_settings *settings) {
    struct entry *e = new_list(settings);
    while (n--) push(e, text, false, settings);
    return e;
}

/* Limits of elements: over it a quicklist, at half of it a listpack again. */
static void test_counted_encodings(void **state) {
    struct type_settings settings = TYPE_SETTINGS_DEFAULT;
    settings.list_max_listpack_size = 4;
    struct entry *e = list_of(4, SLICE("a"), &settings);
    assert_string_equal(encoding(e), "listpack");
    push(e, SLICE("b"), true, &settings);
    assert_string_equal(encoding(e), "quicklist");
    list_drop(e, 2, true, &settings);
    assert_string_equal(encoding(e), "quicklist");
    list_drop(e, 1, true, &settings);
    assert_string_equal(encoding(e), "listpack");
    entry_free(e);
    settings.list_max_listpack_size = 0; /* 1 is meant */
    e = list_of(1, SLICE("a"), &settings);
    assert_string_equal(encoding(e), "listpack");
    push(e, SLICE("b"), false, &settings);
    assert_string_equal(encoding(e), "quicklist");
    list_drop(e, 1, false, &settings);
    assert_string_equal(encoding(e), "quicklist");
    entry_free(e);
}

/* Limits of bytes, and -6 is -5. */
static void test_sized_encodings(void **state) {
    struct type_settings settings = TYPE_SETTINGS_DEFAULT;
    static char text[70000];
    struct entry *e = list_of(1, slice_of(text, 8185), &settings);
    assert_string_equal(encoding(e), "listpack");
    entry_free(e);
    e = list_of(1, slice_of(text, 8186), &settings);
    assert_string_equal(encoding(e), "quicklist");
    struct deque_item small = list_item(SLICE("x"), NULL);
    list_replace(e, 0, &small, &settings);
    assert_string_equal(encoding(e), "listpack");
    entry_free(e);
    settings.list_max_listpack_size = -6;
    e = list_of(1, slice_of(text, 60000), &settings);
    assert_string_equal(encoding(e), "listpack");
    push(e, slice_of(text, 5536), false, &settings);
    assert_string_equal(encoding(e), "quicklist");
    entry_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_counted_encodings),
        cmocka_unit_test(test_sized_encodings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
