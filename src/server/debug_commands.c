/* SPDX-License-Identifier: BSD-3-Clause */
/* DEBUG: what tests need to see and to force. One command, as in Redis, whose subcommands are rows
 * of a table of their own: a name with the wrong number of arguments is as unknown as a wrong name.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/glob.h"
#include "base/heap.h"
#include "base/num.h"
#include "ds/table_stats.h"
#include "exec/call.h"
#include "exec/config_rewrite.h"
#include "script/library_load.h"
#include "script/script_engine.h"
#include "server/debug_protocol.h"
#include "server/debug_restart.h"
#include "server/debug_values.h"
#include "server/families.h"
#include "server/server.h"
#include "type/type.h"

struct subcommand {
    const char *name;
    int least, most; /* arguments, the two names counted */
    void (*run)(struct call *c);
};

static bool switched_on(const struct call *c, int i) {
    return num_leading_i64(c->argv[i]) != 0;
}

/* Accepts a switch that means nothing here: what it would switch isn't done in this way. */
static void debug_accept(struct call *c) {
    reply_ok(c->reply);
}

static bool find_or_reply(struct call *c, int i, struct entry **e) {
    *e = db_find(c->db, db_key(c->db, c->argv[i]), DB_PEEK);
    if (!*e) reply_error(c->reply, ERR_NO_KEY);
    return *e != NULL;
}

/* Time and crashes. */

static void debug_sleep(struct call *c) {
    double seconds;
    if (!num_to_double(c->argv[2], &seconds) || !(seconds > 0)) seconds = 0;
    if (seconds > 1e9) seconds = 1e9;
    struct timespec left = {.tv_sec = (time_t)seconds};
    left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    while (nanosleep(&left, &left) < 0 && errno == EINTR) continue;
    reply_ok(c->reply);
}

static void debug_segfault(struct call *c) {
    raise(SIGSEGV);
}

static void debug_panic(struct call *c) {
    log_warning(c->engine->log, "DEBUG PANIC called");
    abort();
}

static void debug_assert(struct call *c) {
    assert_failed("DEBUG ASSERT called", __FILE__, __LINE__, __func__);
}

static void debug_oom(struct call *c) {
    mem_free(mem_alloc(PTRDIFF_MAX));
    reply_ok(c->reply);
}

/* For who looks whether leaks are found. */
static void debug_leak(struct call *c) {
    struct buf text = BUF_INIT;
    buf_append_slice(&text, c->argv[2]);
    (void)buf_detach(&text);
    reply_ok(c->reply);
}

static void debug_log(struct call *c) {
    struct slice text = c->argv[2];
    int len = text.len < INT_MAX ? (int)text.len : INT_MAX;
    log_warning(c->engine->log, "DEBUG LOG: %.*s", len, text.ptr);
    reply_ok(c->reply);
}

static void debug_error(struct call *c) {
    struct buf text = BUF_INIT;
    buf_append_slice(&text, c->argv[2]);
    reply_error(c->reply, text.data);
    buf_release(&text);
}

/* Switches. */

static void debug_set_active_expire(struct call *c) {
    server_of(c->engine)->debug.no_active_expiry = !switched_on(c, 2);
    reply_ok(c->reply);
}

static void debug_set_disable_deny_scripts(struct call *c) {
    c->engine->scripts->any_command = switched_on(c, 2);
    reply_ok(c->reply);
}

static void debug_skip_checksums(struct call *c) {
    c->engine->persist->any_checksum = switched_on(c, 2);
    reply_ok(c->reply);
}

static void debug_pause_cron(struct call *c) {
    server_of(c->engine)->debug.no_cron = switched_on(c, 2);
    reply_ok(c->reply);
}

/* Nothing is resized, as buffers aren't kept: what their peak would ask for is only told. */
static void debug_replybuffer(struct call *c) {
    uint64_t *reset_us = &server_of(c->engine)->debug.peak_reset_us;
    int64_t ms;
    if (arg_is(c, 2, "PEAK-RESET-TIME")) {
        if (arg_is(c, 3, "NEVER"))
            *reset_us = UINT64_MAX;
        else if (arg_is(c, 3, "RESET"))
            *reset_us = SERVER_PEAK_RESET_US;
        else if (arg_i64_in_or_reply(c, 3, 0, INT64_MAX / 1000, NULL, &ms))
            *reset_us = (uint64_t)ms * 1000;
        else
            return;
    } else if (!arg_is(c, 2, "RESIZING")) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    reply_ok(c->reply);
}

