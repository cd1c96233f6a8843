/* SPDX-License-Identifier: BSD-3-Clause */
/* Rewriting an append-only log, see aof.h: one at a time, and none while a snapshot is written. */
#ifndef DREY_PERSIST_AOF_REWRITE_H
#define DREY_PERSIST_AOF_REWRITE_H

#include "persist/aof.h"

/* Begins one now. False: it can't, the log says why. */
bool aof_rewrite_begin(struct aof *a);

/* Must whoever wants one wait: for a snapshot, or for the end of a transaction? */
bool aof_rewrite_must_wait(const struct aof *a);

/* It's to begin as soon as that's over. */
void aof_rewrite_schedule(struct aof *a);

/* Begins what was scheduled or what growth makes due. */
void aof_rewrite_cron(struct aof *a);

/* Gives up the one that is under way, if there's one. */
void aof_rewrite_abandon(struct aof *a);

#endif
