/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams: XREAD and XREADGROUP. Both reply at once if one of the streams has something for them,
 * else they wait if BLOCK says so; then they run again from the start, $ and + being ids by then.
 */
#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/stream_args.h"
#include "cmd/stream_propagate.h"
#include "cmd/stream_reply.h"
#include "exec/blocking_keys.h"

struct read_args {
    bool of_group;
    struct slice group, consumer; /* ptr NULL: not given */
    bool no_ack, blocks;
    uint64_t timeout_ms, count; /* count 0: all */
    int keys, streams;          /* the first key's argument, and how many there are */
};

/* Stands for > and is an id that no entry is behind. */
#define NEW_ENTRIES STREAM_ID_MAX

static bool refuse(struct call *c, const char *error) {
    reply_error(c->reply, error);
    return false;
}

/* Arguments. */

static bool streams_or_reply(struct call *c, int i, struct read_args *args) {
    args->keys = i + 1;
    args->streams = (c->argc - args->keys) / 2;
    if ((c->argc - args->keys) % 2 == 0) return true;
    reply_errorf(c->reply,
                 "ERR Unbalanced '%s' list of streams: for each stream key an ID or '%c' must be "
                 "specified.",
                 c->cmd->row->name, args->of_group ? '>' : '$');
    return false;
}

static bool group_or_reply(struct call *c, int i, struct read_args *args) {
    if (!args->of_group)
        return refuse(c, "ERR The GROUP option is only supported by XREADGROUP. You called XREAD "
                         "instead.");
    args->group = c->argv[i + 1];
    args->consumer = c->argv[i + 2];
    return true;
}

static bool no_ack_or_reply(struct call *c, struct read_args *args) {
    args->no_ack = args->of_group;
    return args->of_group ||
           refuse(c, "ERR The NOACK option is only supported by XREADGROUP. You called XREAD "
                     "instead.");
}

/* The option at *i, which moves to its last argument. */
static bool option_or_reply(struct call *c, int *i, struct read_args *args) {
    int more = c->argc - 1 - *i;
    if (more && arg_is(c, *i, "BLOCK")) {
        args->blocks = true;
        return arg_timeout_or_reply(c, ++*i, &args->timeout_ms);
    }
    if (more && arg_is(c, *i, "COUNT"))
        return arg_not_negative_or_reply(c, ++*i, NULL, &args->count);
    if (more >= 2 && arg_is(c, *i, "GROUP")) {
        *i += 2;
        return group_or_reply(c, *i - 2, args);
    }
    if (arg_is(c, *i, "NOACK")) return no_ack_or_reply(c, args);
    return refuse(c, ERR_SYNTAX);
}

static bool read_args_or_reply(struct call *c, struct read_args *args) {
    for (int i = 1; i < c->argc && !args->keys; i++) {
        if (i + 1 < c->argc && arg_is(c, i, "STREAMS")) {
            if (!streams_or_reply(c, i, args)) return false;
        } else if (!option_or_reply(c, &i, args)) {
            return false;
        }
    }
    if (!args->keys) return refuse(c, ERR_SYNTAX);
    return !args->of_group || args->group.ptr ||
           refuse(c, "ERR Missing GROUP option for XREADGROUP");
}

static bool group_there_or_reply(struct call *c, const struct read_args *args, struct slice key,
                                 const struct stream *s) {
    if (s && stream_group_find(s, args->group)) return true;
    reply_errorf(c->reply,
                 "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP "
                 "option",
                 (int)key.len, key.ptr, (int)args->group.len, args->group.ptr);
    return false;
}

/* Behind which there's the last entry alone, or what comes when there's none. */
static struct stream_id before_last(const struct stream *s) {
    if (!s) return STREAM_ID_MIN;
    if (!s->length) return s->last_id;
    struct stream_id id = stream_end_id(s, true);
    stream_id_prev(&id);
    return id;
}

