/* SPDX-License-Identifier: BSD-3-Clause */
/* A data type as the rest of the server sees it: one const table of functions on entries. Nothing
 * outside type/ and the type's own commands asks which type it has before it, but whether it's a
 * string, whose bytes may lie outside the entry. */
#ifndef DREY_TYPE_TYPE_H
#define DREY_TYPE_TYPE_H

#include "type/digest.h"
#include "type/entry.h"
#include "type/type_settings.h"

struct buf;
struct compact_count;
struct table;
struct rdb_walk;
struct rdb_writer;
struct type_rdb;

/* The removal of parts that are due. */
struct type_expiry {
    uint64_t now_ms;
    bool all;   /* nothing that is due may stay, however long that takes */
    bool later; /* large values: all that is due stays for now, unseen (`settle`) */
    /* Called with each part's name before it goes; NULL: nobody wants to know. */
    void (*tell)(void *ctx, struct slice part);
    void *ctx;
};

/* What a type does whose values have parts with deadlines of their own; for entries marked
 * ENTRY_PART_DEADLINES, which the type sets and clears. Deadlines are Unix times in ms. */
struct type_parts {
    /* How many parts have one. */
    size_t (*count)(const struct entry *e);
    /* None is before this. */
    uint64_t (*next_due)(const struct entry *e);
    /* Are all parts due by now_ms, as far as can be told at once? */
    bool (*all_due)(const struct entry *e, uint64_t now_ms);
    /* Makes the value one as of now_ms: what is due by then isn't there any more for whoever reads
     * it. Returns how many parts were removed; some may still be waiting for `expire`, unless all
     * have to go. */
    size_t (*settle)(struct entry *e, const struct type_expiry *x);
    /* Removes a portion of what is due, adds their number to *removed, and returns when to go on:
     * not after now_ms if there's more. */
    uint64_t (*expire)(struct entry *e, const struct type_expiry *x, size_t *removed);
};

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
    /* Elements, of a string bytes; O(1): parts that have expired and aren't removed yet count. */
    size_t (*elements)(const struct entry *e);
    /* Bytes outside the entry; `samples` elements are looked at (0: all). */
    size_t (*memory)(const struct entry *e, size_t samples);
    /* About how many allocations freeing it takes: many are freed by a helper thread. */
    size_t (*free_effort)(const struct entry *e);
    /* Adds the value to a digest, the same however it's encoded: chained if its elements have an
     * order, else a digest of each added. */
    void (*digest)(const struct entry *e, struct digest *d);
    /* The hash table that its elements are in; NULL (the hook, too): none. */
    const struct table *(*table)(const struct entry *e);
    /* Moves some of what belongs to the value out of sparse pages: begins with `from` 0, and
     * returns where to go on, 0 when all has been looked at. A step is some dozens of allocations
     * at most. NULL: they stay where they are. */
    uint64_t (*compact)(struct entry *e, uint64_t from, struct compact_count *count);
    const struct type_parts *parts; /* NULL: parts have no deadlines */
    const struct type_rdb *rdb;     /* how values are written to RDB files, and read */
    /* Writes the commands that make the value: see rewrite.h. */
    bool (*rewrite)(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit);
    /* Checks all that must hold of the value, by ASSERT. For tests. NULL: there's nothing to. */
    void (*check)(const struct entry *e);
    /* Appends what DEBUG OBJECT says of the type beyond the common, each " name:value". NULL:
     * nothing. */
    void (*describe)(const struct entry *e, const struct type_settings *settings, struct buf *out);
};

/* An entry with an empty collection. */
struct entry *type_new(struct slice key, enum type_id type, const struct type_settings *settings);

extern const struct type *const type_table[TYPE_COUNT];

static inline const struct type *type_of(const struct entry *e) {
    return type_table[e->type];
}

/* When something of the entry is due, itself or a part of its value; ENTRY_NO_DEADLINE: nothing. */
static inline uint64_t type_next_due(const struct entry *e) {
    uint64_t deadline = entry_deadline(e), next = ENTRY_NO_DEADLINE;
    if (e->flags & ENTRY_PART_DEADLINES) next = type_of(e)->parts->next_due(e);
    return next < deadline ? next : deadline;
}

/* The type of that name, or -1. Case doesn't matter. */
int type_by_name(struct slice name);

/* Name and version of formats aside, what every type answers: bytes of entry and value. */
size_t type_memory(const struct entry *e, size_t samples);

#endif
