/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams: groups and their consumers, acknowledging. */
#include "cmd/families.h"
#include "cmd/stream_args.h"
#include "cmd/stream_reply.h"

static bool refuse(struct call *c, const char *error) {
    reply_error(c->reply, error);
    return false;
}

struct group_args {
    bool make_stream;
    int64_t entries_read;
};

/* The options of CREATE, or SETID, which has fewer. */
static bool options_or_reply(struct call *c, bool create, struct group_args *args) {
    *args = (struct group_args){.entries_read = STREAM_UNKNOWN};
    for (int i = 5; i < c->argc; i++) {
        if (create && arg_is(c, i, "MKSTREAM")) {
            args->make_stream = true;
        } else if (arg_is(c, i, "ENTRIESREAD") && i + 1 < c->argc) {
            if (!arg_i64_or_reply(c, ++i, &args->entries_read)) return false;
            if (args->entries_read < 0 && args->entries_read != STREAM_UNKNOWN)
                return refuse(c, "ERR value for ENTRIESREAD must be positive or -1");
        } else {
            reply_subcommand_syntax(c);
            return false;
        }
    }
    return true;
}

/* An option may be given twice only if there are no more arguments than each once makes. */
static bool few_options_or_reply(struct call *c, int most) {
    if (c->argc <= most) return true;
    reply_subcommand_syntax(c);
    return false;
}

static bool need_stream_or_reply(struct call *c, const struct stream *s) {
    return s || refuse(c, "ERR The XGROUP subcommand requires the key to exist. Note that for "
                          "CREATE you may want to use the MKSTREAM option to create an empty "
                          "stream automatically.");
}

/* The stream, which must be there, and its group, likewise if it's `needed`. */
static bool find_or_reply(struct call *c, bool needed, struct entry **e, struct stream_group **g) {
    struct stream *s;
    if (!find_stream_or_reply(c, 2, DB_WRITE, e, &s) || !need_stream_or_reply(c, s)) return false;
    *g = stream_group_find(s, c->argv[3]);
    if (*g || !needed) return true;
    reply_errorf(c->reply, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                 (int)c->argv[3].len, c->argv[3].ptr, (int)c->argv[2].len, c->argv[2].ptr);
    return false;
}

/* $ is the stream's last id; SETID also takes the lowest and the highest that there can be. */
static bool group_id_or_reply(struct call *c, const struct stream *s, bool ends,
                              struct stream_id *id) {
    if (ends && (slice_is(c->argv[4], "-") || slice_is(c->argv[4], "+"))) {
        *id = *c->argv[4].ptr == '-' ? STREAM_ID_MIN : STREAM_ID_MAX;
        return true;
    }
    if (!slice_is(c->argv[4], "$")) return arg_stream_id_or_reply(c, 4, 0, id);
    *id = s ? s->last_id : STREAM_ID_MIN;
    return true;
}

static void cmd_create(struct call *c) {
    struct key k = call_key(c, 2);
    struct group_args args;
    struct entry *e;
    struct stream *s;
    struct stream_id id;
    if (!options_or_reply(c, true, &args)) return;
    if (!find_stream_or_reply(c, 2, DB_WRITE, &e, &s)) return;
    if (!args.make_stream && !need_stream_or_reply(c, s)) return;
    if (!few_options_or_reply(c, 8) || !group_id_or_reply(c, s, false, &id)) return;
    if (s && stream_group_find(s, c->argv[3])) {
        reply_error(c->reply, "BUSYGROUP Consumer Group name already exists");
        return;
    }
    e = db_edit(c->db, k, e, TYPE_STREAM);
    stream_group_add(stream_of(e), c->argv[3], id, args.entries_read);
    db_edited(c->db, k, e, EVENT_XGROUP_CREATE, 1);
    reply_ok(c->reply);
}

static void cmd_setid(struct call *c) {
    struct key k = call_key(c, 2);
    struct group_args args;
    struct entry *e;
    struct stream_group *g;
    struct stream_id id;
    if (!options_or_reply(c, false, &args) || !find_or_reply(c, true, &e, &g)) return;
    if (!few_options_or_reply(c, 7) || !group_id_or_reply(c, stream_of(e), true, &id)) return;
    e = db_edit(c->db, k, e, TYPE_STREAM);
    g->last_id = id;
    g->entries_read = args.entries_read;
    db_edited(c->db, k, e, EVENT_XGROUP_SETID, 1);
    reply_ok(c->reply);
}

static void cmd_destroy(struct call *c) {
    struct key k = call_key(c, 2);
    struct entry *e;
    struct stream_group *g;
    if (!find_or_reply(c, false, &e, &g)) return;
    e = db_edit(c->db, k, e, TYPE_STREAM);
    bool removed = stream_group_remove(stream_of(e), c->argv[3]);
    db_edited(c->db, k, e, EVENT_XGROUP_DESTROY, removed);
    reply_i64(c->reply, removed);
}

static void cmd_createconsumer(struct call *c) {
    struct key k = call_key(c, 2);
    struct entry *e;
    struct stream_group *g;
    if (!find_or_reply(c, true, &e, &g)) return;
    e = db_edit(c->db, k, e, TYPE_STREAM);
    bool added = stream_consumer_add(g, c->argv[4], c->engine->keyspace.now_ms) != NULL;
    db_edited(c->db, k, e, EVENT_XGROUP_CREATECONSUMER, added);
    reply_i64(c->reply, added);
}

