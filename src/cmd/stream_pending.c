/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams: what is pending in a group: XPENDING, XCLAIM, XAUTOCLAIM. */
#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/stream_args.h"
#include "cmd/stream_propagate.h"
#include "cmd/stream_reply.h"

static bool refuse(struct call *c, const char *error) {
    reply_error(c->reply, error);
    return false;
}

/* How long ago; 0 for times to come. */
static uint64_t since(const struct call *c, uint64_t ms) {
    uint64_t now = c->engine->keyspace.now_ms;
    return now > ms ? now - ms : 0;
}

/* XPENDING. */

struct pending_args {
    uint64_t min_idle, count;
    struct stream_id range[2];
    int consumer; /* its argument, or 0 */
};

static bool pending_args_or_reply(struct call *c, struct pending_args *args) {
    int i = 3;
    *args = (struct pending_args){0};
    if (c->argc < 6 || c->argc > 9) return refuse(c, ERR_SYNTAX);
    if (arg_is(c, i, "IDLE")) {
        int64_t idle;
        if (!arg_i64_or_reply(c, i + 1, &idle)) return false;
        args->min_idle = idle < 0 ? 0 : (uint64_t)idle;
        if (c->argc < 8) return refuse(c, ERR_SYNTAX);
        i += 2;
    }
    if (!arg_not_negative_or_reply(c, i + 2, NULL, &args->count)) return false;
    if (!arg_stream_range_or_reply(c, i, i + 1, args->range)) return false;
    args->consumer = i + 3 < c->argc ? i + 3 : 0;
    return true;
}

/* Those who have something pending, and how much. */
static void reply_consumers(struct call *c, const struct stream_group *g) {
    size_t found = 0;
    struct reply_mark mark = reply_begin(c->reply);
    for (size_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *consumer = stream_consumer_at(g, i);
        size_t count = id_map_count(&consumer->pending);
        if (!count) continue;
        reply_array(c->reply, 2);
        reply_bulk(c->reply, consumer->named.name);
        reply_bulk_i64(c->reply, (int64_t)count);
        found++;
    }
    reply_end_array(c->reply, mark, found);
}

static void reply_summary(struct call *c, const struct stream_group *g) {
    const struct id_map *pending = &g->pending;
    reply_array(c->reply, 4);
    reply_i64(c->reply, (int64_t)id_map_count(pending));
    if (!id_map_count(pending)) {
        reply_null(c->reply);
        reply_null(c->reply);
        reply_null_array(c->reply);
        return;
    }
    stream_reply_id(c->reply, id_map_at(pending, id_map_first(pending))->id);
    stream_reply_id(c->reply, id_map_at(pending, id_map_last(pending))->id);
    reply_consumers(c, g);
}

static void reply_pending(struct call *c, const struct id_map *pending,
                          const struct pending_args *args) {
    size_t found = 0;
    const struct id_map_item *item;
    struct reply_mark mark = reply_begin(c->reply);
    struct id_map_pos pos = id_map_from(pending, args->range[0]);
    for (; found < args->count && (item = id_map_at(pending, pos));
         pos = id_map_next(pending, pos)) {
        const struct stream_pending *p = item->value;
        if (stream_id_cmp(item->id, args->range[1]) > 0) break;
        if (since(c, p->delivered_ms) < args->min_idle) continue;
        reply_array(c->reply, 4);
        stream_reply_id(c->reply, item->id);
        reply_bulk(c->reply, p->consumer->named.name);
        reply_i64(c->reply, (int64_t)since(c, p->delivered_ms));
        reply_i64(c->reply, (int64_t)p->deliveries);
        found++;
    }
    reply_end_array(c->reply, mark, found);
}

static void cmd_xpending(struct call *c) {
    struct pending_args args;
    struct entry *e;
    struct stream_group *g;
    if (c->argc > 3 && !pending_args_or_reply(c, &args)) return;
    if (!find_group_or_reply(c, 1, 2, DB_READ, &e, &g)) return;
    if (c->argc == 3) {
        reply_summary(c, g);
        return;
    }
    const struct stream_consumer *consumer =
        args.consumer ? stream_consumer_find(g, c->argv[args.consumer]) : NULL;
    if (args.consumer && !consumer)
        reply_array(c->reply, 0);
    else
        reply_pending(c, consumer ? &consumer->pending : &g->pending, &args);
}

