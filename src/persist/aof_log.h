/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of an append-only log: what is fed, writing it to the increment that is open, and getting
 * it on disk.
 *
 * What a turn of the loop feeds is written at its end with one write, before the replies leave:
 *
 *   always     and synced, by this thread: one sync for all that the turn's clients wrote;
 *   everysec   a helper thread syncs once a second. As a write may have to wait for a sync, none
 *              is made while one is under way, but for one that has taken LATEST seconds;
 *   no         the system has it on disk when it likes.
 *
 * Bytes are counted from the start of the process on, whatever files they're in: so many were fed,
 * of which so many are written, of which so many are synced.
 *
 * When a write fails, what is left waits and is tried again; when a sync fails it isn't known what
 * is on disk, so the file is never trusted again: a new base and a new file have to take its place
 * (aof_log_prove). Until then the error stands. One thread, but for the helper's syncs. */
#ifndef DREY_PERSIST_AOF_LOG_H
#define DREY_PERSIST_AOF_LOG_H

#include "exec/engine.h"
#include "persist/aof_config.h"

struct aof_log {
    struct engine *engine;
    const struct aof_config *config;
    /* More of it is synced, or there's another error or none any more. */
    void (*changed)(struct aof_log *log);

    int fd;     /* -1: there's no file; what is fed is counted and dropped */
    int former; /* the one that was open before, while the helper syncs it; -1: it has */
    char *path; /* owned */
    uint64_t size;
    struct buf pending; /* fed and not written */
    size_t uncounted;   /* of it, see keyspace_uncount */
    uint64_t fed, written, synced;
    uint32_t db;     /* selected in the file; UINT32_MAX: none yet */
    int64_t noted_s; /* the last time noted in it */

    bool provisional;            /* what is in it counts once a base is there, see aof_log_prove */
    uint64_t began;              /* fed before the file was opened */
    uint64_t proven;             /* fed up to there: the base has it */
    unsigned syncs;              /* jobs of the helper thread */
    uint64_t synced_at_us;       /* when the last one was begun */
    uint64_t postponed_since_us; /* writes wait for a sync since then; 0: they don't */
    uint64_t delayed;            /* times that one took too long for that */
    int write_error, sync_error; /* errno; 0: none */
    uint64_t complained_at_us;   /* when the last error was logged; 0: there was none */
    uint64_t busy_ns;            /* spent in aof_log_flush */
    uint64_t sleep_us;           /* DEBUG AOF-FLUSH-SLEEP: before each write */
};

void aof_log_init(struct aof_log *log, struct engine *e, const struct aof_config *config);
/* Closes the file; what is pending is dropped. */
void aof_log_release(struct aof_log *log);

/* What it takes to do something to the log's files is told to engine.observer, if that wants to
 * know: from aof_log_clock on, which is 0 if it doesn't. */
uint64_t aof_log_clock(const struct aof_log *log);
void aof_log_took(const struct aof_log *log, enum file_event event, uint64_t since_ns);

/* Takes a command for a database, or for whichever is selected (PROPAGATE_ANY_DB). */
void aof_log_feed(struct aof_log *log, uint32_t db, struct slice command);

/* Writes and syncs as the policy says: at the end of a turn, before replies leave. `force`: writes
 * in any case. */
void aof_log_flush(struct aof_log *log, bool force);

/* Writes all that is pending and syncs it, now. False: that failed. */
bool aof_log_settle(struct aof_log *log);

/* Goes on in this file, created or (`anew`) emptied if need be; all that is pending must be
 * written. The one that was open is synced and closed by the helper thread. 0, or an errno and
 * nothing has changed. */
int aof_log_switch(struct aof_log *log, const char *path, bool anew);
/* The open file has another name now. */
void aof_log_renamed(struct aof_log *log, const char *path);
/* The files that count are now a base on disk and the file that is open: what went before that was
 * opened doesn't matter any more. The file is synced, by this thread if that's what always asks for
 * or errors are to be forgotten. False: it can't be. */
bool aof_log_prove(struct aof_log *log);
/* Goes on without a file. */
void aof_log_stop(struct aof_log *log);

/* Isn't it synced now: while a snapshot is being written, if no-appendfsync-on-rewrite says so? */
bool aof_log_rests(const struct aof_log *log);

/* Is what was fed up to that count safe to be acknowledged under the policy? Nearly always. */
static inline bool aof_log_acknowledges(const struct aof_log *log, uint64_t fed) {
    return fed <= log->synced || log->fd < 0 || log->provisional ||
           log->config->fsync != AOF_FSYNC_ALWAYS || (fed <= log->written && aof_log_rests(log));
}

/* Has what was fed up to that count been written to the file, if there is one? */
static inline bool aof_log_has_written(const struct aof_log *log, uint64_t fed) {
    return fed <= log->written || log->fd < 0;
}

#endif
