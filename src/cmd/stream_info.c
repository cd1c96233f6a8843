/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams: XINFO. */
#include "cmd/families.h"
#include "cmd/stream_args.h"
#include "cmd/stream_reply.h"

static bool stream_or_reply(struct call *c, const struct stream **s) {
    struct entry *e;
    struct stream *found;
    if (!find_stream_or_reply(c, 2, DB_READ, &e, &found)) return false;
    *s = found;
    if (!found) reply_error(c->reply, ERR_NO_KEY);
    return found != NULL;
}

static void field(struct call *c, const char *name) {
    reply_bulk_str(c->reply, name);
}

static void number_field(struct call *c, const char *name, uint64_t value) {
    field(c, name);
    reply_i64(c->reply, (int64_t)value);
}

static void id_field(struct call *c, const char *name, struct stream_id id) {
    field(c, name);
    stream_reply_id(c->reply, id);
}

/* How far a group is; what can't be told is null. */
static void progress_fields(struct call *c, const struct stream *s, const struct stream_group *g) {
    int64_t lag;
    id_field(c, "last-delivered-id", g->last_id);
    field(c, "entries-read");
    if (g->entries_read == STREAM_UNKNOWN)
        reply_null(c->reply);
    else
        reply_i64(c->reply, g->entries_read);
    field(c, "lag");
    if (stream_group_lag(g, s, &lag))
        reply_i64(c->reply, lag);
    else
        reply_null(c->reply);
}

/* XINFO STREAM. */

enum { HEAD_FIELDS = 7, SUMMARY_FIELDS = HEAD_FIELDS + 3, FULL_FIELDS = HEAD_FIELDS + 2 };

/* The names speak of the tree that the blocks are in. Here it has two levels. */
static void reply_head(struct call *c, const struct stream *s) {
    number_field(c, "length", s->length);
    number_field(c, "radix-tree-keys", id_map_count(&s->nodes));
    number_field(c, "radix-tree-nodes", 1 + id_map_chunks(&s->nodes));
    id_field(c, "last-generated-id", s->last_id);
    id_field(c, "max-deleted-entry-id", s->max_deleted_id);
    number_field(c, "entries-added", s->entries_added);
    id_field(c, "recorded-first-entry-id", s->first_id);
}

static void end_field(struct call *c, const char *name, const struct stream *s, bool last) {
    field(c, name);
    if (!s->length || !stream_reply_entry_of(c->reply, s, stream_end_id(s, last)))
        reply_null(c->reply);
}

static void reply_summary(struct call *c, const struct stream *s) {
    reply_map(c->reply, SUMMARY_FIELDS);
    reply_head(c, s);
    number_field(c, "groups", s->groups.count);
    end_field(c, "first-entry", s, false);
    end_field(c, "last-entry", s, true);
}

static size_t at_most(size_t count, uint64_t limit) {
    return limit && count > limit ? (size_t)limit : count;
}

static void reply_pending(struct call *c, const struct id_map *pending, bool with_consumer,
                          uint64_t limit) {
    field(c, "pending");
    size_t count = at_most(id_map_count(pending), limit);
    reply_array(c->reply, count);
    struct id_map_pos pos = id_map_first(pending);
    for (; count; count--, pos = id_map_next(pending, pos)) {
        const struct id_map_item *item = id_map_at(pending, pos);
        const struct stream_pending *p = item->value;
        reply_array(c->reply, with_consumer ? 4 : 3);
        stream_reply_id(c->reply, item->id);
        if (with_consumer) reply_bulk(c->reply, p->consumer->named.name);
        reply_i64(c->reply, (int64_t)p->delivered_ms);
        reply_i64(c->reply, (int64_t)p->deliveries);
    }
}

static void reply_full_consumer(struct call *c, const struct stream_consumer *consumer,
                                uint64_t limit) {
    reply_map(c->reply, 5);
    field(c, "name");
    reply_bulk(c->reply, consumer->named.name);
    number_field(c, "seen-time", consumer->seen_ms);
    number_field(c, "active-time", (uint64_t)consumer->active_ms);
    number_field(c, "pel-count", id_map_count(&consumer->pending));
    reply_pending(c, &consumer->pending, false, limit);
}

static void reply_full_group(struct call *c, const struct stream *s, const struct stream_group *g,
                             uint64_t limit) {
    reply_map(c->reply, 7);
    field(c, "name");
    reply_bulk(c->reply, g->named.name);
    progress_fields(c, s, g);
    number_field(c, "pel-count", id_map_count(&g->pending));
    reply_pending(c, &g->pending, true, limit);
    field(c, "consumers");
    reply_array(c->reply, g->consumers.count);
    for (size_t i = 0; i < g->consumers.count; i++)
        reply_full_consumer(c, stream_consumer_at(g, i), limit);
}

static void reply_full(struct call *c, const struct stream *s, uint64_t limit) {
    struct stream_id all[2] = {STREAM_ID_MIN, STREAM_ID_MAX};
    reply_map(c->reply, FULL_FIELDS);
    reply_head(c, s);
    field(c, "entries");
    stream_reply_range(c->reply, s, all, false, limit);
    field(c, "groups");
    reply_array(c->reply, s->groups.count);
    for (size_t i = 0; i < s->groups.count; i++)
        reply_full_group(c, s, stream_group_at(s, i), limit);
}

