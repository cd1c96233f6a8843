/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets and what is accepted from them: in the clear, by TLS, by a Unix socket. */
#ifndef DREY_SERVER_LISTENER_H
#define DREY_SERVER_LISTENER_H

#include "base/buf.h"
#include "io/loop.h"

struct client;
struct server;

enum listener_kind { LISTENER_TCP, LISTENER_TLS, LISTENER_UNIX };

enum {
    LISTENERS_PER_PORT = 16, /* addresses, as Redis */
    LISTENERS_MAX = 2 * LISTENERS_PER_PORT + 1,
};

struct listener {
    struct loop_watch watch;
    struct server *server;
    enum listener_kind kind;
};

struct listeners {
    struct listener of[LISTENERS_MAX];
    size_t count;
    struct loop_timer retry; /* accepting goes on then, after descriptors ran out */
    int spare_fd;            /* given up for a moment to refuse a client when there are no others */
};

/* Opens all sockets that the configuration names. False with the reason in `why`. */
bool listeners_open(struct server *s, struct buf *why);
/* Opens those of that kind anew, for other addresses or another port; the old ones are closed
 * first.
 */
bool listeners_reopen(struct server *s, enum listener_kind kind, struct buf *why);
void listeners_close(struct server *s); /* once more does nothing */

/* A client's handshake is over: tells it to go if it may not be here. */
void listener_welcome(struct client *c);

#endif
