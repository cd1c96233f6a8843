/* SPDX-License-Identifier: BSD-3-Clause */
/* Client-side caching's two tables against plain arrays, at random: which clients have read which
 * keys, and which prefixes fit the keys that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "server/tracked_keys.h"
#include "server/tracking_prefixes.h"

enum { NAMES = 60, CLIENTS = 12, ROUNDS = 30000 };

static struct random rng;

static size_t below(size_t n) {
    return (size_t)random_below(&rng, n);
}

/* Keys. */

static struct slice key_name(size_t i) {
    static char text[NAMES][200];
    /* Some longer than what a cell holds, one empty. */
    int len = snprintf(text[i], sizeof text[i], "key:%zu", i);
    if (i % 7 == 0) memset(text[i] + len, 'x', sizeof text[i] - (size_t)len);
    return slice_of(text[i], i == 1 ? 0 : i % 7 == 0 ? sizeof text[i] : (size_t)len);
}

struct model {
    bool read[NAMES][CLIENTS];
};

static size_t model_items(const struct model *m, size_t key) {
    size_t count = 0;
    for (size_t c = 0; c < CLIENTS; c++) count += m->read[key][c];
    return count;
}

static void assert_taken(struct model *m, size_t key, struct tracked_key *k) {
    assert_int_equal(k ? k->count : 0, model_items(m, key));
    size_t at = 0;
    for (size_t c = 0; c < CLIENTS; c++)
        if (m->read[key][c]) assert_int_equal(k->ids[at++], c + 1);
    if (k) assert_true(slice_eq(tracked_key_name(k), key_name(key)));
    memset(m->read[key], 0, sizeof m->read[key]);
    if (k) tracked_key_free(k);
}

static size_t index_of(struct slice name) {
    for (size_t i = 0; i < NAMES; i++)
        if (slice_eq(key_name(i), name)) return i;
    fail_msg("no such key");
    return 0;
}

static void keys_follow_the_model(void **state) {
    struct hash_seed seed = hash_seed_random();
    struct tracked_keys keys;
    struct model m = {0};
    size_t before = mem_used();
    tracked_keys_init(&keys, &seed);
    for (int round = 0; round < ROUNDS; round++) {
        size_t key = below(NAMES), client = below(CLIENTS);
        struct slice name = key_name(key);
        uint64_t hash = table_hash(&keys.table, name);
        if (below(4)) {
            tracked_keys_add(&keys, name, hash, client + 1);
            m.read[key][client] = true;
        } else if (below(2)) {
            assert_taken(&m, key, tracked_keys_take(&keys, name, hash));
        } else {
            struct tracked_key *k = tracked_keys_take_random(&keys, &rng);
            if (k) assert_taken(&m, index_of(tracked_key_name(k)), k);
        }
        tracked_keys_check(&keys);
        size_t items = 0, count = 0;
        for (size_t i = 0; i < NAMES; i++) {
            size_t of_key = model_items(&m, i);
            items += of_key;
            count += of_key != 0;
        }
        assert_int_equal(keys.items, items);
        assert_int_equal(tracked_keys_count(&keys), count);
        assert_int_equal(tracked_keys_has(&keys, name, hash), model_items(&m, key) != 0);
    }
    tracked_keys_release(&keys);
    assert_int_equal(mem_used(), before);
}

/* Prefixes: of names of up to four letters, of which there are two. */

enum { PREFIXES = 1 + 2 + 4 + 8, CHANGES = 40 };

static struct slice prefix_name(size_t i) {
    static char text[PREFIXES][4];
    size_t len = 0, first = 0;
    for (size_t count = 1; first + count <= i; count *= 2) {
        first += count;
        len++;
    }
    for (size_t at = 0; at < len; at++) text[i][at] = (i - first) >> at & 1 ? 'a' : 'b';
    return slice_of(text[i], len);
}

struct prefix_model {
    struct tracking_prefixes prefixes;
    struct tracking_prefix *of[PREFIXES][CLIENTS]; /* NULL: the client doesn't have it */
    char changed[CHANGES][8];
    uint64_t by[CHANGES];
    size_t changed_count;
    size_t told; /* prefixes */
    struct slice last;
};

static bool begins_with(struct slice name, struct slice prefix) {
    return name.len >= prefix.len && memcmp(name.ptr, prefix.ptr, prefix.len) == 0;
}

