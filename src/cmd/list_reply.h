/* SPDX-License-Identifier: BSD-3-Clause */
/* Elements of lists as replies, and what the list commands share. */
#ifndef DREY_CMD_LIST_REPLY_H
#define DREY_CMD_LIST_REPLY_H

#include "exec/call.h"
#include "type/t_list.h"

/* Finds a key that must be a list if it exists. */
static inline bool find_list_or_reply(struct call *c, struct key k, enum db_access access,
                                      struct entry **e) {
    return call_find_typed_or_reply(c, k, access, TYPE_LIST, e);
}

/* An argument to be stored; a long one that was received in memory of its own isn't copied. */
static inline struct deque_item list_item_of_arg(const struct call *c, int arg) {
    return list_item(c->argv[arg], call_arg_bytes(c, arg));
}

/* A long element by reference, so the list may change at once. */
static inline void list_reply_value(struct reply *r, const struct deque_value *v) {
    if (__builtin_expect(v->bytes != NULL, 0))
        reply_bulk_bytes(r, v->bytes);
    else if (v->value.text)
        reply_bulk_short(r, slice_of(v->value.text, v->value.len));
    else
        reply_bulk_i64(r, v->value.number);
}

/* Replies `count` elements one after the other, from `index` on. */
void list_reply_range(struct reply *r, const struct entry *e, size_t index, size_t count,
                      bool backward);

/* Takes up to `max` elements off one end of a list, replying them one after the other, how many
 * there are to be having been replied. Deletes the key if that was all. */
void list_pop_and_reply(struct call *c, struct key k, struct entry *e, size_t count, bool front);

#endif
