/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes out (exec/propagate.h) in place of commands that give a group's entries to consumers,
 * and so depend on the time and on what others have got: what became of each entry. */
#ifndef DREY_CMD_STREAM_PROPAGATE_H
#define DREY_CMD_STREAM_PROPAGATE_H

#include "exec/call.h"
#include "type/stream_group.h"

/* XCLAIM: the entry is pending as `p` says; the text is its id. An entry that isn't in the stream
 * any more isn't pending afterwards. */
void stream_propagate_pending(const struct call *c, struct slice key, const struct stream_group *g,
                              struct slice id, const struct stream_pending *p);
/* XGROUP SETID: how far the group has read. */
void stream_propagate_group(const struct call *c, struct slice key, const struct stream_group *g);
/* XGROUP CREATECONSUMER. */
void stream_propagate_consumer(const struct call *c, struct slice key, const struct stream_group *g,
                               const struct stream_consumer *consumer);

#endif
