/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots without fork: all keys of one moment, the cut, go into an RDB file while commands go on
 * changing them. A walk in slices over the tables writes what is still as it was; an entry of the
 * cut that is about to change is written before it does, and one that's deleted is kept until it's
 * written. Whether an entry still has to be written is a bit of its own (see keyspace_cut), so no
 * index of keys is needed: what a snapshot costs in memory is the bytes of entries that change
 * before the walk has come to them, as long as the file isn't done with them.
 *
 * An entry is written in one go if it's small, else in portions, one such entry at a time. Large
 * strings and whatever is deleted need no copy at all. Before a command changes a large collection
 * that isn't written yet, or part of a very long string, its client waits until it is
 * (snapshot_must_wait), and fields of such a hash that expire are removed later; a command that
 * can't wait (a script's with keys it hasn't named) writes it all at once.
 *
 * One snapshot at a time. */
#ifndef DREY_PERSIST_SNAPSHOT_H
#define DREY_PERSIST_SNAPSHOT_H

#include "persist/rdb_file.h"
#include "persist/rdb_out.h"

struct persist;

struct snapshot_plan {
    const char *path; /* written there, */
    const char *name; /* and in the end moved to this one; NULL: it stays. Both are copied. */
    const struct rdb_sink *sink; /* in place of a file; copied. NULL: there's a file */
    bool no_keys;                /* what else there is: libraries of functions */
    struct rdb_out_options options;
    /* When the file is there as a whole, and synced (0), or why it isn't: an errno; ECANCELED: by
     * snapshot_cancel. Called once, with no snapshot under way any more but for its last walk. */
    void (*done)(void *ctx, int error);
    void *ctx;
};

/* The keys of one database of the cut. */
struct snapshot_part {
    uint64_t table_id; /* where they are now: see keyspace_db_of */
    uint32_t db;       /* whose they were */
    uint64_t from;     /* what has a lower hash is done with */
    bool done;
    bool owned;         /* the database was flushed: its table belongs to the snapshot, */
    struct table table; /* this one, */
    size_t bytes;       /* which has about so many with its keys */
};

/* An entry that was deleted before it was written. */
struct snapshot_orphan {
    struct entry *entry;
    uint32_t db;
    size_t bytes;
};

struct snapshot {
    struct persist *persist;
    /* A large entry has been written, or no more will be; NULL: nobody waits for that. */
    void (*on_written)(struct persist *p);
    bool walking;          /* entries of the cut are left */
    struct rdb_file *file; /* NULL: none is being written; the walk only ends what was begun */
    struct snapshot_plan plan;
    struct snapshot_part *parts;
    size_t part_count, part_at;
    struct rdb_out out;  /* what comes next in the file, */
    struct rdb_out side; /* and what comes once the large entry has been written */
    struct entry *large; /* being written in portions; NULL: none */
    uint32_t large_db;
    bool large_owned;
    size_t large_bytes; /* if so */
    struct rdb_walk large_at;
    const struct entry *urgent; /* to be written next: a command waits for it; NULL: none */
    uint32_t urgent_db;
    struct snapshot_orphan *orphans;
    size_t orphan_count, orphan_cap;
    size_t held;      /* bytes of what it owns */
    size_t uncounted; /* and of what waits to be written: see keyspace_uncount */
    uint64_t keys, keys_done;
    uint64_t copied_bytes; /* written ahead of the walk, since they were about to change */
    uint64_t started_us;   /* monotonic */
    uint64_t paused_us;    /* rdb-key-save-delay: since when it rests, and for how many keys */
    uint64_t paused_keys;
};

void snapshot_init(struct snapshot *s, struct persist *p);
void snapshot_release(struct snapshot *s);

/* Begins: all that is there now is the cut. False: one is under way, or errno says why the file
 * can't be written. */
bool snapshot_start(struct snapshot *s, const struct snapshot_plan *plan);

/* Are entries being written? */
static inline bool snapshot_active(const struct snapshot *s) {
    return s->file;
}

/* Gives up the file. What `done` says comes later. */
void snapshot_cancel(struct snapshot *s);

/* Is there work to do now? If not, when (on the monotonic clock; UINT64_MAX: when it says so). */
uint64_t snapshot_due_us(const struct snapshot *s);

/* Works until the monotonic clock passes until_ns. */
void snapshot_run(struct snapshot *s, uint64_t until_ns);

/* Does so until all entries are done with, whatever time it takes. */
void snapshot_run_all(struct snapshot *s);

/* Would changing this key's value mean to write or (a string, `in_place`) to copy much of it first?
 * Then it's made the next to be written, and whoever wants to change it asks again when on_written
 * has been called. */
bool snapshot_must_wait(struct snapshot *s, struct db *db, struct slice name, bool in_place);

#endif
