/* SPDX-License-Identifier: BSD-3-Clause */
/* While a script runs too long, or the data set is loaded, others are told so: between two of its
 * steps the sockets are polled once, and what has come is read, run (but for a few commands that
 * means: refused with BUSY or LOADING, see GATE_BUSY and GATE_LOADING) and answered, with buffers
 * of its own. Nothing else happens: no timers, no expiry, no serving of those who wait. The client
 * whose script it is isn't read until that's over. */
#ifndef DREY_SERVER_BUSY_H
#define DREY_SERVER_BUSY_H

#include "server/server.h"

/* The engine's `yield`. False: the server is to stop. */
bool busy_yield(struct engine *e);

/* Is it within that that something is read now? */
static inline bool busy_serving(const struct server *s) {
    return s->reading_when_busy && s->reading == s->reading_when_busy;
}

void busy_release(struct server *s);

#endif
