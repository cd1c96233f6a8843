/* SPDX-License-Identifier: BSD-3-Clause */
/* The data set in files: what an engine keeps of its snapshots. One thread. */
#ifndef DREY_PERSIST_PERSIST_H
#define DREY_PERSIST_PERSIST_H

#include "exec/engine.h"
#include "persist/aof.h"
#include "persist/loading.h"
#include "persist/snapshot.h"

struct persist {
    struct engine *engine;
    struct persist_config config;
    struct aof aof;
    struct snapshot snapshot;
    uint64_t saved_s;      /* Unix time of the last snapshot, at first of the start */
    uint64_t changes_then; /* keyspace.dirty of that time */
    uint64_t saves;
    bool failed;       /* the last attempt to save did */
    bool any_checksum; /* RESTORE doesn't look at it: for tests */
    /* BGSAVE. */
    bool saving, scheduled;
    bool transferring; /* that one goes to a sink, not to the file */
    /* For who sends snapshots to others; NULL: nobody does. One begins, of the data as it is: in
     * the background, to the file or a sink. It has come to its end (error: an errno or 0). */
    void (*on_cut)(struct persist *p);
    void (*on_saved)(struct persist *p, int error);
    uint64_t changes_at_cut; /* keyspace.dirty when the one under way began */
    int64_t tried_s;         /* when the last began, on the monotonic clock; 0: none has */
    int64_t save_took_s;     /* that one, -1: none has ended */
    uint64_t copied_bytes;   /* by it: see snapshot.h */
    char disk_error[128];    /* for the one that asked last */
    struct loading loading;  /* or what the last load brought */
};

/* Adds the parameters to `config` and the commands to the engine, whose persist this becomes. */
void persist_init(struct persist *p, struct engine *e, struct config *config);

/* Once the engine is open. */
void persist_open(struct persist *p);
/* Once the background threads have ended. */
void persist_release(struct persist *p);

/* Loads what there is at start, and keeps it up. False: that failed, and the log says why, or the
 * process is to end (loading.ended). */
bool persist_begin(struct persist *p);

/* The end of a turn of the loop, before replies leave. */
static inline void persist_turn_end(struct persist *p) {
    aof_turn_end(&p->aof);
}

/* May who has written up to there (session.fed) be told so? */
static inline bool persist_acknowledges(const struct persist *p, uint64_t fed) {
    return aof_log_acknowledges(&p->aof.log, fed);
}

/* May what was said to who has written up to there leave before the turn ends? */
static inline bool persist_has_written(const struct persist *p, uint64_t fed) {
    return aof_log_has_written(&p->aof.log, fed);
}

/* The process ends: gets on disk what has to be, and gives up what is written in the background. */
void persist_end(struct persist *p);

/* Whether files can be written may have changed: writes are refused while they can't. */
void persist_check_disk(struct persist *p);

/* How snapshots are to be written. */
struct rdb_out_options persist_rdb_options(const struct persist *p);

/* Writes the snapshot, in place of the one that there is, and logs it. False: it failed, the file
 * is as before. Nothing else runs meanwhile; a snapshot in the background is cancelled. */
bool persist_save(struct persist *p);

/* Begins to write the snapshot in the background. False: it can't, and the log says why; nothing
 * else may be under way (persist_busy). */
bool persist_bgsave(struct persist *p);

/* What a snapshot for others leaves out. */
enum persist_omission { PERSIST_NO_KEYS = 1 << 0, PERSIST_NO_FUNCTIONS = 1 << 1 };

/* The same to a sink, in place of the file; it's not a snapshot that counts as one. `omit`: of enum
 * persist_omission. */
bool persist_transfer(struct persist *p, const struct rdb_sink *sink, unsigned omit);

/* Is a file being written in the background? */
static inline bool persist_busy(const struct persist *p) {
    return snapshot_active(&p->snapshot);
}

/* Begins what is due: a snapshot as `save` says, or one that was scheduled. Some times a second. */
void persist_cron(struct persist *p);

/* All databases have been emptied: a snapshot in the background is given up, and if there's to be
 * one it's written anew. */
void persist_flushed_all(struct persist *p);

/* Loads the snapshot if there's one, and logs it; others are answered meanwhile (loading.h). False:
 * it can't be loaded, or the process is to end (loading.ended); the data set is incomplete.
 * `merge`: keys that are there already give way. */
bool persist_load(struct persist *p, bool merge);

/* Changes since the last snapshot. */
uint64_t persist_changes(const struct persist *p);

#endif
