/* SPDX-License-Identifier: BSD-3-Clause */
/* Closing clients that are idle too long, send too much of a request, or leave too many replies
 * unread: timeout, client-query-buffer-limit, client-output-buffer-limit.
 *
 * Deadlines (idle, above the soft limit, input memory to trim) are the client's own timer, which
 * runs only while there's one; requests don't touch it: when it's due it's looked at what has
 * happened since. */
#ifndef DREY_SERVER_CLIENT_LIMITS_H
#define DREY_SERVER_CLIENT_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "server/client.h"

struct client_limits {
    uint64_t output_watch;  /* no client's output needs a look while it takes no more than this */
    uint64_t replica_least; /* a replica's hard limit is no lower than this */
};

void client_limits_init(struct server *s);

/* A new client. */
void client_limits_start(struct client *c);

/* One of the client's deadlines has come into being, moved or gone. */
void client_limits_schedule(struct client *c);

/* Bytes of memory of unread replies that count for the limits. As in Redis the first 16 KB, what
 * any small reply takes until it's sent, don't. */
uint64_t client_output_counted(const struct client *c);

/* Closes the client if its replies are above the hard limit, or above the soft one for too long. */
void client_limits_check_output(struct client *c);

/* Closes the client if what it has sent of a request is above the limit. */
void client_limits_check_input(struct client *c);

#endif
