/* SPDX-License-Identifier: BSD-3-Clause */
/* Deadlines of fields in a keyspace, against a model: a few keys in two databases, each a hash of a
 * few fields, that are changed, copied, renamed, moved and deleted while time passes, with and
 * without expiry in the background. The clock is the test's, the seed is fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "db/keyspace.h"
#include "type/t_hash.h"

enum { DBS = 2, KEYS = 8, FIELDS = 12, LATE_MS = 250 };

struct model_key {
    bool in[FIELDS];
    uint64_t values[FIELDS], deadlines[FIELDS], deadline;
};

struct model {
    struct keyspace ks;
    struct type_settings types;
    struct model_key keys[DBS][KEYS];
    uint64_t events[EVENT_COUNT];
};

static struct random rng;

static size_t below(size_t n) {
    return (size_t)random_below(&rng, n);
}

static void on_event(void *ctx, struct db *db, struct slice key, enum db_event event) {
    ((struct model *)ctx)->events[event]++;
}

static struct model *model_new(void) {
    struct model *m = calloc(1, sizeof *m);
    m->types = (struct type_settings)TYPE_SETTINGS_DEFAULT;
    keyspace_init(&m->ks, DBS, &m->types);
    m->ks.seed = (struct hash_seed){31, 32}; /* nothing was hashed yet */
    m->ks.now_ms = 1000000000000;
    m->ks.hooks = (struct keyspace_hooks){.ctx = m, .event = on_event};
    return m;
}

static void model_free(struct model *m) {
    keyspace_release(&m->ks);
    free(m);
}

static struct slice field_at(size_t i) {
    static const char *const names[FIELDS] = {"a", "b", "c", "d", "e", "f",
                                              "g", "h", "1", "2", "",  "long name of a field"};
    return slice_str(names[i]);
}

static struct key key_at(struct model *m, size_t d, size_t i) {
    static const char *const names[KEYS] = {"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"};
    return db_key(&m->ks.dbs[d], slice_str(names[i]));
}

/* Drops from the model what is due; true if something of the key is left. */
static bool model_live(struct model *m, size_t d, size_t i) {
    struct model_key *k = &m->keys[d][i];
    bool live = false;
    for (size_t f = 0; f < FIELDS; f++) {
        k->in[f] &= k->deadlines[f] > m->ks.now_ms && k->deadline > m->ks.now_ms;
        live |= k->in[f];
    }
    if (!live) *k = (struct model_key){.deadline = ENTRY_NO_DEADLINE};
    return live;
}

static struct entry *find(struct model *m, size_t d, size_t i) {
    return db_find(&m->ks.dbs[d], key_at(m, d, i), DB_PEEK);
}

static void check_key(struct model *m, size_t d, size_t i) {
    const struct model_key *k = &m->keys[d][i];
    bool live = model_live(m, d, i);
    const struct entry *e = find(m, d, i);
    assert_int_equal(e != NULL, live);
    if (!e) return;
    hash_check(e);
    assert_int_equal(entry_deadline(e), k->deadline);
    size_t count = 0;
    for (size_t f = 0; f < FIELDS; f++) {
        struct hash_item item;
        char digits[NUM_I64_MAX];
        assert_int_equal(hash_get(e, field_at(f), &item), k->in[f]);
        if (!k->in[f]) continue;
        int64_t value;
        assert_true(num_to_i64(hash_text_view(&item.value, digits), &value));
        assert_int_equal(value, k->values[f]);
        assert_int_equal(item.deadline, k->deadlines[f]);
        count++;
    }
    assert_int_equal(hash_len(e), count);
}

static void check_all(struct model *m) {
    for (size_t d = 0; d < DBS; d++) {
        table_check(&m->ks.dbs[d].table);
        for (size_t i = 0; i < KEYS; i++) check_key(m, d, i);
    }
}

/* Operations. */

static void do_set(struct model *m, size_t d, size_t i) {
    struct db *db = &m->ks.dbs[d];
    struct model_key *k = &m->keys[d][i];
    model_live(m, d, i);
    struct entry *e = db_edit(db, key_at(m, d, i), find(m, d, i), TYPE_HASH);
    size_t n = 1 + below(4);
    for (size_t j = 0; j < n; j++) {
        size_t f = below(FIELDS);
        char text[NUM_I64_MAX];
        k->in[f] = true;
        k->values[f] = below(100000);
        k->deadlines[f] = below(2) ? m->ks.now_ms + 1 + below(2000) : HASH_NO_DEADLINE;
        struct hash_input in = {slice_of(text, num_from_u64(text, k->values[f])), NULL,
                                k->deadlines[f]};
        hash_set(e, &m->types, field_at(f), &in);
    }
    db_edited(db, key_at(m, d, i), e, EVENT_HSET, n);
}

