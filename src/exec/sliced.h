/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that take long, in slices: KEYS of a large database, DELPATTERN. The handler makes a job
 * and leaves it to sliced_start; its client waits (see blocking.h) while whoever runs the engine
 * gives jobs a little time between what other clients want. So such a command isn't one moment:
 * others change the keyspace meanwhile, and each job says what that means for it.
 *
 * A job ends when its work is done, which replies, or when its session ends: then what it has done
 * stays done, and no more is. Jobs take turns. The time of its slices is the command's.
 *
 * A session that can't wait (a transaction's, a script's, one without a server around it) has all
 * of it done at once. */
#ifndef DREY_EXEC_SLICED_H
#define DREY_EXEC_SLICED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct call;
struct engine;
struct reply;
struct session;
struct sliced_job;

/* A const instance for each command of the sort. */
struct sliced_kind {
    /* Works until all is done (true), or the monotonic clock passes until_ns: it's to be looked at
     * every few microseconds, and something to be done in any case. */
    bool (*step)(struct sliced_job *job, uint64_t until_ns);
    void (*reply)(struct sliced_job *job, struct reply *to); /* when all is done */
    void (*free)(struct sliced_job *job);
    size_t (*memory)(const struct sliced_job *job); /* bytes */
    /* Those of them that will be sent: what output limits hold for. NULL: none. */
    size_t (*output)(const struct sliced_job *job);
    /* Appends fields for INFO, ",name=value" each. */
    void (*describe)(const struct sliced_job *job, struct buf *to);
};

/* The beginning of a kind's own struct. */
struct sliced_job {
    const struct sliced_kind *kind;
    struct session *session;
    uint64_t id;
    uint64_t started_us; /* monotonic */
    bool writes;
    struct sliced_job *prev, *next;
};

/* Of an engine: whose turn it is comes first. */
struct sliced {
    struct sliced_job *first, *last;
    uint64_t started; /* so far: the last one's id */
};

/* Makes `job`, of which the kind's own part is filled in, the call's work. Takes it over. To be
 * called once, and last, in a handler that hasn't replied. */
void sliced_start(struct call *c, const struct sliced_kind *kind, struct sliced_job *job);

/* Is there a job to run? Those that write may have to wait. */
bool sliced_ready(const struct engine *e, bool writes_too);

/* Runs the job whose turn it is until the monotonic clock passes until_ns. Keys may be ready
 * afterwards that others wait for (blocking_ready). */
void sliced_run(struct engine *e, uint64_t until_ns, bool writes_too);

/* INFO's section: how many jobs there are, and how far each is. `engine` is the engine. */
void sliced_write_info(void *engine, struct buf *out);

#endif
