/* SPDX-License-Identifier: BSD-3-Clause */
/* FUNCTION and FCALL. */
#include "base/clock.h"
#include "base/glob.h"
#include "base/num.h"
#include "exec/call.h"
#include "script/families.h"
#include "script/library_dump.h"
#include "script/library_load.h"
#include "script/script_run.h"

#define ENGINE "LUA"

/* --- FCALL ---------------------------------------------------------------------------------------
 */

enum { ARG_FUNCTION = 1, ARG_NUMBER = 2, ARG_FIRST_KEY = 3 };

static bool keys_or_reply(struct call *c, int *keys) {
    int64_t number;
    const char *error = NULL;
    if (!num_to_i64(c->argv[ARG_NUMBER], &number))
        error = "ERR Bad number of keys provided";
    else if (number > c->argc - ARG_FIRST_KEY)
        error = "ERR Number of keys can't be greater than number of args";
    else if (number < 0)
        error = "ERR Number of keys can't be negative";
    else
        *keys = (int)number;
    if (error) reply_error(c->reply, error);
    return !error;
}

static void cmd_fcall(struct call *c) {
    struct function *f =
        library_find_function(&c->engine->scripts->libraries, c->argv[ARG_FUNCTION]);
    int keys;
    if (!f) {
        reply_error(c->reply, "ERR Function not found");
        return;
    }
    if (!keys_or_reply(c, &keys)) return;
    struct script_run run = {.call = c,
                             .name = f->name.data,
                             .flags = f->flags,
                             .function = f->lua,
                             .is_function = true,
                             .first_key = ARG_FIRST_KEY,
                             .keys = keys};
    if (script_admit_or_reply(&run)) script_run(&run);
}

static unsigned fcall_flags(const struct engine *e, const struct slice *argv, int argc,
                            unsigned flags) {
    const struct function *f = library_find_function(&e->scripts->libraries, argv[ARG_FUNCTION]);
    return f ? script_command_flags(flags, f->flags) : flags;
}

/* --- Bringing and taking away --------------------------------------------------------------------
 */

static void reply_wrong_arguments(struct call *c) {
    reply_errorf(c->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try FUNCTION "
                 "HELP.",
                 (int)c->argv[1].len, c->argv[1].ptr);
}

static void reply_failure(struct call *c, struct buf *error) {
    reply_errorf(c->reply, "ERR %s", error->data);
    buf_release(error);
}

static struct library *load_source(struct script_engine *s, struct slice text,
                                   const struct library_source *source, bool replace,
                                   struct buf *error) {
    if (!replace && library_find(&s->libraries, buf_slice(&source->name))) {
        buf_appendf(error, "Library '%s' already exists", source->name.data);
        return NULL;
    }
    return library_load(s, text, source, error);
}

static bool load(struct script_engine *s, struct slice text, const struct library_source *source,
                 bool replace, struct buf *error) {
    struct library *library = load_source(s, text, source, replace, error);
    if (!library) return false;
    struct library_store one;
    library_store_init(&one, s->libraries.seed);
    library_put(&one, library);
    bool joined = library_join(s, &one, replace, error);
    library_forget_all(s, &one);
    library_store_release(&one);
    return joined;
}

static void cmd_function_load(struct call *c) {
    bool replace = false;
    for (int i = 2; i < c->argc - 1; i++) {
        if (!arg_is(c, i, "replace")) {
            reply_errorf(c->reply, "ERR Unknown option given: %.*s", (int)c->argv[i].len,
                         c->argv[i].ptr);
            return;
        }
        replace = true;
    }
    struct buf error = BUF_INIT;
    struct library_source source;
    struct slice text = c->argv[c->argc - 1];
    if (!library_source_read(text, &source, &error)) {
        reply_failure(c, &error);
        return;
    }
    if (c->session->obeyed) source.limit_ms = 0;
    if (load(c->engine->scripts, text, &source, replace, &error)) {
        keyspace_count_change(&c->engine->keyspace);
        reply_bulk(c->reply, buf_slice(&source.name));
    } else {
        reply_failure(c, &error);
    }
    library_source_release(&source);
}

static void cmd_function_delete(struct call *c) {
    struct script_engine *s = c->engine->scripts;
    struct library *library = library_find(&s->libraries, c->argv[2]);
    if (!library) {
        reply_error(c->reply, "ERR Library not found");
        return;
    }
    library_take(&s->libraries, library);
    library_forget(s, library);
    keyspace_count_change(&c->engine->keyspace);
    reply_ok(c->reply);
}

