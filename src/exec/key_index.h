/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys of any database that somebody is interested in, each with a list of who: blocked commands
 * and WATCH have one each. A key is in the index as long as its list isn't empty, or it's kept. All
 * is O(1) but for the bytes of the name. */
#ifndef DREY_EXEC_KEY_INDEX_H
#define DREY_EXEC_KEY_INDEX_H

#include "base/hash.h"
#include "ds/table.h"

struct indexed_key {
    struct key_place *head, *tail;  /* who is interested, the first come first */
    struct indexed_key *next_ready; /* the index's owner's, as `kept` is */
    bool kept;                      /* stays, whoever goes */
    uint32_t db;
    size_t id_len;
    char id[]; /* the number of the database, then the name */
};

/* A place in a key's list, part of the struct of whoever is interested. */
struct key_place {
    struct indexed_key *key;
    struct key_place *prev, *next;
};

struct key_index {
    bool open; /* the table is there */
    struct table table;
};

/* It takes no memory but while it's open; opening it twice does nothing. */
void key_index_open(struct key_index *ix, const struct hash_seed *seed);
/* If no key is left. True if it's closed now and wasn't before. */
bool key_index_close_if_empty(struct key_index *ix);

size_t key_index_count(const struct key_index *ix);

/* NULL if nobody is interested. */
struct indexed_key *key_index_find(const struct key_index *ix, uint32_t db, struct slice name);

static inline struct slice indexed_key_name(const struct indexed_key *k) {
    return slice_of(k->id + sizeof k->db, k->id_len - sizeof k->db);
}

/* Makes the place the last of the key's; the index must be open. */
void key_index_add(struct key_index *ix, uint32_t db, struct slice name, struct key_place *place);
void key_index_remove(struct key_index *ix, struct key_place *place);
/* To be called when a key isn't kept any more. */
void key_index_forget_if_unused(struct key_index *ix, struct indexed_key *k);

#endif
