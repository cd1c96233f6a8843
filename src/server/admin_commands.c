/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands about the server as a whole: INFO, MONITOR, SHUTDOWN, TIME. */
#include "base/clock.h"
#include "exec/call.h"
#include "server/families.h"
#include "server/server.h"

static void cmd_info(struct call *c) {
    struct buf text = BUF_INIT;
    info_write(c->engine->info, c->argv + 1, c->argc - 1, &text);
    reply_verbatim(c->reply, buf_slice(&text), "txt");
    buf_release(&text);
}

/* The wall clock itself, not that of the batch: clients measure with it. But in a script the time
 * stands still. */
static void cmd_time(struct call *c) {
    int64_t now_us = c->session->caller ? (int64_t)c->engine->now_us : clock_wall_us();
    reply_array(c->reply, 2);
    reply_bulk_i64(c->reply, now_us / 1000000);
    reply_bulk_i64(c->reply, now_us % 1000000);
}

/* As in Redis, a monitor that asks to be one gets no answer. */
static void cmd_monitor(struct call *c) {
    if (!c->session->can_wait) {
        reply_error(c->reply, "ERR MONITOR isn't allowed for DENY BLOCKING client");
        return;
    }
    if (client_is_monitor(client_of(c->session))) return;
    monitor_add(client_of(c->session));
    reply_ok(c->reply);
}

enum { SHUTDOWN_ABORT = 1 << 8 }; /* beside those of enum server_shutdown */

static bool shutdown_options(const struct call *c, unsigned *options) {
    static const struct {
        const char *word;
        unsigned option;
    } words[] = {{"NOSAVE", SERVER_SHUTDOWN_NOSAVE},
                 {"SAVE", SERVER_SHUTDOWN_SAVE},
                 {"NOW", SERVER_SHUTDOWN_NOW},
                 {"FORCE", SERVER_SHUTDOWN_FORCE},
                 {"ABORT", SHUTDOWN_ABORT}};
    *options = 0;
    for (int i = 1; i < c->argc; i++) {
        unsigned option = 0;
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
            if (arg_is(c, i, words[w].word)) option = words[w].option;
        if (!option) return false;
        *options |= option;
    }
    if ((*options & SHUTDOWN_ABORT) && *options != SHUTDOWN_ABORT) return false;
    return !((*options & SERVER_SHUTDOWN_SAVE) && (*options & SERVER_SHUTDOWN_NOSAVE));
}

static void abort_shutdown(struct call *c) {
    if (shutdown_abort(server_of(c->engine)))
        reply_ok(c->reply);
    else
        reply_error(c->reply, "ERR No shutdown in progress.");
}

static void shut_down(struct call *c, unsigned options) {
    switch (shutdown_begin(server_of(c->engine), options)) {
    case SHUTDOWN_ENDS:
        if (c->session->is_client) client_close_soon(client_of(c->session));
        break;
    case SHUTDOWN_FAILED:
        reply_error(c->reply, "ERR Errors trying to SHUTDOWN. Check logs.");
        break;
    case SHUTDOWN_WAITS: shutdown_wait(c); break;
    }
}

static void cmd_shutdown(struct call *c) {
    unsigned options;
    if (!shutdown_options(c, &options)) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    if ((c->engine->gates & GATE_BUSY) && !(options & SERVER_SHUTDOWN_NOSAVE)) {
        reply_error(c->reply, c->engine->busy_error);
        return;
    }
    if (options & SHUTDOWN_ABORT)
        abort_shutdown(c);
    else
        shut_down(c, options);
}

const struct command admin_commands[] = {
    {
        .name = "info",
        .run = cmd_info,
        .arity = -1,
        .flags = CMD_LOADING | CMD_STALE,
        .categories = ACL_DANGEROUS,
        .group = "server",
        .summary = "Shows what there is to know of the server, in sections.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "[section ...]",
        .history = "7.0.0 Takes several sections.",
        .tips = "nondeterministic_output\nrequest_policy:all_shards\nresponse_policy:special",
    },
    {
        .name = "monitor",
        .run = cmd_monitor,
        .arity = 1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE,
        .group = "server",
        .summary = "Shows this connection every command that the server runs.",
        .since = "1.0.0",
        .complexity = "O(1)",
    },
    {
        .name = "shutdown",
        .run = cmd_shutdown,
        .arity = -1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_NO_MULTI | CMD_ALLOW_BUSY,
        .group = "server",
        .summary = "Ends the server, after saving if that is configured or asked for.",
        .since = "1.0.0",
        .complexity = "O(N) in the number of keys when they are saved, else O(1)",
        .syntax = "save-selector:[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
        .history = "7.0.0 NOW, FORCE and ABORT came.",
    },
    {
        .name = "time",
        .run = cmd_time,
        .arity = 1,
        .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
        .group = "server",
        .summary = "Tells the time: seconds since 1970, and microseconds.",
        .since = "2.6.0",
        .complexity = "O(1)",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
