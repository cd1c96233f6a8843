/* SPDX-License-Identifier: BSD-3-Clause */
#include "db/keyspace_check.h"

#include "base/assert.h"
#include "type/type.h"

enum { LATE_MS = 250 }; /* segments are looked through that often at most: see keyspace.c */

static void check_entry(const struct db *db, const struct entry *e) {
    struct key k = db_key(db, entry_key(e));
    ASSERT(e->type < TYPE_COUNT);
    ASSERT(db_look_up(db, k, NULL) == e);
    ASSERT(table_find_hash(&db->table, k.hash) == e);
    ASSERT(!(e->flags & ENTRY_PART_DEADLINES) || type_of(e)->parts->count(e) > 0);
    uint64_t deadline = type_next_due(e);
    uint64_t latest = db->keyspace->now_ms + LATE_MS;
    if (latest < deadline) latest = deadline;
    ASSERT(deadline == ENTRY_NO_DEADLINE || table_due_next(&db->table) <= latest);
    if (db->id == 0 && db->keyspace->slots) {
        const struct word_set *slot = &db->keyspace->slots->keys[slot_of(k.name)];
        ASSERT(word_set_has(slot, k.hash));
    }
    if (type_of(e)->check) type_of(e)->check(e);
}

static void check_slots(const struct keyspace *ks) {
    size_t keys = 0;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        word_set_check(&ks->slots->keys[slot]);
        keys += slot_index_count(ks->slots, slot);
    }
    ASSERT(keys == db_count(&ks->dbs[0]));
}

struct keyspace_sums keyspace_check(const struct keyspace *ks) {
    struct keyspace_sums sums = {0};
    for (uint32_t i = 0; i < ks->count; i++) {
        const struct db *db = &ks->dbs[i];
        size_t keys = 0, deadlines = 0;
        struct table_iter it;
        ASSERT(db->id == i && db->keyspace == ks);
        table_check(&db->table);
        table_iter_init(&it, &db->table);
        for (const struct entry *e; (e = table_iter_next(&it)); keys++) {
            check_entry(db, e);
            deadlines += (e->flags & ENTRY_DEADLINE) != 0;
            sums.bytes += type_memory(e, 0);
        }
        ASSERT(keys == db_count(db) && deadlines == db->deadlines);
        sums.keys += keys;
        sums.bytes += table_overhead(&db->table);
    }
    if (ks->slots) check_slots(ks);
    return sums;
}
