/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash table: the keyspace, big hashes and sets, and every other index by name.
 *
 * Shape: extendible hashing over segments. The first `depth` bits of a hash choose a word of the
 * directory, which names a segment; the bits that follow choose one of its buckets, in order of the
 * hash, whatever number of buckets it has. A bucket is one cache line: nine one-byte tags, a count
 * of entries that had to go further, nine 48-bit pointers.
 *
 *   hash:  [ depth bits: directory ][ 32 bits: bucket = bits * buckets >> 32 ][ ... ][ 8 bits: tag
 * ]
 *
 *   directory word -> segment:  | header | bucket 0 | bucket 1 | ... | bucket n-1 |    n in 1 .. 63
 *   bucket (64 bytes):          | tag x 9 | passed | pointer x 9 (6 bytes each) |
 *
 * - A look-up of a key that isn't there touches one cache line nearly always, one that is there the
 * entry's line, too.
 * - A full segment grows to the next size; the largest splits in two. Both move under 600 entries,
 * so there is no long step and no second table; what empties shrinks and merges the same way. Fill
 * is 60 to 97 % (8 to 11 bytes a key).
 * - Entries lie in order of their hash, so a cursor is a position in hash space: stateless, and
 * whatever is there throughout a scan is found at least once, however the table grows or shrinks
 * meanwhile (table_scan).
 * - Each segment knows a lower bound of the deadlines in it; a heap of segments leads to what is
 * due (table_due_*).
 *
 * The table owns its segments and borrows the entries: they're opaque pointers of at most 48 bits,
 * aligned or not, never NULL. Memory is accounted by base/alloc. One thread. */
#ifndef DREY_DS_TABLE_H
#define DREY_DS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/slice.h"
#include "ds/tags.h"

enum { TABLE_SLOTS = TAGS_COUNT, TABLE_MAX_BUCKETS = 63 };
#define TABLE_NEVER UINT64_MAX /* no deadline */

struct table_bucket {
    uint8_t tags[TABLE_SLOTS]; /* 0: the slot is free */
    uint8_t passed;            /* entries whose search goes on past this bucket; sticks at 255 */
    uint8_t pointers[TABLE_SLOTS * 6];
} __attribute__((aligned(64)));

struct table_segment {
    uint64_t first;    /* the lowest hash of its range */
    uint64_t due;      /* no entry has a deadline before this; TABLE_NEVER: none has one */
    uint32_t heap_pos; /* in the table's heap of segments by due, when due isn't TABLE_NEVER */
    uint16_t count;    /* entries */
    uint8_t buckets;
    uint8_t depth; /* leading bits of the hash that its entries share */
    uint8_t unused[40];
    struct table_bucket bucket[];
} __attribute__((aligned(64)));

typedef struct slice table_key_of(const void *entry);

struct table_ops {
    table_key_of *key; /* what an entry is found by */
};

struct table {
    uint64_t *dir; /* 2^depth words: buckets - 1 << 56 | depth << 48 | address of the segment */
    uint8_t depth;
    size_t count;    /* entries */
    size_t segments; /* segments */
    size_t deepest;  /* segments whose depth is the directory's: when none is, it halves */
    struct table_segment **heap; /* by due, nearest first */
    size_t heap_len, heap_cap;
    const struct table_ops *ops;
    const struct hash_seed *seed; /* borrowed; lives longer than the table */
};

/* Where an entry is: valid until the table next changes. */
struct table_ref {
    struct table_segment *segment;
    uint32_t bucket, slot;
};

void table_init(struct table *t, const struct table_ops *ops, const struct hash_seed *seed);

/* Frees the table's own memory, after `free_entry` (may be NULL) has had each entry. Takes time in
 * proportion to the entries: large tables are released by a helper thread (a table may be moved by
 * assignment). */
void table_release(struct table *t, void (*free_entry)(void *entry));

/* Gives a table without entries the shape that it'll have with so many: then none is moved as they
 * come in, which is most of what that costs. They needn't come: table_trim. */
void table_reserve(struct table *t, size_t count);

/* Takes away room that entries didn't come for. O(entries + segments); with nothing to take away,
 * O(segments). */
void table_trim(struct table *t);

/* Makes `to`, which holds nothing yet, a table of the same shape with copies of all entries: each
 * is what the copier returns, under the same key. Hashes nothing, so it's several times cheaper
 * than inserting. */
typedef void *table_copier(const void *entry);
void table_copy(struct table *to, const struct table *from, table_copier *copier);

static inline uint64_t table_hash(const struct table *t, struct slice key) {
    return hash_bytes(t->seed, key);
}

