/* SPDX-License-Identifier: BSD-3-Clause */
/* A data type as the rest of the server sees it: one const table of functions on entries. Nothing
 * outside type/ asks which type it has before it. */
#ifndef DREY_TYPE_TYPE_H
#define DREY_TYPE_TYPE_H

#include "type/digest.h"
#include "type/entry.h"
#include "type/type_settings.h"

struct table;

struct type {
    const char *name; /* as TYPE says it */
    /* The name of the encoding, as OBJECT ENCODING says it. */
    const char *(*encoding_name)(const struct entry *e);
    /* Collections: gives a new entry (its type set) the word and the encoding of an empty one. */
    void (*create)(struct entry *e, const struct type_settings *settings);
    /* Is nothing left, so that the key has to go? NULL: empty ones may stay. */
    bool (*is_empty)(const struct entry *e);
    /* Frees what the word points to. Called only when there is a word. */
    void (*release)(struct entry *e);
    /* Gives `to` (type and encoding set) a copy of what from's word holds. */
    void (*copy)(struct entry *to, const struct entry *from);
    /* Bytes outside the entry; `samples` elements are looked at (0: all). */
    size_t (*memory)(const struct entry *e, size_t samples);
    /* About how many allocations freeing it takes: many are freed by a helper thread. */
    size_t (*free_effort)(const struct entry *e);
    /* Adds the value to a digest, the same however it's encoded: chained if its elements have an
     * order, else a digest of each added. */
    void (*digest)(const struct entry *e, struct digest *d);
    /* The hash table that its elements are in; NULL (the hook, too): none. */
    const struct table *(*table)(const struct entry *e);
};

/* An entry with an empty collection. */
struct entry *type_new(struct slice key, enum type_id type, const struct type_settings *settings);

extern const struct type *const type_table[TYPE_COUNT];

static inline const struct type *type_of(const struct entry *e) {
    return type_table[e->type];
}

/* The type of that name, or -1. Case doesn't matter. */
int type_by_name(struct slice name);

/* Name and version of formats aside, what every type answers: bytes of entry and value. */
size_t type_memory(const struct entry *e, size_t samples);

#endif
