/* SPDX-License-Identifier: BSD-3-Clause */
/* CLIENT: what connections are there, and what they may ask for themselves. */
#include "base/alloc.h"
#include "base/num.h"
#include "server/client_kill.h"
#include "server/client_list.h"
#include "server/client_names.h"
#include "server/families.h"
#include "server/server.h"
#include "server/tracking_commands.h"

/* Who. */

static void cmd_id(struct call *c) {
    reply_i64(c->reply, (int64_t)client_of(c->session)->id);
}

static void reply_lines(struct call *c, struct buf *lines) {
    reply_verbatim(c->reply, buf_slice(lines), "txt");
    buf_release(lines);
}

static void cmd_info(struct call *c) {
    struct buf line = BUF_INIT;
    client_describe_line(client_of(c->session), &line);
    reply_lines(c, &line);
}

static void list_by_id(struct call *c) {
    size_t n = (size_t)c->argc - 3;
    int64_t *ids = mem_alloc(n * sizeof *ids);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) ok = num_to_i64(c->argv[3 + i], &ids[i]);
    if (ok) {
        struct buf lines = BUF_INIT;
        client_describe_ids(server_of(c->engine), ids, n, &lines);
        reply_lines(c, &lines);
    } else {
        reply_error(c->reply, "ERR Invalid client ID");
    }
    mem_free(ids);
}

static void list_by_type(struct call *c) {
    struct buf lines = BUF_INIT;
    enum client_kind kind;
    if (!client_kind_parse(c->argv[3], &kind)) {
        reply_errorf(c->reply, "ERR Unknown client type '%.*s'", (int)c->argv[3].len,
                     c->argv[3].ptr);
        return;
    }
    client_describe_all(server_of(c->engine), &kind, &lines);
    reply_lines(c, &lines);
}

static void cmd_list(struct call *c) {
    struct buf lines = BUF_INIT;
    if (c->argc == 2) {
        client_describe_all(server_of(c->engine), NULL, &lines);
        reply_lines(c, &lines);
    } else if (c->argc == 4 && arg_is(c, 2, "type")) {
        list_by_type(c);
    } else if (c->argc > 3 && arg_is(c, 2, "id")) {
        list_by_id(c);
    } else {
        reply_error(c->reply, ERR_SYNTAX);
    }
}

/* Names. */

static void cmd_getname(struct call *c) {
    const char *name = client_text(client_of(c->session), CLIENT_NAME);
    if (*name)
        reply_bulk_str(c->reply, name);
    else
        reply_null(c->reply);
}

static void cmd_setname(struct call *c) {
    if (!client_name_or_reply(c, c->argv[2])) return;
    client_set_text(client_of(c->session), CLIENT_NAME, c->argv[2]);
    reply_ok(c->reply);
}

static void cmd_setinfo(struct call *c) {
    static const struct {
        const char *name;
        enum client_text which;
    } options[] = {{"lib-name", CLIENT_LIB_NAME}, {"lib-ver", CLIENT_LIB_VER}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (!arg_is(c, 2, options[i].name)) continue;
        if (!client_name_is_valid(c->argv[3])) {
            reply_errorf(c->reply, "ERR %s cannot contain spaces, newlines or special characters.",
                         options[i].name);
            return;
        }
        client_set_text(client_of(c->session), options[i].which, c->argv[3]);
        reply_ok(c->reply);
        return;
    }
    reply_errorf(c->reply, "ERR Unrecognized option '%.*s'", (int)c->argv[2].len, c->argv[2].ptr);
}

/* How it's treated. */

static bool on_off_or_reply(struct call *c, bool *on) {
    *on = arg_is(c, 2, "on");
    if (*on || arg_is(c, 2, "off")) return true;
    reply_error(c->reply, ERR_SYNTAX);
    return false;
}

static void cmd_no_evict(struct call *c) {
    bool on;
    if (!on_off_or_reply(c, &on)) return;
    client_of(c->session)->no_evict = on;
    client_memory_count(client_of(c->session));
    reply_ok(c->reply);
}

static void cmd_no_touch(struct call *c) {
    bool on;
    if (!on_off_or_reply(c, &on)) return;
    c->session->no_touch = on;
    reply_ok(c->reply);
}

/* OFF and SKIP are silent themselves; ON answers although replies were off up to now. */
static void cmd_reply(struct call *c) {
    struct client *client = client_of(c->session);
    if (arg_is(c, 2, "on")) {
        client->reply_mode = CLIENT_REPLY_ON;
        reply_ok(&c->session->own_reply);
    } else if (arg_is(c, 2, "off")) {
        client->reply_mode = CLIENT_REPLY_OFF;
    } else if (!arg_is(c, 2, "skip")) {
        reply_error(c->reply, ERR_SYNTAX);
    } else if (client->reply_mode != CLIENT_REPLY_OFF) {
        client->reply_mode = CLIENT_REPLY_SKIP_NEXT;
    }
}

static bool four_words_or_reply(struct call *c, const char *name) {
    if (c->argc <= 4) return true;
    reply_errorf(c->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%s'. Try CLIENT HELP.",
                 name);
    return false;
}

