/* SPDX-License-Identifier: BSD-3-Clause */
/* The append-only log: every write, in files from which the data set is loaded at start, in the
 * form that Redis 7 has for it: a manifest names a base (a snapshot) and increments (the writes
 * since, as commands); see aof_manifest.h for the files, aof_log.h for when what is on disk.
 *
 * Rewriting: from one moment on writes go to a new increment, and what there is at that moment is
 * written as a new base; when it's on disk a new manifest names it and the new increment, and the
 * files of before are deleted. Each of these steps leaves files that are right: whoever loads them
 * gets every write that the old or the new ones tell of.
 *
 *   off ---- appendonly yes ---> starting: the first rewrite's increment has a temporary name
 *                                   |      that nobody loads, as there's no base for it yet
 *   on  <------ rewritten ----------+
 *
 * A server that is started with `appendonly yes` is on at once. One thread. */
#ifndef DREY_PERSIST_AOF_H
#define DREY_PERSIST_AOF_H

#include "persist/aof_config.h"
#include "persist/aof_log.h"
#include "persist/aof_manifest.h"

enum aof_state { AOF_OFF, AOF_STARTING, AOF_ON };

struct aof_rewrite {
    bool running;
    bool scheduled; /* it's to begin when nothing stands in its way any more */
    bool rdb_base;  /* the one that runs writes a snapshot, */
    bool starting;  /* is the log's first one, */
    bool abandoned; /* or nobody wants it any more */
    bool limit_told;
    uint64_t began_us;    /* monotonic */
    int64_t last_seconds; /* that the last one took; -1: there was none */
    bool failed;          /* the last one did */
    uint64_t count;       /* that succeeded */
    unsigned failures;    /* in a row, the last ones */
    uint64_t retry_at_us; /* none by growth before; 0: there's no such limit */
    uint64_t retry_minutes;
};

struct session;

struct aof {
    struct aof_config config;
    struct engine *engine;
    enum aof_state state;
    struct aof_manifest manifest;
    struct aof_log log;
    struct aof_rewrite rewrite;
    bool began;           /* what there was at start is loaded */
    bool suspended;       /* off, whatever the parameter says: see aof_suspend */
    bool restored;        /* that isn't all that the files tell of (--restore-to) */
    uint64_t closed_size; /* of all files but the one that is open */
    uint64_t base_size;   /* of all files after the last rewrite, or at start */
};

void aof_init(struct aof *a, struct engine *e, struct config *config);
/* Once the engine is there: reads the manifest. False: it can't be used, the log says why. */
bool aof_open(struct aof *a);
void aof_release(struct aof *a);

/* Is the data set loaded from here at start, and not from a snapshot? */
static inline bool aof_enabled(const struct aof *a) {
    return a->config.enabled;
}

/* Is what was fed up to that count (session.fed) on disk? */
static inline bool aof_has_synced(const struct aof *a, uint64_t fed) {
    return a->state != AOF_OFF && fed <= a->log.synced;
}

/* Goes on in the files that were loaded, or makes the first ones. False: that failed, the log says
 * why. */
bool aof_begin(struct aof *a);

/* The end of a turn of the loop, before replies leave. */
static inline void aof_turn_end(struct aof *a) {
    if (a->state != AOF_OFF) aof_log_flush(&a->log, false);
}

/* A few times a second: begins rewrites that are due. */
void aof_cron(struct aof *a);

/* Everything fed is on disk afterwards, if that can be. */
void aof_settle(struct aof *a);

/* The log is put to use or not, as the parameter says now. False: it can't be, *why says why. */
bool aof_switch(struct aof *a, struct buf *why);

/* Another data set takes the place of this one: the log ends, and when that's over a new one begins
 * with what is there then, if the parameter says so. False as above. */
void aof_suspend(struct aof *a);
bool aof_resume(struct aof *a, struct buf *why);

/* Loads what there is: the data set must be empty. False: it can't be loaded, or the process is to
 * end; the log says why. *found: there was something. */
bool aof_load_data(struct aof *a, bool *found);

/* Reads the manifest anew and loads the log in place of the data (DEBUG LOADAOF). */
bool aof_reload(struct aof *a);

/* Deletes files that rewrites have replaced, unless they're to be kept. */
void aof_drop_old(struct aof *a);

/* Why the files can't be written or synced, an errno; 0: they can. */
int aof_error(const struct aof *a);

/* Bytes of all files. */
uint64_t aof_size(const struct aof *a);

/* INFO's fields. */
void aof_write_info(const struct aof *a, struct buf *out);
void aof_write_size_info(const struct aof *a, struct buf *out);

#endif
