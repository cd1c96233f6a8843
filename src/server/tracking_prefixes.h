/* SPDX-License-Identifier: BSD-3-Clause */
/* Client-side caching, the broadcasting mode: clients that want to know of every change of keys
 * whose names begin with a prefix, and what has changed since they were last told. Nothing is kept
 * per key but the changes themselves, until they're told at the end of the turn.
 *
 * A changed key is looked up by each length that a prefix has, so its cost follows the number of
 * different lengths, not of prefixes. A key that changes again before that is told once; it's kept
 * once for all prefixes that fit. */
#ifndef DREY_SERVER_TRACKING_PREFIXES_H
#define DREY_SERVER_TRACKING_PREFIXES_H

#include "ds/table.h"

/* A key that has changed. */
struct changed_key {
    uint64_t by; /* the client that did it alone; 0: several, or no client */
    size_t name_len;
    char name[];
};

struct tracking_prefix {
    uint64_t *clients; /* their ids, ascending */
    size_t client_count, client_cap;
    const struct changed_key **changed; /* borrowed; in order of name once taken */
    size_t changed_count, changed_cap;
    struct tracking_prefix *next_changed; /* of those with changes */
    size_t name_len;
    char name[];
};

/* How many prefixes there are of one length. */
struct prefix_length {
    size_t len, count;
};

struct tracking_prefixes {
    struct table table;
    struct prefix_length *lengths; /* ascending */
    size_t length_count, length_cap;
    struct table changed;                  /* struct changed_key, all since the last round */
    struct tracking_prefix *first_changed; /* prefixes that some of them fit */
};

/* The seed is borrowed. */
void tracking_prefixes_init(struct tracking_prefixes *p, const struct hash_seed *seed);
void tracking_prefixes_release(struct tracking_prefixes *p);

static inline size_t tracking_prefixes_count(const struct tracking_prefixes *p) {
    return table_count(&p->table);
}

static inline struct slice tracking_prefix_name(const struct tracking_prefix *prefix) {
    return slice_of(prefix->name, prefix->name_len);
}

static inline struct slice changed_key_name(const struct changed_key *k) {
    return slice_of(k->name, k->name_len);
}

/* The client wants to know what happens to keys with that prefix from now on: what has changed so
 * far must have been told. It mustn't have the prefix yet. What is returned lives until its remove.
 */
struct tracking_prefix *tracking_prefixes_add(struct tracking_prefixes *p, struct slice name,
                                              uint64_t client);
/* The opposite; with its last client the prefix goes, and what was to be told. */
void tracking_prefixes_remove(struct tracking_prefixes *p, struct tracking_prefix *prefix,
                              uint64_t client);

/* A key has changed; `by`: the client that did it, 0 for none. */
void tracking_prefixes_note(struct tracking_prefixes *p, struct slice key, uint64_t by);

/* Is there anything to tell? The prefixes that it's for may be gone since. */
static inline bool tracking_prefixes_changed(const struct tracking_prefixes *p) {
    return table_count(&p->changed) != 0;
}

/* Calls `tell` for each prefix with changes, in order of the names, then forgets the changes. It
 * mustn't add or remove any. */
typedef void tracking_prefixes_tell(void *ctx, const struct tracking_prefix *prefix);
void tracking_prefixes_tell_all(struct tracking_prefixes *p, tracking_prefixes_tell *tell,
                                void *ctx);

#endif
