/* SPDX-License-Identifier: BSD-3-Clause */
/* Sorted sets: taking members off either end, waiting for some if there are none, and members at
 * random. */
#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/zset_reply.h"
#include "exec/blocking_keys.h"
#include "exec/call.h"

/* Popping. */

/* How members that are popped are replied. */
enum pop_form {
    POP_FLAT,  /* member, score, member, score ... */
    POP_PAIRS, /* [member, score] each */
};

/* Takes `count` members, which must be there, off an end, and replies them. */
static void pop(struct call *c, struct key k, struct entry *e, size_t count, bool highest,
                enum pop_form form) {
    struct zset_iter it;
    struct zset_item item;
    size_t size = zset_count(e);
    e = db_edit(c->db, k, e, TYPE_ZSET);
    zset_iter_init(&it, e, highest ? size - 1 : 0, highest);
    for (size_t left = count; left && zset_iter_next(&it, &item); left--) {
        if (form == POP_PAIRS) reply_array(c->reply, 2);
        reply_bulk(c->reply, item.member);
        reply_double(c->reply, item.score);
    }
    zset_remove_range(e, highest ? size - count : 0, count);
    db_edited(c->db, k, e, highest ? EVENT_ZPOPMAX : EVENT_ZPOPMIN, count);
}

static size_t at_most(const struct entry *e, int64_t count) {
    size_t size = zset_count(e);
    return (uint64_t)count < size ? (size_t)count : size;
}

/* In place of those that name several keys: ZPOPMIN or ZPOPMAX of the one, with a count unless
 * that's 0. */
static void propagate_pop(const struct call *c, struct slice key, bool highest, size_t count) {
    if (!call_propagates(c)) return;
    propagate_open(c, count ? 3 : 2);
    propagate_word(c, highest ? SLICE("ZPOPMAX") : SLICE("ZPOPMIN"));
    propagate_word(c, key);
    if (count) propagate_u64(c, count);
}

static void pop_one_key(struct call *c, bool highest) {
    int64_t count;
    struct key k = call_key(c, 1);
    struct entry *e;
    bool counted = c->argc > 2;
    if (!arg_count_or_reply(c, 2, 0, ERR_NOT_POSITIVE, &count)) return;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_ZSET, &e)) return;
    size_t popped = e ? at_most(e, count) : 0;
    bool pairs = counted && c->reply->resp > 2;
    reply_array(c->reply, pairs ? popped : 2 * popped);
    if (popped) pop(c, k, e, popped, highest, pairs ? POP_PAIRS : POP_FLAT);
}

static void cmd_zpopmin(struct call *c) {
    pop_one_key(c, false);
}

static void cmd_zpopmax(struct call *c) {
    pop_one_key(c, true);
}

static void blocking_pop(struct call *c, bool highest) {
    struct key_wait wait = {
        .first = 1, .count = c->argc - 2, .type = TYPE_ZSET, .null_array = true};
    if (!arg_timeout_s_or_reply(c, c->argc - 1, &wait.timeout_ms)) return;
    for (int i = 1; i < c->argc - 1; i++) {
        struct key k = call_key(c, i);
        struct entry *e;
        if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_ZSET, &e)) return;
        if (!e) continue;
        reply_array(c->reply, 3);
        reply_bulk(c->reply, k.name);
        pop(c, k, e, 1, highest, POP_FLAT);
        propagate_pop(c, k.name, highest, 0);
        return;
    }
    blocking_on_keys(c, &wait);
}

static void cmd_bzpopmin(struct call *c) {
    blocking_pop(c, false);
}

static void cmd_bzpopmax(struct call *c) {
    blocking_pop(c, true);
}

/* ZMPOP's arguments, from that with the number of keys on. */
struct pop_many {
    int keys, first;
    bool highest;
    int64_t count;
};

static bool end_or_reply(struct call *c, int i, bool *highest) {
    *highest = i < c->argc && arg_is(c, i, "MAX");
    bool read = *highest || (i < c->argc && arg_is(c, i, "MIN"));
    if (!read) reply_error(c->reply, ERR_SYNTAX);
    return read;
}

