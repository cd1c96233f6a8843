/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients that come by TLS: their handshakes, which cost the server's time before anybody has shown
 * any right to it. All that are made in one turn of the loop have a common budget; whoever comes
 * after that is spent waits in line, unwatched, so that those who are served already don't notice.
 * Who hasn't finished in time is closed. */
#ifndef DREY_SERVER_CLIENT_TLS_H
#define DREY_SERVER_CLIENT_TLS_H

#include "io/conn.h"
#include "server/client.h"

struct client_handshakes {
    struct client_queue waiting;
    struct loop_timer timer;
    uint64_t turn_us, spent_ns; /* in that turn */
};

void client_tls_init(struct server *s);

/* A client that has just connected by TLS: nothing is served before the handshake is over. */
void client_tls_begin(struct client *c);

/* The socket of a client with TLS is `ready`: what is left for the client of that. */
unsigned client_tls_ready(struct client *c, unsigned ready);

/* What is to be watched for a client that for itself wants `interest`. */
unsigned client_tls_interest(const struct client *c, unsigned interest);

/* When the handshake has to be over; UINT64_MAX: it is. */
uint64_t client_tls_deadline_us(const struct client *c);

/* It's on its way out. */
void client_tls_stop(struct client *c);

#endif
