/* SPDX-License-Identifier: BSD-3-Clause */
/* Which keys are largest: for each type a list of the BIGKEYS_KEPT with the most elements, and one
 * of those that take the most memory.
 *
 * They're found by a walk over all keys, a slice in each round of the cron, that begins anew when
 * something has changed since it last began, and rests when nothing has; and by a sample of the
 * writes (hotkeys.h), so that a key that grows is mostly found at once. A list holds hash and
 * database of a key and the size that it was seen with. Whoever asks gets what is there now: each
 * is looked up, measured, and dropped if it has gone.
 *
 * How long can a large key stay unseen? Until the walk has come by: it takes BIGKEYS_SHARE of
 * the server's CPU time in each round, but at least BIGKEYS_IDLE_NS, and 60 to 100 ns a key. For a
 * million keys that's between 40 seconds under full load and two minutes. One thread. */
#ifndef DREY_EXEC_BIGKEYS_H
#define DREY_EXEC_BIGKEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "db/keyspace.h"

struct buf;
struct engine;

enum bigkeys_by { BIGKEYS_MEMORY, BIGKEYS_ELEMENTS, BIGKEYS_ORDERS };

enum {
    BIGKEYS_KEPT = 32,
    BIGKEYS_NOTED = 32,         /* writes to look at per round */
    BIGKEYS_IDLE_NS = 80000,    /* of a walk per round */
    BIGKEYS_SLICE_NS = 400000,  /* saved up until it's worth while: caches are cold first */
    BIGKEYS_ASKED_NS = 1000000, /* when somebody asks: enough for all of a small keyspace */
};
#define BIGKEYS_SHARE 0.002

struct bigkey_lists;

struct bigkeys {
    struct bigkey_lists *lists; /* NULL: off */
    uint64_t cpu_ns_before;
    uint64_t saved_ns; /* time that the walk may take */
    uint64_t spent_ns;
    /* The walk: where it is, what had changed when it began, and whether it's done. */
    uint32_t db;
    uint64_t cursor;
    uint64_t changes;
    bool done;
    uint64_t began_ms, began_last_ms; /* Unix time; of the last that ended: 0: none has */
    uint64_t walks;                   /* that ended */
};

void bigkeys_configure(struct engine *e);
void bigkeys_release(struct bigkeys *b);

/* A key was written. It's looked at in the next round, if there's room to note it. */
void bigkeys_note(struct bigkeys *b, const struct db *db, uint64_t hash);

/* A round of the cron; cpu_ns: CPU time of the thread so far. */
void bigkeys_round(struct engine *e, uint64_t cpu_ns);

/* Looks at what was noted, and walks on for at most that long, or until all was seen as it is. */
void bigkeys_walk(struct engine *e, uint64_t ns);

/* Percent of the keyspace that the walk has seen; 100: all, and nothing has changed since. */
double bigkeys_seen(const struct bigkeys *b, const struct keyspace *ks);

struct bigkey {
    struct db *db;
    const struct entry *entry; /* borrowed until the keyspace changes */
    size_t memory, elements;
};

/* The largest of a type, largest first, as they are now; returns how many (at most BIGKEYS_KEPT).
 * Changes nothing in the keyspace. */
size_t bigkeys_largest(struct engine *e, enum type_id type, enum bigkeys_by by,
                       struct bigkey largest[BIGKEYS_KEPT]);

/* Bytes of memory. */
size_t bigkeys_bytes(const struct bigkeys *b);

void bigkeys_write_info(const struct bigkeys *b, const struct keyspace *ks, struct buf *out);

#endif