/* Behind which id to read stream number n. */
static bool start_or_reply(struct call *c, const struct read_args *args, int n,
                           struct stream_id *start) {
    int i = args->keys + args->streams + n;
    struct entry *e;
    struct stream *s;
    if (!find_stream_or_reply(c, args->keys + n, DB_LOOK, &e, &s)) return false;
    if (args->of_group && !group_there_or_reply(c, args, c->argv[args->keys + n], s)) return false;
    if (slice_is(c->argv[i], "$")) {
        *start = s ? s->last_id : STREAM_ID_MIN;
        return !args->of_group ||
               refuse(c, "ERR The $ ID is meaningless in the context of XREADGROUP: you want to "
                         "read the history of this consumer by specifying a proper ID, or use the "
                         "> ID to get new messages. The $ ID would just return an empty result "
                         "set.");
    }
    if (slice_is(c->argv[i], ">")) {
        *start = NEW_ENTRIES;
        return args->of_group ||
               refuse(c, "ERR The > ID can be specified only when calling XREADGROUP using the "
                         "GROUP <group> <consumer> option.");
    }
    if (!args->of_group && slice_is(c->argv[i], "+")) {
        *start = before_last(s);
        return true;
    }
    return arg_stream_id_or_reply(c, i, 0, start);
}

static struct stream_id *starts_or_reply(struct call *c, const struct read_args *args) {
    struct stream_id *starts = mem_alloc((size_t)args->streams * sizeof *starts + 1);
    for (int n = 0; n < args->streams; n++)
        if (!start_or_reply(c, args, n, &starts[n])) {
            mem_free(starts);
            return NULL;
        }
    return starts;
}

/* Replying. */

/* Streams that were replied: pairs of key and entries. */
struct read_reply {
    struct reply_mark mark;
    size_t streams;
};

static void begin_stream(struct call *c, struct read_reply *reply, int key) {
    if (reply->streams++ == 0) reply->mark = reply_begin(c->reply);
    if (c->reply->resp == 2) reply_array(c->reply, 2);
    reply_bulk(c->reply, c->argv[key]);
}

/* Most who ask are up to date, which the last id that was given out tells at once. */
static bool has_behind(const struct stream *s, struct stream_id id) {
    return s->length && stream_id_cmp(s->last_id, id) > 0 &&
           stream_id_cmp(stream_end_id(s, true), id) > 0;
}

/* What a group's consumer gets is pending for it, unless that's not wanted. */
static struct stream_pending *deliver(struct stream_group *g, struct stream_consumer *consumer,
                                      struct stream_id id, uint64_t now_ms) {
    struct stream_pending *p = stream_pending_find(g, id);
    if (p)
        stream_pending_move(p, consumer, id);
    else
        p = stream_pending_add(g, consumer, id, now_ms);
    p->delivered_ms = now_ms;
    p->deliveries = 1;
    consumer->active_ms = (int64_t)now_ms;
    return p;
}

static void deliver_and_propagate(struct call *c, struct slice key, struct stream_group *g,
                                  struct stream_consumer *consumer, struct stream_id id) {
    char text[STREAM_ID_TEXT_MAX];
    const struct stream_pending *p = deliver(g, consumer, id, c->engine->keyspace.now_ms);
    if (call_propagates(c))
        stream_propagate_pending(c, key, g, slice_of(text, stream_id_print(text, id)), p);
}

/* New entries for a consumer of the stream that argument `key` names; how many. */
static size_t reply_new(struct call *c, const struct read_args *args, int key,
                        const struct stream *s, struct stream_group *g,
                        struct stream_consumer *consumer) {
    struct stream_iter it;
    struct stream_entry e;
    struct stream_id from = g->last_id;
    size_t found = 0;
    struct reply_mark mark = reply_begin(c->reply);
    stream_id_next(&from);
    stream_iter_init(&it, s, from, STREAM_ID_MAX, false);
    while ((!args->count || found < args->count) && stream_iter_next(&it, &e)) {
        stream_group_advance(g, s, e.id);
        stream_reply_entry(c->reply, it.reader.node, &e);
        if (!args->no_ack) deliver_and_propagate(c, c->argv[key], g, consumer, e.id);
        found++;
    }
    if (found) stream_propagate_group(c, c->argv[key], g);
    reply_end_array(c->reply, mark, found);
    return found;
}

