/* SPDX-License-Identifier: BSD-3-Clause */
/* The keyspace against a model: arrays of keys with value and deadline. The clock is the test's,
 * seeds are fixed. Events and the count of changes are held against what the model expects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "db/keyspace.h"
#include "type/t_string.h"

enum { DBS = 3, KEYS = 120, KEY_MAX = 400, VALUE_MAX = 3000 };

struct model_key {
    bool in;
    char *value;
    size_t len;
    uint64_t deadline;
};

struct model {
    struct keyspace ks;
    struct type_settings types;
    struct model_key *dbs[DBS]; /* KEYS each */
    char names[KEYS][KEY_MAX];
    size_t name_lens[KEYS];
    uint64_t events[EVENT_COUNT], expected[EVENT_COUNT]; /* raised, and as the model has it */
    uint64_t changes;
    uint64_t flushes, expected_flushes, discarded;
    uint64_t key_bytes;             /* a sum over all keys of events: they must be readable */
    struct entry *found[DBS][KEYS]; /* by earlier look-ups, */
    uint64_t placing[DBS][KEYS];    /* and when */
};

static struct random rng;

static size_t below(size_t n) {
    return (size_t)random_below(&rng, n);
}

/* Hooks. */

static void on_event(void *ctx, struct db *db, struct slice key, enum db_event event) {
    struct model *m = ctx;
    assert_true(db >= m->ks.dbs && db < m->ks.dbs + DBS);
    m->events[event]++;
    for (size_t i = 0; i < key.len; i++) m->key_bytes += (unsigned char)key.ptr[i];
}

static void on_flushed(void *ctx, struct db *first, uint32_t count) {
    ((struct model *)ctx)->flushes++;
}

static void on_swapped(void *ctx, struct db *a, struct db *b) {
    ((struct model *)ctx)->flushes += 2;
}

static void on_discard(void *ctx, struct entry *e) {
    ((struct model *)ctx)->discarded++;
    entry_free(e);
}

static void free_entry(void *e) {
    entry_free(e);
}

static void on_discard_table(void *ctx, struct table *t) {
    ((struct model *)ctx)->discarded++;
    table_release(t, free_entry);
}

/* Names of all lengths around the limit of the short form, the empty one, one with a NUL. */
static void names_init(struct model *m) {
    static const size_t lens[] = {255, 256, 257, 399};
    for (size_t i = 0; i < KEYS; i++) {
        size_t len = i == 0 ? 0 : i < 5 ? lens[i - 1] : 2 + below(40);
        for (size_t at = 0; at < len; at++) m->names[i][at] = (char)('a' + below(26));
        if (len) m->names[i][0] = (char)i; /* all different */
        m->name_lens[i] = len;
    }
    m->names[7][1] = '\0';
}

static struct model *model_new(void) {
    struct model *m = calloc(1, sizeof *m);
    keyspace_init(&m->ks, DBS, &m->types);
    random_seed_fixed(&m->ks.rng, 1);
    m->ks.seed = (struct hash_seed){11, 12}; /* nothing was hashed yet */
    m->ks.now_ms = 1000000000000;
    m->ks.hooks = (struct keyspace_hooks){.ctx = m,
                                          .event = on_event,
                                          .flushed = on_flushed,
                                          .swapped = on_swapped,
                                          .discard = on_discard,
                                          .discard_table = on_discard_table};
    for (size_t d = 0; d < DBS; d++) m->dbs[d] = calloc(KEYS, sizeof *m->dbs[d]);
    names_init(m);
    return m;
}

static void model_forget(struct model_key *k) {
    free(k->value);
    *k = (struct model_key){0};
}

static void model_free(struct model *m) {
    keyspace_release(&m->ks);
    for (size_t d = 0; d < DBS; d++) {
        for (size_t i = 0; i < KEYS; i++) model_forget(&m->dbs[d][i]);
        free(m->dbs[d]);
    }
    free(m);
}

/* The model's key if it exists at this moment, else NULL. */
static struct model_key *model_find(struct model *m, size_t d, size_t i) {
    struct model_key *k = &m->dbs[d][i];
    if (k->in && k->deadline <= m->ks.now_ms) model_forget(k);
    return k->in ? k : NULL;
}

