/* SPDX-License-Identifier: BSD-3-Clause */
/* Expiry: each table keeps its segments in a heap by a lower bound of their deadlines. A segment
 * that is due is looked through once: what has expired goes, and the nearest deadline of the rest
 * becomes its new bound, but not before RESWEEP_MS_MAX in large tables, where each segment would
 * otherwise be looked through for every single key of it. Deadlines of parts of a value (fields of
 * hashes) count like the key's own: the bound leads to the key, the type to the parts. */
#include "db/keyspace.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "type/t_string.h"
#include "type/type.h"

enum {
    LAZY_EFFORT = 64,     /* freeing what takes more is left to `discard` if that's wanted, */
    LAZY_ALWAYS = 2048,   /* and what takes more than this always: no turn is to be long */
    RESWEEP_MS_MAX = 250, /* a segment is looked through at most this often */
    DEFER_MS = 100,       /* parts that can't be removed now are looked at again */
};

static const struct table_ops keyspace_table_ops = {.key = db_entry_key};

/* What was looked up ahead may not be there any more. */
static inline void entries_moved(struct db *db) {
    db->placing = ++db->keyspace->placings;
    db->ahead = NULL;
}

uint64_t db_renew(struct db *db, uint64_t from, table_renewer *renew, void *ctx) {
    entries_moved(db);
    return table_renew(&db->table, from, renew, ctx);
}

/* The database has another table. */
static void table_changed(struct db *db) {
    struct keyspace *ks = db->keyspace;
    db->table_id = ++ks->tables;
    entries_moved(db);
    if (ks->slots && db->id == 0) slot_index_clear(ks->slots);
}

static void begin_table(struct db *db) {
    table_init(&db->table, &keyspace_table_ops, &db->keyspace->seed);
    table_changed(db);
}

void keyspace_init(struct keyspace *ks, uint32_t databases, struct type_settings *types) {
    *ks = (struct keyspace){.count = databases, .seed = hash_seed_random(), .types = types};
    types->seed = &ks->seed;
    random_seed(&ks->rng);
    ks->access = (struct access_policy){.lfu_log_factor = 10, .lfu_decay_time = 1};
    ks->now_ms = (uint64_t)clock_wall_ms();
    ks->dbs = mem_zalloc(databases * sizeof *ks->dbs);
    for (uint32_t i = 0; i < databases; i++) {
        ks->dbs[i].id = i;
        ks->dbs[i].keyspace = ks;
        begin_table(&ks->dbs[i]);
    }
}

void keyspace_cut(struct keyspace *ks) {
    ks->cut ^= ENTRY_CUT;
}

struct db *keyspace_db_of(const struct keyspace *ks, uint64_t table_id) {
    for (uint32_t i = 0; i < ks->count; i++)
        if (ks->dbs[i].table_id == table_id) return &ks->dbs[i];
    return NULL;
}

static void free_entry(void *e) {
    entry_free(e);
}

void keyspace_release(struct keyspace *ks) {
    for (uint32_t i = 0; i < ks->count; i++) table_release(&ks->dbs[i].table, free_entry);
    history_release(&ks->history);
    mem_free(ks->dbs);
    slot_index_free(ks->slots);
    *ks = (struct keyspace){0};
}

void keyspace_index_slots(struct keyspace *ks) {
    if (!ks->slots) ks->slots = slot_index_new();
}

size_t keyspace_slot_entries(const struct keyspace *ks, unsigned slot, struct entry **entries,
                             size_t max) {
    size_t some = slot_index_count(ks->slots, slot), found = 0;
    if (some > max) some = max;
    uint64_t *hashes = mem_alloc(some * sizeof *hashes + 1);
    some = word_set_some(&ks->slots->keys[slot], hashes, some);
    for (size_t i = 0; i < some; i++) {
        struct entry *e = table_find_hash(&ks->dbs[0].table, hashes[i]);
        if (e) entries[found++] = e;
    }
    mem_free(hashes);
    return found;
}