static void debug_config_rewrite(struct call *c) {
    struct buf error = BUF_INIT;
    if (config_rewrite(c->engine->config, true, &error))
        reply_ok(c->reply);
    else
        reply_error(c->reply, error.data);
    buf_release(&error);
}

/* Keys. */

/* An expired key that nobody has looked for yet is there, too. */
static void debug_object(struct call *c) {
    const struct entry *e = db_look_up(c->db, db_key(c->db, c->argv[2]), NULL);
    if (!e) {
        reply_error(c->reply, ERR_NO_KEY);
        return;
    }
    struct digest d = DIGEST_INIT;
    type_of(e)->digest(e, &d);
    uint32_t idle_s = access_idle_seconds(e->access, c->engine->keyspace.now_ms);
    struct buf text = BUF_INIT;
    buf_appendf(&text, "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%u",
                (const void *)e, type_of(e)->encoding_name(e), d.bytes, (unsigned)e->access);
    buf_appendf(&text, " lru_seconds_idle:%u", idle_s);
    if (type_of(e)->describe) type_of(e)->describe(e, call_type_settings(c), &text);
    reply_status(c->reply, text.data);
    buf_release(&text);
}

/* Name, value, and whether there's a deadline (when doesn't matter: it's told by the time left). */
static struct digest key_digest(const struct entry *e) {
    struct digest d = DIGEST_INIT;
    digest_chain(&d, entry_key(e));
    digest_chain(&d, slice_str(type_of(e)->name));
    type_of(e)->digest(e, &d);
    if (e->flags & ENTRY_DEADLINE) digest_chain(&d, SLICE("deadline"));
    return d;
}

static void debug_digest(struct call *c) {
    const struct keyspace *ks = &c->engine->keyspace;
    struct digest all = DIGEST_INIT;
    for (uint32_t i = 0; i < ks->count; i++) {
        const struct db *db = &ks->dbs[i];
        struct table_iter it;
        table_iter_init(&it, &db->table);
        for (const struct entry *e; (e = table_iter_next(&it));) {
            if (db_expired(db, e)) continue;
            struct digest d = key_digest(e);
            digest_chain(&d, slice_of(&db->id, sizeof db->id));
            digest_add(&all, &d);
        }
    }
    char text[DIGEST_HEX + 1];
    digest_hex(&all, text);
    reply_status(c->reply, text);
}

static void debug_digest_value(struct call *c) {
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        struct digest d = DIGEST_INIT;
        char text[DIGEST_HEX + 1];
        struct entry *e = db_find(c->db, db_key(c->db, c->argv[i]), DB_PEEK);
        if (e) type_of(e)->digest(e, &d);
        digest_hex(&d, text);
        reply_status(c->reply, text);
    }
}

/* What fills databases can't while somebody else does. */
static bool not_loading_or_reply(struct call *c) {
    bool loading = c->engine->gates & GATE_LOADING;
    if (loading) reply_error(c->reply, ERR_LOADING);
    return !loading;
}

/* Strings "value:N" at PREFIX:N, filled up with zeros or cut to a size; keys that exist stay. */
static void debug_populate(struct call *c) {
    int64_t count, size = 0;
    if (!not_loading_or_reply(c)) return;
    if (!arg_i64_in_or_reply(c, 2, 0, INT64_MAX, ERR_NOT_POSITIVE, &count)) return;
    struct slice prefix = c->argc > 3 ? c->argv[3] : SLICE("key");
    if (c->argc > 4 && !arg_i64_in_or_reply(c, 4, 0, INT64_MAX, ERR_NOT_POSITIVE, &size)) return;
    if (!call_string_size_or_reply(c, 0, (uint64_t)size)) return;
    struct buf key = BUF_INIT, value = BUF_INIT;
    for (int64_t i = 0; i < count; i++) {
        buf_clear(&key);
        buf_append_slice(&key, prefix);
        buf_appendf(&key, ":%lld", (long long)i);
        struct key k = db_key(c->db, buf_slice(&key));
        if (db_has(c->db, k)) continue;
        buf_clear(&value);
        buf_appendf(&value, "value:%lld", (long long)i);
        if (size > (int64_t)value.len) {
            size_t zeros = (size_t)size - value.len;
            memset(buf_reserve(&value, zeros), 0, zeros);
            value.len += zeros;
        }
        size_t len = size ? (size_t)size : value.len;
        db_set_string(c->db, k, slice_of(value.data, len), ENTRY_NO_DEADLINE, EVENT_UNCOUNTED);
    }
    buf_release(&key);
    buf_release(&value);
    reply_ok(c->reply);
}

