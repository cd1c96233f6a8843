/* SPDX-License-Identifier: BSD-3-Clause */
/* A walk over a database in steps, for the keys that match a pattern, that goes on while the
 * keyspace changes: what KEYS and DELPATTERN do in slices (exec/sliced.h).
 *
 * It follows the keys that were in the database when it began: SWAPDB moves it with them, and a
 * flush ends it. A key that is there from the beginning to the end is met exactly once; one that
 * comes or goes meanwhile may be met or not. */
#ifndef DREY_CMD_KEY_WALK_H
#define DREY_CMD_KEY_WALK_H

#include "base/buf.h"
#include "cmd/scan_walk.h"
#include "exec/sliced.h"

struct key_walk {
    struct sliced_job job; /* first, so that the job's address is the walk's */
    struct keyspace *keyspace;
    uint64_t table_id; /* see keyspace.h */
    uint64_t at;       /* the hash to go on from */
    bool over;
    struct scan_pattern pattern; /* its text is the walk's own */
    struct scan_found found;     /* by the last step: live keys that match */
};

/* The pattern is the call's first argument. */
void key_walk_init(struct key_walk *w, const struct call *c);
void key_walk_release(struct key_walk *w);

/* Visits some dozens of keys (a few microseconds), w->found has those that match: borrowed, but
 * they may be deleted one by one. Returns the database in which they are; NULL: the walk is over,
 * nothing was found. */
struct db *key_walk_step(struct key_walk *w);

/* Bytes besides the struct itself. */
size_t key_walk_memory(const struct key_walk *w);

/* Appends the fields db, pattern, visited and percent; in the pattern, what isn't plain in a list
 * of fields is \xhh. */
void key_walk_describe(const struct key_walk *w, struct buf *to);

#endif
