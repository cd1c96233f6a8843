/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/own_expiry.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "repl/repl.h"

enum { ROUND_US = 1000, BATCH = 256 };

/* A key by the bytes of its database's number and its name. */
struct own_key {
    size_t len;
    char bytes[];
};

static struct slice bytes_of(const void *key) {
    const struct own_key *k = key;
    return slice_of(k->bytes, k->len);
}

static const struct table_ops by_bytes = {bytes_of};

static uint32_t db_number(const struct own_key *k) {
    uint32_t number;
    memcpy(&number, k->bytes, sizeof number);
    return number;
}

static struct slice name_of(const struct own_key *k) {
    return slice_of(k->bytes + sizeof(uint32_t), k->len - sizeof(uint32_t));
}

void own_expiry_init(struct own_expiry *o, struct engine *e) {
    o->engine = e;
    o->at = 0;
    table_init(&o->keys, &by_bytes, &e->keyspace.seed);
}

void own_expiry_release(struct own_expiry *o) {
    if (o->engine) table_release(&o->keys, mem_free);
    o->engine = NULL;
}

void own_expiry_forget(struct own_expiry *o) {
    struct engine *e = o->engine;
    if (!table_count(&o->keys)) return;
    own_expiry_release(o);
    own_expiry_init(o, e);
}

static void on_dated(void *ctx, const struct db *db, struct slice name) {
    struct own_expiry *o = &repl_of_engine(ctx)->own_expiry;
    struct own_key *k = mem_alloc(sizeof *k + sizeof db->id + name.len);
    k->len = sizeof db->id + name.len;
    memcpy(k->bytes, &db->id, sizeof db->id);
    slice_put(k->bytes + sizeof db->id, name);
    uint64_t hash = table_hash(&o->keys, bytes_of(k));
    if (table_find(&o->keys, hash, bytes_of(k), NULL))
        mem_free(k);
    else
        table_insert(&o->keys, hash, k);
}

void own_expiry_switch(struct own_expiry *o, bool on) {
    o->engine->keyspace.hooks.dated = on ? on_dated : NULL;
    if (!on) own_expiry_forget(o);
}

/* Rounds. */

struct batch {
    struct own_expiry *of;
    struct own_key *over[BATCH]; /* what needn't be remembered any more */
    size_t count;
};

/* Its entry, due or not; NULL: it's gone. */
static struct entry *entry_of(const struct own_expiry *o, const struct own_key *k, struct key *key,
                              struct db **db) {
    *db = &o->engine->keyspace.dbs[db_number(k)];
    *key = db_key(*db, name_of(k));
    return db_look_up(*db, *key, NULL);
}

static void visit(void *ctx, void *key) {
    struct batch *b = ctx;
    struct key k;
    struct db *db;
    const struct entry *e = entry_of(b->of, key, &k, &db);
    bool waits = e && (e->flags & ENTRY_DEADLINE) && !db_expired(db, e);
    if (!waits && b->count < BATCH) b->over[b->count++] = key;
}

static void end_one(struct own_expiry *o, struct own_key *own) {
    struct key k;
    struct db *db;
    struct table_ref ref;
    const struct entry *e = entry_of(o, own, &k, &db);
    if (e && db_expired(db, e)) db_delete(db, k, false, EVENT_SILENT);
    uint64_t hash = table_hash(&o->keys, bytes_of(own));
    if (table_find(&o->keys, hash, bytes_of(own), &ref)) table_remove(&o->keys, hash, ref);
    mem_free(own);
}

void own_expiry_round(struct own_expiry *o) {
    uint64_t until_us = (uint64_t)clock_mono_us() + ROUND_US;
    if (!table_count(&o->keys)) return;
    engine_tick(o->engine);
    do {
        struct batch b = {.of = o};
        o->at = table_walk(&o->keys, o->at, visit, &b);
        for (size_t i = 0; i < b.count; i++) end_one(o, b.over[i]);
    } while (o->at && (uint64_t)clock_mono_us() < until_us);
}