/* A key comes or goes. */
static inline void index_slot(struct db *db, struct key k, bool there) {
    struct slot_index *slots = db->keyspace->slots;
    if (__builtin_expect(!slots, 1) || db->id) return;
    (there ? slot_index_add : slot_index_remove)(slots, k.name, k.hash);
}

void keyspace_set_policy(struct keyspace *ks, const struct db_config *cfg) {
    struct access_policy *p = &ks->access;
    p->kind = db_policy_is_lfu(cfg->maxmemory_policy)    ? ACCESS_LFU
              : db_policy_is_lrfu(cfg->maxmemory_policy) ? ACCESS_LRFU
                                                         : ACCESS_LRU;
    p->lfu_log_factor = cfg->lfu_log_factor;
    p->lfu_decay_time = cfg->lfu_decay_time;
    if (p->kind != ACCESS_LRFU) history_release(&ks->history);
}

static size_t free_effort(const struct entry *e) {
    return e->flags & ENTRY_WORD ? type_of(e)->free_effort(e) : 0;
}

/* Before the entry changes in any way that can be seen. */
static inline void keep(struct db *db, struct entry *e) {
    struct keyspace *ks = db->keyspace;
    if (__builtin_expect(!keyspace_in_cut(ks, e), 1)) return;
    ks->hooks.before_change(ks->hooks.ctx, db, e);
    keyspace_cut_pass(ks, e);
}

static void dispose(struct db *db, struct entry *e, bool lazy) {
    struct keyspace *ks = db->keyspace;
    if (__builtin_expect(keyspace_in_cut(ks, e), 0) && ks->hooks.before_free(ks->hooks.ctx, db, e))
        return;
    size_t effort = free_effort(e);
    if (effort > (lazy ? LAZY_EFFORT : LAZY_ALWAYS) && ks->hooks.discard) {
        ks->stats.lazy_freed++;
        ks->hooks.discard(ks->hooks.ctx, e);
    } else {
        entry_free(e);
    }
}

static inline void raise_event(struct db *db, struct slice key, enum db_event event) {
    struct keyspace_hooks *hooks = &db->keyspace->hooks;
    if (__builtin_expect(hooks->event != NULL, 0)) hooks->event(hooks->ctx, db, key, event);
}

/* A key goes that nobody has asked to delete. */
static inline void tell_removed(struct db *db, struct slice key, bool lazy) {
    struct keyspace_hooks *hooks = &db->keyspace->hooks;
    if (hooks->removed) hooks->removed(hooks->ctx, db, key, lazy);
}

/* Counts a change and raises its event. */
static void changed(struct db *db, struct slice key, enum db_event event) {
    db->keyspace->dirty += db_event_counts(event);
    raise_event(db, key, event);
}

static struct entry *take(struct db *db, struct key k) {
    struct table_ref ref;
    struct entry *e = db_look_up(db, k, &ref);
    if (!e) return NULL;
    table_remove(&db->table, k.hash, ref);
    entries_moved(db);
    index_slot(db, k, false);
    db->deadlines -= (e->flags & ENTRY_DEADLINE) != 0;
    return e;
}

/* Look-ups. */

static inline bool has_part_deadlines(const struct entry *e) {
    return e->flags & ENTRY_PART_DEADLINES;
}

/* Has it, or have all parts of its value? */
static bool is_due(const struct entry *e, uint64_t now) {
    if (!(e->flags & (ENTRY_DEADLINE | ENTRY_PART_DEADLINES))) return false;
    if (entry_deadline(e) <= now) return true;
    return has_part_deadlines(e) && type_of(e)->parts->all_due(e, now);
}

bool db_expired(const struct db *db, const struct entry *e) {
    return is_due(e, db->keyspace->now_ms) && !db->keyspace->no_expiry;
}

/* The end of an expired entry that has been taken out. k may lie in it, so the events come first.
 */