static struct model_key *model_set(struct model *m, size_t d, size_t i, struct slice value) {
    struct model_key *k = &m->dbs[d][i];
    uint64_t deadline = model_find(m, d, i) ? k->deadline : ENTRY_NO_DEADLINE;
    model_forget(k);
    *k = (struct model_key){true, malloc(value.len + 1), value.len, deadline};
    memcpy(k->value, value.ptr, value.len);
    return k;
}

static struct key key_at(struct model *m, size_t d, size_t i) {
    return db_key(&m->ks.dbs[d], slice_of(m->names[i], m->name_lens[i]));
}

static void expect(struct model *m, enum db_event event) {
    m->expected[event]++;
    m->changes++;
}

/* Checks. */

/* Half of the time a look-up is told what an earlier one found, of any key and before whatever has
 * happened since: what has gone must be noticed. */
static struct entry *find(struct model *m, size_t d, size_t i, enum db_access access) {
    struct db *db = &m->ks.dbs[d];
    struct key k = key_at(m, d, i);
    size_t from = below(DBS), which = below(4) ? i : below(KEYS);
    if (below(2)) db_look_ahead(db, k.hash, m->found[from][which], m->placing[from][which]);
    struct entry *e = db_find(db, k, access);
    m->found[d][i] = e;
    m->placing[d][i] = db->placing;
    return e;
}

static void check_key(struct model *m, size_t d, size_t i) {
    const struct model_key *k = model_find(m, d, i);
    const struct entry *e = find(m, d, i, DB_PEEK);
    assert_int_equal(e != NULL, k != NULL);
    if (!e) return;
    char digits[NUM_I64_MAX];
    struct slice value = string_view(e, digits);
    assert_true(slice_eq(entry_key(e), slice_of(m->names[i], m->name_lens[i])));
    assert_int_equal(entry_deadline(e), k->deadline);
    assert_int_equal(value.len, k->len);
    assert_memory_equal(value.ptr, k->value, k->len);
}

static size_t count_deadlines(const struct table *t) {
    struct table_iter it;
    size_t n = 0;
    table_iter_init(&it, t);
    for (const struct entry *e; (e = table_iter_next(&it)) != NULL;)
        n += entry_deadline(e) != ENTRY_NO_DEADLINE;
    return n;
}

static void check_all(struct model *m) {
    for (size_t d = 0; d < DBS; d++) {
        const struct db *db = &m->ks.dbs[d];
        size_t live = 0;
        table_check(&db->table);
        for (size_t i = 0; i < KEYS; i++) {
            check_key(m, d, i);
            live += m->dbs[d][i].in;
        }
        assert_int_equal(db_count(db), live);
        assert_int_equal(db->deadlines, count_deadlines(&db->table));
        assert_int_equal(db->id, d);
    }
    assert_int_equal(m->events[EVENT_EXPIRED], m->ks.stats.expired);
    assert_int_equal(m->ks.dirty, m->changes);
    assert_int_equal(m->flushes, m->expected_flushes);
    for (int event = 0; event < EVENT_COUNT; event++)
        if (event != EVENT_EXPIRED && event != EVENT_NEW && event != EVENT_KEYMISS)
            assert_int_equal(m->events[event], m->expected[event]);
}

/* Operations on key i of database d, done on both. */

static uint64_t random_deadline(struct model *m) {
    return m->ks.now_ms + 1 + below(3000);
}

static struct slice random_value(char bytes[VALUE_MAX]) {
    size_t limits[] = {4, 40, 70, VALUE_MAX}, len = below(limits[below(4)]);
    if (below(3) == 0) return slice_of(bytes, (size_t)sprintf(bytes, "%d", (int)random_u64(&rng)));
    for (size_t i = 0; i < len; i++) bytes[i] = (char)random_u64(&rng);
    return slice_of(bytes, len);
}

static void do_set(struct model *m, size_t d, size_t i) {
    char bytes[VALUE_MAX];
    struct slice value = random_value(bytes);
    uint64_t choices[] = {ENTRY_NO_DEADLINE, DB_KEEP_DEADLINE, random_deadline(m)};
    uint64_t deadline = choices[below(3)];
    struct model_key *k = model_set(m, d, i, value);
    if (deadline != DB_KEEP_DEADLINE) k->deadline = deadline;
    m->expected[EVENT_EXPIRE] += deadline == choices[2];
    if (below(2))
        db_set_string(&m->ks.dbs[d], key_at(m, d, i), value, deadline, EVENT_SET);
    else
        db_set_bytes(&m->ks.dbs[d], key_at(m, d, i), bytes_copy(value), deadline, EVENT_SET);
    expect(m, EVENT_SET);
}