static bool pop_many_args_or_reply(struct call *c, int at, struct pop_many *p) {
    int64_t keys;
    if (!arg_i64_in_or_reply(c, at, 1, INT64_MAX, "ERR numkeys should be greater than 0", &keys))
        return false;
    *p = (struct pop_many){.first = at + 1, .count = 1};
    if (keys >= c->argc - at - 1) {
        reply_error(c->reply, ERR_SYNTAX);
        return false;
    }
    p->keys = (int)keys;
    int i = p->first + p->keys;
    if (!end_or_reply(c, i, &p->highest)) return false;
    for (bool has_count = false; ++i < c->argc; has_count = true) {
        if (has_count || !arg_is(c, i, "COUNT") || i + 1 == c->argc) {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
        if (!arg_i64_in_or_reply(c, ++i, 1, INT64_MAX, "ERR count should be greater than 0",
                                 &p->count))
            return false;
    }
    return true;
}

/* False: none of the keys has a sorted set. */
static bool pop_many_or_reply(struct call *c, const struct pop_many *p) {
    for (int i = p->first; i < p->first + p->keys; i++) {
        struct key k = call_key(c, i);
        struct entry *e;
        if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_ZSET, &e)) return true;
        if (!e) continue;
        size_t popped = at_most(e, p->count);
        reply_array(c->reply, 2);
        reply_bulk(c->reply, k.name);
        reply_array(c->reply, popped);
        pop(c, k, e, popped, p->highest, POP_PAIRS);
        propagate_pop(c, k.name, p->highest, popped);
        return true;
    }
    return false;
}

static void cmd_zmpop(struct call *c) {
    struct pop_many p;
    if (pop_many_args_or_reply(c, 1, &p) && !pop_many_or_reply(c, &p)) reply_null_array(c->reply);
}

static void cmd_bzmpop(struct call *c) {
    struct pop_many p;
    struct key_wait wait = {.type = TYPE_ZSET, .null_array = true};
    if (!pop_many_args_or_reply(c, 2, &p)) return;
    if (!arg_timeout_s_or_reply(c, 1, &wait.timeout_ms)) return;
    wait.first = p.first;
    wait.count = p.keys;
    if (!pop_many_or_reply(c, &p)) blocking_on_keys(c, &wait);
}

/* Members at random, each choice with the same chance. */

static void reply_at(struct call *c, const struct entry *e, size_t rank, bool with_scores) {
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, e, rank, false);
    if (zset_iter_next(&it, &item)) zset_reply_item(c->reply, &item, with_scores);
}

/* Draws that may repeat. */
static void draw(struct call *c, const struct entry *e, uint64_t count, bool with_scores) {
    size_t size = zset_count(e);
    for (; count && !call_should_stop(c, count); count--)
        reply_at(c, e, random_below(&c->engine->keyspace.rng, size), with_scores);
}

/* Different members, so few of all that a rank drawn twice is rare. */
static void pick_few(struct call *c, const struct entry *e, size_t count, bool with_scores) {
    size_t size = zset_count(e), words = size / 64 + 1;
    uint64_t *drawn = mem_zalloc(words * sizeof *drawn);
    while (count) {
        size_t rank = random_below(&c->engine->keyspace.rng, size);
        uint64_t bit = (uint64_t)1 << rank % 64;
        if (drawn[rank / 64] & bit) continue;
        drawn[rank / 64] |= bit;
        reply_at(c, e, rank, with_scores);
        count--;
    }
    mem_free(drawn);
}

/* Different members by a walk over all, that takes each with the chance (still wanted) / (still to
 * come). */
static void pick_many(struct call *c, const struct entry *e, size_t count, bool with_scores) {
    struct random *rng = &c->engine->keyspace.rng;
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, e, 0, false);
    for (size_t left = zset_count(e); count && zset_iter_next(&it, &item); left--) {
        if (random_below(rng, left) >= count) continue;
        zset_reply_item(c->reply, &item, with_scores);
        count--;
    }
}

static void reply_chosen(struct call *c, const struct entry *e, int64_t count, bool with_scores) {
    enum { WALK_SHARE = 8 }; /* a walk over so many members costs about as much as a draw */
    if (count < 0) {
        zset_reply_head(c->reply, (size_t)-count, with_scores);
        draw(c, e, (uint64_t)-count, with_scores);
        return;
    }
    size_t picked = at_most(e, count);
    zset_reply_head(c->reply, picked, with_scores);
    if (picked < zset_count(e) / WALK_SHARE)
        pick_few(c, e, picked, with_scores);
    else
        pick_many(c, e, picked, with_scores);
}