static void bury(struct db *db, struct key k, struct entry *e, bool lazy) {
    struct keyspace *ks = db->keyspace;
    tell_removed(db, k.name, ks->lazy_expire);
    if (entry_deadline(e) <= ks->now_ms) {
        ks->stats.expired++;
        changed(db, k.name, EVENT_EXPIRED);
    } else {
        ks->stats.expired_parts += type_of(e)->parts->count(e);
        changed(db, k.name, EVENT_HEXPIRED);
        raise_event(db, k.name, EVENT_DEL);
    }
    dispose(db, e, lazy);
}

static void expire_key(struct db *db, struct key k) {
    bury(db, k, take(db, k), db->keyspace->lazy_expire);
}

/* After the type has removed parts that had expired: what is left empty goes. Returns the entry, or
 * NULL. */
static struct entry *parts_expired(struct db *db, struct key k, struct entry *e, size_t parts) {
    struct keyspace *ks = db->keyspace;
    ks->stats.expired_parts += parts;
    if (parts) raise_event(db, k.name, EVENT_HEXPIRED);
    if (!type_of(e)->is_empty(e)) return e;
    /* That the last one goes deletes the key; but what is due may not have been removed. */
    if (type_of(e)->elements(e)) tell_removed(db, k.name, ks->lazy_expire);
    raise_event(db, k.name, EVENT_DEL);
    dispose(db, take(db, k), ks->lazy_expire);
    return NULL;
}

struct part_teller {
    struct db *db;
    struct slice key;
};

static void tell_part_removed(void *ctx, struct slice part) {
    const struct part_teller *t = ctx;
    const struct keyspace_hooks *hooks = &t->db->keyspace->hooks;
    hooks->part_removed(hooks->ctx, t->db, t->key, part);
}

/* How parts of the key that `teller` names are removed. */
static struct type_expiry expiry_of_parts(struct part_teller *teller) {
    const struct keyspace *ks = teller->db->keyspace;
    bool told = ks->hooks.part_removed;
    return (struct type_expiry){
        .now_ms = ks->now_ms, .tell = told ? tell_part_removed : NULL, .ctx = teller};
}

/* Is it better to leave parts that are due where they are? */
static bool defers_expiry(struct db *db, struct entry *e) {
    const struct keyspace *ks = db->keyspace;
    if (__builtin_expect(!keyspace_in_cut(ks, e), 1)) return false;
    return ks->hooks.defers_expiry && ks->hooks.defers_expiry(ks->hooks.ctx, db, e);
}

/* Before a write none that is due may stay if somebody repeats what is done here: there it might
 * still be seen, so that the write would do something else. */
static size_t settle_parts(struct db *db, struct slice name, struct entry *e,
                           enum db_access access) {
    struct part_teller teller = {db, name};
    struct type_expiry x = expiry_of_parts(&teller);
    x.all = x.tell && access != DB_READ && access != DB_LOOK;
    if (type_of(e)->parts->next_due(e) <= x.now_ms) {
        x.later = !x.all && defers_expiry(db, e);
        if (!x.later) keep(db, e);
    }
    return type_of(e)->parts->settle(e, &x);
}

/* What is found of an entry that may have expired, or whose uses are counted, or that isn't there
 * (NULL). */
static __attribute__((noinline)) struct entry *found_slow(struct db *db, struct slice name,
                                                          uint64_t hash, struct entry *e,
                                                          enum db_access access) {
    struct keyspace *ks = db->keyspace;
    struct key k = {name, hash};
    bool counts = access == DB_READ || access == DB_LOOK;
    if (e && db_expired(db, e)) {
        if (!ks->keep_expired) expire_key(db, k);
        e = NULL;
    }
    if (e && has_part_deadlines(e) && !ks->no_expiry)
        e = parts_expired(db, k, e, settle_parts(db, name, e, access));
    if (e && access <= DB_WRITE)
        e->access = access_used(&ks->access, e->access, ks->now_ms, &ks->rng) & 0xffffff;
    ks->stats.hits += e && counts;
    if (!e && counts) {
        ks->stats.misses++;
        raise_event(db, name, EVENT_KEYMISS);
    }
    return e;
}

