/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients whose command waits (exec/blocking.h). Such a client keeps its input and isn't read from,
 * so that requests behind the one that waits run in order, later; that it's gone is noticed all the
 * same. Its timeout is one of its deadlines, see client_limits.c. */
#ifndef DREY_SERVER_CLIENT_BLOCKED_H
#define DREY_SERVER_CLIENT_BLOCKED_H

#include "server/client.h"

void client_blocked_init(struct server *s);

static inline bool client_is_blocked(const struct client *c) {
    return c->session.blocked != NULL;
}

/* Nothing keeps its next request from running. */
static inline bool client_may_run(const struct client *c) {
    return !c->closing && !c->close_after_reply && !c->paused && !client_is_blocked(c);
}

/* When its time is up, on the monotonic clock; UINT64_MAX: never, or it isn't blocked. */
uint64_t client_blocked_until_us(const struct client *c);

#endif
