/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots for replicas: the data set of one moment, and the offset in the history that belongs to
 * it. Where all who wait can read one to its end (capa eof) and repl-diskless-sync is on, it's sent
 * while it's made; a replica that comes later waits for the next. Else it's written to the file
 * that BGSAVE writes, and sent when it's complete: who comes meanwhile joins, as the stream since
 * the cut is kept; also a BGSAVE that wasn't begun for replicas is good for that, as long as the
 * backlog reaches back to its cut.
 *
 * What is sent while it's made goes through a chain (backlog.h) of its own, and the snapshot rests
 * while the slowest of its receivers has some megabytes still to get. */
#ifndef DREY_REPL_FULL_SYNC_H
#define DREY_REPL_FULL_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "repl/backlog.h"

struct persist;
struct replica;
struct repl;

enum { FULL_SYNC_MARK = 40 };

struct full_sync {
    bool has_cut;                  /* a snapshot is under way, of this history */
    int64_t cut;                   /* its offset */
    struct backlog_cursor at_cut;  /* the same place; none if only the backlog's size keeps it */
    struct backlog chain;          /* of one that's sent while it's made */
    bool chain_ended;              /* all of it is there */
    char mark[FULL_SYNC_MARK + 1]; /* behind its end */
};

void full_sync_init(struct repl *r);
void full_sync_release(struct repl *r);

/* A replica wants a snapshot: it joins the one that's under way, if that's one to join. */
void full_sync_join(struct repl *r, struct replica *p);
/* One that took part is gone. */
void full_sync_left(struct repl *r, struct replica *p);

/* The snapshot under way isn't of this history any more. */
void full_sync_forget_cut(struct repl *r);

void full_sync_cron(struct repl *r);
void full_sync_turn_end(struct repl *r);

#endif
