/* SPDX-License-Identifier: BSD-3-Clause */
/* Hashes: all fields, a step of them, some of them at random. */
#include "cmd/families.h"
#include "cmd/hash_reply.h"
#include "cmd/scan_walk.h"
#include "exec/call.h"

enum part { FIELDS = 1, VALUES = 2 };

static void reply_parts(struct reply *r, const struct hash_item *item, unsigned parts) {
    if (parts & FIELDS) hash_reply_text(r, &item->field);
    if (parts & VALUES) hash_reply_text(r, &item->value);
}

static void reply_all(struct call *c, unsigned parts) {
    struct entry *e;
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_HASH, &e)) return;
    size_t count = e ? hash_len(e) : 0;
    if (parts == (FIELDS | VALUES))
        reply_map(c->reply, count);
    else
        reply_array(c->reply, count);
    if (!e) return;
    struct hash_iter it;
    struct hash_item item;
    hash_iter_init(&it, e);
    while (hash_iter_next(&it, &item)) reply_parts(c->reply, &item, parts);
}

static void cmd_hgetall(struct call *c) {
    reply_all(c, FIELDS | VALUES);
}

static void cmd_hkeys(struct call *c) {
    reply_all(c, FIELDS);
}

static void cmd_hvals(struct call *c) {
    reply_all(c, VALUES);
}

/* HSCAN. */

/* What is packed comes in one step, whatever COUNT says. */
static size_t reply_packed(struct call *c, const struct scan_request *r, const struct entry *e,
                           unsigned parts) {
    struct hash_iter it;
    struct hash_item item;
    char digits[NUM_I64_MAX];
    size_t found = 0;
    hash_iter_init(&it, e);
    while (hash_iter_next(&it, &item)) {
        if (!scan_fits(r, hash_text_view(&item.field, digits))) continue;
        reply_parts(c->reply, &item, parts);
        found++;
    }
    return found;
}

static size_t reply_found(struct call *c, const struct scan_found *found, const struct entry *e,
                          unsigned parts) {
    struct hash_item item;
    size_t live = 0;
    for (size_t i = 0; i < found->len; i++) {
        if (!hash_field_item(e, found->entries[i], &item)) continue;
        reply_parts(c->reply, &item, parts);
        live++;
    }
    return live;
}

static void cmd_hscan(struct call *c) {
    struct scan_request r;
    struct scan_found found = {0};
    struct entry *e;
    if (!scan_key_or_reply(c, TYPE_HASH, SCAN_NOVALUES, &r, &e)) return;
    const struct table *t = type_hash.table(e);
    unsigned parts = r.names_only ? FIELDS : FIELDS | VALUES;
    scan_reply_cursor(c, t ? scan_table(t, &r, &found) : 0);
    struct reply_mark mark = reply_begin(c->reply);
    size_t count = t ? reply_found(c, &found, e, parts) : reply_packed(c, &r, e, parts);
    reply_end_array(c->reply, mark, r.names_only ? count : 2 * count);
    scan_found_release(&found);
}

/* HRANDFIELD. */

/* How drawn fields are replied: RESP3 has an array of two for each pair. */
static void reply_drawn(struct call *c, const struct hash_item *item, bool with_values) {
    if (with_values && c->reply->resp > 2) reply_array(c->reply, 2);
    reply_parts(c->reply, item, with_values ? FIELDS | VALUES : FIELDS);
}

static void reply_drawn_count(struct call *c, size_t count, bool with_values) {
    reply_array(c->reply, with_values && c->reply->resp == 2 ? 2 * count : count);
}

/* `wanted` of the `len` fields in their order, each choice with the same chance: a field is taken
 * with the chance that what is still wanted has among what is left. */
static void pick_walking(struct call *c, const struct entry *e, size_t len, size_t wanted,
                         bool with_values) {
    struct hash_iter it;
    struct hash_item item;
    hash_iter_init(&it, e);
    for (; wanted && hash_iter_next(&it, &item); len--) {
        if (random_below(&c->engine->keyspace.rng, len) >= wanted) continue;
        reply_drawn(c, &item, with_values);
        wanted--;
    }
}