/* What a look-up means for the entry that it found, or NULL. */
__attribute__((always_inline)) static inline struct entry *
found(struct db *db, struct slice name, uint64_t hash, struct entry *e, enum db_access access) {
    struct keyspace *ks = db->keyspace;
    bool usual = e && !(e->flags & (ENTRY_DEADLINE | ENTRY_PART_DEADLINES));
    if (__builtin_expect(!usual || ks->access.kind != ACCESS_LRU, 0))
        return found_slow(db, name, hash, e, access);
    if (access <= DB_WRITE) {
        uint32_t bits = access_used(&ks->access, e->access, ks->now_ms, &ks->rng);
        if (e->access != bits) e->access = bits & 0xffffff;
    }
    ks->stats.hits += access == DB_READ || access == DB_LOOK;
    return e;
}

/* What was looked ahead for, if it's this key. */
__attribute__((always_inline)) static inline struct entry *ahead(const struct db *db,
                                                                 struct key k) {
    struct entry *e = db->ahead;
    if (!e || db->ahead_hash != k.hash || !slice_eq(entry_key(e), k.name)) return NULL;
    DASSERT(e == db_look_up(db, k, NULL));
    return e;
}

/* What the table holds, expired or not. */
__attribute__((always_inline)) static inline struct entry *
look_up(const struct db *db, struct slice name, uint64_t hash) {
    struct key k = {name, hash};
    struct entry *e = ahead(db, k);
    return e ? e : db_look_up(db, k, NULL);
}

static __attribute__((noinline)) struct entry *find(struct db *db, struct slice name, uint64_t hash,
                                                    enum db_access access) {
    return found(db, name, hash, look_up(db, name, hash), access);
}

/* Without a call before the last thing it does, there are no registers to save: they were a quarter
 * of what it took to find a key that had been looked ahead for. */
struct entry *db_find_hashed(struct db *db, struct slice name, uint64_t hash,
                             enum db_access access) {
    struct entry *e = name.len <= SLICE_SHORT ? ahead(db, (struct key){name, hash}) : NULL;
    return e ? found(db, name, hash, e, access) : find(db, name, hash, access);
}

/* While expired keys stay there may be no others: then it's one of those, as in Redis. */
struct entry *db_random(struct db *db) {
    struct keyspace *ks = db->keyspace;
    for (int tries = 100;;) {
        struct entry *e = table_random(&db->table, &ks->rng);
        if (!e || !db_expired(db, e)) return e;
        if (!ks->keep_expired)
            expire_key(db, db_key(db, entry_key(e)));
        else if (--tries == 0)
            return e;
    }
}

/* Writes. */

static inline void note_deadline(struct db *db, struct key k, const struct entry *e) {
    const struct keyspace *ks = db->keyspace;
    table_due_note(&db->table, k.hash, entry_deadline(e));
    if (__builtin_expect(ks->hooks.dated && !ks->no_expiry, 0))
        ks->hooks.dated(ks->hooks.ctx, db, k.name);
}

/* Tells the table when it has to look at the entry again. */
static inline void note_due(struct db *db, struct key k, const struct entry *e) {
    if (e->flags & ENTRY_DEADLINE) note_deadline(db, k, e);
    if (has_part_deadlines(e)) table_due_note(&db->table, k.hash, type_of(e)->parts->next_due(e));
}

/* Puts an entry where there's none; its access bits stay. */
static void add(struct db *db, struct key k, struct entry *e) {
    keyspace_cut_pass(db->keyspace, e);
    table_insert(&db->table, k.hash, e);
    index_slot(db, k, true);
    db->deadlines += (e->flags & ENTRY_DEADLINE) != 0;
    note_due(db, k, e);
}

static void insert(struct db *db, struct key k, struct entry *e) {
    struct keyspace *ks = db->keyspace;
    uint32_t bits = __builtin_expect(ks->history.count != 0, 0)
                        ? history_enter(&ks->history, &ks->access, k.hash)
                        : access_new(&ks->access, ks->now_ms);
    e->access = bits & 0xffffff;
    add(db, k, e);
    raise_event(db, k.name, EVENT_NEW);
}

