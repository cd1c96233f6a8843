/* SPDX-License-Identifier: BSD-3-Clause */
/* EVAL and its kin, and SCRIPT. */
#include "base/num.h"
#include "exec/call.h"
#include "script/families.h"
#include "script/script_load.h"
#include "script/script_run.h"

#define ERR_NOSCRIPT "NOSCRIPT No matching script. Please use EVAL."

enum { ARG_SCRIPT = 1, ARG_NUMBER = 2, ARG_FIRST_KEY = 3 };

static bool keys_or_reply(struct call *c, int *keys) {
    int64_t number;
    if (!arg_i64_or_reply(c, ARG_NUMBER, &number)) return false;
    const char *error = NULL;
    if (number > c->argc - ARG_FIRST_KEY)
        error = "ERR Number of keys can't be greater than number of args";
    else if (number < 0)
        error = "ERR Number of keys can't be negative";
    if (error) reply_error(c->reply, error);
    *keys = (int)number;
    return !error;
}

static void run(struct call *c, struct script *script, int keys) {
    struct script_run run = {.call = c,
                             .name = script->sha,
                             .flags = script->flags,
                             .function = script->function,
                             .first_key = ARG_FIRST_KEY,
                             .keys = keys};
    script_cache_used(&c->engine->scripts->cache, script);
    if (script_admit_or_reply(&run)) script_run(&run);
}

static void eval(struct call *c) {
    int keys;
    if (!keys_or_reply(c, &keys)) return;
    struct script *script = script_load_or_reply(c, c->argv[ARG_SCRIPT]);
    if (script) run(c, script, keys);
}

/* EXEC's reply is one: there's no room for a session in it. */
static void cmd_eval(struct call *c) {
    const struct session *s = c->session;
    if (s->script_debug && !c->engine->in_transaction)
        debugger_eval(c, s->script_debug == SESSION_DEBUG_FORKED, eval);
    else
        eval(c);
}

static void cmd_evalsha(struct call *c) {
    int keys = 0;
    struct slice sha = c->argv[ARG_SCRIPT];
    bool possible = sha.len == SHA1_HEX;
    if (possible && c->session->script_debug) {
        reply_error(c->reply, "ERR Please use EVAL instead of EVALSHA for debugging");
        return;
    }
    if (possible && !keys_or_reply(c, &keys)) return;
    struct script *script = possible ? script_cache_find(&c->engine->scripts->cache, sha) : NULL;
    if (script)
        run(c, script, keys);
    else
        reply_error(c->reply, ERR_NOSCRIPT);
}

static unsigned eval_flags(const struct engine *e, const struct slice *argv, int argc,
                           unsigned flags) {
    struct slice text = argv[ARG_SCRIPT];
    const struct script *known = script_cache_find_text(&e->scripts->cache, text);
    return script_command_flags(flags, known ? known->flags : script_text_flags(text));
}

static unsigned evalsha_flags(const struct engine *e, const struct slice *argv, int argc,
                              unsigned flags) {
    const struct script *script = script_cache_find(&e->scripts->cache, argv[ARG_SCRIPT]);
    return script ? script_command_flags(flags, script->flags) : flags;
}

static void cmd_script_load(struct call *c) {
    struct script *script = script_load_or_reply(c, c->argv[2]);
    if (!script) return;
    script_cache_keep(&c->engine->scripts->cache, script);
    reply_bulk(c->reply, slice_of(script->sha, SHA1_HEX));
}

static void cmd_script_exists(struct call *c) {
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++)
        reply_i64(c->reply, script_cache_find(&c->engine->scripts->cache, c->argv[i]) != NULL);
}

static void cmd_script_show(struct call *c) {
    const struct script *script = script_cache_find(&c->engine->scripts->cache, c->argv[2]);
    if (script)
        reply_bulk(c->reply, slice_of(script->text, script->len));
    else
        reply_error(c->reply, ERR_NOSCRIPT);
}