static inline size_t table_count(const struct table *t) {
    return t->count;
}

/* How many buckets there are. O(segments). */
size_t table_buckets(const struct table *t);

/* Bytes of the table itself, entries not included: buckets, and all that leads to them.
 * O(segments). */
size_t table_overhead(const struct table *t);

/* Parts of a look-up, inline because every request goes through them. */

static inline uint64_t table_dir_word(const struct table *t, uint64_t hash) {
    return t->dir[(hash >> 1) >> (63 - t->depth)];
}

static inline struct table_segment *table_word_segment(uint64_t word) {
    return (struct table_segment *)(uintptr_t)(word & 0xffffffffffffULL);
}

static inline uint32_t table_home(uint64_t hash, unsigned depth, unsigned buckets) {
    return (uint32_t)(((hash << depth) >> 32) * buckets >> 32);
}

static inline uint8_t table_tag(uint64_t hash) {
    uint8_t tag = (uint8_t)hash;
    return tag ? tag : 1;
}

static inline void *table_slot(const struct table_bucket *b, unsigned slot) {
    uint64_t word; /* two bytes before the pointer are always inside the bucket */
    memcpy(&word, b->pointers + 6 * slot - 2, sizeof word);
    return (void *)(uintptr_t)(word >> 16);
}

/* table_find for a kind of entries known at compile time: a hot caller passes its own inline key
 * function (the same as in its table_ops) and gets a look-up without calls. */
__attribute__((always_inline)) static inline void *table_find_by(const struct table *t,
                                                                 uint64_t hash, struct slice key,
                                                                 struct table_ref *ref,
                                                                 table_key_of *key_of) {
    uint64_t word = table_dir_word(t, hash);
    struct table_segment *segment = table_word_segment(word);
    unsigned buckets = (unsigned)(word >> 56) + 1;
    uint32_t at = table_home(hash, (unsigned)(word >> 48) & 0xff, buckets);
    uint8_t tag = table_tag(hash);
    for (unsigned tries = buckets; tries; tries--) {
        const struct table_bucket *b = &segment->bucket[at];
        for (unsigned found = tags_match(b->tags, tag); found; found &= found - 1) {
            unsigned slot = (unsigned)__builtin_ctz(found);
            void *entry = table_slot(b, slot);
            if (!slice_eq(key_of(entry), key)) continue;
            if (ref) *ref = (struct table_ref){segment, at, slot};
            return entry;
        }
        if (!b->passed) return NULL;
        at = at + 1 == buckets ? 0 : at + 1;
    }
    return NULL;
}

/* Finds the entry of `key` whose hash is `hash`; NULL if there is none. `ref` may be NULL. */
void *table_find(const struct table *t, uint64_t hash, struct slice key, struct table_ref *ref);

/* Bringing what will be needed soon into the cache. By loads, if need be behind prefetches: those
 * alone may be dropped when the address isn't in the TLB, as it mostly isn't in a large table
 * (measured: half the cost of a GET among 1M keys, and of a walk over them). */
static inline void table_touch(const void *at) {
    (void)*(const volatile char *)at;
}

/* An entry of 64 bytes or less often begins in one cache line and ends in the next. The prefetch
 * for that comes through, as the load before it has the TLB's miss, and needs no byte to be there
 * (measured: a third of the cost of overwriting strings of 32 bytes). */
static inline void table_touch_rest(const void *entry) {
    __builtin_prefetch((const char *)entry + 48);
}

static inline void table_touch_whole(const void *entry) {
    table_touch(entry);
    table_touch_rest(entry);
}

/* Where the search for a hash begins. */
static inline const struct table_bucket *table_home_of(const struct table *t, uint64_t hash) {
    uint64_t word = table_dir_word(t, hash);
    unsigned buckets = (unsigned)(word >> 56) + 1;
    return &table_word_segment(word)
                ->bucket[table_home(hash, (unsigned)(word >> 48) & 0xff, buckets)];
}

/* A hash that will be looked up soon. */
struct table_look {
    const struct table *table;
    uint64_t hash;
    const struct table_bucket *home;
    /* table_look_ahead fills in the first entry whose tag matches, nearly always the key's own;
     * NULL: there's none. The entry isn't looked at. */
    void *guess;
};

static inline struct table_look table_look_at(const struct table *t, uint64_t hash) {
    struct table_look look = {.table = t, .hash = hash, .home = table_home_of(t, hash)};
    __builtin_prefetch(look.home); /* while the next is being hashed */
    return look;
}

enum { TABLE_LOOKS = 64 };

