/* SPDX-License-Identifier: BSD-3-Clause */
/* Sorted sets: commands on members that are named. */
#include <stdio.h>

#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/scan_walk.h"
#include "cmd/zset_add.h"
#include "cmd/zset_reply.h"
#include "ds/scored.h"
#include "exec/call.h"

enum { SCORES_AT_HAND = 32 }; /* more scores take an allocation */

static bool find_zset_or_reply(struct call *c, enum db_access access, struct entry **e) {
    return call_find_typed_or_reply(c, call_key(c, 1), access, TYPE_ZSET, e);
}

/* Adding. */

static bool addition_option(struct zset_addition *a, const struct call *c, int i) {
    static const struct {
        const char *name;
        unsigned flag;
    } options[] = {{"NX", ZSET_NX}, {"XX", ZSET_XX},     {"GT", ZSET_GT},
                   {"LT", ZSET_LT}, {"INCR", ZSET_INCR}, {NULL, 0}};
    for (unsigned o = 0; options[o].name; o++) {
        if (!arg_is(c, i, options[o].name)) continue;
        a->flags |= options[o].flag;
        return true;
    }
    if (!arg_is(c, i, "CH")) return false;
    a->counts_change = true;
    return true;
}

static const char *addition_error(const struct zset_addition *a, int pairs_args) {
    if (pairs_args == 0 || pairs_args % 2) return ERR_SYNTAX;
    if ((a->flags & ZSET_NX) && (a->flags & ZSET_XX))
        return "ERR XX and NX options at the same time are not compatible";
    unsigned one_of = a->flags & (ZSET_GT | ZSET_LT | ZSET_NX);
    if (one_of & (one_of - 1))
        return "ERR GT, LT, and/or NX options at the same time are not compatible";
    if ((a->flags & ZSET_INCR) && pairs_args > 2)
        return "ERR INCR option supports a single increment-element pair";
    return NULL;
}

static bool addition_or_reply(struct call *c, struct zset_addition *a) {
    int i = 2;
    while (i < c->argc && addition_option(a, c, i)) i++;
    a->first = i;
    a->group = 2;
    a->count = (size_t)(c->argc - i) / 2;
    const char *error = addition_error(a, c->argc - i);
    if (error) reply_error(c->reply, error);
    return !error;
}

static bool scores_or_reply(struct call *c, const struct zset_addition *a, double *scores) {
    for (size_t i = 0; i < a->count; i++)
        if (!arg_double_or_reply(c, a->first + 2 * (int)i, &scores[i])) return false;
    return true;
}

/* How many members were added and updated. */
struct added {
    size_t added, updated;
    enum zset_change last;
};

static struct added add_all(struct call *c, struct entry *e, const struct zset_addition *a,
                            double *scores) {
    struct added done = {0};
    for (size_t i = 0; i < a->count; i++) {
        struct slice member = c->argv[a->first + a->group * (int)(i + 1) - 1];
        done.last = zset_add(e, member, a->flags, &scores[i], call_type_settings(c));
        done.added += done.last == ZSET_ADDED;
        done.updated += done.last == ZSET_UPDATED;
    }
    return done;
}

static void reply_added(struct call *c, const struct zset_addition *a, const struct added *done,
                        double score) {
    if (!(a->flags & ZSET_INCR))
        reply_i64(c->reply, (int64_t)(done->added + (a->counts_change ? done->updated : 0)));
    else if (done->last == ZSET_NAN)
        reply_error(c->reply, "ERR resulting score is not a number (NaN)");
    else if (done->last == ZSET_REFUSED)
        reply_null(c->reply);
    else
        reply_double(c->reply, score);
}

void zset_add_and_reply(struct call *c, const struct zset_addition *a, double *scores) {
    struct key k = call_key(c, 1);
    struct added done = {.last = ZSET_REFUSED};
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_ZSET, &e)) return;
    if (e || !(a->flags & ZSET_XX)) {
        size_t len = e ? 0 : c->argv[a->first + a->group - 1].len;
        e = db_edit(c->db, k, e, TYPE_ZSET);
        zset_expect(e, a->count, len, call_type_settings(c));
        done = add_all(c, e, a, scores);
        enum db_event event = a->flags & ZSET_INCR ? EVENT_ZINCR : EVENT_ZADD;
        db_edited(c->db, k, e, event, done.added + done.updated);
    }
    reply_added(c, a, &done, scores[0]);
}