/* Either way it's the collector that frees what the functions took, in its own time. */
static void cmd_script_flush(struct call *c) {
    if (c->argc > 3 || (c->argc == 3 && !arg_is(c, 2, "async") && !arg_is(c, 2, "sync"))) {
        reply_error(c->reply, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
        return;
    }
    script_flush(c->engine->scripts);
    reply_ok(c->reply);
}

static void cmd_script_kill(struct call *c) {
    script_kill(c, false);
}

static void cmd_script_debug(struct call *c) {
    static const char *const modes[] = {
        [SESSION_DEBUG_NO] = "no", [SESSION_DEBUG_FORKED] = "yes", [SESSION_DEBUG_SYNC] = "sync"};
    const uint8_t count = sizeof modes / sizeof *modes;
    uint8_t mode = 0;
    while (mode < count && !arg_is(c, 2, modes[mode])) mode++;
    if (c->engine->in_transaction || reply_len(c->reply)) {
        reply_error(c->reply, "ERR SCRIPT DEBUG must be called outside a pipeline");
    } else if (mode == count) {
        reply_error(c->reply, "ERR Use SCRIPT DEBUG YES/SYNC/NO");
    } else if (mode && !c->engine->scripts->debugging.take) {
        reply_error(c->reply, "ERR The script debugger is not available on this server");
    } else {
        c->session->script_debug = mode;
        reply_ok(c->reply);
    }
}

static void cmd_script_help(struct call *c) {
    static const char *const lines[] = {
        "DEBUG (YES|SYNC|NO)",
        "    Debugs what EVAL runs on this connection: in a process of its own, so that nothing",
        "    is changed; while the server stands still; or not. See redis-cli --ldb.",
        "EXISTS <sha1> [<sha1> ...]",
        "    Tells of each script whether it is cached.",
        "FLUSH [ASYNC|SYNC]",
        "    Forgets all cached scripts.",
        "KILL",
        "    Ends the script that runs, unless it has written.",
        "LOAD <script>",
        "    Caches a script without running it.",
        "SHOW <sha1>",
        "    Shows a cached script's text.",
        NULL};
    call_reply_help(c, lines);
}

#define SCRIPT_SUMMARY_COMPLEXITY "O(N) in the length of the script"

static const struct command script_subcommands[] = {
    {
        .name = "load",
        .run = cmd_script_load,
        .arity = 3,
        .flags = CMD_NOSCRIPT | CMD_STALE,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Caches a script without running it, and tells its SHA-1.",
        .since = "2.6.0",
        .complexity = SCRIPT_SUMMARY_COMPLEXITY,
        .syntax = "script",
        .tips = "request_policy:all_nodes\nresponse_policy:all_succeeded",
    },
    {
        .name = "exists",
        .run = cmd_script_exists,
        .arity = -3,
        .flags = CMD_NOSCRIPT,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Tells which scripts are cached.",
        .since = "2.6.0",
        .complexity = "O(N) in the number of scripts asked for",
        .syntax = "sha1 ...",
        .tips = "request_policy:all_shards\nresponse_policy:agg_logical_and",
    },
    {
        .name = "show",
        .run = cmd_script_show,
        .arity = 3,
        .flags = CMD_NOSCRIPT,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Shows the text of a cached script.",
        .since = "8.0.0",
        .complexity = "O(1)",
        .syntax = "sha1",
    },
    {
        .name = "flush",
        .run = cmd_script_flush,
        .arity = -2,
        .flags = CMD_NOSCRIPT,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Forgets all cached scripts.",
        .since = "2.6.0",
        .complexity = "O(N) in the number of scripts",
        .syntax = "[ASYNC | SYNC]",
        .history = "6.2.0 ASYNC and SYNC came.",
        .tips = "request_policy:all_nodes\nresponse_policy:all_succeeded",
    },
    {
        .name = "kill",
        .run = cmd_script_kill,
        .arity = 2,
        .flags = CMD_NOSCRIPT | CMD_ALLOW_BUSY,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Ends the script that is running, if it hasn't written.",
        .since = "2.6.0",
        .complexity = "O(1)",
        .tips = "request_policy:all_shards\nresponse_policy:one_succeeded",
    },
    {
        .name = "debug",
        .run = cmd_script_debug,
        .arity = 3,
        .flags = CMD_NOSCRIPT,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Switches the debugger of scripts.",
        .since = "3.2.0",
        .complexity = "O(1)",
        .syntax = "(YES | SYNC | NO)",
    },
    COMMAND_HELP(cmd_script_help, ACL_SCRIPTING, "scripting", "5.0.0"),
    {.name = NULL},
};

#define RW_NOTES "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE"
#define RO_NOTES "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS"
#define EVAL_FLAGS                                                                                 \
    (CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS |      \
     CMD_MAY_REPLICATE)
#define EVAL_KEYS(key_flags, key_notes)                                                            \
    {                                                                                              \
        {                                                                                          \
            .flags = (key_flags), .kind = KEYS_NUMBER, .begin = ARG_NUMBER, .number = 0,           \
            .first = 1, .step = 1, .notes = (key_notes)                                            \
        }                                                                                          \
    }

const struct command script_commands[] = {
    {
        .name = "eval",
        .run = cmd_eval,
        .arity = -3,
        .flags = EVAL_FLAGS,
        .flags_of = eval_flags,
        .categories = ACL_SCRIPTING,
        .keys = EVAL_KEYS(KEY_RW | KEY_ACCESS | KEY_UPDATE, RW_NOTES),
        .group = "scripting",
        .summary = "Runs a script in Lua.",
        .since = "2.6.0",
        .complexity = "What the script does",
        .syntax = "script numkeys [key ...] [arg ...]",
    },
    {
        .name = "evalsha",
        .run = cmd_evalsha,
        .arity = -3,
        .flags = EVAL_FLAGS,
        .flags_of = evalsha_flags,
        .categories = ACL_SCRIPTING,
        .keys = EVAL_KEYS(KEY_RW | KEY_ACCESS | KEY_UPDATE, NULL),
        .group = "scripting",
        .summary = "Runs a cached script, named by its SHA-1.",
        .since = "2.6.0",
        .complexity = "What the script does",
        .syntax = "sha1 numkeys [key ...] [arg ...]",
    },
    {
        .name = "eval_ro",
        .run = cmd_eval,
        .arity = -3,
        .flags = (EVAL_FLAGS & ~(unsigned)CMD_MAY_REPLICATE) | CMD_READONLY,
        .flags_of = eval_flags,
        .categories = ACL_SCRIPTING,
        .keys = EVAL_KEYS(KEY_RO | KEY_ACCESS, RO_NOTES),
        .group = "scripting",
        .summary = "Runs a script that may not write.",
        .since = "7.0.0",
        .complexity = "What the script does",
        .syntax = "script numkeys [key ...] [arg ...]",
    },
    {
        .name = "evalsha_ro",
        .run = cmd_evalsha,
        .arity = -3,
        .flags = (EVAL_FLAGS & ~(unsigned)CMD_MAY_REPLICATE) | CMD_READONLY,
        .flags_of = evalsha_flags,
        .categories = ACL_SCRIPTING,
        .keys = EVAL_KEYS(KEY_RO | KEY_ACCESS, NULL),
        .group = "scripting",
        .summary = "Runs a cached script, named by its SHA-1, that may not write.",
        .since = "7.0.0",
        .complexity = "What the script does",
        .syntax = "sha1 numkeys [key ...] [arg ...]",
    },
    {
        .name = "script",
        .arity = -2,
        .subcommands = script_subcommands,
        .group = "scripting",
        .summary = "Commands about cached scripts.",
        .since = "2.6.0",
        .complexity = "Depends on the subcommand.",
    },
    {.name = NULL},
};