static void do_delete_fields(struct model *m, size_t d, size_t i) {
    struct db *db = &m->ks.dbs[d];
    struct entry *e = find(m, d, i);
    if (!e) return;
    size_t n = 0;
    uint64_t dels = m->events[EVENT_DEL];
    e = db_edit(db, key_at(m, d, i), e, TYPE_HASH);
    for (size_t f = below(3); f < FIELDS; f += 1 + below(3)) {
        n += hash_delete(e, field_at(f));
        m->keys[d][i].in[f] = false;
    }
    db_edited(db, key_at(m, d, i), e, EVENT_HDEL, n);
    assert_int_equal(m->events[EVENT_DEL] - dels, !model_live(m, d, i));
}

static void do_key_deadline(struct model *m, size_t d, size_t i) {
    if (!find(m, d, i)) return;
    uint64_t deadline = below(2) ? m->ks.now_ms + 1 + below(3000) : ENTRY_NO_DEADLINE;
    db_set_deadline(&m->ks.dbs[d], key_at(m, d, i), deadline, EVENT_EXPIRE);
    m->keys[d][i].deadline = deadline;
}

/* COPY, or RENAME and MOVE, as their commands do it. */
static void do_carry(struct model *m, size_t d, size_t i, bool copies) {
    size_t to_d = below(DBS), to_i = d == to_d || below(2) ? (i + 1) % KEYS : i;
    struct db *db = &m->ks.dbs[d], *to = &m->ks.dbs[to_d];
    db_has(to, key_at(m, to_d, to_i));
    const struct entry *e = find(m, d, i);
    if (!e) return;
    struct key to_key = key_at(m, to_d, to_i);
    model_live(m, d, i);
    m->keys[to_d][to_i] = m->keys[d][i];
    if (copies) {
        struct entry *copy = entry_copy(e, to_key.name);
        db_put(to, to_key, entry_with_deadline(copy, entry_deadline(e)), EVENT_COPY_TO, 1);
        return;
    }
    db_move(db, key_at(m, d, i), to, to_key);
    m->keys[d][i] = (struct model_key){.deadline = ENTRY_NO_DEADLINE};
}

static void do_delete(struct model *m, size_t d, size_t i) {
    bool live = model_live(m, d, i);
    assert_int_equal(db_delete(&m->ks.dbs[d], key_at(m, d, i), below(2), EVENT_DEL), live);
    m->keys[d][i] = (struct model_key){.deadline = ENTRY_NO_DEADLINE};
}

static void do_string(struct model *m, size_t d, size_t i) {
    struct db *db = &m->ks.dbs[d];
    db_set_string(db, key_at(m, d, i), SLICE("a string"), ENTRY_NO_DEADLINE, EVENT_SET);
    assert_true(db_delete(db, key_at(m, d, i), false, EVENT_DEL));
    m->keys[d][i] = (struct model_key){.deadline = ENTRY_NO_DEADLINE};
}

static void do_one(struct model *m) {
    size_t d = below(DBS), i = below(KEYS);
    switch (below(14)) {
    default: do_set(m, d, i); break;
    case 0: do_delete_fields(m, d, i); break;
    case 1: do_key_deadline(m, d, i); break;
    case 2:
    case 3: do_carry(m, d, i, below(2)); break;
    case 4:
        if (below(3) == 0) do_delete(m, d, i);
        break;
    case 5:
        if (below(3) == 0) do_string(m, d, i);
        break;
    case 7:
    case 8:
    case 9: m->ks.now_ms += below(300); break;
    }
}

static void swap_model(struct model *m) {
    struct model_key was[KEYS];
    memcpy(was, m->keys[0], sizeof was);
    memcpy(m->keys[0], m->keys[1], sizeof was);
    memcpy(m->keys[1], was, sizeof was);
    db_swap(&m->ks, 0, 1);
}

/* What is due is out of memory, without anybody having looked. */
static void check_swept(struct model *m) {
    for (size_t d = 0; d < DBS; d++) {
        size_t live = 0;
        for (size_t i = 0; i < KEYS; i++) live += model_live(m, d, i);
        assert_int_equal(db_count(&m->ks.dbs[d]), live);
        struct table_iter it;
        table_iter_init(&it, &m->ks.dbs[d].table);
        for (const struct entry *e; (e = table_iter_next(&it));)
            if (e->flags & ENTRY_PART_DEADLINES)
                assert_true(type_hash.parts->next_due(e) > m->ks.now_ms);
    }
}

static void random_operations(void **state) {
    struct model *m = model_new();
    for (size_t d = 0; d < DBS; d++)
        for (size_t i = 0; i < KEYS; i++) m->keys[d][i].deadline = ENTRY_NO_DEADLINE;
    for (size_t step = 0; step < 20000; step++) {
        do_one(m);
        if (below(100) == 0) swap_model(m);
        if (below(5) == 0) {
            assert_true(keyspace_expire(&m->ks, UINT64_MAX) > m->ks.now_ms);
            check_swept(m);
        }
        if (below(3) == 0) check_all(m);
    }
    assert_true(m->events[EVENT_HEXPIRED] > 100);
    assert_true(m->ks.stats.expired_parts > 100);
    model_free(m);
}

