/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams: entries in order of their ids (stream_log.h), and consumer groups (stream_group.h). They
 * may stay when they're empty. */
#ifndef DREY_TYPE_T_STREAM_H
#define DREY_TYPE_T_STREAM_H

#include "type/stream_log.h"
#include "type/type.h"

extern const struct type type_stream;

static inline struct stream *stream_of(const struct entry *e) {
    return entry_ptr(e);
}

#endif
