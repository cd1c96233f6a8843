/* SPDX-License-Identifier: BSD-3-Clause */
/* What the server does beside what clients ask for at the moment: deleting what has expired,
 * commands that take long (exec/sliced.h), snapshots, active defragmentation. A turn of the loop
 * has one slice of it at most, so that nobody waits for more than that. While clients are busy, a
 * rest follows in which they're alone.
 */
#ifndef DREY_SERVER_CHORES_H
#define DREY_SERVER_CHORES_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"

struct server;

struct chores {
    struct loop_timer timer;
    uint64_t timed_ms;      /* the expiry for which it's early enough: Unix time; 0: none */
    uint64_t rest_until_us; /* monotonic */
    unsigned next;          /* whose turn it is, of those that have something to do */
};

void chores_init(struct server *s);

/* Ten times a second: looks anew at when keys expire, as the wall clock may have been set. */
void chores_cron(struct server *s);

/* The last thing in a turn of the loop, when replies have been sent: does a slice if something is
 * due, or sees to being called when it is. */
void chores_turn_end(struct server *s);

#endif