/* `old` may have been freed. */
static void put_in_place(struct db *db, struct key k, const struct entry *old, struct entry *e) {
    table_replace(table_ref_of(&db->table, k.hash, old), e);
    entries_moved(db);
}

/* After an entry changed its place or its deadline. */
static void update(struct db *db, struct key k, struct entry *old, struct entry *e) {
    keyspace_cut_pass(db->keyspace, e);
    if (e != old) put_in_place(db, k, old, e);
    if (e->flags & ENTRY_DEADLINE) note_deadline(db, k, e);
}

/* The entry's value goes elsewhere to be freed; what is there now is as old and as much used. */
static struct entry *empty_in_place(struct db *db, struct key k, struct entry *old) {
    struct entry *e = string_new(k.name, SLICE(""), entry_deadline(old));
    e->access = old->access;
    keyspace_cut_pass(db->keyspace, e);
    put_in_place(db, k, old, e);
    dispose(db, old, true);
    return e;
}

/* The live entry of k for a write that replaces its value; `had` says whether it had a deadline. */
static struct entry *find_to_replace(struct db *db, struct key k, uint64_t *deadline) {
    struct entry *e = look_up(db, k.name, k.hash);
    if (e && db_expired(db, e)) {
        expire_key(db, k);
        e = NULL;
    }
    if (*deadline == DB_KEEP_DEADLINE) *deadline = e ? entry_deadline(e) : ENTRY_NO_DEADLINE;
    if (!e) return NULL;
    if (e->type != TYPE_STRING && free_effort(e) > LAZY_ALWAYS) e = empty_in_place(db, k, e);
    keep(db, e);
    db->deadlines += (*deadline != ENTRY_NO_DEADLINE) - (size_t)((e->flags & ENTRY_DEADLINE) != 0);
    struct keyspace *ks = db->keyspace;
    e->access = access_used(&ks->access, e->access, ks->now_ms, &ks->rng) & 0xffffff;
    return e;
}

/* The events of a write that may have given the key a deadline. */
static inline void changed_and_dated(struct db *db, struct slice key, enum db_event event,
                                     bool dated) {
    changed(db, key, event);
    if (dated) raise_event(db, key, EVENT_EXPIRE);
}

void db_set_string(struct db *db, struct key k, struct slice value, uint64_t deadline,
                   enum db_event event) {
    bool dated = deadline < DB_KEEP_DEADLINE;
    struct entry *e = find_to_replace(db, k, &deadline);
    if (e)
        update(db, k, e, string_assign(e, value, deadline));
    else
        insert(db, k, string_new(k.name, value, deadline));
    changed_and_dated(db, k.name, event, dated);
}

void db_set_bytes(struct db *db, struct key k, struct bytes *value, uint64_t deadline,
                  enum db_event event) {
    bool dated = deadline < DB_KEEP_DEADLINE;
    struct entry *e = find_to_replace(db, k, &deadline);
    if (e) {
        update(db, k, e, string_assign_bytes(e, value, deadline));
    } else {
        e = string_new(k.name, SLICE(""), deadline);
        insert(db, k, string_assign_bytes(e, value, deadline));
    }
    changed_and_dated(db, k.name, event, dated);
}

void db_set_text(struct db *db, struct key k, struct slice value, enum db_event event) {
    uint64_t deadline = DB_KEEP_DEADLINE;
    struct entry *e = find_to_replace(db, k, &deadline);
    if (e)
        update(db, k, e, string_assign_text(e, value, deadline));
    else
        insert(db, k, string_new_text(k.name, value, ENTRY_NO_DEADLINE));
    changed(db, k.name, event);
}

void db_set_int(struct db *db, struct key k, int64_t value, enum db_event event) {
    uint64_t deadline = DB_KEEP_DEADLINE;
    struct entry *e = find_to_replace(db, k, &deadline);
    if (e)
        update(db, k, e, string_assign_int(e, value));
    else
        insert(db, k, string_new_int(k.name, value, ENTRY_NO_DEADLINE));
    changed(db, k.name, event);
}

