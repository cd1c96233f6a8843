/* SPDX-License-Identifier: BSD-3-Clause */
/* How streams' entries are replied. */
#ifndef DREY_CMD_STREAM_REPLY_H
#define DREY_CMD_STREAM_REPLY_H

#include "resp/reply.h"
#include "type/stream_log.h"

void stream_reply_id(struct reply *r, struct stream_id id);

/* [id, [name, value ...]]; `node` is the block that it's read from. */
void stream_reply_entry(struct reply *r, const uint8_t *node, const struct stream_entry *e);

/* The same of the entry with this id. False, and no reply: there's none. */
bool stream_reply_entry_of(struct reply *r, const struct stream *s, struct stream_id id);

/* An array of up to `count` entries (0: all) from one id to another. */
void stream_reply_range(struct reply *r, const struct stream *s, const struct stream_id range[2],
                        bool backwards, uint64_t count);

#endif
