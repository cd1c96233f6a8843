/* SPDX-License-Identifier: BSD-3-Clause */
/* Ids of stream entries: milliseconds of Unix time and a sequence number, 128 bits in one order.
 * Written as "ms-seq". */
#ifndef DREY_DS_STREAM_ID_H
#define DREY_DS_STREAM_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct stream_id {
    uint64_t ms, seq;
};

#define STREAM_ID_MIN ((struct stream_id){0, 0})
#define STREAM_ID_MAX ((struct stream_id){UINT64_MAX, UINT64_MAX})

static inline int stream_id_cmp(struct stream_id a, struct stream_id b) {
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}

static inline bool stream_id_eq(struct stream_id a, struct stream_id b) {
    return a.ms == b.ms && a.seq == b.seq;
}

static inline bool stream_id_is_zero(struct stream_id id) {
    return (id.ms | id.seq) == 0;
}

/* The next one, or the one before; false for that of the last or the first: *id stays. */
bool stream_id_next(struct stream_id *id);
bool stream_id_prev(struct stream_id *id);

enum { STREAM_ID_TEXT_MAX = 41 };
/* Prints without a terminator; returns the length. */
size_t stream_id_print(char to[STREAM_ID_TEXT_MAX], struct stream_id id);

/* Reads "ms-seq", or "ms" alone, then id->seq stays and *has_seq is false. The numbers are read as
 * leniently as by Redis, as C's strtoull: 007 and +7 are 7. False: that's none. */
bool stream_id_parse(struct slice text, struct stream_id *id, bool *has_seq);
/* One of its two numbers; also what stands before the "-*" of an XADD. */
bool stream_id_parse_part(struct slice text, uint64_t *part);

#endif