/* Behind the key: FULL, and COUNT with a number; below 0 it's the default. */
static bool full_args_or_reply(struct call *c, uint64_t *limit) {
    enum { LIMIT_DEFAULT = 10 };
    int64_t count = LIMIT_DEFAULT;
    bool fits = c->argc == 4 || (c->argc == 6 && arg_is(c, 4, "COUNT"));
    if (!fits || !arg_is(c, 3, "FULL")) {
        reply_subcommand_syntax(c);
        return false;
    }
    if (c->argc == 6 && !arg_i64_or_reply(c, 5, &count)) return false;
    *limit = count < 0 ? LIMIT_DEFAULT : (uint64_t)count;
    return true;
}

static void cmd_stream(struct call *c) {
    const struct stream *s;
    uint64_t limit;
    if (!stream_or_reply(c, &s)) return;
    if (c->argc == 3)
        reply_summary(c, s);
    else if (full_args_or_reply(c, &limit))
        reply_full(c, s, limit);
}

/* The others. */

static void cmd_groups(struct call *c) {
    const struct stream *s;
    if (!stream_or_reply(c, &s)) return;
    reply_array(c->reply, s->groups.count);
    for (size_t i = 0; i < s->groups.count; i++) {
        const struct stream_group *g = stream_group_at(s, i);
        reply_map(c->reply, 6);
        field(c, "name");
        reply_bulk(c->reply, g->named.name);
        number_field(c, "consumers", g->consumers.count);
        number_field(c, "pending", id_map_count(&g->pending));
        progress_fields(c, s, g);
    }
}

static int64_t ago(const struct call *c, int64_t ms) {
    int64_t now = (int64_t)c->engine->keyspace.now_ms;
    return now > ms ? now - ms : 0;
}

static void cmd_consumers(struct call *c) {
    const struct stream *s;
    if (!stream_or_reply(c, &s)) return;
    const struct stream_group *g = stream_group_find(s, c->argv[3]);
    if (!g) {
        reply_errorf(c->reply, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                     (int)c->argv[3].len, c->argv[3].ptr, (int)c->argv[2].len, c->argv[2].ptr);
        return;
    }
    reply_array(c->reply, g->consumers.count);
    for (size_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *consumer = stream_consumer_at(g, i);
        bool never = consumer->active_ms == STREAM_NEVER;
        reply_map(c->reply, 4);
        field(c, "name");
        reply_bulk(c->reply, consumer->named.name);
        number_field(c, "pending", id_map_count(&consumer->pending));
        number_field(c, "idle", (uint64_t)ago(c, (int64_t)consumer->seen_ms));
        field(c, "inactive");
        reply_i64(c->reply, never ? STREAM_NEVER : ago(c, consumer->active_ms));
    }
}

static void cmd_help(struct call *c) {
    static const char *const lines[] = {
        "CONSUMERS <key> <group>",
        "    List the consumers of a group.",
        "GROUPS <key>",
        "    List the groups of a stream.",
        "STREAM <key> [FULL [COUNT <n>]]",
        "    Tell about a stream; FULL: with its first entries, and all of its groups.",
        NULL,
    };
    call_reply_help(c, lines);
}

static const struct command info_subcommands[] = {
    {
        .name = "stream",
        .run = cmd_stream,
        .arity = -3,
        .flags = CMD_READONLY,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(2, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .summary = "Tells about a stream.",
        .since = "5.0.0",
        .complexity = "O(1); with FULL O(N), N things listed.",
        .syntax = "key [full-block:(FULL [COUNT count])]",
        .history = "6.0.0 `FULL`.\n"
                   "7.0.0 `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, "
                   "`entries-read` and `lag`.\n"
                   "7.2.0 `active-time`; `seen-time` is that of the last attempt.",
    },
    {
        .name = "groups",
        .run = cmd_groups,
        .arity = 3,
        .flags = CMD_READONLY,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(2, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .summary = "Lists the consumer groups of a stream.",
        .since = "5.0.0",
        .complexity = "O(N) in the groups.",
        .syntax = "key",
        .history = "7.0.0 `entries-read` and `lag`.",
    },
    {
        .name = "consumers",
        .run = cmd_consumers,
        .arity = 4,
        .flags = CMD_READONLY,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(2, KEY_RO | KEY_ACCESS)},
        .group = "stream",
        .summary = "Lists the consumers of a group.",
        .since = "5.0.0",
        .complexity = "O(N) in the consumers.",
        .syntax = "key group:string",
        .history = "7.2.0 `inactive`.",
        .tips = "nondeterministic_output",
    },
    COMMAND_HELP(cmd_help, ACL_STREAM, "stream", "5.0.0"),
    {.name = NULL},
};

const struct command stream_info_commands[] = {
    {
        .name = "xinfo",
        .arity = -2,
        .subcommands = info_subcommands,
        .group = "stream",
        .summary = "Tells about streams, groups and consumers.",
        .since = "5.0.0",
        .complexity = "Depends on the subcommand.",
    },
    {.name = NULL},
};
