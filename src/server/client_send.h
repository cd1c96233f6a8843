/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending replies: once a turn, at its end, one write per client for all that its requests of this
 * turn had to say. Short ones go first. Those who have more to be sent stand in a queue behind
 * them, of which a turn serves as many as half a millisecond allows, each with a share of what it
 * has to get: however many read large values, the next requests are soon looked at. */
#ifndef DREY_SERVER_CLIENT_SEND_H
#define DREY_SERVER_CLIENT_SEND_H

#include <stdbool.h>
#include <stddef.h>

struct client;
struct send_batch;
struct server;

enum { CLIENT_SEND_SHARE = 256 * 1024 }; /* bytes sent to one client in one turn, at most */

struct client_sends {
    struct client *first; /* they have something to send: by next_to_flush, the last one first */
    size_t count;
    struct client *long_first, *long_last; /* it's long: by next_to_flush, in order */
    struct send_batch *batch;              /* NULL until it pays, or if there's no such thing */
    bool batch_tried;
};

/* There's something to send: it will be at the end of the turn, or of one of the next. */
void client_wants_flush(struct client *c);

/* Does it stand in the queue with all that one turn would send it? Until some of that is gone it
 * runs nothing that makes more. */
bool client_sends_behind(const struct client *c);

/* Sends what this turn has time for; the loop doesn't sleep before the rest. */
void clients_send(struct server *s);

void client_sends_release(struct client_sends *sends);

#endif
