/* SPDX-License-Identifier: BSD-3-Clause */
/* SLOWLOG, and Valkey's COMMANDLOG for the same log and two more: commands with large requests, and
 * with large replies. */
#include "exec/call.h"
#include "server/families.h"
#include "server/server.h"

enum { GET_DEFAULT = 10 };

static struct command_log *log_of(const struct call *c, enum command_log_kind kind) {
    return &server_of(c->engine)->command_log[kind];
}

static void reply_entry(struct reply *r, const struct command_log_entry *e) {
    reply_array(r, 6);
    reply_i64(r, (int64_t)e->id);
    reply_i64(r, e->time_s);
    reply_i64(r, e->value);
    reply_array(r, (size_t)e->argc);
    for (int i = 0; i < e->argc; i++) reply_bulk(r, e->argv[i]);
    reply_bulk(r, e->address);
    reply_bulk(r, e->name);
}

static void reply_entries(struct call *c, enum command_log_kind kind, int64_t count) {
    const struct command_log *log = log_of(c, kind);
    const struct command_log_entry *e = log->newest;
    size_t most = count < 0 || (size_t)count > log->count ? log->count : (size_t)count;
    reply_array(c->reply, most);
    for (size_t i = 0; i < most; i++, e = e->older) reply_entry(c->reply, e);
}

static bool count_or_reply(struct call *c, int arg, int64_t *count) {
    return arg_i64_in_or_reply(c, arg, -1, INT64_MAX,
                               "ERR count should be greater than or equal to -1", count);
}

/* SLOWLOG. */

static void cmd_slowlog_get(struct call *c) {
    int64_t count = GET_DEFAULT;
    if (c->argc > 3) {
        reply_errorf(c->reply,
                     "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try SLOWLOG "
                     "HELP.",
                     (int)c->argv[1].len, c->argv[1].ptr);
        return;
    }
    if (c->argc == 3 && !count_or_reply(c, 2, &count)) return;
    reply_entries(c, COMMAND_LOG_SLOW, count);
}

static void cmd_slowlog_len(struct call *c) {
    reply_i64(c->reply, (int64_t)log_of(c, COMMAND_LOG_SLOW)->count);
}

static void cmd_slowlog_reset(struct call *c) {
    command_log_trim(log_of(c, COMMAND_LOG_SLOW), 0);
    reply_ok(c->reply);
}

static void cmd_slowlog_help(struct call *c) {
    static const char *const lines[] = {
        "GET [<count>]",
        "    Show the newest <count> entries (default: 10, -1 for all), each with id, time,",
        "    microseconds, arguments, the client's address and its name.",
        "LEN",
        "    Show how many entries there are.",
        "RESET",
        "    Empty the log.",
        NULL};
    call_reply_help(c, lines);
}

/* COMMANDLOG. */

static bool kind_or_reply(struct call *c, int arg, enum command_log_kind *kind) {
    static const char *const names[COMMAND_LOGS] = {
        [COMMAND_LOG_SLOW] = "slow",
        [COMMAND_LOG_LARGE_REQUEST] = "large-request",
        [COMMAND_LOG_LARGE_REPLY] = "large-reply",
    };
    for (int i = 0; i < COMMAND_LOGS; i++) {
        *kind = (enum command_log_kind)i;
        if (arg_is(c, arg, names[i])) return true;
    }
    reply_error(c->reply,
                "ERR type should be one of the following: slow, large-request, large-reply");
    return false;
}

static void cmd_commandlog_get(struct call *c) {
    enum command_log_kind kind;
    int64_t count;
    if (!count_or_reply(c, 2, &count) || !kind_or_reply(c, 3, &kind)) return;
    reply_entries(c, kind, count);
}

static void cmd_commandlog_len(struct call *c) {
    enum command_log_kind kind;
    if (kind_or_reply(c, 2, &kind)) reply_i64(c->reply, (int64_t)log_of(c, kind)->count);
}

static void cmd_commandlog_reset(struct call *c) {
    enum command_log_kind kind;
    if (!kind_or_reply(c, 2, &kind)) return;
    command_log_trim(log_of(c, kind), 0);
    reply_ok(c->reply);
}