static void add(struct call *c, const struct zset_addition *a) {
    double at_hand[SCORES_AT_HAND], *scores = at_hand;
    if (a->count > SCORES_AT_HAND) scores = mem_alloc(a->count * sizeof *scores);
    if (scores_or_reply(c, a, scores)) zset_add_and_reply(c, a, scores);
    if (scores != at_hand) mem_free(scores);
}

static void cmd_zadd(struct call *c) {
    struct zset_addition a = {0};
    if (addition_or_reply(c, &a)) add(c, &a);
}

/* As Redis does, options and all. */
static void cmd_zincrby(struct call *c) {
    struct zset_addition a = {.flags = ZSET_INCR};
    if (addition_or_reply(c, &a)) add(c, &a);
}

static void cmd_zrem(struct call *c) {
    struct key k = call_key(c, 1);
    size_t removed = 0;
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_ZSET, &e)) return;
    if (e) {
        e = db_edit(c->db, k, e, TYPE_ZSET);
        for (int i = 2; i < c->argc; i++) removed += zset_remove(e, c->argv[i]);
        db_edited(c->db, k, e, EVENT_ZREM, removed);
    }
    reply_i64(c->reply, (int64_t)removed);
}

/* Reading. */

static void cmd_zcard(struct call *c) {
    struct entry *e;
    if (!find_zset_or_reply(c, DB_READ, &e)) return;
    reply_i64(c->reply, e ? (int64_t)zset_count(e) : 0);
}

static void reply_score(struct call *c, const struct entry *e, struct slice member) {
    double score;
    if (e && zset_find(e, member, &score))
        reply_double(c->reply, score);
    else
        reply_null(c->reply);
}

static void cmd_zscore(struct call *c) {
    struct entry *e;
    if (find_zset_or_reply(c, DB_READ, &e)) reply_score(c, e, c->argv[2]);
}

static void cmd_zmscore(struct call *c) {
    struct entry *e;
    if (!find_zset_or_reply(c, DB_READ, &e)) return;
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) reply_score(c, e, c->argv[i]);
}

static void reply_rank(struct call *c, bool reverse) {
    struct entry *e;
    size_t rank;
    double score;
    bool with_score = c->argc > 3;
    if (c->argc > 4) {
        call_reply_wrong_args(c);
        return;
    }
    if (with_score && !arg_is(c, 3, "WITHSCORE")) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    if (!find_zset_or_reply(c, DB_READ, &e)) return;
    if (!e || !zset_rank(e, c->argv[2], &rank, &score)) {
        if (with_score)
            reply_null_array(c->reply);
        else
            reply_null(c->reply);
        return;
    }
    if (with_score) reply_array(c->reply, 2);
    reply_i64(c->reply, (int64_t)(reverse ? zset_count(e) - 1 - rank : rank));
    if (with_score) reply_double(c->reply, score);
}

static void cmd_zrank(struct call *c) {
    reply_rank(c, false);
}

static void cmd_zrevrank(struct call *c) {
    reply_rank(c, true);
}

/* What is packed comes in one step, whatever COUNT says. */
static void scan_packed(struct call *c, const struct scan_request *r, const struct entry *e) {
    struct zset_iter it;
    struct zset_item item;
    char digits[NUM_DOUBLE_MAX];
    size_t found = 0;
    scan_reply_cursor(c, 0);
    struct reply_mark mark = reply_begin(c->reply);
    zset_iter_init(&it, e, 0, false);
    while (zset_iter_next(&it, &item)) {
        if (!scan_fits(r, item.member)) continue;
        reply_bulk(c->reply, item.member);
        found++;
        if (r->names_only) continue;
        reply_bulk(c->reply, slice_of(digits, num_from_double(digits, item.score)));
        found++;
    }
    reply_end_array(c->reply, mark, found);
}

