/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of sorted sets as replies. */
#ifndef DREY_CMD_ZSET_REPLY_H
#define DREY_CMD_ZSET_REPLY_H

#include "resp/reply.h"
#include "type/t_zset.h"

/* The head of a list of members: in RESP2 scores stand between them, in RESP3 each is a pair. */
static inline void zset_reply_head(struct reply *r, size_t count, bool with_scores) {
    reply_array(r, with_scores && r->resp == 2 ? 2 * count : count);
}

static inline void zset_reply_item(struct reply *r, const struct zset_item *item,
                                   bool with_scores) {
    if (with_scores && r->resp > 2) reply_array(r, 2);
    reply_bulk(r, item->member);
    if (with_scores) reply_double(r, item->score);
}

/* The same for members of ranks [from, to), the highest first if reverse. */
static inline void zset_reply_range(struct reply *r, const struct entry *e, size_t from, size_t to,
                                    bool reverse, bool with_scores) {
    struct zset_iter it;
    struct zset_item item;
    zset_reply_head(r, to - from, with_scores);
    if (from == to) return;
    zset_iter_init(&it, e, reverse ? to - 1 : from, reverse);
    for (size_t left = to - from; left && zset_iter_next(&it, &item); left--)
        zset_reply_item(r, &item, with_scores);
}

#endif
