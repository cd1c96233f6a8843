/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages that many subscribers get: each is written once for each protocol, and their replies
 * refer to it (reply_shared).
 *
 * The messages of one topic follow each other in a block. So a subscriber who has some of them
 * waiting holds all with one reference, and in no block are bytes that its subscribers wouldn't get
 * as well: a slow one keeps no more memory from being freed than is waiting for it. (With one block
 * for all topics a subscriber of a quiet one would hold megabytes for a few bytes.)
 *
 * Blocks of the last few topics are kept to go on with. Once all subscribers have what is in a
 * block it starts again from its beginning, so that publishing usually allocates nothing. */
#ifndef DREY_PUBSUB_FANOUT_H
#define DREY_PUBSUB_FANOUT_H

#include "base/bytes.h"
#include "pubsub/message.h"

enum { FANOUT_BLOCKS = 8 };

struct fanout_block {
    const void *topic; /* NULL: unused */
    int resp;
    struct bytes *bytes;
};

/* All zero: nothing kept. */
struct fanout {
    struct fanout_block blocks[FANOUT_BLOCKS];
    unsigned next; /* the one to be given up next */
};

/* A message written: `len` bytes of `block` at `from`. The caller has a reference. */
struct fanout_place {
    struct bytes *block;
    size_t from, len;
};

struct fanout_place fanout_write(struct fanout *f, const void *topic, int resp,
                                 const struct message *m);

/* The topic is going. */
void fanout_forget(struct fanout *f, const void *topic);
void fanout_release(struct fanout *f);

#endif