char *db_edit_string(struct db *db, struct key k, size_t len, enum db_event event) {
    uint64_t deadline = DB_KEEP_DEADLINE;
    struct entry *e = find_to_replace(db, k, &deadline);
    if (!e) {
        insert(db, k, string_new(k.name, SLICE(""), deadline));
        e = look_up(db, k.name, k.hash);
    }
    DASSERT(e->type == TYPE_STRING);
    char *data;
    update(db, k, e, string_edit(e, len, &data));
    changed(db, k.name, event);
    return data;
}

struct entry *db_edit(struct db *db, struct key k, struct entry *e, enum type_id type) {
    DASSERT(!e || e->type == type);
    if (e) {
        keep(db, e);
        return e;
    }
    e = type_new(k.name, type, db->keyspace->types);
    insert(db, k, e);
    return e;
}

/* k may lie in the entry, which must be there for the events. */
void db_edited(struct db *db, struct key k, struct entry *e, enum db_event event, size_t changes) {
    bool (*is_empty)(const struct entry *) = type_of(e)->is_empty;
    db_changed(db, k, event, changes);
    if (has_part_deadlines(e)) note_due(db, k, e);
    if (!is_empty || !is_empty(e)) return;
    if (changes) raise_event(db, k.name, EVENT_DEL);
    entry_free(take(db, k));
}

void db_edited_away(struct db *db, struct key k, enum db_event event, size_t changes) {
    db_changed(db, k, event, changes);
    raise_event(db, k.name, EVENT_DEL);
    dispose(db, take(db, k), true);
}

void db_changed(struct db *db, struct key k, enum db_event event, size_t changes) {
    db->keyspace->dirty += changes;
    if (changes) raise_event(db, k.name, event);
}

void db_also(struct db *db, struct key k, enum db_event event) {
    raise_event(db, k.name, event);
}

/* Bytes outside the entry are raw already, and may be shared with a reply: editing would copy them.
 */
void db_string_to_raw(struct db *db, struct key k) {
    struct entry *e = look_up(db, k.name, k.hash);
    ASSERT(e != NULL && e->type == TYPE_STRING);
    char *data;
    if (e->encoding == STRING_BYTES) return;
    keep(db, e);
    update(db, k, e, string_edit(e, string_len(e), &data));
}

void db_set_deadline(struct db *db, struct key k, uint64_t deadline, enum db_event event) {
    struct entry *e = look_up(db, k.name, k.hash);
    ASSERT(e != NULL);
    keep(db, e);
    db->deadlines += (deadline != ENTRY_NO_DEADLINE) - (size_t)((e->flags & ENTRY_DEADLINE) != 0);
    update(db, k, e, entry_with_deadline(e, deadline));
    changed(db, k.name, event);
}

/* k may lie in the entry itself, so the event comes first. */
bool db_delete(struct db *db, struct key k, bool lazy, enum db_event event) {
    struct entry *e = take(db, k);
    if (!e) return false;
    if (db_expired(db, e)) {
        bury(db, k, e, lazy);
        return false;
    }
    if (event == EVENT_EVICTED) tell_removed(db, k.name, lazy);
    changed(db, k.name, event);
    dispose(db, e, lazy);
    return true;
}

/* Puts an entry in place of what the key holds, its access bits kept. True if it held something. */
static bool replace(struct db *db, struct key k, struct entry *e) {
    struct entry *old = db_find(db, k, DB_PEEK) ? take(db, k) : NULL;
    if (old) dispose(db, old, true);
    add(db, k, e);
    return old;
}

size_t db_load(struct db *db, struct entry *const *entries, size_t count) {
    struct key keys[DB_LOAD_MAX];
    for (size_t i = 0; i < count; i++) {
        keys[i] = db_key(db, entry_key(entries[i]));
        table_touch(table_home_of(&db->table, keys[i].hash));
    }
    for (size_t i = 0; i < count; i++) {
        if (db_look_up(db, keys[i], NULL)) return i;
        add(db, keys[i], entries[i]);
    }
    return count;
}

