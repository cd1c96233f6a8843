/* SPDX-License-Identifier: BSD-3-Clause */
/* Deadlines of keys. */
#include "cmd/expiry_args.h"
#include "cmd/families.h"
#include "exec/call.h"

static bool conditions_or_reply(struct call *c, unsigned *conditions) {
    *conditions = 0;
    for (int i = 3; i < c->argc; i++) {
        unsigned condition = expiry_condition_read(c, i);
        if (!condition) {
            struct slice arg = c->argv[i];
            reply_errorf(c->reply, "ERR Unsupported option %.*s", (int)arg.len, arg.ptr);
            return false;
        }
        *conditions |= condition;
    }
    const char *error = NULL;
    if ((*conditions & EXPIRY_IF_LATER) && (*conditions & EXPIRY_IF_EARLIER))
        error = "ERR GT and LT options at the same time are not compatible";
    if ((*conditions & EXPIRY_IF_NONE) && *conditions != EXPIRY_IF_NONE)
        error = "ERR NX and XX, GT or LT options at the same time are not compatible";
    if (error) reply_error(c->reply, error);
    return !error;
}

static void expire_generic(struct call *c, enum expiry_form form) {
    unsigned conditions;
    int64_t at_ms;
    if (!conditions_or_reply(c, &conditions) || !expiry_time_or_reply(c, 2, form, &at_ms)) return;
    struct key k = call_key(c, 1);
    const struct entry *e = call_find(c, k, DB_WRITE);
    bool sets = e && expiry_conditions_hold(conditions, entry_deadline(e), at_ms);
    const struct keyspace *ks = &c->engine->keyspace;
    if (sets && at_ms <= (int64_t)ks->now_ms && !ks->no_expiry) {
        db_delete(c->db, k, true, EVENT_DEL);
        propagate_deletion(c, k.name, ks->lazy_expire);
    } else if (sets) {
        uint64_t deadline = at_ms < 0 ? 0 : (uint64_t)at_ms;
        db_set_deadline(c->db, k, deadline, EVENT_EXPIRE);
        expiry_propagate(c, k.name, deadline, 3);
    }
    reply_i64(c->reply, sets);
}

static void cmd_expire(struct call *c) {
    expire_generic(c, EXPIRY_EX);
}

static void cmd_pexpire(struct call *c) {
    expire_generic(c, EXPIRY_PX);
}

static void cmd_expireat(struct call *c) {
    expire_generic(c, EXPIRY_EXAT);
}

static void cmd_pexpireat(struct call *c) {
    expire_generic(c, EXPIRY_PXAT);
}

static void cmd_persist(struct call *c) {
    struct key k = call_key(c, 1);
    const struct entry *e = call_find(c, k, DB_WRITE);
    bool had = e && (e->flags & ENTRY_DEADLINE);
    if (had) db_set_deadline(c->db, k, ENTRY_NO_DEADLINE, EVENT_PERSIST);
    reply_i64(c->reply, had);
}

/* Replies the deadline less `base`, in ms divided by `unit` and rounded; -1 if there's none, -2 if
 * there's no key. */
static void reply_deadline(struct call *c, uint64_t base, uint64_t unit) {
    const struct entry *e = db_find(c->db, call_key(c, 1), DB_LOOK);
    uint64_t deadline = e ? entry_deadline(e) : ENTRY_NO_DEADLINE;
    if (deadline == ENTRY_NO_DEADLINE) {
        reply_i64(c->reply, e ? -1 : -2);
        return;
    }
    uint64_t left = deadline > base ? deadline - base : 0;
    reply_i64(c->reply, (int64_t)((left + unit / 2) / unit));
}

static void cmd_ttl(struct call *c) {
    reply_deadline(c, c->engine->keyspace.now_ms, 1000);
}

static void cmd_pttl(struct call *c) {
    reply_deadline(c, c->engine->keyspace.now_ms, 1);
}

static void cmd_expiretime(struct call *c) {
    reply_deadline(c, 0, 1000);
}

static void cmd_pexpiretime(struct call *c) {
    reply_deadline(c, 0, 1);
}

#define CONDITION       " [condition:(NX | XX | GT | LT)]"
#define OPTIONS_HISTORY "7.0.0 Takes NX, XX, GT and LT."
#define NO_KEY_HISTORY  "2.8.0 Replies -2 if there is no such key."

const struct command expire_commands[] = {
    {
        .name = "expire",
        .run = cmd_expire,
        .arity = -3,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "generic",
        .summary = "Lets a key expire in so many seconds.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key seconds" CONDITION,
        .history = OPTIONS_HISTORY,
    },
    {
        .name = "pexpire",
        .run = cmd_pexpire,
        .arity = -3,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "generic",
        .summary = "Lets a key expire in so many milliseconds.",
        .since = "2.6.0",
        .complexity = "O(1)",
        .syntax = "key milliseconds" CONDITION,
        .history = OPTIONS_HISTORY,
    },
    {
        .name = "expireat",
        .run = cmd_expireat,
        .arity = -3,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "generic",
        .summary = "Lets a key expire at a Unix time in seconds.",
        .since = "1.2.0",
        .complexity = "O(1)",
        .syntax = "key unix-time-seconds" CONDITION,
        .history = OPTIONS_HISTORY,
    },
    {
        .name = "pexpireat",
        .run = cmd_pexpireat,
        .arity = -3,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "generic",
        .summary = "Lets a key expire at a Unix time in milliseconds.",
        .since = "2.6.0",
        .complexity = "O(1)",
        .syntax = "key unix-time-milliseconds" CONDITION,
        .history = OPTIONS_HISTORY,
    },
    {
        .name = "persist",
        .run = cmd_persist,
        .arity = 2,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "generic",
        .summary = "Takes a key's deadline away.",
        .since = "2.2.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "ttl",
        .run = cmd_ttl,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "generic",
        .summary = "Tells in how many seconds a key expires.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key",
        .history = NO_KEY_HISTORY,
        .tips = "nondeterministic_output",
    },
    {
        .name = "pttl",
        .run = cmd_pttl,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "generic",
        .summary = "Tells in how many milliseconds a key expires.",
        .since = "2.6.0",
        .complexity = "O(1)",
        .syntax = "key",
        .history = NO_KEY_HISTORY,
        .tips = "nondeterministic_output",
    },
    {
        .name = "expiretime",
        .run = cmd_expiretime,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "generic",
        .summary = "Tells the Unix time in seconds at which a key expires.",
        .since = "7.0.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "pexpiretime",
        .run = cmd_pexpiretime,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "generic",
        .summary = "Tells the Unix time in milliseconds at which a key expires.",
        .since = "7.0.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {.name = NULL},
};
