/* SPDX-License-Identifier: BSD-3-Clause */
/* Sorted sets: ranges by rank, score and member, replied, stored, counted or removed. Each kind of
 * range comes down to a run of ranks, so there's one way to reply it, and LIMIT is a sum. */
#include "cmd/families.h"
#include "cmd/zset_bounds.h"
#include "cmd/zset_reply.h"
#include "exec/call.h"

/* What a command of the ZRANGE family asks for, from argument `key` on: key, ends, options. */
struct range {
    int key;
    bool may_turn; /* REV is an option; so are BYSCORE and BYLEX if may_sort; each once */
    bool may_sort;
    bool stores; /* no WITHSCORES */
    enum zset_by by;
    bool reverse, with_scores;
    int64_t offset, limit; /* limit < 0: none */
    struct zset_bounds bounds;
};

/* Reads the option at argument i; returns how many arguments it takes, 0 if it's none, -1 if an
 * error was replied. */
static int range_option(struct call *c, struct range *r, int i) {
    if (!r->stores && arg_is(c, i, "WITHSCORES")) {
        r->with_scores = true;
    } else if (arg_is(c, i, "LIMIT") && i + 2 < c->argc) {
        bool read = arg_i64_or_reply(c, i + 1, &r->offset) && arg_i64_or_reply(c, i + 2, &r->limit);
        return read ? 3 : -1;
    } else if (r->may_turn && arg_is(c, i, "REV")) {
        r->reverse = true;
        r->may_turn = false;
    } else if (r->may_sort && (arg_is(c, i, "BYSCORE") || arg_is(c, i, "BYLEX"))) {
        r->by = arg_is(c, i, "BYSCORE") ? ZSET_BY_SCORE : ZSET_BY_LEX;
        r->may_sort = false;
    } else {
        return 0;
    }
    return 1;
}

static bool range_or_reply(struct call *c, struct range *r) {
    r->limit = -1;
    for (int i = r->key + 3, taken; i < c->argc; i += taken) {
        taken = range_option(c, r, i);
        if (taken == 0) reply_error(c->reply, ERR_SYNTAX);
        if (taken <= 0) return false;
    }
    if (r->limit != -1 && r->by == ZSET_BY_RANK) {
        reply_error(c->reply, "ERR syntax error, LIMIT is only supported in combination with "
                              "either BYSCORE or BYLEX");
        return false;
    }
    if (r->with_scores && r->by == ZSET_BY_LEX) {
        reply_error(c->reply, "ERR syntax error, WITHSCORES not supported in combination with "
                              "BYLEX");
        return false;
    }
    bool swapped = r->reverse && r->by != ZSET_BY_RANK;
    return zset_bounds_or_reply(c, r->by, r->key + 1 + swapped, r->key + 2 - swapped, &r->bounds);
}

/* LIMIT counts from the end where the reply begins; one with a negative offset gives nothing. */
static struct zset_span range_span(const struct range *r, const struct entry *e) {
    struct zset_span s = zset_bounds_span(&r->bounds, e, r->reverse);
    if (r->by == ZSET_BY_RANK) return s;
    size_t count = s.to - s.from, skip = (size_t)r->offset, left = 0;
    if (r->offset >= 0 && skip < count) left = count - skip;
    if (r->limit >= 0 && left > (size_t)r->limit) left = (size_t)r->limit;
    if (left == 0) return (struct zset_span){0, 0};
    if (r->reverse) return (struct zset_span){s.to - skip - left, s.to - skip};
    return (struct zset_span){s.from + skip, s.from + skip + left};
}

static void range(struct call *c, struct range r) {
    struct entry *e;
    r.key = 1;
    if (!range_or_reply(c, &r)) return;
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_ZSET, &e)) return;
    struct zset_span s = {0, 0};
    if (e) s = range_span(&r, e);
    zset_reply_range(c->reply, e, s.from, s.to, r.reverse, r.with_scores);
}

static void cmd_zrange(struct call *c) {
    range(c, (struct range){.may_turn = true, .may_sort = true});
}

static void cmd_zrevrange(struct call *c) {
    range(c, (struct range){.reverse = true});
}

static void cmd_zrangebyscore(struct call *c) {
    range(c, (struct range){.by = ZSET_BY_SCORE});
}