/* Claiming. */

struct claim {
    uint64_t min_idle;
    bool force, just_id, has_time, has_deliveries;
    uint64_t delivered_ms, deliveries;
    struct stream_id last_id;
    int ids_end;    /* of XCLAIM: behind the ids' last argument */
    size_t dropped; /* by it: no longer pending, as they aren't in the stream any more */
};

static void reply_claimed(struct call *c, const struct stream *s, struct stream_id id,
                          const struct claim *claim) {
    if (claim->just_id)
        stream_reply_id(c->reply, id);
    else
        stream_reply_entry_of(c->reply, s, id);
}

/* Was it delivered as long ago as it has to be? */
static bool is_idle(const struct call *c, const struct stream_pending *p,
                    const struct claim *claim) {
    return since(c, p->delivered_ms) >= claim->min_idle;
}

static void claim_pending(struct call *c, struct stream_pending *p, struct stream_id id,
                          struct stream_consumer *to, const struct claim *claim) {
    stream_pending_move(p, to, id);
    p->delivered_ms = claim->delivered_ms;
    if (claim->has_deliveries)
        p->deliveries = claim->deliveries;
    else if (!claim->just_id)
        p->deliveries++;
    to->active_ms = (int64_t)c->engine->keyspace.now_ms;
}

/* Argument i as a time, which mustn't be in the future. */
static bool claim_time_or_reply(struct call *c, int i, bool is_idle, struct claim *claim) {
    int64_t value, now = (int64_t)c->engine->keyspace.now_ms;
    if (!arg_i64_in_or_reply(c, i, INT64_MIN, INT64_MAX,
                             is_idle ? "ERR Invalid IDLE option argument for XCLAIM"
                                     : "ERR Invalid TIME option argument for XCLAIM",
                             &value))
        return false;
    if (is_idle && __builtin_sub_overflow(now, value, &value)) value = now;
    claim->delivered_ms = (uint64_t)(value < 0 || value > now ? now : value);
    return true;
}

static bool claim_option_or_reply(struct call *c, int *i, struct claim *claim) {
    bool more = *i + 1 < c->argc;
    if (arg_is(c, *i, "FORCE")) {
        claim->force = true;
    } else if (arg_is(c, *i, "JUSTID")) {
        claim->just_id = true;
    } else if (more && (arg_is(c, *i, "IDLE") || arg_is(c, *i, "TIME"))) {
        ++*i;
        return claim_time_or_reply(c, *i, arg_is(c, *i - 1, "IDLE"), claim);
    } else if (more && arg_is(c, *i, "RETRYCOUNT")) {
        claim->has_deliveries = true;
        return arg_not_negative_or_reply(
            c, ++*i, "ERR Invalid RETRYCOUNT option argument for XCLAIM", &claim->deliveries);
    } else if (more && arg_is(c, *i, "LASTID")) {
        return arg_stream_id_or_reply(c, ++*i, 0, &claim->last_id);
    } else {
        reply_errorf(c->reply, "ERR Unrecognized XCLAIM option '%.*s'", (int)c->argv[*i].len,
                     c->argv[*i].ptr);
        return false;
    }
    return true;
}

/* The ids end with the first argument that's none. */
static bool claim_args_or_reply(struct call *c, struct claim *claim) {
    struct stream_id id;
    bool has_seq;
    *claim = (struct claim){.delivered_ms = c->engine->keyspace.now_ms, .ids_end = 5};
    if (!arg_not_negative_or_reply(c, 4, "ERR Invalid min-idle-time argument for XCLAIM",
                                   &claim->min_idle))
        return false;
    while (claim->ids_end < c->argc && stream_id_parse(c->argv[claim->ids_end], &id, &has_seq))
        claim->ids_end++;
    for (int i = claim->ids_end; i < c->argc; i++)
        if (!claim_option_or_reply(c, &i, claim)) return false;
    return true;
}

/* What isn't in the stream any more isn't pending any more; that goes out as a claim, too. False:
 * it isn't pending. */
