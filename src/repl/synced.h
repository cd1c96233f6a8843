/* SPDX-License-Identifier: BSD-3-Clause */
/* How much of the history is on disk here: what a replica tells its primary, for WAITAOF. The
 * append-only log counts bytes of its own; so now and then a place in both is noted, and counts
 * once the log is synced up to there. */
#ifndef DREY_REPL_SYNCED_H
#define DREY_REPL_SYNCED_H

#include <stdbool.h>
#include <stdint.h>

struct repl;

struct synced {
    int64_t offset; /* on disk up to there; -1: there's no log, or it isn't complete yet */
    bool noted;     /* a place that isn't on disk yet, */
    int64_t noted_offset;
    uint64_t noted_fed; /* in the log */
};

/* Another history, or the data set at another place in it. */
void synced_reset(struct synced *s);

/* Each turn, when the log has been written. */
void synced_turn_end(struct repl *r);

#endif
