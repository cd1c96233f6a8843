/* SPDX-License-Identifier: BSD-3-Clause */
/* Deadlines of fields of hashes, as Redis 7.4 has them. Each command replies one number a field:
 * what became of it, or when it expires. */
#include "cmd/families.h"
#include "cmd/hash_fields.h"
#include "type/t_hash.h"

enum outcome {
    NO_FIELD = -2,
    NO_DEADLINE = -1,
    CONDITION_FAILED = 0,
    DONE = 1,
    DELETED = 2, /* the deadline was past */
};

static bool fields_or_reply(struct call *c, int i, struct hash_fields *fields) {
    static const struct hash_fields_errors errors = {
        "ERR Mandatory argument FIELDS is missing or not at the right position",
        "ERR Parameter `numFields` should be greater than 0",
        "ERR The `numfields` parameter must match the number of arguments",
    };
    fields->step = 1;
    return hash_fields_or_reply(c, i, &errors, fields);
}

static bool find_or_reply(struct call *c, enum db_access access, struct entry **e) {
    return call_find_typed_or_reply(c, call_key(c, 1), access, TYPE_HASH, e);
}

/* The reply when there's no hash: no field exists. */
static void reply_no_fields(struct call *c, const struct hash_fields *fields) {
    reply_array(c->reply, (size_t)fields->count);
    for (int i = 0; i < fields->count; i++) reply_i64(c->reply, NO_FIELD);
}

/* Setting. */

struct new_deadline {
    unsigned conditions;
    int64_t at_ms;
    bool past;
};

static enum outcome expire_field(struct call *c, struct entry *e, struct slice field,
                                 const struct new_deadline *d) {
    struct hash_item item;
    if (!hash_get(e, field, &item)) return NO_FIELD;
    if (!expiry_conditions_hold(d->conditions, item.deadline, d->at_ms)) return CONDITION_FAILED;
    if (d->past)
        hash_delete(e, field);
    else
        hash_set_deadline(e, field, (uint64_t)d->at_ms);
    return d->past ? DELETED : DONE;
}

static void expire_fields(struct call *c, struct entry *e, const struct hash_fields *fields,
                          const struct new_deadline *d) {
    struct key k = call_key(c, 1);
    struct hash_changed changed = {0};
    size_t changes = 0;
    e = db_edit(c->db, k, e, TYPE_HASH);
    reply_array(c->reply, (size_t)fields->count);
    for (int i = 0; i < fields->count; i++) {
        struct slice field = c->argv[fields->first + i];
        enum outcome outcome = expire_field(c, e, field, d);
        changes += outcome >= DONE;
        if (outcome >= DONE) hash_changed_add(&changed, c, field);
        reply_i64(c->reply, outcome);
    }
    db_edited(c->db, k, e, d->past ? EVENT_HDEL : EVENT_HEXPIRE, changes);
    if (d->past)
        hash_propagate_deletion(c, &changed);
    else
        hash_propagate_deadline(c, &changed, (uint64_t)d->at_ms);
}

static void hexpire_generic(struct call *c, enum expiry_form form) {
    const struct keyspace *ks = &c->engine->keyspace;
    struct new_deadline d;
    struct hash_fields fields;
    struct entry *e;
    if (!find_or_reply(c, DB_WRITE, &e) || !hash_time_or_reply(c, 2, form, &d.at_ms)) return;
    d.conditions = expiry_condition_read(c, 3);
    if (!fields_or_reply(c, d.conditions ? 4 : 3, &fields)) return;
    d.past = d.at_ms <= (int64_t)ks->now_ms && !ks->no_expiry;
    if (e)
        expire_fields(c, e, &fields, &d);
    else
        reply_no_fields(c, &fields);
}

static void cmd_hexpire(struct call *c) {
    hexpire_generic(c, EXPIRY_EX);
}

static void cmd_hpexpire(struct call *c) {
    hexpire_generic(c, EXPIRY_PX);
}

static void cmd_hexpireat(struct call *c) {
    hexpire_generic(c, EXPIRY_EXAT);
}

static void cmd_hpexpireat(struct call *c) {
    hexpire_generic(c, EXPIRY_PXAT);
}

static enum outcome persist_field(struct call *c, struct entry *e, struct slice field) {
    struct hash_item item;
    if (!hash_get(e, field, &item)) return NO_FIELD;
    if (item.deadline == HASH_NO_DEADLINE) return NO_DEADLINE;
    hash_set_deadline(e, field, HASH_NO_DEADLINE);
    return DONE;
}

