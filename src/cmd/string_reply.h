/* SPDX-License-Identifier: BSD-3-Clause */
/* String values as replies. */
#ifndef DREY_CMD_STRING_REPLY_H
#define DREY_CMD_STRING_REPLY_H

#include "resp/reply.h"
#include "type/t_string.h"

/* The value of a string; a long one by reference, so the key may change at once. */
static inline void string_reply(struct reply *r, const struct entry *e) {
    if (__builtin_expect(e->encoding == STRING_EMBEDDED, 1)) {
        reply_bulk(r, slice_of(entry_embedded(e), e->embedded_len));
    } else if (e->encoding == STRING_BYTES) {
        reply_bulk_bytes(r, entry_ptr(e));
    } else {
        reply_bulk_i64(r, entry_int(e));
    }
}

/* The same, or null when there's no entry. */
static inline void string_reply_or_null(struct reply *r, const struct entry *e) {
    if (e)
        string_reply(r, e);
    else
        reply_null(r);
}

#endif
