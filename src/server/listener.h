/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets and what is accepted from them. */
#ifndef DREY_SERVER_LISTENER_H
#define DREY_SERVER_LISTENER_H

#include "base/buf.h"
#include "io/loop.h"

struct server;

enum { LISTENERS_MAX = 17 }; /* 16 addresses and a unix socket, as Redis */

struct listener {
    struct loop_watch watch;
    struct server *server;
    bool unix_socket;
};

struct listeners {
    struct listener of[LISTENERS_MAX];
    size_t count;
    struct loop_timer retry; /* accepting goes on then, after descriptors ran out */
    int spare_fd;            /* given up for a moment to refuse a client when there are no others */
};

/* Opens all sockets that the configuration names. False with the reason in `why`. */
bool listeners_open(struct server *s, struct buf *why);
/* Opens TCP sockets anew for other addresses or another port; the old ones are closed only if that
 * works. */
bool listeners_reopen_tcp(struct server *s, struct buf *why);
void listeners_close(struct server *s); /* once more does nothing */

#endif
