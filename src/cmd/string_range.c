/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of strings, and their length. */
#include "cmd/families.h"
#include "cmd/string_reply.h"
#include "exec/call.h"

static void cmd_strlen(struct call *c) {
    struct entry *e;
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_STRING, &e)) return;
    reply_i64(c->reply, e ? (int64_t)string_len(e) : 0);
}

/* A new key is as SET makes it; one that was there is edited, even by nothing, and its encoding
 * raw from then on. */
static void cmd_append(struct call *c) {
    struct key k = call_key(c, 1);
    struct slice tail = c->argv[2];
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_STRING, &e)) return;
    size_t len = e ? string_len(e) : 0;
    if (!e) {
        db_set_string(c->db, k, tail, ENTRY_NO_DEADLINE, EVENT_APPEND);
    } else {
        if (!call_string_size_or_reply(c, len, tail.len)) return;
        char *data = db_edit_string(c->db, k, len + tail.len, EVENT_APPEND);
        slice_put(data + len, tail);
    }
    reply_i64(c->reply, (int64_t)(len + tail.len));
}

static void cmd_setrange(struct call *c) {
    struct key k = call_key(c, 1);
    struct slice part = c->argv[3];
    int64_t offset;
    struct entry *e;
    if (!arg_i64_or_reply(c, 2, &offset)) return;
    if (offset < 0) {
        reply_error(c->reply, ERR_OFFSET_RANGE);
        return;
    }
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_STRING, &e)) return;
    size_t len = e ? string_len(e) : 0;
    if (part.len) {
        if (!call_string_size_or_reply(c, (uint64_t)offset, part.len)) return;
        size_t end = (size_t)offset + part.len;
        if (len < end) len = end;
        char *data = db_edit_string(c->db, k, len, EVENT_SETRANGE);
        slice_put(data + offset, part);
    }
    reply_i64(c->reply, (int64_t)len);
}

/* first and last are inclusive, negative ones count from the end. What lies outside is cut off,
 * with one oddity of Redis's: a range before the start, if it isn't turned round, is the first
 * byte. */
static struct slice part_of(struct slice s, int64_t first, int64_t last) {
    int64_t len = (int64_t)s.len;
    if (len == 0 || (first < 0 && last < 0 && first > last)) return SLICE("");
    if (first < 0) first = first < -len ? 0 : first + len;
    if (last < 0) last = last < -len ? 0 : last + len;
    if (last >= len) last = len - 1;
    return first > last ? SLICE("") : slice_of(s.ptr + first, (size_t)(last - first + 1));
}

static void cmd_getrange(struct call *c) {
    int64_t first, last;
    struct entry *e;
    if (!arg_i64_or_reply(c, 2, &first) || !arg_i64_or_reply(c, 3, &last)) return;
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_STRING, &e)) return;
    char digits[NUM_I64_MAX];
    reply_bulk(c->reply, e ? part_of(string_view(e, digits), first, last) : SLICE(""));
}

const struct command string_range_commands[] = {
    {
        .name = "strlen",
        .run = cmd_strlen,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RO)},
        .group = "string",
        .summary = "Tells the length of a string value in bytes.",
        .since = "2.2.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "append",
        .run = cmd_append,
        .arity = 3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)},
        .group = "string",
        .summary = "Adds bytes to the end of a string value; a missing key counts as empty.",
        .since = "2.0.0",
        .complexity = "O(N), N bytes added, on average over a growing value",
        .syntax = "key value",
    },
    {
        .name = "setrange",
        .run = cmd_setrange,
        .arity = 4,
        .flags = CMD_WRITE | CMD_DENYOOM,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "string",
        .summary = "Writes bytes into a string value, that grows with zeros as far as needed.",
        .since = "2.2.0",
        .complexity = "O(N), N bytes written and those by which the value grows",
        .syntax = "key offset value",
    },
    {
        .name = "getrange",
        .run = cmd_getrange,
        .arity = 4,
        .flags = CMD_READONLY,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "string",
        .summary = "Tells the bytes of a string value between two positions.",
        .since = "2.4.0",
        .complexity = "O(N), N bytes told",
        .syntax = "key start:integer end:integer",
    },
    {
        .name = "substr",
        .run = cmd_getrange,
        .arity = 4,
        .flags = CMD_READONLY,
        .categories = ACL_STRING,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "string",
        .summary = "Tells the bytes of a string value between two positions.",
        .since = "1.0.0",
        .complexity = "O(N), N bytes told",
        .syntax = "key start:integer end:integer",
        .deprecated_since = "2.0.0",
        .replaced_by = "`GETRANGE`",
    },
    {.name = NULL},
};
