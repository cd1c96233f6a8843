/* SPDX-License-Identifier: BSD-3-Clause */
/* Hashes: setting, getting and deleting fields by name. */
#include "cmd/families.h"
#include "cmd/hash_args.h"
#include "cmd/hash_reply.h"

static bool find_or_reply(struct call *c, struct key k, enum db_access access, struct entry **e) {
    return call_find_typed_or_reply(c, k, access, TYPE_HASH, e);
}

/* Before the field that is argument i is looked up, the first being argument 2: asks for those that
 * follow, a group at a time. */
static inline void touch_ahead(const struct call *c, const struct entry *e, int i, int step) {
    if ((i - 2) % (HASH_TOUCH_MAX * step) != 0) return;
    hash_touch(e, c->argv + i, (size_t)((c->argc - i) / step), (size_t)step);
}

/* Changing. */

/* Sets the field that is argument i to the argument behind it; true if it's new. */
static inline bool set_field(struct call *c, struct entry *e, int i) {
    struct hash_input in = {c->argv[i + 1], NULL, HASH_NO_DEADLINE};
    if (in.value.len > HASH_FIELD_INLINE_MAX) in.own = call_arg_bytes(c, i + 1);
    return hash_set_arg(c, e, i, &in);
}

/* Sets all fields that are given; *added says how many are new. False: an error was replied. */
static bool set_fields_or_reply(struct call *c, int64_t *added) {
    struct key k = call_key(c, 1);
    struct entry *e;
    if (c->argc % 2 != 0) {
        call_reply_wrong_args(c);
        return false;
    }
    if (!find_or_reply(c, k, DB_WRITE, &e)) return false;
    e = db_edit(c->db, k, e, TYPE_HASH);
    *added = 0;
    for (int i = 2; i < c->argc; i += 2) {
        touch_ahead(c, e, i, 2);
        *added += set_field(c, e, i);
    }
    db_edited(c->db, k, e, EVENT_HSET, ((size_t)c->argc - 2) / 2);
    return true;
}

static void cmd_hset(struct call *c) {
    int64_t added;
    if (set_fields_or_reply(c, &added)) reply_i64(c->reply, added);
}

static void cmd_hmset(struct call *c) {
    int64_t added;
    if (set_fields_or_reply(c, &added)) reply_ok(c->reply);
}

static void cmd_hsetnx(struct call *c) {
    struct key k = call_key(c, 1);
    struct hash_item item;
    struct entry *e;
    if (!find_or_reply(c, k, DB_WRITE, &e)) return;
    bool sets = !e || !hash_get_arg(c, e, 2, &item);
    if (sets) {
        e = db_edit(c->db, k, e, TYPE_HASH);
        set_field(c, e, 2);
        db_edited(c->db, k, e, EVENT_HSET, 1);
    }
    reply_i64(c->reply, sets);
}

static void cmd_hdel(struct call *c) {
    struct key k = call_key(c, 1);
    struct entry *e;
    if (!find_or_reply(c, k, DB_WRITE, &e)) return;
    size_t deleted = 0;
    if (e) {
        e = db_edit(c->db, k, e, TYPE_HASH);
        for (int i = 2; i < c->argc; i++) {
            touch_ahead(c, e, i, 1);
            deleted += hash_delete(e, c->argv[i]);
        }
        db_edited(c->db, k, e, EVENT_HDEL, deleted);
    }
    reply_i64(c->reply, (int64_t)deleted);
}

/* Reading. */

/* The value of the field that is argument i, or null if there's none or no hash (`e` NULL). */
static inline void reply_value(struct call *c, const struct entry *e, int i) {
    struct hash_item item;
    if (e && hash_get_arg(c, e, i, &item))
        hash_reply_text(c->reply, &item.value);
    else
        reply_null(c->reply);
}

static void cmd_hget(struct call *c) {
    struct entry *e;
    if (!find_or_reply(c, call_key(c, 1), DB_READ, &e)) return;
    reply_value(c, e, 2);
}

static void cmd_hmget(struct call *c) {
    struct entry *e;
    if (!find_or_reply(c, call_key(c, 1), DB_READ, &e)) return;
    reply_array(c->reply, (size_t)c->argc - 2);
    for (int i = 2; i < c->argc; i++) {
        if (e) touch_ahead(c, e, i, 1);
        reply_value(c, e, i);
    }
}

