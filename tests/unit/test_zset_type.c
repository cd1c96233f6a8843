/* SPDX-License-Identifier: BSD-3-Clause */
/* Sorted sets of both encodings against a model: the score of each of a small universe of members.
 * The seed is fixed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "type/t_zset.h"

enum { UNIVERSE = 300 };

struct model {
    struct slice names[UNIVERSE];
    double scores[UNIVERSE]; /* NAN: isn't in */
    size_t count, order[UNIVERSE];
};

static struct random rng;
static const struct hash_seed seed = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
static struct type_settings settings = TYPE_SETTINGS_DEFAULT;

static struct entry *new_zset(void) {
    return type_new(SLICE("key"), TYPE_ZSET, &settings);
}

static void model_init(struct model *m, size_t long_len) {
    for (size_t i = 0; i < UNIVERSE; i++) {
        char *text = calloc(1, 128);
        int len = snprintf(text, 128, i % 3 ? "%d" : "member:%d", (int)i * 37 - 2000);
        if (long_len && i % 10 == 9)
            while (len < (int)long_len) text[len++] = 'x';
        m->names[i] = slice_of(text, (size_t)len);
        m->scores[i] = NAN;
    }
    m->count = 0;
}

static void model_release(struct model *m) {
    for (size_t i = 0; i < UNIVERSE; i++) free((void *)(uintptr_t)m->names[i].ptr);
}

static bool model_less(const struct model *m, size_t a, size_t b) {
    if (m->scores[a] != m->scores[b]) return m->scores[a] < m->scores[b];
    return slice_cmp(m->names[a], m->names[b]) < 0;
}

static void model_sort(struct model *m) {
    m->count = 0;
    for (size_t i = 0; i < UNIVERSE; i++) {
        if (isnan(m->scores[i])) continue;
        size_t at = m->count++;
        for (; at > 0 && model_less(m, i, m->order[at - 1]); at--) m->order[at] = m->order[at - 1];
        m->order[at] = i;
    }
}

static double random_score(void) {
    static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, 0.1, 1e300, 3e-320, 1e18};
    if (random_below(&rng, 6) == 0) return odd[random_below(&rng, 8)];
    return (double)random_below(&rng, 20) - 10;
}

static void check(const struct entry *e, struct model *m) {
    struct zset_iter it;
    struct zset_item item;
    model_sort(m);
    zset_check(e);
    assert_int_equal(zset_count(e), m->count);
    for (size_t i = 0; i < m->count; i++) {
        size_t rank;
        double score;
        assert_true(zset_rank(e, m->names[m->order[i]], &rank, &score));
        assert_int_equal(rank, i);
        assert_memory_equal(&score, &m->scores[m->order[i]], sizeof score);
    }
    size_t at = random_below(&rng, m->count + 1);
    bool reverse = random_below(&rng, 2);
    zset_iter_init(&it, e, at, reverse);
    for (size_t left = at == m->count ? 0 : reverse ? at + 1 : m->count - at; left; left--) {
        assert_true(zset_iter_next(&it, &item));
        assert_true(slice_eq(item.member, m->names[m->order[at]]));
        assert_true(item.score == m->scores[m->order[at]]);
        at += reverse ? (size_t)-1 : 1;
    }
    assert_false(zset_iter_next(&it, &item));
}

static void add(struct entry *e, struct model *m) {
    static const unsigned flags[] = {0, 0, 0, ZSET_NX, ZSET_XX, ZSET_GT, ZSET_LT, ZSET_INCR};
    size_t i = random_below(&rng, UNIVERSE);
    unsigned how = flags[random_below(&rng, 8)];
    double score = random_score(), old = m->scores[i], next = score, result = score;
    enum zset_change expected = ZSET_UPDATED;
    if (isnan(old)) {
        expected = how == ZSET_XX ? ZSET_REFUSED : ZSET_ADDED;
    } else {
        if (how == ZSET_INCR) next = old + score;
        if (next == old) expected = ZSET_SAME;
        if (isnan(next)) expected = ZSET_NAN;
        if (how == ZSET_NX || (how == ZSET_GT && next <= old) || (how == ZSET_LT && next >= old))
            expected = ZSET_REFUSED;
    }
    assert_int_equal(zset_add(e, m->names[i], how, &result, &settings), expected);
    if (expected == ZSET_ADDED || expected == ZSET_UPDATED) {
        m->scores[i] = next == 0 && e->encoding == ZSET_LISTPACK ? 0 : next;
        assert_true(result == next);
    }
}

static void take(struct entry *e, struct model *m) {
    size_t i = random_below(&rng, UNIVERSE);
    assert_int_equal(zset_remove(e, m->names[i]), !isnan(m->scores[i]));
    m->scores[i] = NAN;
}

static void take_range(struct entry *e, struct model *m) {
    size_t rank = random_below(&rng, m->count + 1);
    size_t count = random_below(&rng, m->count - rank + 1) / 2;
    zset_remove_range(e, rank, count);
    for (size_t i = 0; i < count; i++) m->scores[m->order[rank + i]] = NAN;
}