/* Either way it's the collector that frees what the functions took, in its own time. */
static void cmd_function_flush(struct call *c) {
    if (c->argc > 3) {
        reply_wrong_arguments(c);
        return;
    }
    if (c->argc == 3 && !arg_is(c, 2, "sync") && !arg_is(c, 2, "async")) {
        reply_error(c->reply, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
        return;
    }
    library_forget_all(c->engine->scripts, &c->engine->scripts->libraries);
    keyspace_count_change(&c->engine->keyspace);
    reply_ok(c->reply);
}

static void cmd_function_kill(struct call *c) {
    script_kill(c, true);
}

/* --- DUMP and RESTORE ----------------------------------------------------------------------------
 */

static void cmd_function_dump(struct call *c) {
    struct buf payload = library_dump(&c->engine->scripts->libraries);
    reply_bulk(c->reply, buf_slice(&payload));
    buf_release(&payload);
}

enum restore_policy { RESTORE_APPEND, RESTORE_REPLACE, RESTORE_FLUSH };

static bool policy_or_reply(struct call *c, enum restore_policy *policy) {
    if (c->argc > 4) {
        reply_wrong_arguments(c);
        return false;
    }
    *policy = RESTORE_APPEND;
    if (c->argc == 3 || arg_is(c, 3, "append")) return true;
    *policy = arg_is(c, 3, "flush") ? RESTORE_FLUSH : RESTORE_REPLACE;
    if (*policy == RESTORE_FLUSH || arg_is(c, 3, "replace")) return true;
    reply_error(c->reply, "ERR Wrong restore policy given, value should be either FLUSH, APPEND or "
                          "REPLACE.");
    return false;
}

static void cmd_function_restore(struct call *c) {
    struct script_engine *s = c->engine->scripts;
    enum restore_policy policy;
    if (!policy_or_reply(c, &policy)) return;
    if (!library_dump_is_valid(c->argv[2])) {
        reply_error(c->reply, "ERR DUMP payload version or checksum are wrong");
        return;
    }
    struct buf error = BUF_INIT;
    struct library_store restored;
    library_store_init(&restored, s->libraries.seed);
    bool good = library_restore(s, c->argv[2], &restored, &error);
    if (good && policy == RESTORE_FLUSH)
        library_store_swap(&restored, &s->libraries);
    else if (good)
        good = library_join(s, &restored, policy == RESTORE_REPLACE, &error);
    library_forget_all(s, &restored);
    library_store_release(&restored);
    if (good) {
        keyspace_count_change(&c->engine->keyspace);
        reply_ok(c->reply);
    } else {
        reply_failure(c, &error);
    }
}

/* --- LIST and STATS ------------------------------------------------------------------------------
 */

static void reply_flags(struct reply *r, unsigned flags) {
    struct reply_mark mark = reply_begin(r);
    size_t count = 0;
    for (unsigned flag = 1; flag < SCRIPT_UNDECLARED; flag <<= 1) {
        if (!(flags & flag)) continue;
        reply_status(r, script_flag_name(flag));
        count++;
    }
    reply_end_set(r, mark, count);
}

static void reply_function(struct reply *r, const struct function *f) {
    reply_map(r, 3);
    reply_bulk_str(r, "name");
    reply_bulk(r, buf_slice(&f->name));
    reply_bulk_str(r, "description");
    if (f->described)
        reply_bulk(r, buf_slice(&f->description));
    else
        reply_null(r);
    reply_bulk_str(r, "flags");
    reply_flags(r, f->flags);
}

static void reply_library(struct reply *r, const struct library *library, bool with_code) {
    reply_map(r, with_code ? 4 : 3);
    reply_bulk_str(r, "library_name");
    reply_bulk(r, buf_slice(&library->name));
    reply_bulk_str(r, "engine");
    reply_bulk_str(r, ENGINE);
    reply_bulk_str(r, "functions");
    reply_array(r, library->count);
    for (size_t i = 0; i < library->count; i++) reply_function(r, library->functions[i]);
    if (!with_code) return;
    reply_bulk_str(r, "library_code");
    reply_bulk(r, buf_slice(&library->text));
}

struct list_options {
    bool with_code, filtered;
    struct slice pattern;
};

static bool list_options_or_reply(struct call *c, struct list_options *o) {
    for (int i = 2; i < c->argc; i++) {
        if (!o->with_code && arg_is(c, i, "withcode")) {
            o->with_code = true;
        } else if (!o->filtered && arg_is(c, i, "libraryname")) {
            if (i + 1 == c->argc) {
                reply_error(c->reply, "ERR library name argument was not given");
                return false;
            }
            o->filtered = true;
            o->pattern = c->argv[++i];
        } else {
            reply_errorf(c->reply, "ERR Unknown argument %.*s", (int)c->argv[i].len,
                         c->argv[i].ptr);
            return false;
        }
    }
    return true;
}

static void cmd_function_list(struct call *c) {
    struct list_options o = {0};
    if (!list_options_or_reply(c, &o)) return;
    struct reply_mark mark = reply_begin(c->reply);
    size_t count = 0;
    const struct library *at = c->engine->scripts->libraries.first;
    for (; at; at = at->next) {
        if (o.filtered && !glob_match_nocase(o.pattern, buf_slice(&at->name))) continue;
        reply_library(c->reply, at, o.with_code);
        count++;
    }
    reply_end_array(c->reply, mark, count);
}

static void reply_running(struct reply *r, const struct script_run *run) {
    if (!run || !run->call) {
        reply_null(r);
        return;
    }
    reply_map(r, 3);
    reply_bulk_str(r, "name");
    reply_bulk_str(r, run->name);
    reply_bulk_str(r, "command");
    reply_array(r, (size_t)run->call->argc);
    for (int i = 0; i < run->call->argc; i++) reply_bulk(r, run->call->argv[i]);
    reply_bulk_str(r, "duration_ms");
    reply_i64(r, (int64_t)(((uint64_t)clock_mono_us() - run->started_us) / 1000));
}

static void cmd_function_stats(struct call *c) {
    const struct library_store *store = &c->engine->scripts->libraries;
    const struct script_run *run = script_running(c->engine);
    if (run && run->call && !run->is_function) {
        reply_error(c->reply, script_busy_error(c->engine));
        return;
    }
    reply_map(c->reply, 2);
    reply_bulk_str(c->reply, "running_script");
    reply_running(c->reply, run);
    reply_bulk_str(c->reply, "engines");
    reply_map(c->reply, 1);
    reply_bulk_str(c->reply, ENGINE);
    reply_map(c->reply, 2);
    reply_bulk_str(c->reply, "libraries_count");
    reply_i64(c->reply, (int64_t)store->libraries);
    reply_bulk_str(c->reply, "functions_count");
    reply_i64(c->reply, (int64_t)store->total);
}

static void cmd_function_help(struct call *c) {
    static const char *const lines[] = {
        "DELETE <library-name>",
        "    Takes a library away, with its functions.",
        "DUMP",
        "    Returns all libraries in one payload, for RESTORE.",
        "FLUSH [ASYNC|SYNC]",
        "    Takes all libraries away.",
        "KILL",
        "    Ends the function that runs, unless it has written.",
        "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
        "    Tells of all libraries, or those whose names match, what functions they have;",
        "    with WITHCODE their texts, too.",
        "LOAD [REPLACE] <library-code>",
        "    Brings a library, in place of one of that name if REPLACE is given.",
        "RESTORE <payload> [FLUSH|APPEND|REPLACE]",
        "    Brings the libraries of a payload: instead of all there are (FLUSH), beside those",
        "    (APPEND, the default), or in place of such with the same names (REPLACE).",
        "STATS",
        "    Tells which function runs, and how many libraries and functions there are.",
        NULL};
    call_reply_help(c, lines);
}

/* --- Rows ----------------------------------------------------------------------------------------
 */

#define ALL_SUCCEEDED "request_policy:all_shards\nresponse_policy:all_succeeded"

static const struct command function_subcommands[] = {
    {
        .name = "load",
        .run = cmd_function_load,
        .arity = -3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_NOSCRIPT,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Brings a library of functions.",
        .since = "7.0.0",
        .complexity = "What running the library's text takes",
        .syntax = "[REPLACE] function-code",
        .tips = ALL_SUCCEEDED,
    },
    {
        .name = "delete",
        .run = cmd_function_delete,
        .arity = 3,
        .flags = CMD_WRITE | CMD_NOSCRIPT,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Takes a library and its functions away.",
        .since = "7.0.0",
        .complexity = "O(N) in the number of its functions",
        .syntax = "library-name",
        .tips = ALL_SUCCEEDED,
    },
    {
        .name = "flush",
        .run = cmd_function_flush,
        .arity = -2,
        .flags = CMD_WRITE | CMD_NOSCRIPT,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Takes all libraries away.",
        .since = "7.0.0",
        .complexity = "O(N) in the number of functions",
        .syntax = "[ASYNC | SYNC]",
        .tips = ALL_SUCCEEDED,
    },
    {
        .name = "list",
        .run = cmd_function_list,
        .arity = -2,
        .flags = CMD_NOSCRIPT,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Tells of libraries and their functions.",
        .since = "7.0.0",
        .complexity = "O(N) in the number of functions",
        .syntax = "[LIBRARYNAME library-name-pattern] [WITHCODE]",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "dump",
        .run = cmd_function_dump,
        .arity = 2,
        .flags = CMD_NOSCRIPT,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Returns all libraries in one payload.",
        .since = "7.0.0",
        .complexity = "O(N) in the length of all libraries",
    },
    {
        .name = "restore",
        .run = cmd_function_restore,
        .arity = -3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_NOSCRIPT,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Brings the libraries of a payload.",
        .since = "7.0.0",
        .complexity = "What running the libraries' texts takes",
        .syntax = "serialized-value [FLUSH | APPEND | REPLACE]",
        .tips = ALL_SUCCEEDED,
    },
    {
        .name = "stats",
        .run = cmd_function_stats,
        .arity = 2,
        .flags = CMD_NOSCRIPT | CMD_ALLOW_BUSY,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Tells which function runs, and how many there are.",
        .since = "7.0.0",
        .complexity = "O(1)",
        .tips = "nondeterministic_output\nrequest_policy:all_shards\nresponse_policy:special",
    },
    {
        .name = "kill",
        .run = cmd_function_kill,
        .arity = 2,
        .flags = CMD_NOSCRIPT | CMD_ALLOW_BUSY,
        .categories = ACL_SCRIPTING,
        .group = "scripting",
        .summary = "Ends the function that is running, if it hasn't written.",
        .since = "7.0.0",
        .complexity = "O(1)",
        .tips = "request_policy:all_shards\nresponse_policy:one_succeeded",
    },
    COMMAND_HELP(cmd_function_help, ACL_SCRIPTING, "scripting", "7.0.0"),
    {.name = NULL},
};

#define FCALL_FLAGS                                                                                \
    (CMD_NOSCRIPT | CMD_STALE | CMD_SKIP_MONITOR | CMD_NO_MANDATORY_KEYS | CMD_MOVABLE_KEYS)
#define FCALL_KEYS(key_flags, key_notes)                                                           \
    {                                                                                              \
        {                                                                                          \
            .flags = (key_flags), .kind = KEYS_NUMBER, .begin = ARG_NUMBER, .number = 0,           \
            .first = 1, .step = 1, .notes = (key_notes)                                            \
        }                                                                                          \
    }

const struct command function_commands[] = {
    {
        .name = "fcall",
        .run = cmd_fcall,
        .arity = -3,
        .flags = FCALL_FLAGS | CMD_MAY_REPLICATE,
        .flags_of = fcall_flags,
        .categories = ACL_SCRIPTING,
        .keys = FCALL_KEYS(
            KEY_RW | KEY_ACCESS | KEY_UPDATE,
            "We cannot tell how the keys will be used so we assume the worst, RW and UPDATE"),
        .group = "scripting",
        .summary = "Runs a function.",
        .since = "7.0.0",
        .complexity = "What the function does",
        .syntax = "function numkeys [key ...] [arg ...]",
    },
    {
        .name = "fcall_ro",
        .run = cmd_fcall,
        .arity = -3,
        .flags = FCALL_FLAGS | CMD_READONLY,
        .flags_of = fcall_flags,
        .categories = ACL_SCRIPTING,
        .keys = FCALL_KEYS(
            KEY_RO | KEY_ACCESS,
            "We cannot tell how the keys will be used so we assume the worst, RO and ACCESS"),
        .group = "scripting",
        .summary = "Runs a function that may not write.",
        .since = "7.0.0",
        .complexity = "What the function does",
        .syntax = "function numkeys [key ...] [arg ...]",
    },
    {
        .name = "function",
        .arity = -2,
        .subcommands = function_subcommands,
        .group = "scripting",
        .summary = "Commands about libraries of functions.",
        .since = "7.0.0",
        .complexity = "Depends on the subcommand.",
    },
    {.name = NULL},
};
