/* SPDX-License-Identifier: BSD-3-Clause */
/* MODULE, for clients and tools that ask: this server loads none. */
#include "exec/call.h"
#include "server/families.h"
#include "server/server.h"

static void cmd_module_list(struct call *c) {
    reply_array(c->reply, 0);
}

static void cmd_module_load(struct call *c) {
    log_warning(c->engine->log, "Module %.*s failed to load: modules aren't supported",
                (int)c->argv[2].len, c->argv[2].ptr);
    reply_error(c->reply, "ERR Error loading the extension. Please check the server logs.");
}

static void cmd_module_unload(struct call *c) {
    reply_error(c->reply, "ERR Error unloading module: no such module with that name");
}

static void cmd_module_help(struct call *c) {
    static const char *const lines[] = {
        "LIST",
        "    The modules that are loaded: none.",
        "LOAD <path> [<arg> ...]",
        "    Fails, as modules aren't supported.",
        "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
        "    Fails likewise.",
        "UNLOAD <name>",
        "    Fails, as there's no module of that name.",
        NULL};
    call_reply_help(c, lines);
}

#define CHANGES (CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING | CMD_PROTECTED)

static const struct command subcommands[] = {
    {
        .name = "list",
        .run = cmd_module_list,
        .arity = 2,
        .flags = CMD_ADMIN | CMD_NOSCRIPT,
        .group = "server",
        .summary = "Lists the modules, of which there are none.",
        .since = "4.0.0",
        .complexity = "O(1)",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "load",
        .run = cmd_module_load,
        .arity = -3,
        .flags = CHANGES,
        .group = "server",
        .summary = "Fails: there are no modules here.",
        .since = "4.0.0",
        .complexity = "O(1)",
        .syntax = "path:string [arg:string ...]",
    },
    {
        .name = "loadex",
        .run = cmd_module_load,
        .arity = -3,
        .flags = CHANGES,
        .group = "server",
        .summary = "Fails: there are no modules here.",
        .since = "7.0.0",
        .complexity = "O(1)",
        .syntax = "path:string [CONFIG name:string value:string ...] [ARGS arg:string ...]",
    },
    {
        .name = "unload",
        .run = cmd_module_unload,
        .arity = 3,
        .flags = CHANGES,
        .group = "server",
        .summary = "Fails: there are no modules here.",
        .since = "4.0.0",
        .complexity = "O(1)",
        .syntax = "name:string",
    },
    COMMAND_HELP(cmd_module_help, 0, "server", "5.0.0"),
    {.name = NULL},
};

const struct command module_commands[] = {
    {
        .name = "module",
        .arity = -2,
        .subcommands = subcommands,
        .group = "server",
        .summary = "Holds the commands about modules.",
        .since = "4.0.0",
        .complexity = "Depends on the subcommand.",
    },
    {.name = NULL},
};