static void ask(const struct entry *e, const struct model *m) {
    double score = random_score();
    size_t below = 0, up_to = 0;
    for (size_t i = 0; i < m->count; i++) {
        below += m->scores[m->order[i]] < score;
        up_to += m->scores[m->order[i]] <= score;
    }
    assert_int_equal(zset_before_score(e, score, false), below);
    assert_int_equal(zset_before_score(e, score, true), up_to);
}

/* Only what the thresholds allow is packed again, with the same members. */
static void repacked(const struct entry *e, struct model *m) {
    struct entry *copy = entry_copy(e, SLICE("other"));
    bool fits = m->count <= (size_t)settings.zset_max_listpack_entries;
    for (size_t i = 0; i < m->count; i++)
        if (m->names[m->order[i]].len > settings.zset_max_listpack_value) fits = false;
    zset_try_listpack(copy, &settings);
    zset_check(copy);
    assert_int_equal(zset_count(copy), m->count);
    assert_int_equal(copy->encoding, fits ? ZSET_LISTPACK : ZSET_TREE);
    entry_free(copy);
}

static void same_copy(const struct entry *e, struct model *m) {
    struct entry *copy = entry_copy(e, SLICE("other"));
    struct digest a = DIGEST_INIT, b = DIGEST_INIT;
    check(copy, m);
    assert_int_equal(copy->encoding, e->encoding);
    type_zset.digest(e, &a);
    type_zset.digest(copy, &b);
    assert_memory_equal(a.lanes, b.lanes, sizeof a.lanes);
    entry_free(copy);
}

/* The encoding goes by the thresholds, and never back. */
static void random_operations(unsigned rounds, size_t long_len) {
    struct model m;
    random_seed_fixed(&rng, 7 + long_len);
    model_init(&m, long_len);
    struct entry *e = new_zset();
    bool packed = true;
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t what = random_below(&rng, 100);
        if (what < (round % 1000 < 600 ? 60u : 25u))
            add(e, &m);
        else if (what < 90)
            take(e, &m);
        else if (what < 95)
            ask(e, &m);
        else if (what < 96)
            take_range(e, &m);
        check(e, &m);
        if (what == 99) same_copy(e, &m);
        if (what == 98) repacked(e, &m);
        if (m.count > (size_t)settings.zset_max_listpack_entries) packed = false;
        for (size_t i = 0; i < m.count; i++)
            if (m.names[m.order[i]].len > settings.zset_max_listpack_value) packed = false;
        assert_string_equal(type_zset.encoding_name(e), packed ? "listpack" : "skiplist");
    }
    entry_free(e);
    model_release(&m);
}

static void listpack_to_tree_by_count(void **state) {
    settings.zset_max_listpack_entries = 40;
    random_operations(4000, 0);
}

static void listpack_to_tree_by_length(void **state) {
    settings.zset_max_listpack_entries = 128;
    random_operations(500, 100);
}

static void only_listpack(void **state) {
    settings.zset_max_listpack_entries = UNIVERSE;
    random_operations(2000, 0);
}

static void by_member(void **state) {
    for (int packed = 0; packed < 2; packed++) {
        struct model m;
        settings.zset_max_listpack_entries = packed ? UNIVERSE : 0;
        random_seed_fixed(&rng, 1);
        model_init(&m, 0);
        struct entry *e = new_zset();
        for (size_t i = 0; i < UNIVERSE; i += 2) {
            double score = m.scores[i] = 5;
            zset_add(e, m.names[i], 0, &score, &settings);
        }
        model_sort(&m);
        for (size_t i = 0; i < UNIVERSE; i++) {
            size_t before = 0;
            for (size_t k = 0; k < m.count; k++)
                before += slice_cmp(m.names[m.order[k]], m.names[i]) < 0;
            assert_int_equal(zset_before_member(e, m.names[i], false), before);
            assert_int_equal(zset_before_member(e, m.names[i], true), before + (i % 2 == 0));
        }
        check(e, &m);
        entry_free(e);
        model_release(&m);
    }
}

static void appended(void **state) {
    struct model m;
    settings.zset_max_listpack_entries = 50;
    random_seed_fixed(&rng, 1);
    model_init(&m, 0);
    struct entry *e = new_zset();
    for (size_t i = 0; i < UNIVERSE; i++) {
        m.scores[i] = (double)i / 2 - 7;
        zset_append(e, m.names[i], m.scores[i], &settings);
        check(e, &m);
    }
    assert_true(type_zset.memory(e, 0) > UNIVERSE * 16);
    assert_int_equal(type_zset.free_effort(e), UNIVERSE);
    entry_free(e);
    model_release(&m);
}

int main(void) {
    settings.seed = &seed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listpack_to_tree_by_count),
        cmocka_unit_test(listpack_to_tree_by_length),
        cmocka_unit_test(only_listpack),
        cmocka_unit_test(by_member),
        cmocka_unit_test(appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