static void do_set_int(struct model *m, size_t d, size_t i) {
    char digits[NUM_I64_MAX];
    int64_t number = (int64_t)random_u64(&rng) >> below(64);
    model_set(m, d, i, slice_of(digits, num_from_i64(digits, number)));
    db_set_int(&m->ks.dbs[d], key_at(m, d, i), number, EVENT_INCRBY);
    expect(m, EVENT_INCRBY);
}

static void do_edit(struct model *m, size_t d, size_t i) {
    struct model_key *k = model_find(m, d, i);
    char bytes[VALUE_MAX] = {0};
    size_t len = below(10) ? below(100) + 1 : below(VALUE_MAX) + 1;
    if (k) memcpy(bytes, k->value, k->len < len ? k->len : len);
    char *data = db_edit_string(&m->ks.dbs[d], key_at(m, d, i), len, EVENT_SETRANGE);
    assert_memory_equal(data, bytes, len);
    size_t at = below(len);
    data[at] = bytes[at] = (char)random_u64(&rng);
    model_set(m, d, i, slice_of(bytes, len));
    expect(m, EVENT_SETRANGE);
}

static void do_delete(struct model *m, size_t d, size_t i) {
    struct model_key *k = model_find(m, d, i);
    assert_int_equal(db_delete(&m->ks.dbs[d], key_at(m, d, i), below(2), EVENT_DEL), k != NULL);
    if (!k) return;
    model_forget(k);
    expect(m, EVENT_DEL);
}

static void do_deadline(struct model *m, size_t d, size_t i) {
    struct model_key *k = model_find(m, d, i);
    struct key key = key_at(m, d, i);
    if (!db_has(&m->ks.dbs[d], key)) return;
    k->deadline = below(3) ? random_deadline(m) : ENTRY_NO_DEADLINE;
    enum db_event event = k->deadline == ENTRY_NO_DEADLINE ? EVENT_PERSIST : EVENT_EXPIRE;
    db_set_deadline(&m->ks.dbs[d], key, k->deadline, event);
    expect(m, event);
}

static void do_move(struct model *m, size_t d, size_t i) {
    bool rename = below(2);
    size_t to = rename ? d : (d + 1) % DBS, j = below(3) ? below(KEYS) : i;
    if ((rename && i == j) || !db_has(&m->ks.dbs[d], key_at(m, d, i))) return;
    db_move(&m->ks.dbs[d], key_at(m, d, i), &m->ks.dbs[to], key_at(m, to, j));
    model_find(m, to, j);
    model_forget(&m->dbs[to][j]);
    m->dbs[to][j] = m->dbs[d][i];
    m->dbs[d][i] = (struct model_key){0};
    m->expected[rename ? EVENT_RENAME_FROM : EVENT_MOVE_FROM]++;
    expect(m, rename ? EVENT_RENAME_TO : EVENT_MOVE_TO);
}

static void do_copy(struct model *m, size_t d, size_t i) {
    size_t to = below(DBS), j = below(KEYS);
    struct key key = key_at(m, to, j);
    const struct entry *e = find(m, d, i, DB_READ);
    if (!e || (to == d && i == j)) return;
    const struct model_key *k = model_find(m, d, i);
    struct entry *copy = entry_with_deadline(entry_copy(e, key.name), entry_deadline(e));
    db_put(&m->ks.dbs[to], key, copy, EVENT_COPY_TO, 1);
    model_set(m, to, j, slice_of(k->value, k->len))->deadline = k->deadline;
    expect(m, EVENT_COPY_TO);
}

static void do_flush(struct model *m, size_t d) {
    size_t count = db_count(&m->ks.dbs[d]);
    assert_int_equal(db_flush(&m->ks.dbs[d], below(2)), count);
    for (size_t i = 0; i < KEYS; i++) model_forget(&m->dbs[d][i]);
    m->changes += count;
    m->expected_flushes++;
}