/* What is pending for a consumer, once more; entries that are gone come without fields. */
static size_t reply_pending(struct call *c, const struct read_args *args, const struct stream *s,
                            const struct stream_consumer *consumer, struct stream_id after) {
    size_t found = 0;
    const struct id_map_item *item;
    struct reply_mark mark = reply_begin(c->reply);
    bool more = stream_id_next(&after);
    struct id_map_pos pos = id_map_from(&consumer->pending, after);
    for (; more && (item = id_map_at(&consumer->pending, pos)); found++) {
        if (args->count && found == args->count) break;
        if (stream_reply_entry_of(c->reply, s, item->id)) {
            struct stream_pending *p = item->value;
            p->delivered_ms = c->engine->keyspace.now_ms;
            p->deliveries++;
        } else {
            reply_array(c->reply, 2);
            stream_reply_id(c->reply, item->id);
            reply_null_array(c->reply);
        }
        pos = id_map_next(&consumer->pending, pos);
    }
    reply_end_array(c->reply, mark, found);
    return found;
}

static void read_of_group(struct call *c, const struct read_args *args, int key,
                          struct stream_id start, struct read_reply *reply) {
    struct key k = call_key(c, key);
    struct entry *e = call_find(c, k, DB_READ);
    struct stream *s = stream_of(e);
    struct stream_group *g = stream_group_find(s, args->group);
    size_t known = g->consumers.count;
    struct stream_consumer *consumer = call_consumer(c, k, e, g, args->consumer);
    bool is_new = stream_id_eq(start, NEW_ENTRIES);
    bool gets_new = is_new && has_behind(s, g->last_id);
    if (g->consumers.count > known && (!gets_new || args->no_ack))
        stream_propagate_consumer(c, k.name, g, consumer);
    if (is_new && !gets_new) return;
    begin_stream(c, reply, key);
    e = db_edit(c->db, k, e, TYPE_STREAM);
    size_t found = is_new ? reply_new(c, args, key, s, g, consumer)
                          : reply_pending(c, args, s, consumer, start);
    db_edited(c->db, k, e, EVENT_GROUP, found || !is_new);
}

static void read_stream(struct call *c, const struct read_args *args, int key,
                        struct stream_id start, struct read_reply *reply) {
    struct entry *e = call_find(c, call_key(c, key), DB_READ);
    const struct stream *s = e ? stream_of(e) : NULL;
    if (!s || !has_behind(s, start)) return;
    begin_stream(c, reply, key);
    stream_id_next(&start);
    struct stream_id range[2] = {start, STREAM_ID_MAX};
    stream_reply_range(c->reply, s, range, false, args->count);
}

/* False: there's nothing yet. */
static bool read_or_nothing(struct call *c, const struct read_args *args,
                            const struct stream_id *starts) {
    struct read_reply reply = {.streams = 0};
    for (int n = 0; n < args->streams; n++) {
        if (args->of_group)
            read_of_group(c, args, args->keys + n, starts[n], &reply);
        else
            read_stream(c, args, args->keys + n, starts[n], &reply);
    }
    if (!reply.streams) return false;
    if (c->reply->resp == 2)
        reply_end_array(c->reply, reply.mark, reply.streams);
    else
        reply_end_map(c->reply, reply.mark, reply.streams);
    return true;
}

