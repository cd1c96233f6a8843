/* SPDX-License-Identifier: BSD-3-Clause */
/* CONFIG: the registry of parameters, from outside. */
#include "exec/call.h"
#include "exec/config_rewrite.h"
#include "script/script_engine.h"
#include "server/access.h"
#include "server/families.h"
#include "server/server.h"

static void cmd_config_get(struct call *c) {
    struct config_pairs pairs;
    config_get(c->engine->config, c->argv + 2, (size_t)c->argc - 2, &pairs);
    reply_map(c->reply, pairs.n);
    for (size_t i = 0; i < pairs.n; i++) {
        reply_bulk(c->reply, pairs.items[i].name);
        reply_bulk(c->reply, pairs.items[i].value);
    }
    config_pairs_release(&pairs);
}

static void reply_outcome(struct call *c, bool done, struct buf *error) {
    if (done)
        reply_ok(c->reply);
    else
        reply_error(c->reply, error->data);
    buf_release(error);
}

static void cmd_config_set(struct call *c) {
    if (c->argc % 2) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    const struct server_config *config = &server_of(c->engine)->config;
    struct config_set_options options = {
        .loading = (c->engine->gates & GATE_LOADING) != 0,
        .allow_protected = access_granted(config->enable_protected_configs, c->session),
    };
    struct buf error = BUF_INIT;
    bool done = config_set(c->engine->config, c->argv + 2, (size_t)c->argc - 2, options, &error);
    reply_outcome(c, done, &error);
}

/* The values of passwords and the like. */
static bool set_is_secret(const struct engine *e, const struct slice *argv, int argc, int i) {
    return i % 2 && config_is_sensitive(e->config, argv[i - 1]);
}

static void cmd_config_rewrite(struct call *c) {
    struct buf error = BUF_INIT;
    bool done = config_rewrite(c->engine->config, false, &error);
    if (done)
        log_notice(c->engine->log, "CONFIG REWRITE executed with success.");
    else
        log_warning(c->engine->log, "CONFIG REWRITE failed: %s", error.data);
    reply_outcome(c, done, &error);
}

static void cmd_config_resetstat(struct call *c) {
    struct server *s = server_of(c->engine);
    engine_reset_stats(c->engine);
    c->engine->scripts->cache.evicted = 0;
    s->stats = (struct server_stats){0};
    metrics_reset(s);
    defrag_reset_stats(&s->defrag);
    reply_ok(c->reply);
}

static void cmd_config_help(struct call *c) {
    static const char *const lines[] = {
        "GET <pattern> [<pattern> ...]",
        "    Show the parameters whose names match, with their values.",
        "SET <parameter> <value> [<parameter> <value> ...]",
        "    Change parameters: all of them, or none if one is refused.",
        "RESETSTAT",
        "    Set the counters that INFO shows back to zero.",
        "REWRITE",
        "    Write the values in force to the configuration file, keeping what people wrote there.",
        NULL};
    call_reply_help(c, lines);
}

enum { ADMIN = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE };

#define PER_PARAMETER "O(N) in the number of parameters given"

static const struct command subcommands[] = {
    {
        .name = "get",
        .run = cmd_config_get,
        .arity = -3,
        .flags = ADMIN,
        .group = "server",
        .summary = "Shows parameters and their values.",
        .since = "2.0.0",
        .complexity = PER_PARAMETER,
        .syntax = "parameter ...",
        .history = "7.0.0 Takes several patterns.",
    },
    {
        .name = "set",
        .run = cmd_config_set,
        .arity = -4,
        .flags = ADMIN,
        .is_secret = set_is_secret,
        .group = "server",
        .summary = "Changes parameters while the server runs, all or none.",
        .since = "2.0.0",
        .complexity = PER_PARAMETER,
        .syntax = "(parameter value) ...",
        .history = "7.0.0 Takes several parameters.",
        .tips = "request_policy:all_nodes\nresponse_policy:all_succeeded",
    },
    {
        .name = "resetstat",
        .run = cmd_config_resetstat,
        .arity = 2,
        .flags = ADMIN,
        .group = "server",
        .summary = "Sets the counters of INFO back to zero.",
        .since = "2.0.0",
        .complexity = "O(1)",
    },
    {
        .name = "rewrite",
        .run = cmd_config_rewrite,
        .arity = 2,
        .flags = ADMIN,
        .group = "server",
        .summary = "Brings the configuration file up to date with the values in force.",
        .since = "2.8.0",
        .complexity = "O(1)",
    },
    COMMAND_HELP(cmd_config_help, 0, "server", "5.0.0"),
    {.name = NULL},
};

const struct command config_commands[] = {
    {
        .name = "config",
        .arity = -2,
        .subcommands = subcommands,
        .group = "server",
        .summary = "Holds the commands about configuration.",
        .since = "2.0.0",
        .complexity = "Depends on the subcommand.",
    },
    {.name = NULL},
};