static void do_swap(struct model *m, size_t a, size_t b) {
    db_swap(&m->ks, (uint32_t)a, (uint32_t)b);
    struct model_key *was = m->dbs[a];
    m->dbs[a] = m->dbs[b];
    m->dbs[b] = was;
    m->changes++;
    m->expected_flushes += 2 * (a != b);
}

/* Everything that is due goes at once in tables as small as these, and nothing else. */
static void do_expire(struct model *m) {
    size_t live = 0, count = 0;
    uint64_t next = keyspace_expire(&m->ks, UINT64_MAX);
    for (size_t d = 0; d < DBS; d++) {
        for (size_t i = 0; i < KEYS; i++) {
            const struct model_key *k = model_find(m, d, i);
            live += k != NULL;
            if (k) assert_true(next <= k->deadline);
        }
        count += db_count(&m->ks.dbs[d]);
    }
    assert_int_equal(count, live);
    assert_true(next > m->ks.now_ms);
    assert_int_equal(next, keyspace_next_due(&m->ks));
}

static void do_random(struct model *m, size_t d) {
    const struct entry *e = db_random(&m->ks.dbs[d]);
    size_t live = 0, found = 0;
    for (size_t i = 0; i < KEYS; i++) {
        if (!model_find(m, d, i)) continue;
        live++;
        found += e && slice_eq(entry_key(e), slice_of(m->names[i], m->name_lens[i]));
    }
    assert_int_equal(found, live > 0);
}

static void operation(struct model *m) {
    size_t d = below(DBS), i = below(KEYS), choice = below(1000);
    static void (*const usual[])(struct model * m, size_t d, size_t i) = {
        do_set, do_set_int, do_edit, do_delete, do_deadline, do_move, do_copy, check_key};
    if (choice < 960)
        usual[choice % 8](m, d, i);
    else if (choice < 962)
        do_flush(m, d);
    else if (choice < 965)
        do_swap(m, d, below(DBS));
    else if (choice < 975)
        do_expire(m);
    else if (choice < 985)
        do_random(m, d);
    else
        m->ks.now_ms += below(500);
}

static void random_operations(void **state) {
    size_t used = mem_used();
    struct model *m = model_new();
    for (int round = 0; round < 400; round++) {
        for (int op = 0; op < 250; op++) operation(m);
        check_all(m);
    }
    assert_true(m->ks.stats.expired > 1000);
    assert_true(m->events[EVENT_RENAME_TO] > 1000 && m->events[EVENT_COPY_TO] > 1000);
    model_free(m);
    assert_int_equal(mem_used(), used);
}

/* What costs much to free is handed over, if asked for: a large value, a table of many keys. */
static void costly_values_are_discarded(void **state) {
    struct model *m = model_new();
    struct db *db = &m->ks.dbs[0];
    struct key a = key_at(m, 0, 10), b = key_at(m, 0, 11);
    enum { LARGE = 8 * 1024 * 1024 };
    for (int round = 0; round < 3; round++) {
        db_edit_string(db, a, LARGE, EVENT_SETRANGE);
        db_edit_string(db, b, 10, EVENT_SETRANGE);
        if (round == 2)
            db_move(db, b, db, a);
        else
            assert_true(db_delete(db, a, round == 1, EVENT_DEL));
        assert_int_equal(m->discarded, round);
        assert_int_equal(m->ks.stats.lazy_freed, round);
    }
    assert_int_equal(db_flush(db, true), 1);
    assert_int_equal(m->discarded, 2);
    for (size_t i = 0; i < KEYS; i++) db_set_int(db, key_at(m, 0, i), 1, EVENT_SET);
    assert_int_equal(db_flush(db, true), KEYS);
    assert_int_equal(m->discarded, 3);
    model_free(m);
}

