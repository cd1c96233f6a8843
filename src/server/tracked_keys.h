/* SPDX-License-Identifier: BSD-3-Clause */
/* Client-side caching, the default mode: which clients have read which keys, and so may hold a copy
 * of what they found there (or of that there was nothing). A key stays until it changes: then those
 * clients are told, and the key is taken out, as they have to read it again to care again.
 *
 * Keys have no database here: clients are told names only. A client is its id; ids of clients that
 * are gone, or don't track any more, stay until their keys go.
 *
 * Memory: 16 bytes a key, its name, 8 bytes for each client that has read it, and some 10 in the
 * table. Adding is O(log n + n moved) in the clients of a key, taking is O(1). */
#ifndef DREY_SERVER_TRACKED_KEYS_H
#define DREY_SERVER_TRACKED_KEYS_H

#include "ds/table.h"

struct tracked_key {
    uint32_t count, cap; /* of ids */
    size_t name_len;
    uint64_t ids[]; /* ascending; behind the room for cap of them lies the name */
};

struct tracked_keys {
    struct table table;
    size_t items; /* pairs of a key and a client */
};

/* The seed is borrowed. */
void tracked_keys_init(struct tracked_keys *t, const struct hash_seed *seed);
void tracked_keys_release(struct tracked_keys *t);

static inline size_t tracked_keys_count(const struct tracked_keys *t) {
    return table_count(&t->table);
}

/* Bytes, about. */
static inline size_t tracked_keys_memory(const struct tracked_keys *t) {
    enum { KEY_BYTES = 48 };
    return table_overhead(&t->table) + tracked_keys_count(t) * KEY_BYTES +
           t->items * sizeof(uint64_t);
}

/* `hash` is that of the name by the seed, here and below. */
bool tracked_keys_has(const struct tracked_keys *t, struct slice name, uint64_t hash);
/* The client has read the key. */
void tracked_keys_add(struct tracked_keys *t, struct slice name, uint64_t hash, uint64_t client);

/* Takes a key out: the caller has to free it. NULL: nobody has read it. */
struct tracked_key *tracked_keys_take(struct tracked_keys *t, struct slice name, uint64_t hash);
/* The same with any key, all with the same chance; NULL: there's none. */
struct tracked_key *tracked_keys_take_random(struct tracked_keys *t, struct random *rng);

struct slice tracked_key_name(const struct tracked_key *k);
void tracked_key_free(void *key);

/* All invariants, by ASSERT. O(items). */
void tracked_keys_check(const struct tracked_keys *t);

#endif