static bool drop(struct call *c, struct stream_group *g, struct stream_id id, struct slice text) {
    const struct stream_pending *p = stream_pending_find(g, id);
    if (p) stream_propagate_pending(c, c->argv[1], g, text, p);
    return stream_pending_remove(g, id);
}

/* The id of XCLAIM that argument i is. */
static bool claim_and_reply(struct call *c, const struct stream *s, struct stream_group *g,
                            struct stream_consumer *to, int i, struct claim *claim) {
    struct stream_id id;
    if (!arg_stream_id_or_reply(c, i, 0, &id)) return false;
    if (!stream_has(s, id)) {
        claim->dropped += drop(c, g, id, c->argv[i]);
        return false;
    }
    struct stream_pending *p = stream_pending_find(g, id);
    if (p ? !is_idle(c, p, claim) : !claim->force) return false;
    if (!p) {
        p = stream_pending_add(g, to, id, claim->delivered_ms);
        p->deliveries = 1;
    }
    claim_pending(c, p, id, to, claim);
    stream_propagate_pending(c, c->argv[1], g, c->argv[i], p);
    reply_claimed(c, s, id, claim);
    return true;
}

static void cmd_xclaim(struct call *c) {
    struct key k = call_key(c, 1);
    struct claim claim;
    struct entry *e;
    struct stream_group *g;
    size_t found = 0;
    if (!find_group_or_reply(c, 1, 2, DB_READ, &e, &g)) return;
    if (!claim_args_or_reply(c, &claim)) return;
    propagate_nothing(c); /* but what becomes of entries */
    size_t known = g->consumers.count;
    struct stream_consumer *to = call_consumer(c, k, e, g, c->argv[3]);
    e = db_edit(c->db, k, e, TYPE_STREAM);
    bool advances = stream_id_cmp(claim.last_id, g->last_id) > 0;
    if (advances) g->last_id = claim.last_id;
    struct reply_mark mark = reply_begin(c->reply);
    for (int i = 5; i < claim.ids_end; i++)
        found += claim_and_reply(c, stream_of(e), g, to, i, &claim);
    reply_end_array(c->reply, mark, found);
    size_t changes = found + claim.dropped;
    if (g->consumers.count > known && !found) stream_propagate_consumer(c, k.name, g, to);
    if (advances && !changes) stream_propagate_group(c, k.name, g);
    db_edited(c->db, k, e, EVENT_GROUP, changes ? changes : advances);
}

/* XAUTOCLAIM. */

struct auto_claim {
    struct claim claim;
    struct stream_id start;
    uint64_t count;
};

static bool auto_args_or_reply(struct call *c, struct auto_claim *a) {
    enum { COUNT_DEFAULT = 100 };
    int64_t count = COUNT_DEFAULT;
    *a = (struct auto_claim){.claim = {.delivered_ms = c->engine->keyspace.now_ms}};
    if (!arg_not_negative_or_reply(c, 4, "ERR Invalid min-idle-time argument for XAUTOCLAIM",
                                   &a->claim.min_idle) ||
        !arg_stream_start_or_reply(c, 5, &a->start))
        return false;
    for (int i = 6; i < c->argc; i++) {
        if (arg_is(c, i, "COUNT") && i + 1 < c->argc) {
            if (!arg_i64_in_or_reply(c, ++i, 1, INT64_MAX / (int64_t)sizeof(struct stream_id),
                                     "ERR COUNT must be > 0", &count))
                return false;
        } else if (arg_is(c, i, "JUSTID")) {
            a->claim.just_id = true;
        } else {
            return refuse(c, ERR_SYNTAX);
        }
    }
    a->count = (uint64_t)count;
    return true;
}

static void reply_ids(struct reply *r, const struct buf *ids) {
    size_t count = ids->len / sizeof(struct stream_id);
    reply_array(r, count);
    for (size_t i = 0; i < count; i++) {
        struct stream_id id;
        memcpy(&id, ids->data + i * sizeof id, sizeof id);
        stream_reply_id(r, id);
    }
}

/* Claims up to a->count entries from a->start on, which moves to where to go on, or 0-0; looks at
 * ten times as many at most. `gone` gets the ids of those that aren't in the stream any more. */
