/* SPDX-License-Identifier: BSD-3-Clause */
/* The keyspace: numbered databases of keys, and the one way to read and change them.
 *
 * A write goes through one of the functions below and nothing else. Each takes the event it's an
 * instance of, counts the change, and tells whoever listens; so no command can forget to. Expired
 * keys are never seen: a look-up that meets one deletes it; those that nobody looks up go by
 * keyspace_expire, which is led to them by their deadlines.
 *
 * Pointers to entries, and slices into them, are borrowed: they die with the next write, or the
 * next look-up of another key (which may delete an expired one). One thread. */
#ifndef DREY_DB_KEYSPACE_H
#define DREY_DB_KEYSPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/random.h"
#include "base/slice.h"
#include "db/access.h"
#include "db/db_config.h"
#include "db/event.h"
#include "db/evict_history.h"
#include "db/slot_index.h"
#include "ds/table.h"
#include "type/entry.h"
#include "type/type_settings.h"

struct keyspace;

/* A key with its hash, computed once per request. */
struct key {
    struct slice name;
    uint64_t hash;
};

struct db {
    struct table table;
    size_t deadlines; /* keys that have one */
    /* No two databases have the same one, and it's a new one whenever an entry goes or changes its
     * place: who remembers it with an entry knows whether that is still there. */
    uint64_t placing;
    struct entry *ahead; /* see db_look_ahead; NULL: nothing */
    uint64_t ahead_hash; /* of its key */
    uint32_t id;
    /* Which keys these are: SWAPDB swaps it with them, a flush begins with a new one. So who works
     * on a database for longer knows where its keys are, or that they're gone. */
    uint64_t table_id;
    struct keyspace *keyspace;
};

struct keyspace_stats {
    uint64_t hits, misses;     /* of look-ups for reading */
    uint64_t expired, evicted; /* keys */
    uint64_t expired_parts;    /* fields of hashes */
    uint64_t expire_cut_short; /* expiry rounds that ran out of time with keys left */
    uint64_t lazy_freed;       /* values handed to `discard` */
};

/* What the layers above are told. Filled in once at start; each may be NULL. */
struct keyspace_hooks {
    void *ctx;
    /* After a write (before the write for edits in place). `db` and `key` are borrowed. */
    void (*event)(void *ctx, struct db *db, struct slice key, enum db_event event);
    /* A key expires or is evicted; `lazy`: in the background, as far as that can be. Called as the
     * key goes, `key` is borrowed. */
    void (*removed)(void *ctx, struct db *db, struct slice key, bool lazy);
    /* The same for a part of a value (a hash's field), whose key stays. */
    void (*part_removed)(void *ctx, struct db *db, struct slice key, struct slice part);
    /* A key that's in the database has been given a deadline, or came with one; but not while
     * no_expiry is set. */
    void (*dated)(void *ctx, const struct db *db, struct slice key);
    /* Before all keys of `count` databases from `first` on go. */
    void (*flushed)(void *ctx, struct db *first, uint32_t count);
    /* Before two databases change places. */
    void (*swapped)(void *ctx, struct db *a, struct db *b);
    /* Takes over an entry whose value is costly to free, or a whole table, to free it elsewhere. */
    void (*discard)(void *ctx, struct entry *e);
    void (*discard_table)(void *ctx, struct table *t);
    /* While a snapshot is made, of entries of the cut (see keyspace_cut): before one changes, or
     * goes on under another name; and before one or a whole table, taken out of the database, is
     * freed: true if the hook took it over. */
    void (*before_change)(void *ctx, struct db *db, struct entry *e);
    bool (*before_free)(void *ctx, struct db *db, struct entry *e);
    bool (*before_flush)(void *ctx, uint64_t table_id, struct table *t);
    /* The same, of parts of a value that are due: would it cost much to remove them? Then they stay
     * for now, though nobody sees them. */
    bool (*defers_expiry)(void *ctx, struct db *db, struct entry *e);
};

struct keyspace {
    struct db *dbs;
    uint32_t count;
    uint8_t cut;       /* of ENTRY_CUT, see keyspace_cut */
    uint64_t tables;   /* there were so far: the last one's id */
    uint64_t placings; /* the same of the databases' */
    struct hash_seed seed;
    const struct type_settings *types;
    uint64_t now_ms; /* Unix time; whoever runs commands sets it before each, or each batch */
    bool no_expiry;  /* expired keys stay visible (as while loading); set and reset by the caller */
    bool keep_expired; /* keys that look-ups find expired aren't there, but stay; set for commands
                          that don't write, while nothing may change (CLIENT PAUSE), or where
                          another server says what goes (replicas) */
    bool lazy_expire;  /* lazyfree-lazy-expire */
    struct slot_index *slots; /* of database 0; NULL: this is no member of a cluster */
    uint64_t dirty;           /* changes since the last save, but for expiry and eviction */
    size_t uncounted;         /* bytes that maxmemory doesn't count, see keyspace_uncount */
    /* Bytes, about, that helper threads have been given to free: no key has to go for them. Who
     * gives some adds, who has freed them takes off. */
    atomic_size_t leaving;
    struct access_policy access;
    struct evict_history history; /* under LRFU, once keys have been evicted */
    struct random rng;
    struct keyspace_stats stats;
    struct keyspace_hooks hooks;
};

