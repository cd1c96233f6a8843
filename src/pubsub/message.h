/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of channels as they go over the wire: a push (on RESP2 an array) of strings, the first
 * of which says what it is.
 *
 *     message   channel payload             to who is subscribed to the channel
 *     pmessage  pattern channel payload     to who is subscribed to a pattern that it matches
 *     smessage  channel payload             the first for shard channels */
#ifndef DREY_PUBSUB_MESSAGE_H
#define DREY_PUBSUB_MESSAGE_H

#include "base/slice.h"

enum { MESSAGE_PARTS = 4 };

struct message {
    struct slice parts[MESSAGE_PARTS];
    unsigned count;
};

/* Bytes that it takes, on either protocol. */
size_t message_len(const struct message *m);

/* Writes them. */
void message_write(const struct message *m, int resp, char *to);

#endif
