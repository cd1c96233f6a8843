/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields and values of hashes as replies. */
#ifndef DREY_CMD_HASH_REPLY_H
#define DREY_CMD_HASH_REPLY_H

#include "resp/reply.h"
#include "type/t_hash.h"

/* A name or a value; a long one by reference, so the hash may change at once. */
static inline void hash_reply_text(struct reply *r, const struct hash_text *t) {
    if (__builtin_expect(t->bytes != NULL, 0))
        reply_bulk_bytes(r, t->bytes);
    else if (t->text.ptr)
        reply_bulk(r, t->text);
    else
        reply_bulk_i64(r, t->number);
}

/* The value of a field, or null if there's none or no hash (`e` NULL). */
static inline void hash_reply_value(struct reply *r, const struct entry *e, struct slice field) {
    struct hash_item item;
    if (e && hash_get(e, field, &item))
        hash_reply_text(r, &item.value);
    else
        reply_null(r);
}

#endif
