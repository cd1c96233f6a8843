/* SPDX-License-Identifier: BSD-3-Clause */
/* Fields of hashes as counters. They keep the field's deadline. */
#include <math.h>

#include "cmd/families.h"
#include "cmd/hash_args.h"
#include "cmd/hash_fields.h"

static bool find_or_reply(struct call *c, struct entry **e) {
    return call_find_typed_or_reply(c, call_key(c, 1), DB_WRITE, TYPE_HASH, e);
}

static void set(struct call *c, struct entry *e, struct slice value, enum db_event event) {
    struct key k = call_key(c, 1);
    struct hash_input in = {value, NULL, HASH_KEEP_DEADLINE};
    e = db_edit(c->db, k, e, TYPE_HASH);
    hash_set_arg(c, e, 2, &in);
    db_edited(c->db, k, e, event, 1);
}

static bool text_to_i64(const struct hash_text *t, int64_t *out) {
    if (t->text.ptr) return num_to_i64(t->text, out);
    *out = t->number;
    return true;
}

static void cmd_hincrby(struct call *c) {
    int64_t by, value = 0;
    struct hash_item item;
    struct entry *e;
    if (!arg_i64_or_reply(c, 3, &by) || !find_or_reply(c, &e)) return;
    if (e && hash_get_arg(c, e, 2, &item) && !text_to_i64(&item.value, &value)) {
        reply_error(c->reply, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(value, by, &value)) {
        reply_error(c->reply, ERR_OVERFLOW);
        return;
    }
    char digits[NUM_I64_MAX];
    set(c, e, slice_of(digits, num_from_i64(digits, value)), EVENT_HINCRBY);
    reply_i64(c->reply, value);
}

static bool value_or_reply(struct call *c, const struct entry *e, long double *value,
                           uint64_t *deadline) {
    char digits[NUM_I64_MAX];
    struct hash_item item;
    *value = 0;
    *deadline = HASH_NO_DEADLINE;
    if (!e || !hash_get_arg(c, e, 2, &item)) return true;
    *deadline = item.deadline;
    if (num_to_ldouble(hash_text_view(&item.value, digits), value)) return true;
    reply_error(c->reply, "ERR hash value is not a float");
    return false;
}

/* HSET takes the field's deadline away, so that has to follow. */
static void propagate_sum(const struct call *c, struct slice sum, uint64_t deadline) {
    if (!call_propagates(c)) return;
    propagate_instead(c, 4, (struct slice[]){SLICE("HSET"), c->argv[1], c->argv[2], sum});
    if (deadline == HASH_NO_DEADLINE) return;
    struct hash_changed changed = {0};
    hash_changed_add(&changed, c, c->argv[2]);
    hash_propagate_deadline(c, &changed, deadline);
}

static void cmd_hincrbyfloat(struct call *c) {
    long double by, value;
    uint64_t deadline;
    struct entry *e;
    if (!arg_ldouble_or_reply(c, 3, &by)) return;
    if (!isfinite(by)) {
        reply_error(c->reply, "ERR value is NaN or Infinity");
        return;
    }
    if (!find_or_reply(c, &e) || !value_or_reply(c, e, &value, &deadline)) return;
    char text[NUM_LDOUBLE_MAX];
    struct slice sum;
    if (!call_sum_or_reply(c, value, by, text, &sum)) return;
    set(c, e, sum, EVENT_HINCRBYFLOAT);
    propagate_sum(c, sum, deadline);
    reply_bulk(c->reply, sum);
}

const struct command hash_number_commands[] = {
    {
        .name = "hincrby",
        .run = cmd_hincrby,
        .arity = 4,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST | CMD_QUICK,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .element_arg = 2,
        .group = "hash",
        .summary = "Adds a number to a field's integer; a missing field counts as 0.",
        .since = "2.0.0",
        .complexity = "O(1)",
        .syntax = "key field increment:integer",
    },
    {
        .name = "hincrbyfloat",
        .run = cmd_hincrbyfloat,
        .arity = 4,
        .flags = CMD_WRITE | CMD_DENYOOM | CMD_FAST,
        .categories = ACL_HASH,
        .keys = {KEY_AT(1, KEY_RW | KEY_ACCESS | KEY_UPDATE)},
        .element_arg = 2,
        .group = "hash",
        .summary = "Adds a decimal fraction to a field's number; a missing field counts as 0.",
        .since = "2.6.0",
        .complexity = "O(1)",
        .syntax = "key field increment:double",
    },
    {.name = NULL},
};