static size_t auto_claim(struct call *c, const struct stream *s, struct stream_group *g,
                         struct stream_consumer *to, struct auto_claim *a, struct buf *gone) {
    enum { LOOK_AT = 10 };
    uint64_t attempts = a->count * LOOK_AT, left = a->count;
    size_t found = 0;
    const struct id_map_item *item;
    struct id_map_pos pos = id_map_from(&g->pending, a->start);
    char text[STREAM_ID_TEXT_MAX];
    while (attempts-- && left && (item = id_map_at(&g->pending, pos))) {
        struct stream_id id = item->id;
        struct slice shown = slice_of(text, stream_id_print(text, id));
        if (!stream_has(s, id)) {
            buf_append(gone, &id, sizeof id);
            drop(c, g, id, shown);
            pos = id_map_from(&g->pending, id);
            left--;
            continue;
        }
        if (is_idle(c, item->value, &a->claim)) {
            claim_pending(c, item->value, id, to, &a->claim);
            stream_propagate_pending(c, c->argv[1], g, shown, item->value);
            reply_claimed(c, s, id, &a->claim);
            found++;
            left--;
        }
        pos = id_map_next(&g->pending, pos);
    }
    item = id_map_at(&g->pending, pos);
    a->start = item ? item->id : STREAM_ID_MIN;
    return found;
}

static void cmd_xautoclaim(struct call *c) {
    struct key k = call_key(c, 1);
    struct auto_claim a;
    struct entry *e;
    struct stream_group *g;
    struct buf gone = BUF_INIT;
    propagate_nothing(c); /* but what becomes of entries */
    if (!auto_args_or_reply(c, &a)) return;
    if (!find_group_or_reply(c, 1, 2, DB_READ, &e, &g)) return;
    size_t known = g->consumers.count;
    struct stream_consumer *to = call_consumer(c, k, e, g, c->argv[3]);
    struct reply *r = c->reply, entries;
    reply_init(&entries, r->pool, r->resp);
    c->reply = &entries;
    e = db_edit(c->db, k, e, TYPE_STREAM);
    size_t found = auto_claim(c, stream_of(e), g, to, &a, &gone);
    if (g->consumers.count > known && !found) stream_propagate_consumer(c, k.name, g, to);
    db_edited(c->db, k, e, EVENT_GROUP, found + gone.len / sizeof(struct stream_id));
    c->reply = r;
    reply_array(r, 3);
    stream_reply_id(r, a.start);
    reply_array(r, found);
    reply_append(r, &entries);
    reply_ids(r, &gone);
    reply_release(&entries);
    buf_release(&gone);
}

const struct command stream_pending_commands[] = {
    {
        .name = "xpending",
        .run = cmd_xpending,
        .arity = -3,
        .flags = CMD_READONLY,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .summary = "Tells what is pending in a group: in sum, or entry by entry.",
        .since = "5.0.0",
        .complexity = "O(C), C consumers; or O(log N + M), M entries looked at.",
        .syntax = "key group:string [filters:([IDLE min-idle-time:integer] start:string "
                  "end:string count:integer [consumer:string])]",
        .history = "6.2.0 `IDLE`, exclusive ids.",
        .tips = "nondeterministic_output",
    },
    {
        .name = "xclaim",
        .run = cmd_xclaim,
        .arity = -6,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .summary = "Gives a consumer pending entries that were another's, by their ids.",
        .since = "5.0.0",
        .complexity = "O(log N) for each id, N entries pending in the group.",
        .syntax = "key group:string consumer:string min-idle-time:string id:string ... "
                  "[IDLE ms:integer] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE] "
                  "[JUSTID] [LASTID lastid:string]",
        .tips = "nondeterministic_output",
    },
    {
        .name = "xautoclaim",
        .run = cmd_xautoclaim,
        .arity = -6,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .summary = "Gives a consumer pending entries that were others' for too long.",
        .since = "6.2.0",
        .complexity = "O(COUNT)",
        .syntax = "key group:string consumer:string min-idle-time:string start:string "
                  "[COUNT count] [JUSTID]",
        .history = "7.0.0 Also replies the ids of entries that are gone, which it removed.",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
