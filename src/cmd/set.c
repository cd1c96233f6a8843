/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets: commands on one set, and SMOVE. */
#include "base/alloc.h"
#include "cmd/families.h"
#include "cmd/scan_walk.h"
#include "cmd/set_reply.h"
#include "exec/call.h"

static bool find_set_or_reply(struct call *c, int i, enum db_access access, struct entry **e) {
    return call_find_typed_or_reply(c, call_key(c, i), access, TYPE_SET, e);
}

/* Changing. */

static void cmd_sadd(struct call *c) {
    const struct type_settings *settings = call_type_settings(c);
    struct key k = call_key(c, 1);
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_SET, &e)) return;
    size_t count = (size_t)c->argc - 2;
    e = db_edit(c->db, k, e, TYPE_SET);
    set_expect(e, c->argv[2], count, settings);
    size_t added = count == 1 && c->element_hashed
                       ? set_add_hashed(e, c->argv[2], c->element_hash, settings)
                       : set_add_all(e, c->argv + 2, count, settings);
    db_edited(c->db, k, e, EVENT_SADD, added);
    reply_i64(c->reply, (int64_t)added);
}

static void cmd_srem(struct call *c) {
    struct key k = call_key(c, 1);
    struct entry *e;
    if (!call_find_typed_or_reply(c, k, DB_WRITE, TYPE_SET, &e)) return;
    size_t removed = 0;
    if (e) {
        e = db_edit(c->db, k, e, TYPE_SET);
        removed = set_remove_all(e, c->argv + 2, (size_t)c->argc - 2);
        db_edited(c->db, k, e, EVENT_SREM, removed);
    }
    reply_i64(c->reply, (int64_t)removed);
}

static void add_one(struct call *c, struct key k, struct entry *e, const struct set_member *m) {
    const struct type_settings *settings = call_type_settings(c);
    e = db_edit(c->db, k, e, TYPE_SET);
    set_expect(e, m->text, 1, settings);
    size_t added = set_add(e, m, settings);
    db_edited(c->db, k, e, EVENT_SADD, added);
}

static void cmd_smove(struct call *c) {
    struct key from_key = call_key(c, 1), to_key = call_key(c, 2);
    struct set_member m = set_member(c->argv[3]);
    struct entry *to = call_find(c, to_key, DB_WRITE), *from;
    if (!call_find_typed_or_reply(c, from_key, DB_WRITE, TYPE_SET, &from)) return;
    if (from && to && to->type != TYPE_SET) {
        reply_error(c->reply, ERR_WRONG_TYPE);
        return;
    }
    bool moves = from && set_has(from, &m);
    if (moves && from != to) {
        from = db_edit(c->db, from_key, from, TYPE_SET);
        set_remove(from, &m);
        db_edited(c->db, from_key, from, EVENT_SREM, 1);
        add_one(c, to_key, to, &m);
    }
    reply_i64(c->reply, moves);
}

/* Reading. */

static void cmd_scard(struct call *c) {
    struct entry *e;
    if (!find_set_or_reply(c, 1, DB_READ, &e)) return;
    reply_i64(c->reply, e ? (int64_t)set_count(e) : 0);
}

static void cmd_sismember(struct call *c) {
    struct entry *e;
    if (!find_set_or_reply(c, 1, DB_READ, &e)) return;
    struct set_member m = set_member(c->argv[2]);
    reply_i64(c->reply, e && set_has(e, &m));
}

static void cmd_smismember(struct call *c) {
    enum { AT_ONCE = 64 };
    struct entry *e;
    bool has[AT_ONCE] = {false};
    if (!find_set_or_reply(c, 1, DB_READ, &e)) return;
    size_t count = (size_t)c->argc - 2;
    reply_array(c->reply, count);
    for (size_t i = 0; i < count; i += AT_ONCE) {
        size_t n = count - i < AT_ONCE ? count - i : AT_ONCE;
        if (e) set_has_all(e, c->argv + 2 + i, n, has);
        for (size_t k = 0; k < n; k++) reply_i64(c->reply, has[k]);
    }
}