static void cmd_delconsumer(struct call *c) {
    struct key k = call_key(c, 2);
    struct entry *e;
    struct stream_group *g;
    size_t pending = 0;
    if (!find_or_reply(c, true, &e, &g)) return;
    struct stream_consumer *consumer = stream_consumer_find(g, c->argv[4]);
    if (consumer) {
        e = db_edit(c->db, k, e, TYPE_STREAM);
        pending = stream_consumer_remove(g, consumer);
        db_edited(c->db, k, e, EVENT_XGROUP_DELCONSUMER, 1);
    }
    reply_i64(c->reply, (int64_t)pending);
}

static void cmd_help(struct call *c) {
    static const char *const lines[] = {
        "CREATE <key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <n>]",
        "    Make a group that reads what comes after the id ($: the last one).",
        "    MKSTREAM makes the stream, too; ENTRIESREAD says how many entries count as read.",
        "CREATECONSUMER <key> <group> <consumer>",
        "    Make a consumer, if there is none of this name.",
        "DELCONSUMER <key> <group> <consumer>",
        "    Remove a consumer, along with what is pending for it.",
        "DESTROY <key> <group>",
        "    Remove a group, along with its consumers.",
        "SETID <key> <group> <id|$> [ENTRIESREAD <n>]",
        "    Say after which id a group goes on.",
        NULL,
    };
    call_reply_help(c, lines);
}

/* All ids are looked at before the first one is removed. */
static void cmd_xack(struct call *c) {
    struct key k = call_key(c, 1);
    struct entry *e;
    struct stream *s;
    struct stream_id id;
    size_t removed = 0;
    if (!find_stream_or_reply(c, 1, DB_READ, &e, &s)) return;
    struct stream_group *g = s ? stream_group_find(s, c->argv[2]) : NULL;
    if (!g) {
        reply_i64(c->reply, 0);
        return;
    }
    for (int i = 3; i < c->argc; i++)
        if (!arg_stream_id_or_reply(c, i, 0, &id)) return;
    e = db_edit(c->db, k, e, TYPE_STREAM);
    for (int i = 3; i < c->argc; i++)
        if (arg_stream_id_or_reply(c, i, 0, &id)) removed += stream_pending_remove(g, id);
    db_edited(c->db, k, e, EVENT_GROUP, removed);
    reply_i64(c->reply, (int64_t)removed);
}

#define START "group:string id-selector:(id:string | $)"
#define READ  "[ENTRIESREAD entries-read:integer]"

static const struct command group_subcommands[] = {
    {
        .name = "create",
        .run = cmd_create,
        .arity = -5,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(2, KEY_RW | KEY_INSERT)},
        .group = "stream",
        .summary = "Makes a consumer group.",
        .since = "5.0.0",
        .complexity = "O(1)",
        .syntax = "key " START " [MKSTREAM] " READ,
        .history = "7.0.0 `ENTRIESREAD`.",
    },
    {
        .name = "setid",
        .run = cmd_setid,
        .arity = -5,
        .flags = CMD_WRITE,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(2, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .summary = "Sets the id after which a consumer group goes on.",
        .since = "5.0.0",
        .complexity = "O(1)",
        .syntax = "key " START " " READ,
        .history = "7.0.0 `ENTRIESREAD`.",
    },
    {
        .name = "destroy",
        .run = cmd_destroy,
        .arity = 4,
        .flags = CMD_WRITE,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(2, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .summary = "Removes a consumer group.",
        .since = "5.0.0",
        .complexity = "O(N), N entries pending in the group.",
        .syntax = "key group:string",
    },
    {
        .name = "createconsumer",
        .run = cmd_createconsumer,
        .arity = 5,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(2, KEY_RW | KEY_INSERT)},
        .group = "stream",
        .summary = "Makes a consumer in a group.",
        .since = "6.2.0",
        .complexity = "O(log N), N consumers of the group.",
        .syntax = "key group:string consumer:string",
    },
    {
        .name = "delconsumer",
        .run = cmd_delconsumer,
        .arity = 5,
        .flags = CMD_WRITE,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(2, KEY_RW | KEY_DELETE)},
        .group = "stream",
        .summary = "Removes a consumer from a group, along with what is pending for it.",
        .since = "5.0.0",
        .complexity = "O(N), N entries pending for it.",
        .syntax = "key group:string consumer:string",
    },
    COMMAND_HELP(cmd_help, ACL_STREAM, "stream", "5.0.0"),
    {.name = NULL},
};

const struct command stream_group_commands[] = {
    {
        .name = "xgroup",
        .arity = -2,
        .subcommands = group_subcommands,
        .group = "stream",
        .summary = "Makes, changes and removes consumer groups.",
        .since = "5.0.0",
        .complexity = "Depends on the subcommand.",
    },
    {
        .name = "xack",
        .run = cmd_xack,
        .arity = -4,
        .flags = CMD_WRITE | CMD_FAST | CMD_QUICK,
        .categories = ACL_STREAM,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "stream",
        .summary = "Says that entries are done with: they're pending no more.",
        .since = "5.0.0",
        .complexity = "O(log N) for each id, N entries pending in the group.",
        .syntax = "key group:string id:string ...",
    },
    {.name = NULL},
};
