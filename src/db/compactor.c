/* SPDX-License-Identifier: BSD-3-Clause */
#include "db/compactor.h"

#include "base/clock.h"
#include "type/type.h"

void compactor_restart(struct compactor *c) {
    c->db = 0;
    c->table_id = c->position = 0;
    c->large_count = 0;
    c->large_position = 0;
}

static bool has_parts(const struct entry *e) {
    return (e->flags & ENTRY_WORD) && type_of(e)->compact;
}

static bool in_steps(const struct compactor *c, const struct entry *e) {
    const struct table *t = type_of(e)->table ? type_of(e)->table(e) : NULL;
    return t && table_count(t) > (uint64_t)c->at_once && c->large_count < COMPACTOR_LARGE;
}

static void compact_value(struct compactor *c, struct entry *e) {
    uint64_t from = 0;
    do {
        from = type_of(e)->compact(e, from, &c->allocations);
    } while (from);
}

static void *renew_entry(void *ctx, void *entry) {
    struct compactor *c = ctx;
    uint64_t moved_before = c->allocations.moved;
    struct entry *e = compact_cell(&c->allocations, entry, entry_size(entry));
    if (has_parts(e)) {
        if (in_steps(c, e))
            c->large[c->large_count++] = (uintptr_t)e;
        else
            compact_value(c, e);
    }
    if (c->allocations.moved != moved_before)
        c->keys_moved++;
    else
        c->keys_stayed++;
    return e;
}

/* The next slice may find the key gone, or something else in its place. */
static void remember_by_hash(struct compactor *c, const struct db *db, unsigned from) {
    for (unsigned i = from; i < c->large_count; i++) {
        const struct entry *e = (const struct entry *)(uintptr_t)c->large[i];
        c->large[i] = db_key(db, entry_key(e)).hash;
    }
}

static void step_in_table(struct compactor *c, struct db *db) {
    unsigned large_before = c->large_count;
    c->position = db_renew(db, c->position, renew_entry, c);
    remember_by_hash(c, db, large_before);
}

static void step_in_value(struct compactor *c, struct db *db) {
    struct entry *e = table_find_hash(&db->table, c->large[c->large_count - 1]);
    bool there = e && has_parts(e);
    c->large_position = there ? type_of(e)->compact(e, c->large_position, &c->allocations) : 0;
    if (c->large_position == 0) c->large_count--;
}

static void step(struct compactor *c, struct keyspace *ks) {
    struct db *db = c->table_id ? keyspace_db_of(ks, c->table_id) : &ks->dbs[c->db];
    if (!db) { /* flushed: what has come since has come to pages that are full */
        c->db++;
        c->table_id = c->position = 0;
        c->large_count = 0;
        c->large_position = 0;
        return;
    }
    c->table_id = db->table_id;
    if (c->large_count)
        step_in_value(c, db);
    else
        step_in_table(c, db);
    if (c->position == 0 && c->large_count == 0) { /* also of what was met last */
        c->db++;
        c->table_id = 0;
    }
}

bool compactor_run(struct compactor *c, struct keyspace *ks, uint64_t until_ns) {
    while (c->db < ks->count) {
        step(c, ks);
        if ((uint64_t)clock_mono_ns() >= until_ns) return false;
    }
    compactor_restart(c);
    return true;
}
