/* SPDX-License-Identifier: BSD-3-Clause */
/* Helper threads for what would block the loop: freeing large values, closing and syncing files. A
 * job is handed over with all that it needs and is never touched by the loop again until it's done;
 * `done` then runs in the loop's thread. */
#ifndef DREY_IO_BACKGROUND_H
#define DREY_IO_BACKGROUND_H

#include <stddef.h>
#include <stdint.h>

#include "io/loop.h"

struct background;

struct background_job {
    struct background_job *next;
    /* In the helper thread. */
    void (*run)(struct background_job *job);
    /* In the loop's thread, frees the job; NULL: `run` has freed it. */
    void (*done)(struct background_job *job);
};

enum { BACKGROUND_NETS = 8 };

enum background_queue {
    BACKGROUND_FREE,
    BACKGROUND_FILE,
    BACKGROUND_LOG,
    BACKGROUND_SNAPSHOT,
    BACKGROUND_NET, /* and so many more: talks with other servers, each with a timeout */
    BACKGROUND_QUEUES = BACKGROUND_NET + BACKGROUND_NETS,
};

/* One thread per queue, started with the first job; it leaves signals to the others but for faults
 * and the request for a stack trace. NULL with errno on failure. */
struct background *background_new(struct loop *l);
/* Finishes all jobs first. */
void background_free(struct background *b);

/* Jobs of one queue run in order. */
void background_add(struct background *b, enum background_queue queue, struct background_job *job);

/* Waits until all jobs of the queue have run; their `done` is still called by the loop. */
void background_drain(struct background *b, enum background_queue queue);

/* Jobs handed over and not yet run. */
size_t background_pending(const struct background *b, enum background_queue queue);

#endif