/* A few of many fields: draws, of which those drawn before don't count. */
static void pick_drawing(struct call *c, const struct entry *e, size_t wanted, bool with_values) {
    const struct table *t = type_hash.table(e);
    struct table drawn;
    table_init(&drawn, t->ops, t->seed);
    while (wanted) {
        struct hash_item item;
        void *field = table_random(t, &c->engine->keyspace.rng);
        struct slice name = hash_field_name(field);
        uint64_t hash = table_hash(t, name);
        if (!hash_field_item(e, field, &item) || table_find(&drawn, hash, name, NULL)) continue;
        table_insert(&drawn, hash, field);
        reply_drawn(c, &item, with_values);
        wanted--;
    }
    table_release(&drawn, NULL);
}

static void reply_distinct(struct call *c, const struct entry *e, uint64_t count,
                           bool with_values) {
    size_t len = hash_len(e), wanted = count < len ? (size_t)count : len;
    reply_drawn_count(c, wanted, with_values);
    if (type_hash.table(e) && wanted < len / 4)
        pick_drawing(c, e, wanted, with_values);
    else
        pick_walking(c, e, len, wanted, with_values);
}

static void reply_with_repeats(struct call *c, const struct entry *e, uint64_t count,
                               bool with_values) {
    reply_drawn_count(c, count, with_values);
    for (; count && !call_should_stop(c, count); count--) {
        struct hash_item item;
        hash_random(e, &c->engine->keyspace.rng, &item);
        reply_drawn(c, &item, with_values);
    }
}

static bool draw_options_or_reply(struct call *c, int64_t *count, bool *with_values) {
    if (!arg_i64_in_or_reply(c, 2, -INT64_MAX, INT64_MAX, NULL, count)) return false;
    *with_values = c->argc == 4 && arg_is(c, 3, "WITHVALUES");
    const char *error = NULL;
    if (c->argc > 3 && !*with_values)
        error = ERR_SYNTAX;
    else if (*with_values && (*count < -INT64_MAX / 2 || *count > INT64_MAX / 2))
        error = ERR_MIN_MAX; /* twice as many elements couldn't be counted */
    if (error) reply_error(c->reply, error);
    return !error;
}

static void hrandfield_one(struct call *c) {
    struct hash_item item;
    struct entry *e;
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_HASH, &e)) return;
    if (!e || hash_len(e) == 0) {
        reply_null(c->reply);
        return;
    }
    hash_random(e, &c->engine->keyspace.rng, &item);
    hash_reply_text(c->reply, &item.field);
}

static void cmd_hrandfield(struct call *c) {
    int64_t count;
    bool with_values;
    struct entry *e;
    if (c->argc == 2) {
        hrandfield_one(c);
        return;
    }
    if (!draw_options_or_reply(c, &count, &with_values)) return;
    if (!call_find_typed_or_reply(c, call_key(c, 1), DB_READ, TYPE_HASH, &e)) return;
    if (!e || hash_len(e) == 0)
        reply_array(c->reply, 0);
    else if (count < 0)
        reply_with_repeats(c, e, (uint64_t)-count, with_values);
    else
        reply_distinct(c, e, (uint64_t)count, with_values);
}

const struct command hash_walk_commands[] = {
    {
        .name = "hgetall",
        .run = cmd_hgetall,
        .arity = 2,
        .flags = CMD_READONLY,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .summary = "Lists the fields of a hash with their values.",
        .since = "2.0.0",
        .complexity = "O(N) in the fields.",
        .syntax = "key",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "hkeys",
        .run = cmd_hkeys,
        .arity = 2,
        .flags = CMD_READONLY,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .summary = "Lists the fields of a hash.",
        .since = "2.0.0",
        .complexity = "O(N) in the fields.",
        .syntax = "key",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "hvals",
        .run = cmd_hvals,
        .arity = 2,
        .flags = CMD_READONLY,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .summary = "Lists the values of a hash.",
        .since = "2.0.0",
        .complexity = "O(N) in the fields.",
        .syntax = "key",
        .tips = "nondeterministic_output_order",
    },
    {
        .name = "hscan",
        .run = cmd_hscan,
        .arity = -3,
        .flags = CMD_READONLY,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .summary = "Lists the fields of a hash step by step.",
        .since = "2.8.0",
        .complexity = "O(COUNT) a call; O(N) in the fields for all of them.",
        .syntax = "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
        .tips = "nondeterministic_output",
    },
    {
        .name = "hrandfield",
        .run = cmd_hrandfield,
        .arity = -2,
        .flags = CMD_READONLY,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)},
        .group = "hash",
        .summary = "Returns fields that are chosen at random.",
        .since = "6.2.0",
        .complexity = "O(1) for one; O(N) in the magnitude of COUNT for many.",
        .syntax = "key [options:(count [WITHVALUES])]",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