/* A change of what is saved with the data and isn't data (libraries of functions). */
static inline void keyspace_count_change(struct keyspace *ks) {
    ks->dirty++;
}

/* What is kept for files and replicas (entries of a cut that are gone, what waits to be written),
 * or is on its way to those who track a key that was evicted, doesn't count against maxmemory:
 * evicting keys for it would only make more of it. Whoever keeps
 * some says how many bytes it keeps `now`; `share`: what it said before, at first 0. */
static inline void keyspace_uncount(struct keyspace *ks, size_t *share, size_t now) {
    ks->uncounted += now - *share;
    *share = now;
}

/* `types` is borrowed, may change, and gets its seed set. */
void keyspace_init(struct keyspace *ks, uint32_t databases, struct type_settings *types);
void keyspace_release(struct keyspace *ks);

/* From now on (there are no keys yet) those of database 0 are also kept by slot. */
void keyspace_index_slots(struct keyspace *ks);
/* Up to `max` entries of a slot, expired ones among them; returns how many. */
size_t keyspace_slot_entries(const struct keyspace *ks, unsigned slot, struct entry **entries,
                             size_t max);

/* What is noted of keys' uses follows maxmemory-policy and lfu-*. */
void keyspace_set_policy(struct keyspace *ks, const struct db_config *cfg);

static inline struct key db_key(const struct db *db, struct slice name) {
    return (struct key){name, hash_bytes(&db->keyspace->seed, name)};
}

/* Begins a cut: all entries that there are become part of it, in O(1); those that come later don't.
 * The hooks before_... then tell of each of them before it changes or goes, once, until
 * keyspace_cut_pass has been called for it, which is to happen for all of them before the next cut
 * begins. */
void keyspace_cut(struct keyspace *ks);

static inline bool keyspace_in_cut(const struct keyspace *ks, const struct entry *e) {
    return (e->flags & ENTRY_CUT) != ks->cut;
}

static inline void keyspace_cut_pass(const struct keyspace *ks, struct entry *e) {
    e->flags = (uint8_t)((e->flags & ~ENTRY_CUT) | ks->cut);
}

/* The database that has these keys now; NULL: they have been flushed. */
struct db *keyspace_db_of(const struct keyspace *ks, uint64_t table_id);

/* Look-ups. */

enum db_access {
    DB_READ,  /* counts a hit or miss, and as a use */
    DB_WRITE, /* counts as a use */
    DB_LOOK,  /* counts a hit or miss, but not as a use */
    DB_PEEK,  /* leaves no trace (but deletes what is expired) */
};

static inline struct slice db_entry_key(const void *entry) {
    return entry_key(entry);
}

/* What the table holds, expired or not. */
__attribute__((always_inline)) static inline struct entry *
db_look_up(const struct db *db, struct key k, struct table_ref *ref) {
    return table_find_by(&db->table, k.hash, k.name, ref, db_entry_key);
}

/* A step of a walk over all entries, which may move in memory: see table_renew. Nothing else about
 * them may change. */
uint64_t db_renew(struct db *db, uint64_t from, table_renewer *renew, void *ctx);

/* The entry of a key, or NULL. Out of line with its parts as arguments, as a struct key would go
 * through memory, which costs more than the look-up of a key that's in the cache. */
struct entry *db_find_hashed(struct db *db, struct slice name, uint64_t hash,
                             enum db_access access);

static inline struct entry *db_find(struct db *db, struct key k, enum db_access access) {
    return db_find_hashed(db, k.name, k.hash, access);
}

/* What table_look_ahead found (or NULL) for the hash of a key that will be looked up next, when
 * the database's placing was `placing`: if the entry is still there, and is the key's, the look-up
 * is done (measured: 7 % of what a GET costs at P=64). */
static inline void db_look_ahead(struct db *db, uint64_t hash, struct entry *e, uint64_t placing) {
    db->ahead = placing == db->placing ? e : NULL;
    db->ahead_hash = hash;
}

static inline bool db_has(struct db *db, struct key k) {
    return db_find(db, k, DB_PEEK) != NULL;
}

static inline size_t db_count(const struct db *db) {
    return table_count(&db->table);
}

/* Whether the entry's deadline has passed, or those of all parts of its value. */
bool db_expired(const struct db *db, const struct entry *e);

/* A key, all with the same chance, expired ones left out (and deleted, unless they are kept and
 * there seem to be no others); NULL if there is none. */
struct entry *db_random(struct db *db);

/* Writes. Each counts one change unless said otherwise. */

#define DB_KEEP_DEADLINE (UINT64_MAX - 1) /* in place of a deadline: the one that the key has */

/* Sets a string, whatever the key held before. `deadline`: ENTRY_NO_DEADLINE, DB_KEEP_DEADLINE or
 * Unix ms; the last is an EXPIRE event as well, after the other. */
