/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of every encoding against a model: which of a small universe of members are in. Encodings
 * are checked against the thresholds by rules of their own. The seed is fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "type/set_random.h"

enum { UNIVERSE = 900 };

struct universe {
    struct slice texts[UNIVERSE];
    bool number[UNIVERSE];
    size_t size;
};

struct model {
    bool in[UNIVERSE];
    size_t count;
};

static struct random rng;
static const struct hash_seed seed = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
static struct type_settings settings = TYPE_SETTINGS_DEFAULT;

/* Integers of every width; short, long and very long strings; texts that only look like integers.
 */
static struct universe *universe_new(size_t size, unsigned strings_of_ten, size_t long_len) {
    struct universe *u = calloc(1, sizeof *u);
    u->size = size;
    for (size_t i = 0; i < size; i++) {
        char text[70000];
        u->number[i] = random_below(&rng, 10) >= strings_of_ten;
        int64_t number = (int64_t)i * (i % 3 ? 97 : 1000003) * (i % 2 ? -1 : 1);
        if (i % 11 == 0) number = INT64_MIN + (int64_t)i;
        const char *forms[] = {"%lld", "0%lld", "member:%lld", "+%lld"};
        const char *form = u->number[i] ? "%lld" : forms[1 + random_below(&rng, 3)];
        int len = snprintf(text, sizeof text, form, (long long)number);
        if (!u->number[i] && long_len && i % 7 == 0) {
            memset(text + len, 'x', long_len - (size_t)len);
            len = (int)long_len;
        }
        u->texts[i] = slice_of(memcpy(malloc((size_t)len + 1), text, (size_t)len), (size_t)len);
    }
    return u;
}

static void universe_free(struct universe *u) {
    for (size_t i = 0; i < u->size; i++) free((void *)(uintptr_t)u->texts[i].ptr);
    free(u);
}

static size_t universe_index(const struct universe *u, const struct set_member *m) {
    char digits[NUM_I64_MAX];
    struct slice text = set_member_text(m, digits);
    for (size_t i = 0; i < u->size; i++)
        if (slice_eq(u->texts[i], text)) return i;
    fail_msg("a member that nobody added: %.*s", (int)text.len, text.ptr);
    return 0;
}

static struct entry *new_set(void) {
    return type_new(SLICE("key"), TYPE_SET, &settings);
}

static void check(const struct entry *e, const struct universe *u, const struct model *m) {
    bool has[UNIVERSE], seen[UNIVERSE] = {false};
    set_check(e);
    assert_int_equal(set_count(e), m->count);
    assert_int_equal(type_set.is_empty(e), m->count == 0);
    set_has_all(e, u->texts, u->size, has);
    for (size_t i = 0; i < u->size; i++) assert_int_equal(has[i], m->in[i]);
    struct set_iter it;
    struct set_member member;
    set_iter_init(&it, e);
    while (set_iter_next(&it, &member)) {
        size_t i = universe_index(u, &member);
        assert_true(m->in[i] && !seen[i]);
        seen[i] = true;
    }
    bool packed = e->encoding != SET_TABLE;
    assert_int_equal(type_set.table(e) != NULL, !packed);
    assert_true(type_set.memory(e, 0) > 0 && type_set.memory(e, 5) > 0);
    if (e->encoding == SET_LISTPACK)
        assert_true(m->count <= (size_t)settings.set_max_listpack_entries);
    if (e->encoding == SET_INTSET) assert_true(m->count <= (size_t)settings.set_max_intset_entries);
}

static void same_digest(const struct entry *a, const struct entry *b) {
    struct digest x = DIGEST_INIT, y = DIGEST_INIT;
    type_set.digest(a, &x);
    type_set.digest(b, &y);
    assert_memory_equal(x.lanes, y.lanes, sizeof x.lanes);
}

static void copy_and_digest(const struct entry *e, const struct universe *u,
                            const struct model *m) {
    struct entry *copy = entry_copy(e, SLICE("other")), *table = new_set();
    assert_int_equal(copy->encoding, e->encoding);
    check(copy, u, m);
    set_start(table, SET_TABLE, &settings);
    for (size_t i = u->size; i-- > 0;) {
        struct set_member member = set_member(u->texts[i]);
        if (m->in[i]) set_add(table, &member, &settings);
    }
    same_digest(copy, table);
    entry_free(copy);
    entry_free(table);
}