/* Waits, with ids in place of $ and +: what they mean is fixed now. */
static void wait_for_entries(struct call *c, const struct read_args *args,
                             const struct stream_id *starts) {
    struct slice *argv = mem_alloc((size_t)c->argc * sizeof *argv);
    char(*ids)[STREAM_ID_TEXT_MAX] = mem_alloc((size_t)args->streams * sizeof *ids);
    memcpy(argv, c->argv, (size_t)c->argc * sizeof *argv);
    for (int n = 0; n < args->streams; n++) {
        struct slice *id = &argv[args->keys + args->streams + n];
        if (slice_is(*id, "$") || slice_is(*id, "+"))
            *id = slice_of(ids[n], stream_id_print(ids[n], starts[n]));
    }
    struct key_wait wait = {
        .first = args->keys,
        .count = args->streams,
        .type = TYPE_STREAM,
        .also_gone = args->of_group,
        .null_array = true,
        .timeout_ms = args->timeout_ms,
        .argv = argv,
    };
    blocking_on_keys(c, &wait);
    mem_free(ids);
    mem_free(argv);
}

static void read_generic(struct call *c, bool of_group) {
    struct read_args args = {.of_group = of_group};
    propagate_nothing(c); /* but what becomes of entries */
    if (!read_args_or_reply(c, &args)) return;
    struct stream_id *starts = starts_or_reply(c, &args);
    if (!starts) return;
    if (!read_or_nothing(c, &args, starts)) {
        if (args.blocks)
            wait_for_entries(c, &args, starts);
        else
            reply_null_array(c->reply);
    }
    mem_free(starts);
}

static void cmd_xread(struct call *c) {
    read_generic(c, false);
}

static void cmd_xreadgroup(struct call *c) {
    read_generic(c, true);
}

/* A group or a consumer may have the name of an option: it takes reading them as the command does.
 */
static int xreadgroup_keys(const struct slice *argv, int argc, struct key_use *uses) {
    int i = 1, n = 0;
    for (; i < argc && !slice_is(argv[i], "STREAMS"); i++) {
        if (slice_is(argv[i], "GROUP"))
            i += 2;
        else if (slice_is(argv[i], "COUNT") || slice_is(argv[i], "BLOCK"))
            i++;
    }
    if (argc - i - 1 < 2) return -1;
    for (int end = i + 1 + (argc - i - 1) / 2; ++i < end; n++)
        uses[n] = (struct key_use){i, KEY_RO | KEY_ACCESS};
    return n;
}

#define STREAMS_FROM(at)                                                                           \
    {                                                                                              \
        {                                                                                          \
            .flags = KEY_RO | KEY_ACCESS, .kind = KEYS_RANGE, .keyword = "STREAMS", .begin = (at), \
            .last = -1, .step = 1, .limit = 2                                                      \
        }                                                                                          \
    }
#define WHERE "STREAMS streams:(key ... id:string ...)"

const struct command stream_read_commands[] = {
    {
        .name = "xread",
        .run = cmd_xread,
        .arity = -4,
        .flags = CMD_READONLY | CMD_BLOCKING | CMD_MOVABLE_KEYS,
        .categories = ACL_STREAM,
        .keys = STREAMS_FROM(1),
        .group = "stream",
        .summary = "Lists entries of streams behind given ids, or waits for some.",
        .since = "5.0.0",
        .complexity = "O(log N + M) for each stream, M entries of it.",
        .syntax = "[COUNT count] [BLOCK milliseconds] " WHERE,
        .history = "7.4.0 `+` for the last entry.",
    },
    {
        .name = "xreadgroup",
        .run = cmd_xreadgroup,
        .arity = -7,
        .flags = CMD_WRITE | CMD_BLOCKING | CMD_MOVABLE_KEYS,
        .categories = ACL_STREAM,
        .keys = STREAMS_FROM(4),
        .keys_of = xreadgroup_keys,
        .group = "stream",
        .summary = "Gives a consumer of a group entries that nobody of it had, or its pending "
                   "ones; or waits for some.",
        .since = "5.0.0",
        .complexity = "O(log N + M) for each stream, M entries of it.",
        .syntax = "GROUP group-consumer:(group consumer) [COUNT count] [BLOCK milliseconds] "
                  "[NOACK] " WHERE,
    },
    {.name = NULL},
};