static void cmd_pause(struct call *c) {
    enum client_pause_why why = CLIENT_PAUSE_EVERYTHING;
    uint64_t ms;
    if (!four_words_or_reply(c, "PAUSE")) return;
    if (c->argc == 4 && arg_is(c, 3, "write")) {
        why = CLIENT_PAUSE_WRITES;
    } else if (c->argc == 4 && !arg_is(c, 3, "all")) {
        reply_error(c->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    if (!arg_timeout_or_reply(c, 2, &ms)) return;
    client_pause_start(server_of(c->engine), ms, why);
    reply_ok(c->reply);
}

static void cmd_unpause(struct call *c) {
    client_pause_stop(server_of(c->engine));
    reply_ok(c->reply);
}

/* CLIENT PAUSE blocks, too, but that isn't ended here. */
static void cmd_unblock(struct call *c) {
    int64_t id;
    if (!four_words_or_reply(c, "UNBLOCK")) return;
    if (c->argc == 4 && !arg_is(c, 3, "timeout") && !arg_is(c, 3, "error")) {
        reply_error(c->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return;
    }
    if (!arg_i64_or_reply(c, 2, &id)) return;
    struct client *client = client_by_id(server_of(c->engine), (uint64_t)id);
    bool with_error = c->argc == 4 && arg_is(c, 3, "error");
    reply_i64(c->reply, client && blocking_unblock(&client->session, with_error));
}

static void cmd_help(struct call *c) {
    static const char *const lines[] = {
        "CACHING (YES|NO)",
        "    Track the keys of the next request (with OPTIN), or don't (with OPTOUT).",
        "GETNAME",
        "    Tell the name that this connection gave itself.",
        "GETREDIR",
        "    Tell the id of the client that gets this connection's invalidations.",
        "ID",
        "    Tell this connection's id.",
        "INFO",
        "    Describe this connection.",
        "KILL <ip:port>",
        "    Close the connection from that address.",
        "KILL <filter> <value> [<filter> <value> ...]",
        "    Close those that all filters hold for:",
        "    * ADDR (<ip:port>|<unixsocket>:0), LADDR (<ip:port>|<unixsocket>:0)",
        "      The peer's address; the server's.",
        "    * ID <client-id>",
        "    * MAXAGE <seconds>",
        "      Connected for this long, or longer.",
        "    * SKIPME (YES|NO)",
        "      Leave out this connection (default: yes).",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "    * USER <username>",
        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)|ID <client-id> ...]",
        "    Describe connections, one a line.",
        "NO-EVICT (ON|OFF)",
        "    Keep this connection when clients take too much memory, or not.",
        "NO-TOUCH (ON|OFF)",
        "    Leave keys' last use alone in what this connection does, or not.",
        "PAUSE <milliseconds> [WRITE|ALL]",
        "    Let the commands of all clients wait, or those that may write.",
        "REPLY (ON|OFF|SKIP)",
        "    Send replies, or none, or all but the next.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Tell the name or version of the client library.",
        "SETNAME <name>",
        "    Name this connection.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [PREFIX <prefix> ...]]",
        "         [OPTIN] [OPTOUT] [NOLOOP]",
        "    Tell this connection when keys that it has read change, or keys with a prefix.",
        "TRACKINGINFO",
        "    Describe how this connection's reads are tracked.",
        "UNBLOCK <client-id> [TIMEOUT|ERROR]",
        "    End a blocked command, as if its time was up or with an error.",
        "UNPAUSE",
        "    End a pause.",
        NULL,
    };
    call_reply_help(c, lines);
}

enum {
    ANYTIME = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
    ADMIN = ANYTIME | CMD_ADMIN,
};

#define CLIENT_TYPES "(NORMAL | MASTER | REPLICA | PUBSUB)"
#define SWITCH       "enabled:(ON | OFF)"

static const struct command client_subcommands[] = {
    {"caching", tracking_cmd_caching, 3, ANYTIME, ACL_CONNECTION, .group = "connection",
     .since = "6.0.0", .summary = "Has the keys of the next request tracked, or not.",
     .complexity = "O(1)", .syntax = "mode:(YES | NO)"},
    {"getname", cmd_getname, 2, ANYTIME, ACL_CONNECTION, .group = "connection", .since = "2.6.9",
     .summary = "Tells the connection's name.", .complexity = "O(1)"},
    {"getredir", tracking_cmd_getredir, 2, ANYTIME, ACL_CONNECTION, .group = "connection",
     .since = "6.0.0", .summary = "Tells which client gets the invalidations for this connection.",
     .complexity = "O(1)"},
    {"help", cmd_help, 2, CMD_LOADING | CMD_STALE, ACL_CONNECTION, .group = "connection",
     .since = "5.0.0", .summary = "Lists the subcommands.", .complexity = "O(1)"},
    {"id", cmd_id, 2, ANYTIME, ACL_CONNECTION, .group = "connection", .since = "5.0.0",
     .summary = "Tells the connection's id, unique and ascending.", .complexity = "O(1)"},
    {"info", cmd_info, 2, ANYTIME, ACL_CONNECTION, .group = "connection", .since = "6.2.0",
     .summary = "Describes the connection.", .complexity = "O(1)",
     .tips = "nondeterministic_output"},
    {"kill", client_kill, -3, ADMIN, ACL_CONNECTION, .group = "connection", .since = "2.4.0",
     .summary = "Closes connections.",
     .complexity = "O(N) in the number of connections, O(1) with an ID",
     .syntax = "filter:(old-format:string | new-format:([ID client-id:integer] [TYPE "
               "client-type:" CLIENT_TYPES "] [USER username] [ADDR addr] [LADDR laddr] [SKIPME "
               "skipme:(YES | NO)] [MAXAGE maxage:integer]) ...)",
     .history = "2.8.12 Filters: ID, TYPE, ADDR and SKIPME.\n3.2.0 TYPE knows MASTER.\n"
                "5.0.0 TYPE knows REPLICA.\n6.2.0 Filter LADDR.\n8.0.0 Filter MAXAGE."},
    {"list", cmd_list, -2, ADMIN, ACL_CONNECTION, .group = "connection", .since = "2.4.0",
     .summary = "Describes connections, one a line.",
     .complexity = "O(N) in the number of connections",
     .syntax = "[TYPE client-type:" CLIENT_TYPES "] [ID client-id:integer ...]",
     .history = "2.8.12 Shows the id.\n5.0.0 TYPE.\n6.0.0 Shows the user.\n"
                "6.2.0 Shows argv-mem, tot-mem, laddr, redir; ID.\n"
                "7.0.0 Shows resp, multi-mem, rbs, rbp.\n7.0.3 Shows ssub.",
     .tips = "nondeterministic_output"},
    {"no-evict", cmd_no_evict, 3, ADMIN, ACL_CONNECTION, .group = "connection", .since = "7.0.0",
     .summary = "Protects the connection from eviction for its memory.", .complexity = "O(1)",
     .syntax = SWITCH},
    {"no-touch", cmd_no_touch, 3, ANYTIME, ACL_CONNECTION, .group = "connection", .since = "7.2.0",
     .summary = "Keeps what the connection does from counting as use of keys.",
     .complexity = "O(1)", .syntax = SWITCH},
    {"pause", cmd_pause, -3, ADMIN, ACL_CONNECTION, .group = "connection", .since = "3.0.0",
     .summary = "Lets commands of all clients wait for a time.", .complexity = "O(1)",
     .syntax = "timeout mode:[WRITE | ALL]", .history = "6.2.0 Modes WRITE and ALL."},
    {"reply", cmd_reply, 3, ANYTIME, ACL_CONNECTION, .group = "connection", .since = "3.2.0",
     .summary = "Turns replies on or off, or leaves out one.", .complexity = "O(1)",
     .syntax = "action:(ON | OFF | SKIP)"},
    {"setinfo", cmd_setinfo, 4, ANYTIME, ACL_CONNECTION, .group = "connection", .since = "7.2.0",
     .summary = "Keeps the client library's name or version with the connection.",
     .complexity = "O(1)", .syntax = "attr:(LIB-NAME libname | LIB-VER libver)",
     .tips = "request_policy:all_nodes\nresponse_policy:all_succeeded"},
    {"setname", cmd_setname, 3, ANYTIME, ACL_CONNECTION, .group = "connection", .since = "2.6.9",
     .summary = "Names the connection.", .complexity = "O(1)", .syntax = "connection-name",
     .tips = "request_policy:all_nodes\nresponse_policy:all_succeeded"},
    {"tracking", tracking_cmd_tracking, -3, ANYTIME, ACL_CONNECTION, .group = "connection",
     .since = "6.0.0",
     .summary = "Turns telling the connection of changes to what it has read on or off.",
     .complexity = "O(1), O(N) in the prefixes given, and in those the connection has",
     .syntax = "status:(ON | OFF) [REDIRECT client-id:integer] [PREFIX prefix:string ...] "
               "[BCAST] [OPTIN] [OPTOUT] [NOLOOP]"},
    {"trackinginfo", tracking_cmd_trackinginfo, 2, ANYTIME, ACL_CONNECTION, .group = "connection",
     .since = "6.2.0", .summary = "Describes the tracking of the connection's reads.",
     .complexity = "O(1)"},
    {"unblock", cmd_unblock, -3, ADMIN, ACL_CONNECTION, .group = "connection", .since = "5.0.0",
     .summary = "Ends the blocking command of another connection.", .complexity = "O(1)",
     .syntax = "client-id:integer unblock-type:[TIMEOUT | ERROR]"},
    {"unpause", cmd_unpause, 2, ADMIN, ACL_CONNECTION, .group = "connection", .since = "6.2.0",
     .summary = "Ends a pause.", .complexity = "O(N) in the number of clients that wait"},
    {.name = NULL},
};

const struct command client_commands[] = {
    {"client", NULL, -2, .subcommands = client_subcommands, .group = "connection", .since = "2.4.0",
     .summary = "Holds the commands about connections.",
     .complexity = "Depends on the subcommand."},
    {.name = NULL},
};