static bool reload_options_or_reply(struct call *c, bool *save, bool *flush, bool *merge) {
    *save = *flush = true;
    *merge = false;
    for (int i = 2; i < c->argc; i++) {
        if (arg_is(c, i, "NOSAVE")) {
            *save = false;
        } else if (arg_is(c, i, "NOFLUSH")) {
            *flush = false;
        } else if (arg_is(c, i, "MERGE")) {
            *merge = true;
        } else {
            reply_error(c->reply, "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE "
                                  "options.");
            return false;
        }
    }
    return true;
}

static void empty_all(struct call *c) {
    struct keyspace *ks = &c->engine->keyspace;
    for (uint32_t i = 0; i < ks->count; i++) db_flush(&ks->dbs[i], false);
    library_forget_all(c->engine->scripts, &c->engine->scripts->libraries);
}

/* Saves, empties the databases and loads what was saved. */
static void debug_reload(struct call *c) {
    bool save, flush, merge;
    if (!not_loading_or_reply(c) || !reload_options_or_reply(c, &save, &flush, &merge)) return;
    if (save && !persist_save(c->engine->persist)) {
        reply_error(c->reply, "ERR The snapshot could not be saved, see the log");
        return;
    }
    if (flush) empty_all(c);
    if (!persist_load(c->engine->persist, merge)) {
        reply_error(c->reply, "ERR Error trying to load the RDB dump, check server logs");
        return;
    }
    log_warning(c->engine->log, "DB reloaded by DEBUG RELOAD");
    reply_ok(c->reply);
}

/* What the log says, in place of the data. */
static void debug_loadaof(struct call *c) {
    struct aof *a = &c->engine->persist->aof;
    if (!not_loading_or_reply(c)) return;
    aof_settle(a);
    empty_all(c);
    if (!aof_reload(a)) {
        reply_error(c->reply, "ERR Error trying to load the AOF files, check server logs");
        return;
    }
    log_warning(c->engine->log, "Append Only File loaded by DEBUG LOADAOF");
    reply_ok(c->reply);
}

static void debug_aof_flush_sleep(struct call *c) {
    int64_t us;
    if (!arg_i64_in_or_reply(c, 2, 0, INT32_MAX, NULL, &us)) return;
    c->engine->persist->aof.log.sleep_us = (uint64_t)us;
    reply_ok(c->reply);
}

static void debug_stringmatch_len(struct call *c) {
    int64_t len;
    if (!arg_i64_in_or_reply(c, 2, 0, INT64_MAX, ERR_NOT_POSITIVE, &len)) return;
    if (!call_string_size_or_reply(c, 0, (uint64_t)len)) return;
    char *text = mem_alloc((size_t)len);
    memset(text, 'a', (size_t)len);
    reply_i64(c->reply, glob_match(c->argv[3], slice_of(text, (size_t)len)));
    mem_free(text);
}

/* Tables. */

static void reply_table(struct call *c, const char *title, const struct table *t, bool full) {
    struct buf text = BUF_INIT;
    buf_append_str(&text, title);
    table_stats_write(t, full, &text);
    reply_verbatim(c->reply, buf_slice(&text), "txt");
    buf_release(&text);
}

static bool wants_full(const struct call *c) {
    return c->argc == 4 && arg_is(c, 3, "full");
}

static void debug_htstats(struct call *c) {
    const struct keyspace *ks = &c->engine->keyspace;
    int64_t id;
    if (!arg_i64_or_reply(c, 2, &id)) return;
    if (id < 0 || id >= ks->count) {
        reply_error(c->reply, "ERR Out of range database");
        return;
    }
    reply_table(c, "[Dictionary HT]\nHash table 0 stats (main hash table):\n", &ks->dbs[id].table,
                wants_full(c));
}

static void debug_htstats_key(struct call *c) {
    struct entry *e;
    if (!find_or_reply(c, 2, &e)) return;
    const struct type *type = type_of(e);
    const struct table *t = type->table ? type->table(e) : NULL;
    if (t)
        reply_table(c, "Hash table 0 stats (main hash table):\n", t, wants_full(c));
    else
        reply_error(c->reply,
                    "ERR The value stored at the specified key is not represented using an hash "
                    "table");
}

/* The allocator. */

