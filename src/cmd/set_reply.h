/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of sets as replies. */
#ifndef DREY_CMD_SET_REPLY_H
#define DREY_CMD_SET_REPLY_H

#include "resp/reply.h"
#include "type/t_set.h"

static inline void set_reply_member(struct reply *r, const struct set_member *m) {
    if (m->is_number)
        reply_bulk_i64(r, m->number);
    else
        reply_bulk(r, m->text);
}

#endif
