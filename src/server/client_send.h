/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending: once a turn, at its end, one write per client for all that its requests of this turn had
 * to say, and what others' had to say to it. Replies go first, messages next (and a reply behind
 * them, of who was told something before it), and those who are to get much come last, each with a
 * share of it; of messages and of the last a turn serves as many as half a millisecond allows, in
 * order. However many get a message or read large values, the next requests are soon looked at.
 *
 * Nothing may pile up in the queues that wouldn't if all were sent at once. So who stands there
 * with much runs no more requests; whoever pushes to those who have stood there since an earlier
 * turn has to queue up behind them, at once if many are to get much; and where more than a turn's
 * share has piled up all the same, for a few or by one request, it's sent meanwhile. */
#ifndef DREY_SERVER_CLIENT_SEND_H
#define DREY_SERVER_CLIENT_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct send_batch;
struct server;

enum { CLIENT_SEND_SHARE = 256 * 1024 }; /* bytes sent to one client in one turn, at most */

/* By next_to_flush, in order. */
struct send_queue {
    struct client *first, *last; /* NULL and anything: empty */
    size_t count;
};

enum client_send_queue { SEND_REPLIES, SEND_PUSHES, SEND_LONG, CLIENT_SEND_QUEUES };

struct client_sends {
    struct send_queue queues[CLIENT_SEND_QUEUES];
    uint8_t turn; /* its number, modulo 256 */
    bool batch_tried;
    struct send_batch *batch; /* NULL until it pays, or if there's no such thing */
};

/* There's something to send: it will be at the end of the turn, or of one of the next. */
void client_wants_flush(struct client *c);

/* The same of what is pushed to it, by the request that runs, if one does. */
void client_wants_push(struct client *c);

/* Is it to be sent something first, before it runs anything that makes more? */
bool client_sends_behind(const struct client *c);

/* Sends what this turn has time for; the loop doesn't sleep before the rest. */
void clients_send(struct server *s);

void client_sends_release(struct client_sends *sends);

#endif
