/* SPDX-License-Identifier: BSD-3-Clause */
/* Adding to sorted sets, as ZADD does and commands that come down to it. */
#ifndef DREY_CMD_ZSET_ADD_H
#define DREY_CMD_ZSET_ADD_H

#include "exec/call.h"

struct zset_addition {
    unsigned flags;     /* of enum zset_flag */
    bool counts_change; /* the reply counts updates, too */
    int first, group;   /* each `group` arguments from `first` on end with a member */
    size_t count;       /* members, at least one */
};

/* Adds to the key that argument 1 names and replies; scores[i] is the i-th member's and may be
 * changed. */
void zset_add_and_reply(struct call *c, const struct zset_addition *a, double *scores);

#endif