static void cmd_zrevrangebyscore(struct call *c) {
    range(c, (struct range){.by = ZSET_BY_SCORE, .reverse = true});
}

static void cmd_zrangebylex(struct call *c) {
    range(c, (struct range){.by = ZSET_BY_LEX});
}

static void cmd_zrevrangebylex(struct call *c) {
    range(c, (struct range){.by = ZSET_BY_LEX, .reverse = true});
}

/* In the order of the range, and packed at first if it's of scores, as Redis does: both decide
 * where a -0 becomes 0, as packed ones have no other. */
static void store_span(const struct call *c, struct entry *to, const struct entry *from,
                       struct zset_span s, bool reverse) {
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, from, reverse ? s.to - 1 : s.from, reverse);
    for (size_t left = s.to - s.from; left && zset_iter_next(&it, &item); left--) {
        if (reverse)
            zset_add(to, item.member, 0, &item.score, call_type_settings(c));
        else
            zset_append(to, item.member, item.score, call_type_settings(c));
    }
}

static void cmd_zrangestore(struct call *c) {
    struct range r = {.key = 2, .may_turn = true, .may_sort = true, .stores = true};
    struct entry *from, *to;
    struct zset_span s = {0, 0};
    if (!range_or_reply(c, &r)) return;
    if (!call_find_typed_or_reply(c, call_key(c, 2), DB_READ, TYPE_ZSET, &from)) return;
    to = type_new(c->argv[1], TYPE_ZSET, call_type_settings(c));
    if (from) s = range_span(&r, from);
    if (r.by == ZSET_BY_RANK) zset_expect(to, s.to - s.from, 0, call_type_settings(c));
    if (s.to > s.from) store_span(c, to, from, s, r.reverse);
    call_store(c, call_key(c, 1), to, EVENT_ZRANGESTORE, 1);
    reply_i64(c->reply, (int64_t)(s.to - s.from));
}

/* Counting and removing. */

static void count(struct call *c, enum zset_by by) {
    struct zset_bounds b;
    struct zset_span s = {0, 0};
    struct entry *e;
    if (!zset_bounds_or_reply(c, by, 2, 3, &b)) return;
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_ZSET, &e)) return;
    if (e) s = zset_bounds_span(&b, e, false);
    reply_i64(c->reply, (int64_t)(s.to - s.from));
}

static void cmd_zcount(struct call *c) {
    count(c, ZSET_BY_SCORE);
}

static void cmd_zlexcount(struct call *c) {
    count(c, ZSET_BY_LEX);
}

static void remove_range(struct call *c, enum zset_by by, enum db_event event) {
    struct key k = call_key(c, 1);
    struct zset_bounds b;
    struct zset_span s = {0, 0};
    struct entry *e;
    if (!zset_bounds_or_reply(c, by, 2, 3, &b)) return;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_ZSET, &e)) return;
    if (e) s = zset_bounds_span(&b, e, false);
    if (s.to > s.from) {
        e = db_edit(c->db, k, e, TYPE_ZSET);
        zset_remove_range(e, s.from, s.to - s.from);
        db_edited(c->db, k, e, event, s.to - s.from);
    }
    reply_i64(c->reply, (int64_t)(s.to - s.from));
}

static void cmd_zremrangebyrank(struct call *c) {
    remove_range(c, ZSET_BY_RANK, EVENT_ZREMRANGEBYRANK);
}

static void cmd_zremrangebyscore(struct call *c) {
    remove_range(c, ZSET_BY_SCORE, EVENT_ZREMRANGEBYSCORE);
}

static void cmd_zremrangebylex(struct call *c) {
    remove_range(c, ZSET_BY_LEX, EVENT_ZREMRANGEBYLEX);
}

#define READING                                                                                    \
    .arity = -4, .flags = CMD_READONLY, .categories = ACL_SORTEDSET,                               \
    .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .group = "sorted-set", .complexity = LOG_N_M
#define COUNTING                                                                                   \
    .arity = 4, .flags = CMD_READONLY | CMD_FAST, .categories = ACL_SORTEDSET,                     \
    .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .group = "sorted-set",                               \
    .complexity = "O(log(N)) in the members."