void db_set_string(struct db *db, struct key k, struct slice value, uint64_t deadline,
                   enum db_event event);
/* The same for bytes whose reference the keyspace takes over. */
void db_set_bytes(struct db *db, struct key k, struct bytes *value, uint64_t deadline,
                  enum db_event event);
/* Sets a string that stays text even if it's a number; keeps the deadline. */
void db_set_text(struct db *db, struct key k, struct slice value, enum db_event event);
/* Sets a string to an integer; keeps the deadline. */
void db_set_int(struct db *db, struct key k, int64_t value, enum db_event event);

/* Gives a string (created empty if there's no such key; the key must not hold another type) the
 * length `len`: cut, or filled with zeros. Returns its bytes for writing, borrowed until the next
 * call. Keeps the deadline. */
char *db_edit_string(struct db *db, struct key k, size_t len, enum db_event event);

/* Collections are changed in place. db_edit begins: `e` is what a look-up found, of type `type`, or
 * NULL, then the key is created with an empty one. The type's functions may change the entry that
 * is returned, which stays where it is, and nothing else may be done with the keyspace until
 * db_edited ends it: with the number of changes that count (0: nothing changed), of which `event`
 * tells; a key that is left empty is deleted, with an event of its own. */
struct entry *db_edit(struct db *db, struct key k, struct entry *e, enum type_id type);
void db_edited(struct db *db, struct key k, struct entry *e, enum db_event event, size_t changes);

/* Instead of db_edited: the change takes the value as a whole. The key is deleted, with an event of
 * its own, and a value that's costly to free is freed elsewhere. */
void db_edited_away(struct db *db, struct key k, enum db_event event, size_t changes);

/* Counts, and raises the event of, what the calls before have changed with EVENT_UNCOUNTED; 0:
 * nothing. */
void db_changed(struct db *db, struct key k, enum db_event event, size_t changes);

/* A further event of the change that has just ended. */
void db_also(struct db *db, struct key k, enum db_event event);

/* Gives a string that exists the form that editing leaves (OBJECT ENCODING raw). The value is the
 * same afterwards: this is no change and no event. */
void db_string_to_raw(struct db *db, struct key k);

/* Sets, moves or (ENTRY_NO_DEADLINE) removes the deadline of a key that exists. A deadline in the
 * past doesn't delete. */
void db_set_deadline(struct db *db, struct key k, uint64_t deadline, enum db_event event);

/* True if the key existed and hadn't expired (one that has is deleted, too, as expired). With
 * `lazy` a value that's costly to free is freed elsewhere. */
bool db_delete(struct db *db, struct key k, bool lazy, enum db_event event);

/* Puts an entry that's in no database (its key is k) into this one, in place of what the key holds.
 * Takes it over; its access bits stay as they are. Counts so many changes, at least one. */
void db_put(struct db *db, struct key k, struct entry *e, enum db_event event, size_t changes);

/* Puts entries (up to DB_LOAD_MAX) that are in no database into this one, as part of a data set
 * that is loaded: no change, no event. Takes them over. Returns how many: the one behind those, if
 * there is one, has a key that is there already. Several at once wait for the memory together. */
enum { DB_LOAD_MAX = 32 };
size_t db_load(struct db *db, struct entry *const *entries, size_t count);

/* So many keys will be loaded: an empty database gets the room for them. What wasn't needed of it
 * goes with db_loaded. */
void db_load_expect(struct db *db, size_t keys);
void db_loaded(struct db *db);

/* Renames a key that exists (within a database) or moves it to another one, value and deadline as
 * they are, in place of what is there. Names and databases mustn't both be the same. Raises the
 * events of renames or moves; counts one change. */
void db_move(struct db *db, struct key k, struct db *to, struct key to_key);

/* Deletes all keys; returns how many there were. With `lazy` they are freed elsewhere unless few.
 * Counts one change per key. */
size_t db_flush(struct db *db, bool lazy);
/* The same for all databases. */
size_t keyspace_flush(struct keyspace *ks, bool lazy);
void db_swap(struct keyspace *ks, uint32_t a, uint32_t b);

/* Databases beside those of `ks`, to load a data set into (db_load and its kin, nothing else) that
 * is to take their place. `ks` must outlive them, where it is, and no cut may begin meanwhile. */
void keyspace_init_aside(struct keyspace *aside, const struct keyspace *ks);
/* Deletes all keys, as keyspace_flush, and those of `aside` come in their place; releases `aside`.
 */
void keyspace_exchange(struct keyspace *ks, struct keyspace *aside, bool lazy);

/* Deletes keys and parts of values that are due, nearest first, until none is or the monotonic
 * clock passes until_us (a few at least). Returns the Unix time in ms at which to call
 * again; ENTRY_NO_DEADLINE: no key has a deadline. */
uint64_t keyspace_expire(struct keyspace *ks, uint64_t until_us);

/* The nearest Unix time in ms at which something may be due. */
uint64_t keyspace_next_due(const struct keyspace *ks);

#endif
