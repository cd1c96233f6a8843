/* SPDX-License-Identifier: BSD-3-Clause */
/* Sizes in the lists may be out of date. One that has shrunk, or gone, would keep out who is
 * smaller than it was; so all are looked up again before a walk begins, and one that begins after
 * the last change ends with the right lists. */
#include "exec/bigkeys.h"

#include "base/alloc.h"
#include "exec/engine.h"
#include "type/type.h"

enum {
    SAMPLES = 5,       /* elements measured of a key, as MEMORY USAGE does */
    STEPS_TOGETHER = 4 /* buckets between looks at the clock */
};

struct big {
    uint64_t hash, size;
    uint32_t db;
};

struct list {
    size_t count;
    size_t least; /* the place of the smallest */
    struct big keys[BIGKEYS_KEPT];
};

struct noted {
    uint64_t hash;
    uint32_t db;
};

struct bigkey_lists {
    struct list of[TYPE_COUNT][BIGKEYS_ORDERS];
    struct noted noted[BIGKEYS_NOTED];
    size_t noted_count;
};

void bigkeys_release(struct bigkeys *b) {
    mem_free(b->lists);
    b->lists = NULL;
}

void bigkeys_configure(struct engine *e) {
    struct bigkeys *b = &e->bigkeys;
    bool on = e->settings.bigkeys_tracking;
    if (on == (b->lists != NULL)) return;
    bigkeys_release(b);
    *b = (struct bigkeys){.lists = on ? mem_zalloc(sizeof *b->lists) : NULL};
}

size_t bigkeys_bytes(const struct bigkeys *b) {
    return b->lists ? mem_class_size(sizeof *b->lists) : 0;
}

/* Lists. */

static void find_least(struct list *l) {
    l->least = 0;
    for (size_t i = 1; i < l->count; i++)
        if (l->keys[i].size < l->keys[l->least].size) l->least = i;
}

static void list_put(struct list *l, const struct big *big) {
    size_t at = 0;
    while (at < l->count && (l->keys[at].hash != big->hash || l->keys[at].db != big->db)) at++;
    if (at == BIGKEYS_KEPT) at = l->least;
    if (at == l->count) l->count++;
    l->keys[at] = *big;
    find_least(l);
}

static bool list_wants(const struct list *l, size_t size) {
    return l->count < BIGKEYS_KEPT || size > l->keys[l->least].size;
}

static size_t memory_of(const struct entry *e) {
    return type_memory(e, SAMPLES) + sizeof(struct table_bucket) / TABLE_SLOTS;
}

static void offer(struct bigkey_lists *lists, const struct db *db, const struct entry *e) {
    struct list *by_memory = &lists->of[e->type][BIGKEYS_MEMORY];
    struct list *by_elements = &lists->of[e->type][BIGKEYS_ELEMENTS];
    size_t memory = memory_of(e), elements = type_of(e)->elements(e);
    bool for_memory = list_wants(by_memory, memory);
    bool for_elements = list_wants(by_elements, elements);
    if (!for_memory && !for_elements) return;
    uint64_t hash = db_key(db, entry_key(e)).hash;
    if (for_memory) list_put(by_memory, &(struct big){hash, memory, db->id});
    if (for_elements) list_put(by_elements, &(struct big){hash, elements, db->id});
}

/* The entry of a key in a list, or NULL if it has gone, or holds another type. */
static struct entry *look_up(struct keyspace *ks, const struct big *big, enum type_id type) {
    struct db *db = &ks->dbs[big->db];
    struct entry *e = table_find_hash(&db->table, big->hash);
    return e && e->type == type && !db_expired(db, e) ? e : NULL;
}

static void list_refresh(struct keyspace *ks, struct list *l, enum type_id type,
                         enum bigkeys_by by) {
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct big big = l->keys[i];
        const struct entry *e = look_up(ks, &big, type);
        if (!e) continue;
        big.size = by == BIGKEYS_MEMORY ? memory_of(e) : type_of(e)->elements(e);
        l->keys[kept++] = big;
    }
    l->count = kept;
    find_least(l);
}

static void refresh_all(struct bigkey_lists *lists, struct keyspace *ks) {
    for (int type = 0; type < TYPE_COUNT; type++)
        for (int by = 0; by < BIGKEYS_ORDERS; by++)
            list_refresh(ks, &lists->of[type][by], (enum type_id)type, (enum bigkeys_by)by);
}

/* Writes. */

void bigkeys_note(struct bigkeys *b, const struct db *db, uint64_t hash) {
    struct bigkey_lists *lists = b->lists;
    if (!lists || lists->noted_count == BIGKEYS_NOTED) return;
    for (size_t i = 0; i < lists->noted_count; i++)
        if (lists->noted[i].hash == hash && lists->noted[i].db == db->id) return;
    lists->noted[lists->noted_count++] = (struct noted){hash, db->id};
}

static void offer_noted(struct bigkey_lists *lists, struct keyspace *ks) {
    for (size_t i = 0; i < lists->noted_count; i++) {
        const struct db *db = &ks->dbs[lists->noted[i].db];
        const struct entry *e = table_find_hash(&db->table, lists->noted[i].hash);
        if (e) offer(lists, db, e);
    }
    lists->noted_count = 0;
}