/* Brings what a batch of up to TABLE_LOOKS look-ups will need into the cache. */
void table_look_ahead(struct table_look *looks, size_t count);

/* The same for any number of keys of one table. */
void table_touch_all(const struct table *t, const uint64_t *hashes, size_t count);

/* Adds an entry whose key isn't there. */
void table_insert(struct table *t, uint64_t hash, void *entry);

/* The place of an entry that is there; only the pointer is looked at, not what it points to. */
struct table_ref table_ref_of(const struct table *t, uint64_t hash, const void *entry);

/* Puts another entry of the same key in an entry's place. */
void table_replace(struct table_ref ref, void *entry);

/* Takes the entry at `ref` out; the caller owns it again. `hash` is its key's. */
void table_remove(struct table *t, uint64_t hash, struct table_ref ref);

/* Visits the entries of the hash range that starts at `cursor` (0 to begin), a bucket's worth at
 * least, and returns where to go on, or 0 when all was visited. Cursors are below 2^48, so that
 * clients which hold numbers as doubles keep them. What is in the table throughout is visited at
 * least once. `visit` must not change the table. Costs O(entries visited), each of them hashed. */
typedef void table_visit(void *ctx, void *entry);
#define TABLE_CURSOR_END ((uint64_t)1 << 48)
uint64_t table_scan(const struct table *t, uint64_t cursor, table_visit *visit, void *ctx);

/* The same for walks that nobody outside has to remember: positions are hashes, a step visits some
 * dozens of entries (those of the range from `from` up to what is returned), and what is in the
 * table throughout is visited exactly once. The share of hash space that's behind is the share of
 * the walk that's done. */
uint64_t table_walk(const struct table *t, uint64_t from, table_visit *visit, void *ctx);

/* A step of such a walk that puts what `renew` returns in the entry's place: the entry itself, or
 * the same one at another address. */
typedef void *table_renewer(void *ctx, void *entry);
uint64_t table_renew(struct table *t, uint64_t from, table_renewer *renew, void *ctx);

/* Walks all entries in hash order; the table mustn't change meanwhile. */
struct table_iter {
    const struct table *table;
    size_t dir_at;
    struct table_segment *segment;
    uint32_t bucket, slot;
};
void table_iter_init(struct table_iter *it, const struct table *t);
void *table_iter_next(struct table_iter *it); /* NULL at the end */

/* An entry, all with the same chance; NULL if there is none. O(1) on average; a table that is
 * nearly empty after mass deletion has merged its segments by then. */
void *table_random(const struct table *t, struct random *rng);

/* Copies entries that lie together at a random place to `entries` (room for TABLE_SLOTS), each
 * entry of the table with the same chance, and returns how many: 0 only if there is none. For
 * samples: where an entry lies says nothing of it, so these are as good as so many draws, for the
 * cache misses of one. */
size_t table_sample(const struct table *t, struct random *rng, void **entries);

/* Finds an entry whose key has this hash; NULL if there is none. For who knows no more of a key,
 * and finds a wrong one as seldom as 64 bits of a keyed hash are equal by chance. */
void *table_find_hash(const struct table *t, uint64_t hash);

/* Is this very entry in the table? It isn't looked into: the pointer may be stale. `hash` is its
 * key's. */
bool table_holds(const struct table *t, uint64_t hash, const void *entry);

/* Deadlines. An entry with a deadline is announced by table_due_note when it's inserted or its
 * deadline changes; a deadline that goes away or moves on needs no call: segments are looked at
 * when the lower bound is reached, and say then when they want to be looked at again. */
void table_due_note(struct table *t, uint64_t hash, uint64_t due);
/* The lower bound over all entries; TABLE_NEVER if none has a deadline. */
static inline uint64_t table_due_next(const struct table *t) {
    return t->heap_len ? t->heap[0]->due : TABLE_NEVER;
}
/* Copies the entries of the segment that is due first to `entries` (room for TABLE_SEGMENT_MAX),
 * returns how many, and forgets the segment's bound: the caller removes what is due and notes the
 * nearest deadline of the rest with a hash of the range (*first). */
enum { TABLE_SEGMENT_MAX = TABLE_SLOTS * TABLE_MAX_BUCKETS };
size_t table_due_take(struct table *t, void **entries, uint64_t *first);
/* The same for any of the segments with a bound, all with the same chance; 0 if there is none. */
size_t table_due_take_random(struct table *t, struct random *rng, void **entries, uint64_t *first);

/* A full walk of all invariants; aborts by ASSERT. For tests. */
void table_check(const struct table *t);

#endif
