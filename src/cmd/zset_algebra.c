/* SPDX-License-Identifier: BSD-3-Clause */
/* Unions, intersections and differences of sorted sets and sets (whose members have the score 1),
 * replied, counted or stored. */
#include <math.h>

#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/zset_reply.h"
#include "exec/call.h"
#include "type/t_set.h"

enum operation { UNION, INTERSECTION, DIFFERENCE };
enum aggregate { SUM, MIN, MAX };

/* A set or sorted set that is read. */
struct source {
    const struct entry *e; /* NULL: no such key */
    double weight;
    size_t count;
};

/* What a command asks for. */
struct algebra {
    enum operation op;
    bool stores, counts;
    int numkeys; /* the argument */
    bool with_scores;
    enum aggregate aggregate;
    size_t limit; /* of what is counted */
    struct source *sources;
    size_t count;
};

/* Sources. */

struct source_iter {
    const struct entry *e;
    struct zset_iter zset;
    struct set_iter set;
    struct set_member member;
    char digits[NUM_I64_MAX];
};

static void source_iter_init(struct source_iter *it, const struct entry *e) {
    it->e = e;
    if (e && e->type == TYPE_ZSET) zset_iter_init(&it->zset, e, 0, false);
    if (e && e->type == TYPE_SET) set_iter_init(&it->set, e);
}

static bool source_iter_next(struct source_iter *it, struct zset_item *item) {
    if (!it->e) return false;
    if (it->e->type == TYPE_ZSET) return zset_iter_next(&it->zset, item);
    if (!set_iter_next(&it->set, &it->member)) return false;
    *item = (struct zset_item){set_member_text(&it->member, it->digits), 1};
    return true;
}

static bool source_find(const struct entry *e, struct slice member, double *score) {
    if (e->type == TYPE_ZSET) return zset_find(e, member, score);
    struct set_member m = set_member(member);
    *score = 1;
    return set_has(e, &m);
}

/* Infinity times 0 counts as 0. */
static double weighted(const struct source *s, double score) {
    double product = s->weight * score;
    return isnan(product) ? 0 : product;
}

/* Infinities of both signs add up to 0. */
static double aggregated(enum aggregate how, double a, double b) {
    if (how == MIN) return b < a ? b : a;
    if (how == MAX) return b > a ? b : a;
    return isnan(a + b) ? 0 : a + b;
}

/* Arguments. */

static bool sources_or_reply(struct call *c, struct algebra *a) {
    for (size_t i = 0; i < a->count; i++) {
        struct entry *e = call_find(c, call_key(c, a->numkeys + 1 + (int)i), DB_READ);
        if (e && e->type != TYPE_ZSET && e->type != TYPE_SET) {
            reply_error(c->reply, ERR_WRONG_TYPE);
            return false;
        }
        size_t count = !e ? 0 : e->type == TYPE_ZSET ? zset_count(e) : set_count(e);
        a->sources[i] = (struct source){e, 1, count};
    }
    return true;
}

static bool weights_or_reply(struct call *c, struct algebra *a, int first) {
    for (size_t i = 0; i < a->count; i++) {
        if (num_to_double(c->argv[first + (int)i], &a->sources[i].weight)) continue;
        reply_error(c->reply, "ERR weight value is not a float");
        return false;
    }
    return true;
}

static bool aggregate_or_reply(struct call *c, struct algebra *a, int i) {
    static const char *const names[] = {[SUM] = "SUM", [MIN] = "MIN", [MAX] = "MAX"};
    for (unsigned how = SUM; how <= MAX; how++) {
        if (!arg_is(c, i, names[how])) continue;
        a->aggregate = how;
        return true;
    }
    reply_error(c->reply, ERR_SYNTAX);
    return false;
}

/* Reads the option at argument i; returns how many arguments it takes, 0 if an error was replied.
 */
static int option_or_reply(struct call *c, struct algebra *a, int i) {
    int left = c->argc - i;
    bool combines = a->op != DIFFERENCE && !a->counts;
    if (combines && left > (int)a->count && arg_is(c, i, "WEIGHTS"))
        return weights_or_reply(c, a, i + 1) ? 1 + (int)a->count : 0;
    if (combines && left > 1 && arg_is(c, i, "AGGREGATE"))
        return aggregate_or_reply(c, a, i + 1) ? 2 : 0;
    if (!a->stores && !a->counts && arg_is(c, i, "WITHSCORES")) {
        a->with_scores = true;
        return 1;
    }
    if (a->counts && left > 1 && arg_is(c, i, "LIMIT")) {
        int64_t limit;
        if (!arg_i64_in_or_reply(c, i + 1, 0, INT64_MAX, "ERR LIMIT can't be negative", &limit))
            return 0;
        a->limit = limit ? (size_t)limit : SIZE_MAX;
        return 2;
    }
    reply_error(c->reply, ERR_SYNTAX);
    return 0;
}