static void debug_mallctl(struct call *c) {
    int64_t value, old = 0;
    if (c->argc == 4 && !arg_i64_or_reply(c, 3, &value)) return;
    struct buf name = BUF_INIT;
    buf_append_slice(&name, c->argv[2]);
    int failed = heap_param_int(name.data, c->argc == 4 ? &value : NULL, &old);
    if (failed)
        reply_errorf(c->reply, "ERR %s", strerror(-failed));
    else
        reply_i64(c->reply, old);
    buf_release(&name);
}

/* VOID instead of a value: the parameter is an action. */
static void debug_mallctl_str(struct call *c) {
    const char *old = NULL;
    struct buf name = BUF_INIT, value = BUF_INIT;
    buf_append_slice(&name, c->argv[2]);
    bool act = c->argc == 4 && arg_is(c, 3, "VOID");
    if (c->argc == 4) buf_append_slice(&value, c->argv[3]);
    int failed = act ? heap_act(name.data) : heap_param_str(name.data, value.data, &old);
    if (failed)
        reply_errorf(c->reply, "ERR %s", strerror(-failed));
    else
        reply_bulk_str(c->reply, old ? old : "");
    buf_release(&name);
    buf_release(&value);
}

static void debug_quicklist_threshold(struct call *c) {
    uint64_t bytes;
    if (!num_to_bytes(c->argv[2], &bytes) || bytes >= UINT32_MAX) {
        reply_error(c->reply, "ERR argument must be a memory value bigger than 1 and smaller than "
                              "4gb");
        return;
    }
    c->engine->settings.types.list_own_place_from = bytes;
    reply_ok(c->reply);
}

static void debug_help(struct call *c) {
    static const char *const lines[] = {
        "AOF-FLUSH-SLEEP <microseconds>",
        "    Wait that long before each write of the AOF.",
        "ASSERT",
        "    Crash by a failed assertion.",
        "CHANGE-REPL-ID",
        "    Take another replication id, as if the history of writes were a new one.",
        "CHECK",
        "    Look through all structures for what can't be.",
        "CLIENT-EVICTION",
        "    Show how many clients there are of which size, with maxmemory-clients.",
        "CONFIG-REWRITE-FORCE-ALL",
        "    CONFIG REWRITE, with what is at its default, too.",
        "CRASH-AND-RECOVER [<milliseconds>]",
        "    End at once and start again, after a while.",
        "DICT-RESIZING <0|1>",
        "    Accepted; tables grow and shrink in small steps whatever it says.",
        "DIGEST",
        "    A digest of all databases: the same if they hold the same.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    A digest of each value.",
        "ERROR <text>",
        "    Reply <text> as an error.",
        "HTSTATS <db> [full]",
        "    Show what the table of a database looks like.",
        "HTSTATS-KEY <key> [full]",
        "    The same for the table of a value.",
        "LEAK <text>",
        "    Lose memory, with <text> in it.",
        "LISTPACK <key>",
        "    Print a value of that encoding to standard output.",
        "LOADAOF",
        "    Empty the databases and load the append-only log.",
        "LOG <text>",
        "    Write <text> to the log.",
        "MALLCTL <name> [<number>]",
        "    Show a number among the allocator's parameters, or set it.",
        "MALLCTL-STR <name> [<text>]",
        "    The same for a text; with VOID for an action.",
        "OBJECT <key>",
        "    Show where and how <key> is stored.",
        "OOM",
        "    Run out of memory.",
        "PANIC",
        "    Crash.",
        "PAUSE-CRON <0|1>",
        "    Stop the regular background work, or go on with it.",
        "POPULATE <count> [<prefix>] [<size>]",
        "    Make strings at <prefix>:0 (default: key:0) and so on, where there are no such keys.",
        "PROTOCOL <type>",
        "    Reply something of that type: string, integer, double, bignum, null, array, set, map,",
        "    attrib, push, verbatim, true, false.",
        "QUICKLIST <key> [<0|1>]",
        "    Print what a long list takes, and with 1 what it holds, to standard output.",
        "QUICKLIST-PACKED-THRESHOLD <bytes>",
        "    From which length on an element of a new list isn't put into a block with others;",
        "    0: what is too long for one.",
        "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
        "    Save the databases, empty them and load them again.",
        "REPLYBUFFER (PEAK-RESET-TIME (NEVER|RESET|<milliseconds>)|RESIZING <0|1>)",
        "    Accepted; reply buffers go back to a pool when they are sent.",
        "RESTART [<milliseconds>]",
        "    Save the configuration and, as SHUTDOWN would, the data; start again after a while.",
        "SDSLEN <key>",
        "    Show the lengths of a key and its string, and the memory they take.",
        "SEGFAULT",
        "    Crash by an access to memory that isn't there.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Delete expired keys only when somebody looks at them (0), or in the background, too.",
        "SET-DISABLE-DENY-SCRIPTS <0|1>",
        "    Let scripts call what they may not call otherwise.",
        "SET-SKIP-CHECKSUM-VALIDATION <0|1>",
        "    Let RESTORE take payloads whatever their checksum is.",
        "SLEEP <seconds>",
        "    Do nothing for that long.",
        "STRINGMATCH-LEN <length> <pattern>",
        "    Match a glob pattern with that many letters a.",
        "STRUCTSIZE",
        "    Show the sizes of structs.",
        NULL};
    call_reply_help(c, lines);
}