static void cmd_zrandmember(struct call *c) {
    int64_t count = 0;
    struct entry *e;
    bool counted = c->argc > 2, with_scores = c->argc > 3;
    if (counted && !arg_i64_in_or_reply(c, 2, -INT64_MAX, INT64_MAX, NULL, &count)) return;
    if (c->argc > 4 || (with_scores && !arg_is(c, 3, "WITHSCORES"))) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    if (with_scores && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        reply_error(c->reply, ERR_MIN_MAX);
        return;
    }
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_ZSET, &e)) return;
    if (!e && counted)
        reply_array(c->reply, 0);
    else if (!e)
        reply_null(c->reply);
    else if (counted)
        reply_chosen(c, e, count, with_scores);
    else
        draw(c, e, 1, false);
}

#define POPPING                                                                                    \
    .arity = -2, .flags = CMD_WRITE | CMD_FAST, .categories = ACL_SORTEDSET,                       \
    .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .group = "sorted-set",                  \
    .since = "5.0.0", .complexity = "O(log(N)+M), N being the members and M those popped.",        \
    .syntax = "key [count]"
#define WAITING                                                                                    \
    .arity = -3, .flags = CMD_WRITE | CMD_BLOCKING | CMD_FAST, .categories = ACL_SORTEDSET,        \
    .keys = {KEYS_FROM(1, -2, 1, KEY_RW | KEY_ACCESS | KEY_DELETE)}, .group = "sorted-set",        \
    .since = "5.0.0", .complexity = "O(log(N)) in the members.",                                   \
    .syntax = "key ... timeout:double", .history = "6.0.0 The timeout may be a decimal."
#define POP_MANY "O(K)+O(M*log(N)), K keys looked at and M of N members popped."

const struct command zset_pop_commands[] = {
    {
        .name = "zpopmin",
        .run = cmd_zpopmin,
        .summary = "Removes the members with the lowest scores, and returns them.",
        POPPING,
    },
    {
        .name = "zpopmax",
        .run = cmd_zpopmax,
        .summary = "Removes the members with the highest scores, and returns them.",
        POPPING,
    },
    {
        .name = "bzpopmin",
        .run = cmd_bzpopmin,
        .summary = "Pops the lowest member of the first sorted set there is; waits for one.",
        WAITING,
    },
    {
        .name = "bzpopmax",
        .run = cmd_bzpopmax,
        .summary = "Pops the highest member of the first sorted set there is; waits for one.",
        WAITING,
    },
    {
        .name = "zmpop",
        .run = cmd_zmpop,
        .arity = -4,
        .flags = CMD_WRITE | CMD_MOVABLE_KEYS,
        .categories = ACL_SORTEDSET,
        .keys = {KEYS_COUNTED(1, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "sorted-set",
        .summary = "Pops members of the first of several sorted sets that has any.",
        .since = "7.0.0",
        .complexity = POP_MANY,
        .syntax = "numkeys key ... where:(MIN | MAX) [COUNT count]",
    },
    {
        .name = "bzmpop",
        .run = cmd_bzmpop,
        .arity = -5,
        .flags = CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE_KEYS,
        .categories = ACL_SORTEDSET,
        .keys = {KEYS_COUNTED(2, KEY_RW | KEY_ACCESS | KEY_DELETE)},
        .group = "sorted-set",
        .summary = "Pops members of the first of several sorted sets that has any; waits for one.",
        .since = "7.0.0",
        .complexity = POP_MANY,
        .syntax = "timeout:double numkeys key ... where:(MIN | MAX) [COUNT count]",
    },
    {
        .name = "zrandmember",
        .run = cmd_zrandmember,
        .arity = -2,
        .flags = CMD_READONLY,
        .categories = ACL_SORTEDSET,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "sorted-set",
        .summary = "Returns members that are chosen at random.",
        .since = "6.2.0",
        .complexity = "O(log(N)) for each member returned, or O(N) for many different ones.",
        .syntax = "key [options:(count [WITHSCORES])]",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