void db_load_expect(struct db *db, size_t keys) {
    table_reserve(&db->table, keys);
}

void db_loaded(struct db *db) {
    table_trim(&db->table);
}

void db_put(struct db *db, struct key k, struct entry *e, enum db_event event, size_t changes) {
    if (!replace(db, k, e)) raise_event(db, k.name, EVENT_NEW);
    db_changed(db, k, event, changes);
}

void db_move(struct db *db, struct key k, struct db *to, struct key to_key) {
    struct entry *e = take(db, k);
    ASSERT(e != NULL);
    keep(db, e);
    if (!slice_eq(k.name, to_key.name)) e = entry_rename(e, to_key.name);
    replace(to, to_key, e);
    raise_event(to, to_key.name,
                EVENT_NEW); /* in any case, as for Redis what was there was deleted */
    raise_event(db, k.name, db == to ? EVENT_RENAME_FROM : EVENT_MOVE_FROM);
    changed(to, to_key.name, db == to ? EVENT_RENAME_TO : EVENT_MOVE_TO);
}

/* A few entries don't need a helper thread, but for those that are costly themselves. */
static void discard_all(struct db *db, struct table *all) {
    struct keyspace *ks = db->keyspace;
    if (table_count(all) > LAZY_EFFORT) {
        ks->hooks.discard_table(ks->hooks.ctx, all);
        return;
    }
    struct table_iter it;
    table_iter_init(&it, all);
    for (struct entry *e; (e = table_iter_next(&it));) dispose(db, e, true);
    table_release(all, NULL);
}

static size_t flush(struct db *db, bool lazy) {
    struct keyspace *ks = db->keyspace;
    size_t count = db_count(db);
    if (count == 0) return 0;
    struct table all = db->table;
    uint64_t id = db->table_id;
    begin_table(db);
    db->deadlines = 0;
    ks->dirty += count;
    if (ks->hooks.before_flush && ks->hooks.before_flush(ks->hooks.ctx, id, &all)) return count;
    if (lazy && ks->hooks.discard_table)
        discard_all(db, &all);
    else
        table_release(&all, free_entry);
    return count;
}

size_t db_flush(struct db *db, bool lazy) {
    const struct keyspace_hooks *hooks = &db->keyspace->hooks;
    if (hooks->flushed) hooks->flushed(hooks->ctx, db, 1);
    return flush(db, lazy);
}

size_t keyspace_flush(struct keyspace *ks, bool lazy) {
    size_t count = 0;
    if (ks->hooks.flushed) ks->hooks.flushed(ks->hooks.ctx, ks->dbs, ks->count);
    for (uint32_t i = 0; i < ks->count; i++) count += flush(&ks->dbs[i], lazy);
    return count;
}

void db_swap(struct keyspace *ks, uint32_t a, uint32_t b) {
    ks->dirty++;
    if (a == b) return;
    struct db *first = &ks->dbs[a], *second = &ks->dbs[b], was = *first;
    if (ks->hooks.swapped) ks->hooks.swapped(ks->hooks.ctx, first, second);
    entries_moved(first);
    entries_moved(second);
    first->table = second->table;
    first->table_id = second->table_id;
    first->deadlines = second->deadlines;
    second->table = was.table;
    second->table_id = was.table_id;
    second->deadlines = was.deadlines;
}

/* Beside. */

void keyspace_init_aside(struct keyspace *aside, const struct keyspace *ks) {
    *aside = (struct keyspace){.count = ks->count, .seed = ks->seed, .types = ks->types};
    aside->cut = ks->cut; /* a snapshot that's under way has nothing of what comes */
    aside->hooks = (struct keyspace_hooks){.ctx = ks->hooks.ctx,
                                           .discard = ks->hooks.discard,
                                           .discard_table = ks->hooks.discard_table};
    if (ks->slots) aside->slots = slot_index_new();
    aside->dbs = mem_zalloc(aside->count * sizeof *aside->dbs);
    for (uint32_t i = 0; i < aside->count; i++) {
        aside->dbs[i].id = i;
        aside->dbs[i].keyspace = aside;
        table_init(&aside->dbs[i].table, &keyspace_table_ops, &ks->seed);
    }
}