static const struct subcommand subcommands[] = {
    {"AOF-FLUSH-SLEEP", 3, 3, debug_aof_flush_sleep},
    {"ASSERT", 2, 2, debug_assert},
    {"CHECK", 2, 2, debug_check},
    {"CLIENT-EVICTION", 2, 2, debug_client_eviction},
    {"CONFIG-REWRITE-FORCE-ALL", 2, 2, debug_config_rewrite},
    {"CRASH-AND-RECOVER", 2, 3, debug_crash_and_recover},
    {"DICT-RESIZING", 3, 3, debug_accept},
    {"DIGEST", 2, 2, debug_digest},
    {"DIGEST-VALUE", 2, INT_MAX, debug_digest_value},
    {"ERROR", 3, 3, debug_error},
    {"HELP", 2, 2, debug_help},
    {"HTSTATS", 3, 4, debug_htstats},
    {"HTSTATS-KEY", 3, 4, debug_htstats_key},
    {"LEAK", 3, 3, debug_leak},
    {"LISTPACK", 3, 3, debug_listpack},
    {"LOADAOF", 2, 2, debug_loadaof},
    {"LOG", 3, 3, debug_log},
    {"MALLCTL", 3, 4, debug_mallctl},
    {"MALLCTL-STR", 3, 4, debug_mallctl_str},
    {"OBJECT", 3, 3, debug_object},
    {"OOM", 2, 2, debug_oom},
    {"PANIC", 2, 2, debug_panic},
    {"PAUSE-CRON", 3, 3, debug_pause_cron},
    {"POPULATE", 3, 5, debug_populate},
    {"PROTOCOL", 3, 3, debug_protocol},
    {"QUICKLIST", 3, 4, debug_quicklist},
    {"QUICKLIST-PACKED-THRESHOLD", 3, 3, debug_quicklist_threshold},
    {"REPLYBUFFER", 4, 4, debug_replybuffer},
    {"RESTART", 2, 3, debug_restart},
    {"SDSLEN", 3, 3, debug_sdslen},
    {"SEGFAULT", 2, 2, debug_segfault},
    {"SET-ACTIVE-EXPIRE", 3, 3, debug_set_active_expire},
    {"SET-DISABLE-DENY-SCRIPTS", 3, 3, debug_set_disable_deny_scripts},
    {"SET-SKIP-CHECKSUM-VALIDATION", 3, 3, debug_skip_checksums},
    {"RELOAD", 2, 5, debug_reload},
    {"SLEEP", 3, 3, debug_sleep},
    {"STRINGMATCH-LEN", 4, 4, debug_stringmatch_len},
    {"STRUCTSIZE", 2, 2, debug_structsize},
};

static void cmd_debug(struct call *c) {
    propagate_nothing(c);
    for (size_t i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++) {
        const struct subcommand *sub = &subcommands[i];
        if (!arg_is(c, 1, sub->name) || c->argc < sub->least || c->argc > sub->most) continue;
        sub->run(c);
        return;
    }
    if (server_extend_debug(c)) return;
    struct slice name = c->argv[1];
    reply_errorf(c->reply,
                 "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try DEBUG HELP.",
                 name.len < 128 ? (int)name.len : 128, name.ptr);
}

const struct command debug_commands[] = {
    {
        .name = "debug",
        .run = cmd_debug,
        .arity = -2,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_PROTECTED | CMD_INTERNAL,
        .group = "server",
        .summary = "Holds what tests need to see and to force.",
        .since = "1.0.0",
        .complexity = "Depends on the subcommand.",
        .syntax = "subcommand [arg ...]",
    },
    {.name = NULL},
};