static void cmd_hpersist(struct call *c) {
    struct key k = call_key(c, 1);
    struct hash_fields fields;
    struct entry *e;
    if (!find_or_reply(c, DB_WRITE, &e) || !fields_or_reply(c, 2, &fields)) return;
    if (!e) {
        reply_no_fields(c, &fields);
        return;
    }
    size_t changes = 0;
    e = db_edit(c->db, k, e, TYPE_HASH);
    reply_array(c->reply, (size_t)fields.count);
    for (int i = 0; i < fields.count; i++) {
        enum outcome outcome = persist_field(c, e, c->argv[fields.first + i]);
        changes += outcome == DONE;
        reply_i64(c->reply, outcome);
    }
    db_edited(c->db, k, e, EVENT_HPERSIST, changes);
}

/* Asking. */

/* Replies the deadlines less `base`, in ms divided by `unit` and rounded up. */
static void reply_deadlines(struct call *c, uint64_t base, uint64_t unit) {
    struct hash_fields fields;
    struct entry *e;
    if (!find_or_reply(c, DB_READ, &e) || !fields_or_reply(c, 2, &fields)) return;
    if (!e) {
        reply_no_fields(c, &fields);
        return;
    }
    reply_array(c->reply, (size_t)fields.count);
    for (int i = 0; i < fields.count; i++) {
        struct hash_item item;
        if (!hash_get(e, c->argv[fields.first + i], &item))
            reply_i64(c->reply, NO_FIELD);
        else if (item.deadline == HASH_NO_DEADLINE)
            reply_i64(c->reply, NO_DEADLINE);
        else
            reply_i64(c->reply, (int64_t)((item.deadline - base + unit - 1) / unit));
    }
}

static void cmd_httl(struct call *c) {
    reply_deadlines(c, c->engine->keyspace.now_ms, 1000);
}

static void cmd_hpttl(struct call *c) {
    reply_deadlines(c, c->engine->keyspace.now_ms, 1);
}

static void cmd_hexpiretime(struct call *c) {
    reply_deadlines(c, 0, 1000);
}

static void cmd_hpexpiretime(struct call *c) {
    reply_deadlines(c, 0, 1);
}

#define FIELDS_SYNTAX    "fields:(FIELDS numfields:integer field ...)"
#define CONDITION_SYNTAX " [condition:(NX | XX | GT | LT)] " FIELDS_SYNTAX

const struct command hash_expiry_commands[] = {
    {
        .name = "hexpire",
        .run = cmd_hexpire,
        .arity = -6,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .summary = "Lets fields expire in so many seconds.",
        .since = "7.4.0",
        .complexity = "O(1) for each field.",
        .syntax = "key seconds" CONDITION_SYNTAX,
    },
    {
        .name = "hpexpire",
        .run = cmd_hpexpire,
        .arity = -6,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .summary = "Lets fields expire in so many milliseconds.",
        .since = "7.4.0",
        .complexity = "O(1) for each field.",
        .syntax = "key milliseconds" CONDITION_SYNTAX,
    },
    {
        .name = "hexpireat",
        .run = cmd_hexpireat,
        .arity = -6,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .summary = "Lets fields expire at a Unix time in seconds.",
        .since = "7.4.0",
        .complexity = "O(1) for each field.",
        .syntax = "key unix-time-seconds" CONDITION_SYNTAX,
    },
    {
        .name = "hpexpireat",
        .run = cmd_hpexpireat,
        .arity = -6,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .summary = "Lets fields expire at a Unix time in milliseconds.",
        .since = "7.4.0",
        .complexity = "O(1) for each field.",
        .syntax = "key unix-time-milliseconds" CONDITION_SYNTAX,
    },
    {
        .name = "hpersist",
        .run = cmd_hpersist,
        .arity = -5,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)},
        .group = "hash",
        .summary = "Takes the deadlines of fields away.",
        .since = "7.4.0",
        .complexity = "O(1) for each field.",
        .syntax = "key " FIELDS_SYNTAX,
    },
    {
        .name = "httl",
        .run = cmd_httl,
        .arity = -5,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .summary = "Tells in how many seconds fields expire.",
        .since = "7.4.0",
        .complexity = "O(1) for each field.",
        .syntax = "key " FIELDS_SYNTAX,
        .tips = "nondeterministic_output",
    },
    {
        .name = "hpttl",
        .run = cmd_hpttl,
        .arity = -5,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .summary = "Tells in how many milliseconds fields expire.",
        .since = "7.4.0",
        .complexity = "O(1) for each field.",
        .syntax = "key " FIELDS_SYNTAX,
        .tips = "nondeterministic_output",
    },
    {
        .name = "hexpiretime",
        .run = cmd_hexpiretime,
        .arity = -5,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .summary = "Tells the Unix times in seconds at which fields expire.",
        .since = "7.4.0",
        .complexity = "O(1) for each field.",
        .syntax = "key " FIELDS_SYNTAX,
    },
    {
        .name = "hpexpiretime",
        .run = cmd_hpexpiretime,
        .arity = -5,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .summary = "Tells the Unix times in milliseconds at which fields expire.",
        .since = "7.4.0",
        .complexity = "O(1) for each field.",
        .syntax = "key " FIELDS_SYNTAX,
    },
    {.name = NULL},
};
