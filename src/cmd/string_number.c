/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings as counters. All of them keep the key's deadline. */
#include "cmd/families.h"
#include "cmd/string_reply.h"
#include "exec/call.h"

static void incr_by(struct call *c, int64_t by) {
    struct key k = call_key(c, 1);
    int64_t value = 0;
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_STRING, &e)) return;
    if (e && !string_to_i64(e, &value)) {
        reply_error(c->reply, ERR_NOT_INTEGER);
        return;
    }
    if (__builtin_add_overflow(value, by, &value)) {
        reply_error(c->reply, ERR_OVERFLOW);
        return;
    }
    db_set_int(c->db, k, value, EVENT_INCRBY);
    reply_i64(c->reply, value);
}

static void cmd_incr(struct call *c) {
    incr_by(c, 1);
}

static void cmd_decr(struct call *c) {
    incr_by(c, -1);
}

static void cmd_incrby(struct call *c) {
    int64_t by;
    if (arg_i64_or_reply(c, 2, &by)) incr_by(c, by);
}

static void cmd_decrby(struct call *c) {
    int64_t by;
    if (!arg_i64_or_reply(c, 2, &by)) return;
    if (by == INT64_MIN) {
        reply_error(c->reply, "ERR decrement would overflow");
        return;
    }
    incr_by(c, -by);
}

static bool value_or_reply(struct call *c, const struct entry *e, long double *value) {
    char digits[NUM_I64_MAX];
    *value = 0;
    if (!e || num_to_ldouble(string_view(e, digits), value)) return true;
    reply_error(c->reply, ERR_NOT_FLOAT);
    return false;
}

/* The sum is stored as text even when it's whole: Redis says embstr or raw then, never int. */
static void cmd_incrbyfloat(struct call *c) {
    struct key k = call_key(c, 1);
    long double value, by;
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_STRING, &e)) return;
    if (!value_or_reply(c, e, &value) || !arg_ldouble_or_reply(c, 2, &by)) return;
    char text[NUM_LDOUBLE_MAX];
    struct slice sum;
    if (!call_sum_or_reply(c, value, by, text, &sum)) return;
    db_set_text(c->db, k, sum, EVENT_INCRBYFLOAT);
    propagate_instead(c, 4, (struct slice[]){SLICE("SET"), k.name, sum, SLICE("KEEPTTL")});
    reply_bulk(c->reply, sum);
}

const struct command string_number_commands[] = {
    {
        .name = "incr",
        .run = cmd_incr,
        .arity = 2,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "string",
        .summary = "Adds one to a key's integer; a missing key counts as 0.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "decr",
        .run = cmd_decr,
        .arity = 2,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "string",
        .summary = "Takes one from a key's integer; a missing key counts as 0.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "incrby",
        .run = cmd_incrby,
        .arity = 3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "string",
        .summary = "Adds a number to a key's integer; a missing key counts as 0.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key increment:integer",
    },
    {
        .name = "decrby",
        .run = cmd_decrby,
        .arity = 3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "string",
        .summary = "Takes a number from a key's integer; a missing key counts as 0.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key decrement:integer",
    },
    {
        .name = "incrbyfloat",
        .run = cmd_incrbyfloat,
        .arity = 3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .group = "string",
        .summary = "Adds a decimal fraction to a key's number; a missing key counts as 0.",
        .since = "2.6.0",
        .complexity = "O(1)",
        .syntax = "key increment:double",
    },
    {.name = NULL},
};