static bool numkeys_or_reply(struct call *c, struct algebra *a) {
    int64_t count;
    if (!arg_i64_or_reply(c, a->numkeys, &count)) return false;
    if (count < 1) {
        reply_errorf(c->reply, "ERR at least 1 input key is needed for '%s' command",
                     c->cmd->full_name);
        return false;
    }
    if (count > c->argc - a->numkeys - 1) {
        reply_error(c->reply, ERR_SYNTAX);
        return false;
    }
    a->count = (size_t)count;
    return true;
}

static bool read_or_reply(struct call *c, struct algebra *a) {
    if (!sources_or_reply(c, a)) return false;
    for (int i = a->numkeys + 1 + (int)a->count, taken; i < c->argc; i += taken) {
        taken = option_or_reply(c, a, i);
        if (taken == 0) return false;
    }
    return true;
}

/* Operations: what they find goes to a new sorted set, or is counted. */

struct sink {
    struct entry *to; /* NULL: it's counted */
    const struct type_settings *settings;
    size_t count;
};

static void sink_put(struct sink *s, struct slice member, double score) {
    s->count++;
    if (s->to) zset_add(s->to, member, 0, &score, s->settings);
}

/* Sums of decimals depend on the order in which they are made: from the smallest set on, as in
 * Redis, equal ones in the order of the arguments. */
static void sort_by_count(struct algebra *a) {
    for (size_t i = 1; i < a->count; i++) {
        struct source s = a->sources[i];
        size_t at = i;
        for (; at > 0 && a->sources[at - 1].count > s.count; at--)
            a->sources[at] = a->sources[at - 1];
        a->sources[at] = s;
    }
}

static void unite(const struct algebra *a, struct sink *sink) {
    for (size_t i = 0; i < a->count; i++) {
        const struct source *s = &a->sources[i];
        struct source_iter it;
        struct zset_item item;
        source_iter_init(&it, s->e);
        while (source_iter_next(&it, &item)) {
            double score = weighted(s, item.score), old;
            bool there = i > 0 && zset_find(sink->to, item.member, &old);
            if (there) score = aggregated(a->aggregate, old, score);
            if (there && score == 0) zset_remove(sink->to, item.member); /* -0 may become 0 */
            sink_put(sink, item.member, score);
        }
    }
}

/* Whether all sources from the second on have the member; adds their scores up. */
static bool in_all(const struct algebra *a, struct slice member, double *score) {
    for (size_t i = 1; i < a->count; i++) {
        double other;
        if (!source_find(a->sources[i].e, member, &other)) return false;
        *score = aggregated(a->aggregate, *score, a->sources[i].weight * other);
    }
    return true;
}

static void intersect(const struct algebra *a, struct sink *sink) {
    struct source_iter it;
    struct zset_item item;
    if (a->sources[0].count == 0) return;
    source_iter_init(&it, a->sources[0].e);
    while (sink->count < a->limit && source_iter_next(&it, &item)) {
        double score = weighted(&a->sources[0], item.score);
        if (in_all(a, item.member, &score)) sink_put(sink, item.member, score);
    }
}

static void subtract(const struct algebra *a, struct sink *sink) {
    struct source_iter it;
    struct zset_item item;
    source_iter_init(&it, a->sources[0].e);
    while (source_iter_next(&it, &item)) {
        bool found = false;
        double score;
        for (size_t i = 1; i < a->count && !found; i++)
            found = a->sources[i].e && source_find(a->sources[i].e, item.member, &score);
        if (!found) sink_put(sink, item.member, item.score);
    }
}

static void operate(struct algebra *a, struct sink *sink) {
    if (a->op != DIFFERENCE) sort_by_count(a);
    if (a->op == UNION) unite(a, sink);
    if (a->op == INTERSECTION) intersect(a, sink);
    if (a->op == DIFFERENCE) subtract(a, sink);
}

/* Commands. */

/* The result isn't packed while it's made, as a packed one couldn't hold -0: what is replied, and
 * what is too large in the end, may (in Redis, too). */
static struct entry *new_result(struct call *c) {
    struct entry *e = type_new(c->argv[1], TYPE_ZSET, call_type_settings(c));
    zset_expect(e, SIZE_MAX, 0, call_type_settings(c));
    return e;
}

static void reply_result(struct call *c, struct algebra *a, enum db_event event) {
    struct sink sink = {.settings = call_type_settings(c)};
    if (!a->counts) sink.to = new_result(c);
    operate(a, &sink);
    size_t count = sink.to ? zset_count(sink.to) : sink.count;
    if (a->stores) {
        zset_try_listpack(sink.to, sink.settings);
        call_store(c, call_key(c, 1), sink.to, event, 1);
    } else if (!a->counts) {
        zset_reply_range(c->reply, sink.to, 0, count, false, a->with_scores);
        entry_free(sink.to);
        return;
    }
    reply_i64(c->reply, (int64_t)count);
}