/* The scores have up to 17 digits here, in Redis, too, even if fewer say the same. */
static void cmd_zscan(struct call *c) {
    struct scan_request r;
    struct entry *e;
    if (!scan_key_or_reply(c, TYPE_ZSET, SCAN_NOSCORES, &r, &e)) return;
    const struct table *t = zset_table(e);
    if (!t) {
        scan_packed(c, &r, e);
        return;
    }
    struct scan_found found = {0};
    scan_reply_cursor(c, scan_table(t, &r, &found));
    reply_array(c->reply, r.names_only ? found.len : 2 * found.len);
    for (size_t i = 0; i < found.len; i++) {
        const struct scored *s = found.entries[i];
        reply_bulk(c->reply, scored_member(s));
        if (!r.names_only) reply_bulkf(c->reply, "%.17g", scored_score(s));
    }
    scan_found_release(&found);
}

#define LOG_N "O(log(N)) in the members."
#define RANK                                                                                       \
    .arity = -3, .flags = CMD_READONLY | CMD_FAST | CMD_QUICK, .categories = ACL_SORTEDSET,        \
    .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}, .element_arg = 2, .group = "sorted-set",             \
    .since = "2.0.0", .complexity = LOG_N, .syntax = "key member [WITHSCORE]",                     \
    .history = "7.2.0 Takes WITHSCORE."

const struct command zset_commands[] = {
    {
        .name = "zadd",
        .run = cmd_zadd,
        .arity = -4,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_SORTEDSET,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .element_arg = 3,
        .group = "sorted-set",
        .summary = "Adds members with scores, or gives members other scores.",
        .since = "1.2.0",
        .complexity = "O(log(N)) for each member.",
        .syntax = "key [condition:(NX | XX)] [comparison:(GT | LT)] [CH] [INCR] "
                  "data:(score:double member) ...",
        .history = "2.4.0 Takes several members.\n3.0.2 Takes XX, NX, CH and INCR.\n"
                   "6.2.0 Takes GT and LT.",
    },
    {
        .name = "zincrby",
        .run = cmd_zincrby,
        .arity = 4,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_SORTEDSET,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .element_arg = 3,
        .group = "sorted-set",
        .summary = "Adds a number to a member's score; a new member begins with 0.",
        .since = "1.2.0",
        .complexity = LOG_N,
        .syntax = "key increment:integer member",
    },
    {
        .name = "zrem",
        .run = cmd_zrem,
        .arity = -3,
        .flags = CMD_WRITE | CMD_FAST | CMD_QUICK,
        .categories = ACL_SORTEDSET,
        .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)},
        .element_arg = 2,
        .group = "sorted-set",
        .summary = "Removes members; the last one takes the key along.",
        .since = "1.2.0",
        .complexity = "O(log(N)) for each member.",
        .syntax = "key member ...",
        .history = "2.4.0 Takes several members.",
    },
    {
        .name = "zcard",
        .run = cmd_zcard,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_SORTEDSET,
        .keys = {KEY_AT(1, KEY_RO)},
        .group = "sorted-set",
        .summary = "Counts the members of a sorted set.",
        .since = "1.2.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "zscore",
        .run = cmd_zscore,
        .arity = 3,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_SORTEDSET,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .element_arg = 2,
        .group = "sorted-set",
        .summary = "Returns the score of a member.",
        .since = "1.2.0",
        .complexity = "O(1)",
        .syntax = "key member",
    },
    {
        .name = "zmscore",
        .run = cmd_zmscore,
        .arity = -3,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_SORTEDSET,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .element_arg = 2,
        .group = "sorted-set",
        .summary = "Returns the scores of several members.",
        .since = "6.2.0",
        .complexity = "O(1) for each member.",
        .syntax = "key member ...",
    },
    {
        .name = "zrank",
        .run = cmd_zrank,
        .summary = "Tells how many members have a lower place than one of them.",
        RANK,
    },
    {
        .name = "zrevrank",
        .run = cmd_zrevrank,
        .summary = "Tells how many members have a higher place than one of them.",
        RANK,
    },
    {
        .name = "zscan",
        .run = cmd_zscan,
        .arity = -3,
        .flags = CMD_READONLY,
        .categories = ACL_SORTEDSET,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .summary = "Lists members and scores step by step; each call says where the next goes on.",
        .since = "2.8.0",
        .complexity = "O(COUNT) a call; O(N) in the members for all of them.",
        .syntax = "key cursor [MATCH pattern] [COUNT count] [NOSCORES]",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