/* Hits, misses, expirations and the event of a miss. */
static void look_ups_are_counted(void **state) {
    struct model *m = model_new();
    struct db *db = &m->ks.dbs[1];
    struct key here = key_at(m, 1, 20), late = key_at(m, 1, 21), none = key_at(m, 1, 22);
    db_set_string(db, here, SLICE("x"), ENTRY_NO_DEADLINE, EVENT_SET);
    db_set_string(db, late, SLICE("x"), m->ks.now_ms + 10, EVENT_SET);
    m->ks.now_ms += 10;
    static const struct {
        enum db_access access;
        uint64_t hits, misses;
    } steps[] = {{DB_READ, 1, 2}, {DB_LOOK, 2, 4}, {DB_WRITE, 2, 4}, {DB_PEEK, 2, 4}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_non_null(db_find(db, here, steps[i].access));
        assert_null(db_find(db, late, steps[i].access));
        assert_null(db_find(db, none, steps[i].access));
        assert_int_equal(m->ks.stats.hits, steps[i].hits);
        assert_int_equal(m->ks.stats.misses, steps[i].misses);
        assert_int_equal(m->events[EVENT_KEYMISS], steps[i].misses);
    }
    assert_int_equal(m->ks.stats.expired, 1);
    model_free(m);
}

/* Uses move the access clock, looks and renames don't. */
static void uses_are_noted(void **state) {
    struct model *m = model_new();
    struct db *db = &m->ks.dbs[0];
    struct key k = key_at(m, 0, 30), other = key_at(m, 0, 31);
    db_set_string(db, k, SLICE("x"), m->ks.now_ms + 1000000, EVENT_SET);
    m->ks.now_ms += 50000;
    assert_int_equal(access_idle_seconds(db_find(db, k, DB_LOOK)->access, m->ks.now_ms), 50);
    db_move(db, k, db, other);
    assert_int_equal(access_idle_seconds(db_find(db, other, DB_PEEK)->access, m->ks.now_ms), 50);
    assert_int_equal(access_idle_seconds(db_find(db, other, DB_READ)->access, m->ks.now_ms), 0);
    model_free(m);
}

static void expired_keys_stay_while_expiry_is_off(void **state) {
    struct model *m = model_new();
    struct db *db = &m->ks.dbs[0];
    struct key k = key_at(m, 0, 40);
    db_set_string(db, k, SLICE("x"), m->ks.now_ms - 1, EVENT_SET);
    m->ks.no_expiry = true;
    assert_true(db_has(db, k));
    assert_non_null(db_random(db));
    m->ks.no_expiry = false;
    assert_false(db_delete(db, k, false, EVENT_DEL));
    assert_int_equal(m->events[EVENT_DEL], 0);
    assert_int_equal(m->events[EVENT_EXPIRED], 1);
    model_free(m);
}

/* Many keys, named by number. */

static void set_number(struct model *m, uint64_t number, uint64_t deadline) {
    struct key k = db_key(&m->ks.dbs[0], slice_of(&number, sizeof number));
    db_set_string(&m->ks.dbs[0], k, SLICE("v"), deadline, EVENT_SET);
}

static uint64_t number_of(const struct entry *e) {
    uint64_t number;
    assert_int_equal(entry_key(e).len, sizeof number);
    memcpy(&number, entry_key(e).ptr, sizeof number);
    return number;
}

/* In larger tables what is due goes a little later than its deadline, but it goes, and a round that
 * is out of time still gets something done. */
static void expiry_follows_deadlines(void **state) {
    enum { N = 30000, SPREAD_MS = 20000, LATE_MS = 250 };
    struct model *m = model_new();
    struct db *db = &m->ks.dbs[0];
    uint64_t start = m->ks.now_ms;
    uint64_t *deadlines = malloc(N * sizeof *deadlines);
    for (size_t i = 0; i < N; i++) {
        deadlines[i] = i % 3 ? start + 1 + below(SPREAD_MS) : ENTRY_NO_DEADLINE;
        set_number(m, i, deadlines[i]);
    }
    for (; m->ks.now_ms < start + SPREAD_MS + LATE_MS; m->ks.now_ms += 173) {
        uint64_t next = keyspace_expire(&m->ks, UINT64_MAX);
        assert_true(next > m->ks.now_ms);
        struct table_iter it;
        size_t due = 0;
        table_iter_init(&it, &db->table);
        for (const struct entry *e; (e = table_iter_next(&it)) != NULL;)
            assert_true(entry_deadline(e) > m->ks.now_ms - LATE_MS);
        for (size_t i = 0; i < N; i++) due += deadlines[i] <= m->ks.now_ms;
        assert_true(db_count(db) >= N - due);
        table_check(&db->table);
    }
    m->ks.now_ms += LATE_MS;
    assert_int_equal(keyspace_expire(&m->ks, UINT64_MAX), ENTRY_NO_DEADLINE);
    assert_int_equal(db_count(db), N / 3);
    assert_int_equal(db->deadlines, 0);
    free(deadlines);
    model_free(m);
}