static void algebra(struct call *c, struct algebra a, enum db_event event) {
    a.limit = SIZE_MAX;
    a.numkeys = a.stores ? 2 : 1;
    if (!numkeys_or_reply(c, &a)) return;
    a.sources = mem_alloc(a.count * sizeof *a.sources);
    if (read_or_reply(c, &a)) reply_result(c, &a, event);
    mem_free(a.sources);
}

static void cmd_zunion(struct call *c) {
    algebra(c, (struct algebra){.op = UNION}, EVENT_SILENT);
}

static void cmd_zinter(struct call *c) {
    algebra(c, (struct algebra){.op = INTERSECTION}, EVENT_SILENT);
}

static void cmd_zdiff(struct call *c) {
    algebra(c, (struct algebra){.op = DIFFERENCE}, EVENT_SILENT);
}

static void cmd_zintercard(struct call *c) {
    algebra(c, (struct algebra){.op = INTERSECTION, .counts = true}, EVENT_SILENT);
}

static void cmd_zunionstore(struct call *c) {
    algebra(c, (struct algebra){.op = UNION, .stores = true}, EVENT_ZUNIONSTORE);
}

static void cmd_zinterstore(struct call *c) {
    algebra(c, (struct algebra){.op = INTERSECTION, .stores = true}, EVENT_ZINTERSTORE);
}

static void cmd_zdiffstore(struct call *c) {
    algebra(c, (struct algebra){.op = DIFFERENCE, .stores = true}, EVENT_ZDIFFSTORE);
}

#define READING                                                                                    \
    .arity = -3, .flags = CMD_READONLY | CMD_MOVABLE_KEYS, .categories = ACL_SORTEDSET,            \
    .keys = {KEYS_COUNTED(1, KEY_RO | KEY_ACCESS)}, .group = "sorted-set"
#define STORING                                                                                    \
    .arity = -4, .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLE_KEYS, .categories = ACL_SORTEDSET, \
    .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEYS_COUNTED(2, KEY_RO | KEY_ACCESS)},                \
    .group = "sorted-set"
#define COMBINING "[WEIGHTS weight:integer ...] [AGGREGATE aggregate:(SUM | MIN | MAX)]"
#define SCORES    "[WITHSCORES]"
#define ALL       "O(N*log(N)), N being the members of all of them."
#define SMALLEST  "O(N*K+M*log(M)), N members of the smallest of K sets, M in the result."
#define FIRST     "O(N*K+M*log(M)), N members of the first of K sets, M in the result."

const struct command zset_algebra_commands[] = {
    {
        .name = "zunion",
        .run = cmd_zunion,
        .summary = "Returns what is in any of the sorted sets.",
        .since = "6.2.0",
        .complexity = ALL,
        .syntax = "numkeys key ... " COMBINING " " SCORES,
        READING,
    },
    {
        .name = "zinter",
        .run = cmd_zinter,
        .summary = "Returns what all of the sorted sets have in common.",
        .since = "6.2.0",
        .complexity = SMALLEST,
        .syntax = "numkeys key ... " COMBINING " " SCORES,
        READING,
    },
    {
        .name = "zdiff",
        .run = cmd_zdiff,
        .summary = "Returns what the first sorted set has and the others don't.",
        .since = "6.2.0",
        .complexity = FIRST,
        .syntax = "numkeys key ... " SCORES,
        READING,
    },
    {
        .name = "zintercard",
        .run = cmd_zintercard,
        .summary = "Counts what all of the sorted sets have in common, up to a limit.",
        .since = "7.0.0",
        .complexity = "O(N*K), N members of the smallest of K sets.",
        .syntax = "numkeys key ... [LIMIT limit:integer]",
        READING,
    },
    {
        .name = "zunionstore",
        .run = cmd_zunionstore,
        .summary = "Stores what is in any of the sorted sets.",
        .since = "2.0.0",
        .complexity = ALL,
        .syntax = "destination numkeys key ... " COMBINING,
        STORING,
    },
    {
        .name = "zinterstore",
        .run = cmd_zinterstore,
        .summary = "Stores what all of the sorted sets have in common.",
        .since = "2.0.0",
        .complexity = SMALLEST,
        .syntax = "destination numkeys key ... " COMBINING,
        STORING,
    },
    {
        .name = "zdiffstore",
        .run = cmd_zdiffstore,
        .summary = "Stores what the first sorted set has and the others don't.",
        .since = "6.2.0",
        .complexity = FIRST,
        .syntax = "destination numkeys key ...",
        STORING,
    },
    {.name = NULL},
};
