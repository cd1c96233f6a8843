/* SPDX-License-Identifier: BSD-3-Clause */
/* While a script runs too long, or the data set is loaded, others are told so: between two of its
 * steps what has been read already and waits is run, the sockets are polled once, and what has come
 * is read, run (but for a few commands that means: refused with BUSY or LOADING, see GATE_BUSY and
 * GATE_LOADING) and answered, with buffers of its own. Nothing else happens: no timers, no expiry,
 * no serving of those who are blocked. The client whose script it is isn't read until that's over.
 *
 * A script may become such a one itself while the data set is loaded beside the old one. */
#ifndef DREY_SERVER_BUSY_H
#define DREY_SERVER_BUSY_H

#include "server/server.h"

/* What a batch of requests changes of the one that is interrupted. */
struct interruption {
    struct interruption *outer;
    struct server_reading *reading;
    struct client *running; /* NULL: nobody's request */
    const struct request *request;
    unsigned gates;
    uint64_t now_us, now_ms, ticks_at;
};

/* The engine's `yield`. False: the server is to stop. */
bool busy_yield(struct engine *e);

/* Is it within that that something is read now? */
static inline bool busy_serving(const struct server *s) {
    return s->interruption != NULL;
}

/* The client whose script runs while others are answered; NULL: there's none. */
static inline struct client *busy_with(const struct server *s) {
    return s->interruption ? s->interruption->running : NULL;
}

/* Is the client's request one of those that are interrupted? */
bool busy_interrupted(const struct server *s, const struct client *c);

void busy_release(struct server *s);

#endif