#define REMOVING                                                                                   \
    .arity = 4, .flags = CMD_WRITE, .categories = ACL_SORTEDSET,                                   \
    .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)}, .group = "sorted-set",                               \
    .complexity = "O(log(N)+M), N being the members and M those removed."
#define LOG_N_M       "O(log(N)+M), N being the members and M those returned."
#define LIMIT         "[LIMIT offset count]"
#define SINCE_6_2(by) .deprecated_since = "6.2.0", .replaced_by = "`ZRANGE` with " by

const struct command zset_range_commands[] = {
    {
        .name = "zrange",
        .run = cmd_zrange,
        .summary = "Returns the members of a range of ranks, scores or names.",
        .since = "1.2.0",
        .syntax = "key start stop [sortby:(BYSCORE | BYLEX)] [REV] " LIMIT " [WITHSCORES]",
        .history = "6.2.0 Takes REV, BYSCORE, BYLEX and LIMIT.",
        READING,
    },
    {
        .name = "zrevrange",
        .run = cmd_zrevrange,
        .summary = "Returns the members of a range of ranks, the highest score first.",
        .since = "1.2.0",
        .syntax = "key start:integer stop:integer [WITHSCORES]",
        SINCE_6_2("the `REV` argument"),
        READING,
    },
    {
        .name = "zrangebyscore",
        .run = cmd_zrangebyscore,
        .summary = "Returns the members of a range of scores.",
        .since = "1.0.5",
        .syntax = "key min:double max:double [WITHSCORES] " LIMIT,
        .history = "2.0.0 Takes WITHSCORES.",
        SINCE_6_2("the `BYSCORE` argument"),
        READING,
    },
    {
        .name = "zrevrangebyscore",
        .run = cmd_zrevrangebyscore,
        .summary = "Returns the members of a range of scores, the highest score first.",
        .since = "2.2.0",
        .syntax = "key max:double min:double [WITHSCORES] " LIMIT,
        .history = "2.1.6 Bounds can be exclusive.",
        SINCE_6_2("the `REV` and `BYSCORE` arguments"),
        READING,
    },
    {
        .name = "zrangebylex",
        .run = cmd_zrangebylex,
        .summary = "Returns a range of members by name, where all scores are equal.",
        .since = "2.8.9",
        .syntax = "key min max " LIMIT,
        SINCE_6_2("the `BYLEX` argument"),
        READING,
    },
    {
        .name = "zrevrangebylex",
        .run = cmd_zrevrangebylex,
        .summary = "Returns a range of members by name, last first, where all scores are equal.",
        .since = "2.8.9",
        .syntax = "key max min " LIMIT,
        SINCE_6_2("the `REV` and `BYLEX` arguments"),
        READING,
    },
    {
        .name = "zrangestore",
        .run = cmd_zrangestore,
        .arity = -5,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_SORTEDSET,
        .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEY_AT(2, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .summary = "Stores the members of a range of ranks, scores or names as a sorted set.",
        .since = "6.2.0",
        .complexity = LOG_N_M,
        .syntax = "dst:key src:key min max [sortby:(BYSCORE | BYLEX)] [REV] " LIMIT,
    },
    {
        .name = "zcount",
        .run = cmd_zcount,
        .summary = "Counts the members of a range of scores.",
        .since = "2.0.0",
        .syntax = "key min:double max:double",
        COUNTING,
    },
    {
        .name = "zlexcount",
        .run = cmd_zlexcount,
        .summary = "Counts a range of members by name, where all scores are equal.",
        .since = "2.8.9",
        .syntax = "key min max",
        COUNTING,
    },
    {
        .name = "zremrangebyrank",
        .run = cmd_zremrangebyrank,
        .summary = "Removes the members of a range of ranks.",
        .since = "2.0.0",
        .syntax = "key start:integer stop:integer",
        REMOVING,
    },
    {
        .name = "zremrangebyscore",
        .run = cmd_zremrangebyscore,
        .summary = "Removes the members of a range of scores.",
        .since = "1.2.0",
        .syntax = "key min:double max:double",
        REMOVING,
    },
    {
        .name = "zremrangebylex",
        .run = cmd_zremrangebylex,
        .summary = "Removes a range of members by name, where all scores are equal.",
        .since = "2.8.9",
        .syntax = "key min max",
        REMOVING,
    },
    {.name = NULL},
};