/* How many changed keys fit, from the first that does. */
static size_t fitting(const struct prefix_model *m, struct slice prefix) {
    size_t count = 0;
    for (size_t i = 0; i < m->changed_count; i++)
        count += begins_with(slice_str(m->changed[i]), prefix);
    return count;
}

static uint64_t model_by(const struct prefix_model *m, struct slice key) {
    for (size_t i = 0; i < m->changed_count; i++)
        if (slice_eq(slice_str(m->changed[i]), key)) return m->by[i];
    fail_msg("%.*s hasn't changed", (int)key.len, key.ptr);
    return 0;
}

static void check_told(void *ctx, const struct tracking_prefix *prefix) {
    struct prefix_model *m = ctx;
    struct slice name = tracking_prefix_name(prefix);
    if (m->told++) assert_true(slice_cmp(m->last, name) < 0);
    m->last = name;
    assert_int_equal(prefix->changed_count, fitting(m, name));
    for (size_t i = 0; i < prefix->changed_count; i++) {
        struct slice key = changed_key_name(prefix->changed[i]);
        assert_true(begins_with(key, name));
        assert_int_equal(prefix->changed[i]->by, model_by(m, key));
        if (i) assert_true(slice_cmp(changed_key_name(prefix->changed[i - 1]), key) < 0);
    }
}

static bool model_has(const struct prefix_model *m, size_t prefix) {
    for (size_t c = 0; c < CLIENTS; c++)
        if (m->of[prefix][c]) return true;
    return false;
}

static void tell_all(struct prefix_model *m) {
    size_t expected = 0, prefixes = 0;
    for (size_t i = 0; i < PREFIXES; i++) {
        prefixes += model_has(m, i);
        expected += model_has(m, i) && fitting(m, prefix_name(i));
    }
    m->told = 0;
    tracking_prefixes_tell_all(&m->prefixes, check_told, m);
    assert_int_equal(m->told, expected);
    assert_int_equal(tracking_prefixes_count(&m->prefixes), prefixes);
    assert_false(tracking_prefixes_changed(&m->prefixes));
    m->changed_count = 0;
}

static void change(struct prefix_model *m) {
    char key[8] = {0};
    size_t len = below(5), by = below(3), i = 0;
    for (size_t at = 0; at < len; at++) key[at] = below(2) ? 'a' : 'b';
    while (i < m->changed_count && strcmp(m->changed[i], key) != 0) i++;
    bool known = i < m->changed_count;
    bool fits = false;
    for (size_t p = 0; p < PREFIXES; p++)
        fits |= model_has(m, p) && begins_with(slice_str(key), prefix_name(p));
    tracking_prefixes_note(&m->prefixes, slice_str(key), by);
    if (known) {
        if (m->by[i] != by) m->by[i] = 0;
    } else if (fits) {
        memcpy(m->changed[i], key, sizeof key);
        m->by[i] = by;
        m->changed_count++;
    }
}

static void toggle(struct prefix_model *m) {
    size_t prefix = below(PREFIXES), client = below(CLIENTS);
    struct tracking_prefix **of = &m->of[prefix][client];
    if (*of) {
        tracking_prefixes_remove(&m->prefixes, *of, client + 1);
        *of = NULL;
        return;
    }
    tell_all(m);
    *of = tracking_prefixes_add(&m->prefixes, prefix_name(prefix), client + 1);
    assert_true(slice_eq(tracking_prefix_name(*of), prefix_name(prefix)));
}

static void prefixes_follow_the_model(void **state) {
    struct hash_seed seed = hash_seed_random();
    struct prefix_model m = {0};
    size_t before = mem_used();
    tracking_prefixes_init(&m.prefixes, &seed);
    for (int round = 0; round < ROUNDS; round++) {
        size_t what = below(12);
        if (what < 8)
            change(&m);
        else if (what < 11)
            toggle(&m);
        else
            tell_all(&m);
        if (m.changed_count == CHANGES) tell_all(&m);
    }
    tracking_prefixes_release(&m.prefixes);
    assert_int_equal(mem_used(), before);
}

int main(void) {
    random_seed_fixed(&rng, 20);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_follow_the_model),
        cmocka_unit_test(prefixes_follow_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