static void cmd_commandlog_help(struct call *c) {
    static const char *const lines[] = {
        "GET <count> <type>",
        "    Show the newest <count> entries (-1 for all) of a log: slow, large-request or",
        "    large-reply. Each has id, time, microseconds or bytes, arguments, the client's",
        "    address and its name.",
        "LEN <type>",
        "    Show how many entries there are.",
        "RESET <type>",
        "    Empty the log.",
        NULL};
    call_reply_help(c, lines);
}

#define FLAGS     (CMD_ADMIN | CMD_LOADING | CMD_STALE)
#define TYPE      "type:(slow | large-request | large-reply)"
#define GET_TIPS  "request_policy:all_nodes\nnondeterministic_output"
#define LEN_TIPS  "request_policy:all_nodes\nresponse_policy:agg_sum\nnondeterministic_output"
#define EACH_TIPS "request_policy:all_nodes\nresponse_policy:all_succeeded"

static const struct command slowlog_subcommands[] = {
    {
        .name = "get",
        .run = cmd_slowlog_get,
        .arity = -2,
        .flags = FLAGS,
        .group = "server",
        .summary = "Shows the newest entries of the slow log.",
        .since = "2.2.12",
        .complexity = "O(N) in the number of entries shown",
        .syntax = "[count]",
        .history = "4.0.0 Entries tell the client's address and name.",
        .tips = GET_TIPS,
    },
    COMMAND_HELP(cmd_slowlog_help, 0, "server", "6.2.0"),
    {
        .name = "len",
        .run = cmd_slowlog_len,
        .arity = 2,
        .flags = FLAGS,
        .group = "server",
        .summary = "Shows how many entries the slow log has.",
        .since = "2.2.12",
        .complexity = "O(1)",
        .tips = LEN_TIPS,
    },
    {
        .name = "reset",
        .run = cmd_slowlog_reset,
        .arity = 2,
        .flags = FLAGS,
        .group = "server",
        .summary = "Empties the slow log.",
        .since = "2.2.12",
        .complexity = "O(N) in the number of entries",
        .tips = EACH_TIPS,
    },
    {.name = NULL},
};

static const struct command commandlog_subcommands[] = {
    {
        .name = "get",
        .run = cmd_commandlog_get,
        .arity = 4,
        .flags = FLAGS,
        .group = "server",
        .summary = "Shows the newest entries of a log of commands.",
        .since = "8.1.0",
        .complexity = "O(N) in the number of entries shown",
        .syntax = "count " TYPE,
        .tips = GET_TIPS,
    },
    COMMAND_HELP(cmd_commandlog_help, 0, "server", "8.1.0"),
    {
        .name = "len",
        .run = cmd_commandlog_len,
        .arity = 3,
        .flags = FLAGS,
        .group = "server",
        .summary = "Shows how many entries a log of commands has.",
        .since = "8.1.0",
        .complexity = "O(1)",
        .syntax = TYPE,
        .tips = LEN_TIPS,
    },
    {
        .name = "reset",
        .run = cmd_commandlog_reset,
        .arity = 3,
        .flags = FLAGS,
        .group = "server",
        .summary = "Empties a log of commands.",
        .since = "8.1.0",
        .complexity = "O(N) in the number of entries",
        .syntax = TYPE,
        .tips = EACH_TIPS,
    },
    {.name = NULL},
};

const struct command slowlog_commands[] = {
    {
        .name = "slowlog",
        .arity = -2,
        .subcommands = slowlog_subcommands,
        .group = "server",
        .summary = "Holds the commands about the slow log.",
        .since = "2.2.12",
        .complexity = "Depends on the subcommand.",
    },
    {
        .name = "commandlog",
        .arity = -2,
        .subcommands = commandlog_subcommands,
        .group = "server",
        .summary =
            "Holds the commands about the logs of slow commands, large requests and replies.",
        .since = "8.1.0",
        .complexity = "Depends on the subcommand.",
    },
    {.name = NULL},
};
