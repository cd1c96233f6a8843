/* SPDX-License-Identifier: BSD-3-Clause */
/* The connection to the server that this one follows, as a client of this one: what it sends is
 * parsed and run as anybody's requests are, but is obeyed (session.h), gets no replies, and its
 * text is shown as it was to whoever passes it on. The layer above makes the connection. */
#ifndef DREY_SERVER_CLIENT_PRIMARY_H
#define DREY_SERVER_CLIENT_PRIMARY_H

#include "base/slice.h"

struct client;
struct server;
struct tls;

struct client_primary {
    struct client *client; /* NULL: there's none */
    /* Filled in once, by the layer above. */
    /* The text of requests that ran, in order, all of it at some time: of the first `over` bytes
     * nothing is to come any more; the rest belongs to an open transaction. */
    void (*ran)(struct client *c, struct slice text, size_t over);
    /* It's about to be freed. */
    void (*closes)(struct client *c);
    /* One of its requests was answered with an error. */
    void (*failed)(struct client *c, struct slice error);
};

/* Takes over the descriptor, and the TLS on it or NULL; NULL (and both closed) if the kernel can't
 * watch any more. There must be none. */
struct client *client_primary_new(struct server *s, int fd, struct tls *tls);

/* For client.c: it's about to be freed. */
void client_primary_closes(struct client *c);

#endif