/* The walk. */

/* Changes whenever the keyspace does. */
static uint64_t changes_of(const struct keyspace *ks) {
    return ks->dirty + ks->stats.expired + ks->stats.evicted + ks->stats.expired_parts;
}

struct visit {
    struct bigkey_lists *lists;
    const struct db *db;
};

static void visit(void *ctx, void *entry) {
    const struct visit *v = ctx;
    offer(v->lists, v->db, entry);
}

static void begin(struct bigkeys *b, struct keyspace *ks) {
    refresh_all(b->lists, ks);
    b->db = 0;
    b->cursor = 0;
    b->changes = changes_of(ks);
    b->done = false;
    b->began_ms = ks->now_ms;
}

static void end(struct bigkeys *b) {
    b->done = true;
    b->began_last_ms = b->began_ms;
    b->walks++;
}

static void step(struct bigkeys *b, struct keyspace *ks) {
    const struct db *db = &ks->dbs[b->db];
    struct visit v = {b->lists, db};
    if (db_count(db)) b->cursor = table_scan(&db->table, b->cursor, visit, &v);
    if (!b->cursor && ++b->db == ks->count) end(b);
}

static bool all_seen(const struct bigkeys *b, const struct keyspace *ks) {
    return b->done && b->changes == changes_of(ks);
}

void bigkeys_walk(struct engine *e, uint64_t ns) {
    struct bigkeys *b = &e->bigkeys;
    struct keyspace *ks = &e->keyspace;
    if (!b->lists) return;
    uint64_t began = ticks_now(&e->ticks), spent = 0;
    offer_noted(b->lists, ks);
    for (unsigned n = 1; !all_seen(b, ks) && spent < ns; n++) {
        if (b->done || !b->began_ms) begin(b, ks);
        step(b, ks);
        if (n % STEPS_TOGETHER == 0) spent = ticks_to_ns(&e->ticks, ticks_now(&e->ticks) - began);
    }
    b->spent_ns += ticks_to_ns(&e->ticks, ticks_now(&e->ticks) - began);
}

void bigkeys_round(struct engine *e, uint64_t cpu_ns) {
    struct bigkeys *b = &e->bigkeys;
    if (!b->lists) return;
    uint64_t busy = cpu_ns > b->cpu_ns_before ? cpu_ns - b->cpu_ns_before : 0;
    uint64_t share = (uint64_t)(BIGKEYS_SHARE * (double)busy);
    b->saved_ns += share > BIGKEYS_IDLE_NS ? share : BIGKEYS_IDLE_NS;
    b->cpu_ns_before = cpu_ns;
    if (b->saved_ns < BIGKEYS_SLICE_NS) return;
    b->saved_ns = 0;
    if (all_seen(b, &e->keyspace)) return;
    engine_tick(e);
    bigkeys_walk(e, BIGKEYS_SLICE_NS);
}

double bigkeys_seen(const struct bigkeys *b, const struct keyspace *ks) {
    double all = 0, seen = 0;
    if (all_seen(b, ks)) return 100;
    if (b->done || !b->began_ms) return 0;
    for (uint32_t i = 0; i < ks->count; i++) {
        double count = (double)db_count(&ks->dbs[i]);
        all += count;
        if (i < b->db) seen += count;
        if (i == b->db) seen += count * (double)b->cursor / (double)TABLE_CURSOR_END;
    }
    return all > 0 ? 100 * seen / all : 0;
}

/* Asking. */

static size_t size_of(const struct bigkey *key, enum bigkeys_by by) {
    return by == BIGKEYS_MEMORY ? key->memory : key->elements;
}

size_t bigkeys_largest(struct engine *e, enum type_id type, enum bigkeys_by by,
                       struct bigkey largest[BIGKEYS_KEPT]) {
    struct keyspace *ks = &e->keyspace;
    struct bigkey_lists *lists = e->bigkeys.lists;
    if (!lists) return 0;
    struct list *l = &lists->of[type][by];
    list_refresh(ks, l, type, by);
    for (size_t n = 0; n < l->count; n++) {
        const struct entry *entry = look_up(ks, &l->keys[n], type);
        struct bigkey key = {&ks->dbs[l->keys[n].db], entry, memory_of(entry),
                             type_of(entry)->elements(entry)};
        size_t at = n;
        for (; at > 0 && size_of(&largest[at - 1], by) < size_of(&key, by); at--)
            largest[at] = largest[at - 1];
        largest[at] = key;
    }
    return l->count;
}

void bigkeys_write_info(const struct bigkeys *b, const struct keyspace *ks, struct buf *out) {
    info_u64(out, "bigkeys_tracking", b->lists != NULL);
    info_u64(out, "bigkeys_bytes", bigkeys_bytes(b));
    info_f2(out, "bigkeys_walk_percent", b->lists ? bigkeys_seen(b, ks) : 0);
    info_u64(out, "bigkeys_walks", b->walks);
    info_u64(out, "bigkeys_cpu_usec", b->spent_ns / 1000);
}
