/* SPDX-License-Identifier: BSD-3-Clause */
/* The map of ids against a plain sorted array, at random: ids that go up, that come in between,
 * that go at the front, at the end and anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "ds/id_map.h"
#include "ds/name_list.h"

enum { MODEL_MAX = 4000 };

struct model {
    struct stream_id ids[MODEL_MAX];
    size_t count;
};

static void *value_of(struct stream_id id) {
    return (void *)(uintptr_t)(id.ms * 1000 + id.seq + 1);
}

static size_t model_from(const struct model *m, struct stream_id id) {
    size_t at = 0;
    while (at < m->count && stream_id_cmp(m->ids[at], id) < 0) at++;
    return at;
}

static bool model_has(const struct model *m, size_t at, struct stream_id id) {
    return at < m->count && stream_id_eq(m->ids[at], id);
}

static void model_insert(struct model *m, size_t at, struct stream_id id) {
    memmove(m->ids + at + 1, m->ids + at, (m->count - at) * sizeof id);
    m->ids[at] = id;
    m->count++;
}

static void model_remove(struct model *m, size_t at) {
    m->count--;
    memmove(m->ids + at, m->ids + at + 1, (m->count - at) * sizeof *m->ids);
}

static void assert_item(const struct id_map *map, struct id_map_pos pos, const struct model *m,
                        size_t at) {
    const struct id_map_item *item = id_map_at(map, pos);
    if (at >= m->count) {
        assert_null(item);
        return;
    }
    assert_non_null(item);
    assert_true(stream_id_eq(item->id, m->ids[at]));
    assert_ptr_equal(item->value, value_of(item->id));
}

static void assert_same(const struct id_map *map, const struct model *m) {
    id_map_check(map);
    assert_int_equal(id_map_count(map), m->count);
    struct id_map_pos pos = id_map_first(map), back = id_map_last(map);
    for (size_t i = 0; i < m->count; i++) {
        assert_item(map, pos, m, i);
        assert_item(map, back, m, m->count - 1 - i);
        pos = id_map_next(map, pos);
        back = id_map_prev(map, back);
    }
    assert_null(id_map_at(map, pos));
    assert_null(id_map_at(map, back));
}

static void look_up(const struct id_map *map, const struct model *m, struct stream_id id) {
    size_t at = model_from(m, id);
    bool there = model_has(m, at, id);
    assert_ptr_equal(id_map_find(map, id), there ? value_of(id) : NULL);
    assert_item(map, id_map_from(map, id), m, at);
    assert_item(map, id_map_up_to(map, id), m, there ? at : at - 1);
}

static void add(struct id_map *map, struct model *m, struct stream_id id) {
    size_t at = model_from(m, id);
    bool there = model_has(m, at, id);
    assert_int_equal(id_map_insert(map, id, value_of(id)), !there);
    if (!there) model_insert(m, at, id);
}

static void drop(struct id_map *map, struct model *m, struct stream_id id) {
    size_t at = model_from(m, id);
    bool there = model_has(m, at, id);
    assert_ptr_equal(id_map_remove(map, id), there ? value_of(id) : NULL);
    if (there) model_remove(m, at);
}

/* Removes a run from somewhere on, by positions. */
static void drop_run(struct id_map *map, struct model *m, struct random *rng) {
    if (!m->count) return;
    size_t at = random_below(rng, m->count), run = random_below(rng, 200);
    struct id_map_pos pos = id_map_from(map, m->ids[at]);
    for (; run && at < m->count; run--) {
        pos = id_map_remove_at(map, pos);
        model_remove(m, at);
        assert_item(map, pos, m, at);
    }
}

static void play(uint64_t seed, unsigned adding) {
    struct id_map map = ID_MAP_INIT;
    struct model *m = mem_zalloc(sizeof *m);
    struct random rng;
    uint64_t next = 1;
    random_seed_fixed(&rng, seed);
    for (int step = 0; step < 4000; step++) {
        struct stream_id id = {random_below(&rng, next + 1), random_below(&rng, 3)};
        unsigned what = (unsigned)random_below(&rng, 100);
        bool room = m->count < MODEL_MAX;
        if (what < adding && room)
            add(&map, m, (struct stream_id){next++, 0});
        else if (what < adding + 10 && room)
            add(&map, m, id);
        else if (what < adding + 20 && m->count)
            drop(&map, m, m->ids[0]);
        else if (what < adding + 30)
            drop(&map, m, id);
        else if (what == 99 && step % 7 == 0)
            drop_run(&map, m, &rng);
        look_up(&map, m, id);
        if (step % 16 == 0)
            assert_same(&map, m);
        else
            id_map_check(&map);
    }
    assert_same(&map, m);
    while (m->count) drop(&map, m, m->ids[random_below(&rng, m->count)]);
    assert_same(&map, m);
    assert_int_equal(id_map_memory(&map), 0);
    mem_free(m);
}

static void test_random(void **state) {
    for (uint64_t seed = 1; seed < 7; seed++) play(seed, 65);
    for (uint64_t seed = 7; seed < 11; seed++) play(seed, 20);
}

/* The usual life: added at the end, taken at the front. Memory stays in proportion. */
static void test_queue(void **state) {
    struct id_map map = ID_MAP_INIT;
    for (uint64_t i = 1; i <= 100000; i++) {
        struct stream_id id = {i, 0};
        assert_true(id_map_insert(&map, id, value_of(id)));
        if (i > 1000) assert_non_null(id_map_remove(&map, (struct stream_id){i - 1000, 0}));
        if (i % 4096 == 0) id_map_check(&map);
    }
    assert_int_equal(id_map_count(&map), 1000);
    assert_true(id_map_memory(&map) < 1000 * 24 * 3 / 2);
    id_map_release(&map, NULL);
    assert_null(id_map_at(&map, id_map_first(&map)));
}

static size_t freed;

static void count_freed(void *value) {
    assert_non_null(value);
    freed++;
}

static void test_release(void **state) {
    struct id_map map = ID_MAP_INIT;
    for (uint64_t i = 500; i > 0; i--)
        id_map_insert(&map, (struct stream_id){i, 0}, value_of((struct stream_id){i, 0}));
    id_map_check(&map);
    id_map_release(&map, count_freed);
    assert_int_equal(freed, 500);
}

struct thing {
    struct named named;
    char text[8];
};

static void free_thing(struct named *item) {
    mem_free(item);
}

static void test_names(void **state) {
    struct name_list list = NAME_LIST_INIT;
    struct random rng;
    bool there[600] = {false};
    size_t count = 0;
    random_seed_fixed(&rng, 5);
    for (int step = 0; step < 20000; step++) {
        size_t n = random_below(&rng, step % 4000 < 3000 ? 600 : 60);
        struct thing *t = mem_alloc(sizeof *t);
        int len = snprintf(t->text, sizeof t->text, "%zu", n);
        t->named.name = slice_of(t->text, (size_t)len);
        struct named *found = name_list_find(&list, t->named.name);
        assert_int_equal(found != NULL, there[n]);
        if (random_below(&rng, 2) == 0) {
            assert_int_equal(name_list_add(&list, &t->named), !there[n]);
            if (there[n])
                mem_free(t);
            else
                count++;
            there[n] = true;
        } else {
            assert_ptr_equal(name_list_remove(&list, t->named.name), found);
            count -= there[n];
            there[n] = false;
            mem_free(found);
            mem_free(t);
        }
        assert_int_equal(list.count, count);
        name_list_check(&list);
    }
    name_list_release(&list, free_thing);
    assert_int_equal(name_list_memory(&list), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