void keyspace_exchange(struct keyspace *ks, struct keyspace *aside, bool lazy) {
    keyspace_flush(ks, lazy);
    for (uint32_t i = 0; i < ks->count; i++) {
        struct db *db = &ks->dbs[i];
        table_release(&db->table, NULL);
        db->table = aside->dbs[i].table;
        table_changed(db);
        db->deadlines = aside->dbs[i].deadlines;
    }
    slot_index_free(ks->slots);
    ks->slots = aside->slots;
    mem_free(aside->dbs);
    *aside = (struct keyspace){0};
}

/* Expiry. */

static uint64_t resweep_ms(const struct db *db) {
    uint64_t ms = db->table.segments / 8;
    return ms < RESWEEP_MS_MAX ? ms : RESWEEP_MS_MAX;
}

/* Expires the entry if it's due, or those parts of it that are. Returns when something of it is due
 * next: not after now if there's more to do. */
static uint64_t expire_entry(struct db *db, struct entry *e) {
    uint64_t now = db->keyspace->now_ms, deadline = entry_deadline(e);
    if (deadline > now && !has_part_deadlines(e)) return deadline;
    struct key k = db_key(db, entry_key(e));
    if (is_due(e, now)) {
        expire_key(db, k);
        return TABLE_NEVER;
    }
    size_t parts = 0;
    if (type_of(e)->parts->next_due(e) <= now) {
        if (defers_expiry(db, e)) return now + DEFER_MS;
        keep(db, e);
    }
    struct part_teller teller = {db, k.name};
    struct type_expiry x = expiry_of_parts(&teller);
    uint64_t next = type_of(e)->parts->expire(e, &x, &parts);
    if (!parts_expired(db, k, e, parts)) return TABLE_NEVER;
    return next < deadline ? next : deadline;
}

/* Looks through the segment that is due first. It's deleting that takes long: when time is up in
 * the middle of it (false), the segment stays due, and what is left of it is looked through again.
 */
static bool expire_segment(struct db *db, uint64_t until_us) {
    enum { AHEAD = 12, CLOCK_STEP = 8 };
    void *entries[TABLE_SEGMENT_MAX];
    uint64_t first, next = TABLE_NEVER, now = db->keyspace->now_ms;
    size_t n = table_due_take(&db->table, entries, &first), ended = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n) __builtin_prefetch(entries[i + AHEAD]);
        uint64_t due = expire_entry(db, entries[i]);
        if (due < next) next = due;
        bool look = due == TABLE_NEVER && ++ended % CLOCK_STEP == 0 && i + 1 < n;
        if (look && (uint64_t)clock_mono_us() >= until_us) {
            table_due_note(&db->table, first, now);
            return false;
        }
    }
    uint64_t soonest = now + resweep_ms(db);
    if (next > now && next < soonest) next = soonest;
    table_due_note(&db->table, first, next);
    return (uint64_t)clock_mono_us() < until_us;
}

uint64_t keyspace_next_due(const struct keyspace *ks) {
    uint64_t next = TABLE_NEVER;
    for (uint32_t i = 0; i < ks->count; i++) {
        uint64_t due = table_due_next(&ks->dbs[i].table);
        if (due < next) next = due;
    }
    return next;
}

uint64_t keyspace_expire(struct keyspace *ks, uint64_t until_us) {
    for (uint32_t i = 0; i < ks->count; i++)
        while (table_due_next(&ks->dbs[i].table) <= ks->now_ms) {
            if (expire_segment(&ks->dbs[i], until_us)) continue;
            ks->stats.expire_cut_short++;
            return keyspace_next_due(ks);
        }
    return keyspace_next_due(ks);
}
