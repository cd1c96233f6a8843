/* SPDX-License-Identifier: BSD-3-Clause */
/* The two ends of a range of a sorted set, as arguments, and the ranks between them. */
#ifndef DREY_CMD_ZSET_BOUNDS_H
#define DREY_CMD_ZSET_BOUNDS_H

#include "exec/call.h"
#include "type/t_zset.h"

enum zset_by {
    ZSET_BY_RANK,  /* 0, 1 ... or from the end -1, -2 ...; both ends included */
    ZSET_BY_SCORE, /* 1.5, (1.5 to exclude it, -inf, +inf */
    ZSET_BY_LEX,   /* [member, (member to exclude it, - and + for the ends */
};

struct zset_end {
    int64_t rank;
    double score;
    struct slice member;
    bool lowest, highest; /* - and + */
    bool excluded;
};

struct zset_bounds {
    enum zset_by by;
    struct zset_end min, max;
};

/* Reads arguments as the ends; members are borrowed. */
bool zset_bounds_or_reply(struct call *c, enum zset_by by, int min_arg, int max_arg,
                          struct zset_bounds *b);

/* Ranks from `from` to before `to`, counted from the lowest. */
struct zset_span {
    size_t from, to;
};

/* What of the sorted set is in the range. Of `reversed` ones the ranks count from the highest. */
struct zset_span zset_bounds_span(const struct zset_bounds *b, const struct entry *e,
                                  bool reversed);

#endif
