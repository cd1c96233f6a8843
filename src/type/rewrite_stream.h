/* SPDX-License-Identifier: BSD-3-Clause */
/* A stream as commands (rewrite.h): its entries, its figures, its groups, their consumers, and what
 * is pending. As with Redis's, times of consumers aren't kept, nor pending entries that were
 * deleted from the stream: there's no command for them. */
#ifndef DREY_TYPE_REWRITE_STREAM_H
#define DREY_TYPE_REWRITE_STREAM_H

#include "type/rdb.h"

bool rewrite_stream(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit);

#endif