static void cmd_smembers(struct call *c) {
    struct entry *e;
    if (!find_set_or_reply(c, 1, DB_READ, &e)) return;
    reply_set(c->reply, e ? set_count(e) : 0);
    if (!e) return;
    struct set_iter it;
    struct set_member m;
    set_iter_init(&it, e);
    while (set_iter_next(&it, &m)) set_reply_member(c->reply, &m);
}

/* What is packed comes in one step, whatever COUNT says. */
static void scan_packed(struct call *c, const struct scan_request *r, const struct entry *e) {
    struct set_iter it;
    struct set_member m;
    char digits[NUM_I64_MAX];
    size_t found = 0;
    scan_reply_cursor(c, 0);
    struct reply_mark mark = reply_begin(c->reply);
    set_iter_init(&it, e);
    while (set_iter_next(&it, &m)) {
        struct slice text = set_member_text(&m, digits);
        if (!scan_fits(r, text)) continue;
        reply_bulk(c->reply, text);
        found++;
    }
    reply_end_array(c->reply, mark, found);
}

static void cmd_sscan(struct call *c) {
    struct scan_request r;
    struct entry *e;
    if (!scan_key_or_reply(c, TYPE_SET, 0, &r, &e)) return;
    const struct table *t = set_table(e);
    if (!t) {
        scan_packed(c, &r, e);
        return;
    }
    struct scan_found found = {0};
    scan_reply_cursor(c, scan_table(t, &r, &found));
    reply_array(c->reply, found.len);
    for (size_t i = 0; i < found.len; i++) reply_bulk(c->reply, set_table_member(found.entries[i]));
    scan_found_release(&found);
}

const struct command set_commands[] = {
    {
        .name = "sadd",
        .run = cmd_sadd,
        .arity = -3,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_SET,
        .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)},
        .element_arg = 2,
        .group = "set",
        .summary = "Adds members to a set, which is created if there's none.",
        .since = "1.0.0",
        .complexity = "O(1) for each member.",
        .syntax = "key member ...",
        .history = "2.4.0 Takes several members.",
    },
    {
        .name = "srem",
        .run = cmd_srem,
        .arity = -3,
        .flags = CMD_WRITE | CMD_FAST | CMD_QUICK,
        .categories = ACL_SET,
        .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)},
        .element_arg = 2,
        .group = "set",
        .summary = "Removes members from a set; the last one takes the key along.",
        .since = "1.0.0",
        .complexity = "O(1) for each member.",
        .syntax = "key member ...",
        .history = "2.4.0 Takes several members.",
    },
    {
        .name = "smove",
        .run = cmd_smove,
        .arity = 4,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_SET,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_DELETE), KEY_AT(2, KEY_RW | KEY_INSERT)},
        .group = "set",
        .summary = "Moves a member from one set to another.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "source destination member",
    },
    {
        .name = "scard",
        .run = cmd_scard,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_SET,
        .keys = {KEY_AT(1, KEY_RO)},
        .group = "set",
        .summary = "Counts the members of a set.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {
        .name = "sismember",
        .run = cmd_sismember,
        .arity = 3,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_SET,
        .keys = {KEY_AT(1, KEY_RO)},
        .element_arg = 2,
        .group = "set",
        .summary = "Tells whether something is a member of a set.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "key member",
    },
    {
        .name = "smismember",
        .run = cmd_smismember,
        .arity = -3,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_SET,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .element_arg = 2,
        .group = "set",
        .summary = "Tells of each argument whether it's a member of a set.",
        .since = "6.2.0",
        .complexity = "O(1) for each argument.",
        .syntax = "key member ...",
    },
    {
        .name = "smembers",
        .run = cmd_smembers,
        .arity = 2,
        .flags = CMD_READONLY,
        .categories = ACL_SET,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .summary = "Lists the members of a set.",
        .since = "1.0.0",
        .complexity = "O(N) in the members.",
        .syntax = "key",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "sscan",
        .run = cmd_sscan,
        .arity = -3,
        .flags = CMD_READONLY,
        .categories = ACL_SET,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "set",
        .summary = "Lists the members of a set step by step.",
        .since = "2.8.0",
        .complexity = "O(COUNT) a call; O(N) in the members for all of them.",
        .syntax = "key cursor [MATCH pattern] [COUNT count]",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