static void expiry_keeps_to_its_time(void **state) {
    enum { N = 5000 };
    struct model *m = model_new();
    for (size_t i = 0; i < N; i++) set_number(m, i, m->ks.now_ms + 1);
    m->ks.now_ms += 1;
    size_t rounds = 0, left;
    while ((left = db_count(&m->ks.dbs[0])) > 0) {
        keyspace_expire(&m->ks, 0);
        assert_true(db_count(&m->ks.dbs[0]) < left);
        rounds++;
    }
    assert_true(rounds > 3);
    assert_true(m->ks.stats.expire_cut_short >= rounds - 1);
    model_free(m);
}

static void scan_visit(void *ctx, void *entry) {
    unsigned *times = ctx;
    times[number_of(entry)]++;
}

/* What lives throughout is visited whatever else comes, expires and goes. */
static void scan_guarantee(void **state) {
    enum { STAYS = 700, ALL = 6000 };
    struct model *m = model_new();
    struct db *db = &m->ks.dbs[0];
    unsigned *times = malloc(ALL * sizeof *times);
    for (uint64_t i = 0; i < STAYS; i++) set_number(m, i, ENTRY_NO_DEADLINE);
    for (int round = 0; round < 20; round++) {
        memset(times, 0, ALL * sizeof *times);
        uint64_t cursor = 0, growing = round % 2;
        do {
            cursor = table_scan(&db->table, cursor, scan_visit, times);
            for (size_t n = below(400); n; n--) {
                uint64_t number = STAYS + below(ALL - STAYS);
                if (growing) {
                    set_number(m, number, below(2) ? ENTRY_NO_DEADLINE : random_deadline(m));
                } else {
                    struct key k = db_key(db, slice_of(&number, sizeof number));
                    db_delete(db, k, false, EVENT_DEL);
                }
            }
            m->ks.now_ms += below(20);
            if (below(8) == 0) keyspace_expire(&m->ks, UINT64_MAX);
        } while (cursor);
        for (size_t i = 0; i < STAYS; i++) assert_true(times[i] >= 1);
        table_check(&db->table);
    }
    free(times);
    model_free(m);
}

/* Chi-square over the living keys: mean n - 1, deviation sqrt(2 (n - 1)); six are allowed. */
static void random_is_fair(void **state) {
    enum { N = 1600, LIVE = N / 2, DRAWS = 100 * LIVE };
    struct model *m = model_new();
    unsigned *times = calloc(N, sizeof *times);
    for (uint64_t i = 0; i < N; i++) set_number(m, i, i % 2 ? m->ks.now_ms + 5 : ENTRY_NO_DEADLINE);
    m->ks.now_ms += 5;
    for (size_t i = 0; i < DRAWS; i++) times[number_of(db_random(&m->ks.dbs[0]))]++;
    double sum = 0, expected = (double)DRAWS / LIVE;
    for (size_t i = 0; i < N; i++) {
        double off = (double)times[i] - expected;
        if (i % 2)
            assert_int_equal(times[i], 0);
        else
            sum += off * off / expected;
    }
    double over = sum - (LIVE - 1);
    assert_true(over <= 0 || over * over <= 36.0 * 2.0 * (LIVE - 1));
    assert_int_equal(db_count(&m->ks.dbs[0]), LIVE);
    free(times);
    model_free(m);
}

int main(void) {
    random_seed_fixed(&rng, 20240915);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
        cmocka_unit_test(costly_values_are_discarded),
        cmocka_unit_test(look_ups_are_counted),
        cmocka_unit_test(uses_are_noted),
        cmocka_unit_test(expired_keys_stay_while_expiry_is_off),
        cmocka_unit_test(expiry_follows_deadlines),
        cmocka_unit_test(expiry_keeps_to_its_time),
        cmocka_unit_test(scan_guarantee),
        cmocka_unit_test(random_is_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