static void cmd_hexists(struct call *c) {
    struct hash_item item;
    struct entry *e;
    if (!find_or_reply(c, call_key(c, 1), DB_READ, &e)) return;
    reply_i64(c->reply, e && hash_get_arg(c, e, 2, &item));
}

static void cmd_hstrlen(struct call *c) {
    struct hash_item item;
    struct entry *e;
    char digits[NUM_I64_MAX];
    if (!find_or_reply(c, call_key(c, 1), DB_READ, &e)) return;
    bool found = e && hash_get_arg(c, e, 2, &item);
    reply_i64(c->reply, found ? (int64_t)hash_text_view(&item.value, digits).len : 0);
}

static void cmd_hlen(struct call *c) {
    struct entry *e;
    if (!find_or_reply(c, call_key(c, 1), DB_READ, &e)) return;
    reply_i64(c->reply, e ? (int64_t)hash_len(e) : 0);
}

const struct command hash_commands[] = {
    {
        .name = "hset",
        .run = cmd_hset,
        .arity = -4,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .element_arg = 2,
        .group = "hash",
        .summary = "Sets fields of a hash, which is created if there's none.",
        .since = "2.0.0",
        .complexity = "O(1) for each field.",
        .syntax = "key data:(field value) ...",
        .history = "4.0.0 Takes several pairs.",
    },
    {
        .name = "hmset",
        .run = cmd_hmset,
        .arity = -4,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .element_arg = 2,
        .group = "hash",
        .summary = "Sets fields of a hash.",
        .since = "2.0.0",
        .complexity = "O(1) for each field.",
        .syntax = "key data:(field value) ...",
        .deprecated_since = "4.0.0",
        .replaced_by = "`HSET` with multiple field-value pairs",
    },
    {
        .name = "hsetnx",
        .run = cmd_hsetnx,
        .arity = 4,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_INSERT)},
        .element_arg = 2,
        .group = "hash",
        .summary = "Sets a field of a hash unless it exists.",
        .since = "2.0.0",
        .complexity = "O(1)",
        .syntax = "key field value",
    },
    {
        .name = "hdel",
        .run = cmd_hdel,
        .arity = -3,
        .flags = CMD_WRITE | CMD_FAST | CMD_QUICK,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_DELETE)},
        .element_arg = 2,
        .group = "hash",
        .summary = "Deletes fields of a hash; the last one takes the key along.",
        .since = "2.0.0",
        .complexity = "O(1) for each field.",
        .syntax = "key field ...",
        .history = "2.4.0 Takes several fields.",
    },
    {
        .name = "hget",
        .run = cmd_hget,
        .arity = 3,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .element_arg = 2,
        .group = "hash",
        .summary = "Tells the value of a field.",
        .since = "2.0.0",
        .complexity = "O(1)",
        .syntax = "key field",
    },
    {
        .name = "hmget",
        .run = cmd_hmget,
        .arity = -3,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .element_arg = 2,
        .group = "hash",
        .summary = "Tells the values of fields.",
        .since = "2.0.0",
        .complexity = "O(1) for each field.",
        .syntax = "key field ...",
    },
    {
        .name = "hexists",
        .run = cmd_hexists,
        .arity = 3,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO)},
        .element_arg = 2,
        .group = "hash",
        .summary = "Tells whether a field exists.",
        .since = "2.0.0",
        .complexity = "O(1)",
        .syntax = "key field",
    },
    {
        .name = "hstrlen",
        .run = cmd_hstrlen,
        .arity = 3,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO)},
        .element_arg = 2,
        .group = "hash",
        .summary = "Tells the length of a field's value.",
        .since = "3.2.0",
        .complexity = "O(1)",
        .syntax = "key field",
    },
    {
        .name = "hlen",
        .run = cmd_hlen,
        .arity = 2,
        .flags = CMD_READONLY | CMD_FAST | CMD_QUICK,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO)},
        .group = "hash",
        .summary = "Counts the fields of a hash.",
        .since = "2.0.0",
        .complexity = "O(1)",
        .syntax = "key",
    },
    {.name = NULL},
};