/* Hashes of all sizes whose fields fall due all the time: the background leaves nothing behind that
 * is due for longer than it says, and in the end nothing at all. */
static void memory_comes_back(void **state) {
    enum { HASHES = 40, ALL = 60000, SPREAD_MS = 5000 };
    struct model *m = model_new();
    struct db *db = &m->ks.dbs[0];
    size_t before = mem_used();
    uint64_t start = m->ks.now_ms;
    for (uint64_t n = 0; n < ALL; n++) {
        char name[32];
        size_t hash = below(HASHES);
        hash = hash * hash / HASHES; /* small ones and large ones */
        struct key k = db_key(db, slice_of(name, (size_t)sprintf(name, "hash %zu", hash)));
        struct entry *e = db_edit(db, k, db_find(db, k, DB_WRITE), TYPE_HASH);
        struct hash_input in = {SLICE("thirty-two bytes, more or less ."), NULL,
                                start + 1 + below(SPREAD_MS)};
        hash_set(e, &m->types, slice_of(&n, sizeof n), &in);
        db_edited(db, k, e, EVENT_HSET, 1);
    }
    size_t full = mem_used() - before, hashes = db_count(db);
    for (; m->ks.now_ms < start + SPREAD_MS; m->ks.now_ms += 97) {
        uint64_t next = keyspace_expire(&m->ks, UINT64_MAX);
        struct table_iter it;
        assert_true(next > m->ks.now_ms);
        table_iter_init(&it, &db->table);
        for (const struct entry *e; (e = table_iter_next(&it));)
            if (e->flags & ENTRY_PART_DEADLINES)
                assert_true(type_hash.parts->next_due(e) > m->ks.now_ms - LATE_MS);
    }
    m->ks.now_ms += LATE_MS;
    assert_int_equal(keyspace_expire(&m->ks, UINT64_MAX), ENTRY_NO_DEADLINE);
    assert_int_equal(db_count(db), 0);
    assert_int_equal(m->ks.stats.expired_parts, ALL);
    assert_int_equal(m->events[EVENT_DEL], hashes);
    assert_true(mem_used() - before < full / 50);
    model_free(m);
}

/* A round that is out of time gets something done, too, of a single large hash as well. */
static void expiry_keeps_to_its_time(void **state) {
    enum { N = 30000 };
    struct model *m = model_new();
    struct db *db = &m->ks.dbs[0];
    struct key k = db_key(db, SLICE("hash"));
    struct entry *e = db_edit(db, k, NULL, TYPE_HASH);
    for (uint64_t n = 0; n < N; n++) {
        struct hash_input in = {SLICE("v"), NULL, n ? m->ks.now_ms + 1 : HASH_NO_DEADLINE};
        hash_set(e, &m->types, slice_of(&n, sizeof n), &in);
    }
    db_edited(db, k, e, EVENT_HSET, N);
    m->ks.now_ms += 1;
    size_t rounds = 0;
    for (size_t left = N, now; left > 1; left = now, rounds++) {
        keyspace_expire(&m->ks, 0);
        now = table_count(type_hash.table(e));
        assert_true(now < left);
    }
    assert_true(rounds > 5);
    assert_int_equal(hash_len(e), 1);
    assert_int_equal(m->ks.stats.expired_parts, N - 1);
    model_free(m);
}

/* As while loading: nothing goes, and nothing is hidden. */
static void fields_stay_while_expiry_is_off(void **state) {
    struct model *m = model_new();
    struct db *db = &m->ks.dbs[0];
    struct key k = db_key(db, SLICE("hash"));
    struct hash_input in = {SLICE("v"), NULL, m->ks.now_ms + 1};
    struct entry *e = db_edit(db, k, NULL, TYPE_HASH);
    hash_set(e, &m->types, SLICE("f"), &in);
    db_edited(db, k, e, EVENT_HSET, 1);
    m->ks.now_ms += 5;
    m->ks.no_expiry = true;
    e = db_find(db, k, DB_READ);
    assert_non_null(e);
    assert_int_equal(hash_len(e), 1);
    m->ks.no_expiry = false;
    assert_null(db_find(db, k, DB_READ));
    assert_int_equal(m->events[EVENT_HEXPIRED], 1);
    assert_int_equal(m->events[EVENT_DEL], 1);
    assert_int_equal(m->events[EVENT_EXPIRED], 0);
    assert_int_equal(m->ks.stats.expired_parts, 1);
    model_free(m);
}

int main(void) {
    random_seed_fixed(&rng, 20250322);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
        cmocka_unit_test(memory_comes_back),
        cmocka_unit_test(expiry_keeps_to_its_time),
        cmocka_unit_test(fields_stay_while_expiry_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