static void add_some(struct entry *e, const struct universe *u, struct model *m) {
    struct slice texts[64];
    size_t count = random_below(&rng, 8) ? 1 + random_below(&rng, 3) : 1 + random_below(&rng, 64);
    size_t first = random_below(&rng, u->size), fresh = 0;
    for (size_t k = 0; k < count; k++) {
        size_t i = (first + k * 7) % u->size;
        texts[k] = u->texts[i];
        fresh += !m->in[i];
        m->in[i] = true;
    }
    m->count += fresh;
    set_expect(e, texts[0], count, &settings);
    assert_int_equal(set_add_all(e, texts, count, &settings), fresh);
}

static void remove_some(struct entry *e, const struct universe *u, struct model *m) {
    struct slice texts[64];
    size_t count = 1 + random_below(&rng, 64), first = random_below(&rng, u->size), gone = 0;
    for (size_t k = 0; k < count; k++) {
        size_t i = (first + k * 5) % u->size;
        texts[k] = u->texts[i];
        gone += m->in[i];
        m->in[i] = false;
    }
    m->count -= gone;
    assert_int_equal(set_remove_all(e, texts, count), gone);
}

static void random_operations_on(struct universe *u, unsigned operations) {
    struct entry *e = new_set();
    struct model m = {.count = 0};
    for (unsigned op = 0; op < operations; op++) {
        bool growing = op / 100 % 2 == 0;
        if ((random_below(&rng, 4) != 0) == growing)
            add_some(e, u, &m);
        else
            remove_some(e, u, &m);
        check(e, u, &m);
        if (op % 37 == 0) copy_and_digest(e, u, &m);
        if (m.count == 0) {
            entry_free(e);
            e = new_set();
        }
    }
    entry_free(e);
    universe_free(u);
}

static void random_operations(void **state) {
    random_operations_on(universe_new(60, 0, 0), 300);
    random_operations_on(universe_new(900, 0, 0), 300);
    random_operations_on(universe_new(100, 5, 0), 300);
    random_operations_on(universe_new(150, 9, 0), 400);
    random_operations_on(universe_new(300, 10, 65), 300);
    random_operations_on(universe_new(300, 3, 254), 300);
    random_operations_on(universe_new(300, 10, 255), 300);
    random_operations_on(universe_new(60, 10, 66000), 200);
}

/* Encodings and thresholds. */

static void add(struct entry *e, const char *text) {
    struct set_member m = set_member(slice_str(text));
    set_expect(e, m.text, 1, &settings);
    assert_true(set_add(e, &m, &settings));
}

static void add_numbers(struct entry *e, int from, int to) {
    char text[32];
    for (int i = from; i < to; i++) {
        snprintf(text, sizeof text, "%d", i);
        add(e, text);
    }
}

static void expect_encoding(const struct entry *e, const char *name) {
    assert_string_equal(type_set.encoding_name(e), name);
}

static void thresholds(void **state) {
    struct entry *e = new_set();
    add_numbers(e, 0, 512);
    expect_encoding(e, "intset");
    add(e, "512");
    expect_encoding(e, "hashtable");
    entry_free(e);

    e = new_set();
    add_numbers(e, 0, 127);
    add(e, "x");
    expect_encoding(e, "listpack");
    add(e, "y");
    expect_encoding(e, "hashtable");
    entry_free(e);

    e = new_set();
    add_numbers(e, 0, 128);
    add(e, "x");
    expect_encoding(e, "hashtable");
    entry_free(e);

    char text[66];
    memset(text, 'x', sizeof text);
    text[64] = '\0';
    e = new_set();
    add(e, text);
    expect_encoding(e, "listpack");
    text[64] = 'x', text[65] = '\0';
    add(e, text);
    expect_encoding(e, "hashtable");
    entry_free(e);
}

/* Thresholds other than the usual ones: no integers packed as such; integers too long for a
 * listpack; none at all. */
static void other_thresholds(void **state) {
    struct type_settings usual = settings;
    settings.set_max_intset_entries = 0;
    struct entry *e = new_set();
    add_numbers(e, 0, 3);
    expect_encoding(e, "listpack");
    set_try_intset(e, &settings);
    expect_encoding(e, "listpack");
    settings = usual;
    set_try_intset(e, &settings);
    expect_encoding(e, "intset");
    settings.set_max_listpack_value = 3;
    add(e, "x");
    expect_encoding(e, "listpack");
    entry_free(e);

    e = new_set();
    add(e, "-1000");
    add(e, "x");
    expect_encoding(e, "hashtable");
    entry_free(e);
    settings.set_max_listpack_entries = 0;
    e = new_set();
    add(e, "x");
    expect_encoding(e, "hashtable");
    entry_free(e);
    settings = usual;

    e = new_set();
    set_expect(e, SLICE("1"), 513, &settings);
    expect_encoding(e, "hashtable");
    entry_free(e);
    e = new_set();
    add(e, "1");
    set_expect(e, SLICE("2"), 513, &settings);
    expect_encoding(e, "hashtable");
    entry_free(e);
}

/* Choices at random. */

struct chosen {
    const struct universe *universe;
    uint64_t times[UNIVERSE];
    size_t count;
};

static void note(void *ctx, const struct set_member *m) {
    struct chosen *chosen = ctx;
    chosen->times[universe_index(chosen->universe, m)]++;
    chosen->count++;
}

static struct entry *filled(const struct universe *u, struct model *m, enum set_encoding how) {
    struct entry *e = new_set();
    *m = (struct model){.count = u->size};
    set_start(e, how, &settings);
    for (size_t i = 0; i < u->size; i++) {
        struct set_member member = set_member(u->texts[i]);
        m->in[i] = true;
        assert_true(set_add(e, &member, &settings));
    }
    return e;
}

/* Chi-square: mean n - 1, deviation sqrt(2 (n - 1)); seven deviations are allowed. */
static void assert_fair(const struct chosen *chosen, size_t n) {
    double mean = (double)chosen->count / (double)n, sum = 0;
    for (size_t i = 0; i < n; i++) {
        double off = (double)chosen->times[i] - mean;
        sum += off * off / mean;
    }
    double above = sum - ((double)n - 1);
    if (above > 0) assert_true(above * above < 49 * 2 * ((double)n - 1));
}

static void picks_for(size_t size, unsigned strings, enum set_encoding how) {
    struct universe *u = universe_new(size, strings, 0);
    struct model m;
    struct entry *e = filled(u, &m, how);
    static const unsigned parts[] = {0, 1, 2, 3, 5, 50, 99, 100, 200};
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        size_t count = size * parts[p] / 100, want = count < size ? count : size;
        struct chosen all = {.universe = u};
        for (int round = 0; round < 300; round++) {
            struct chosen once = {.universe = u};
            struct set_choice choice = {&rng, note, &once};
            set_pick(e, count, &choice);
            assert_int_equal(once.count, want);
            for (size_t i = 0; i < size; i++) {
                assert_true(once.times[i] <= 1);
                all.times[i] += once.times[i];
            }
            all.count += once.count;
        }
        if (count) assert_fair(&all, size);
    }
    struct chosen drawn = {.universe = u};
    struct set_choice choice = {&rng, note, &drawn};
    set_draw(e, 1, &choice);
    set_draw(e, size * 100, &choice);
    assert_int_equal(drawn.count, size * 100 + 1);
    assert_fair(&drawn, size);
    check(e, u, &m);
    entry_free(e);
    universe_free(u);
}

static void picks_are_fair(void **state) {
    picks_for(300, 0, SET_INTSET);
    picks_for(100, 10, SET_LISTPACK);
    picks_for(100, 5, SET_TABLE);
    picks_for(600, 10, SET_TABLE);
}

static void pops_for(size_t size, unsigned strings, enum set_encoding how) {
    struct universe *u = universe_new(size, strings, 0);
    static const unsigned parts[] = {0, 1, 5, 13, 40, 79, 80, 84, 95, 99};
    for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
        struct chosen all = {.universe = u};
        size_t count = parts[p] ? size * parts[p] / 100 : 1;
        for (int round = 0; round < 60; round++) {
            struct model m;
            struct entry *e = filled(u, &m, how);
            struct chosen once = {.universe = u};
            struct set_choice choice = {&rng, note, &once};
            set_pop(e, count, &choice, &settings);
            assert_int_equal(once.count, count);
            for (size_t i = 0; i < size; i++) {
                assert_true(once.times[i] <= 1);
                m.in[i] = !once.times[i];
                all.times[i] += once.times[i];
            }
            m.count -= count;
            all.count += count;
            check(e, u, &m);
            bool repacked = how == SET_TABLE && (size - count) * 5 <= count &&
                            size - count <= (size_t)settings.set_max_listpack_entries;
            assert_int_equal(e->encoding, repacked ? SET_LISTPACK : how);
            entry_free(e);
        }
        assert_fair(&all, size);
    }
    universe_free(u);
}

static void pops_are_fair(void **state) {
    pops_for(200, 0, SET_INTSET);
    pops_for(100, 10, SET_LISTPACK);
    pops_for(300, 7, SET_TABLE);
}

int main(void) {
    random_seed_fixed(&rng, 20240718);
    settings.seed = &seed;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations), cmocka_unit_test(thresholds),
        cmocka_unit_test(other_thresholds),  cmocka_unit_test(picks_are_fair),
        cmocka_unit_test(pops_are_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
