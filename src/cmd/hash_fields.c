/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/hash_fields.h"

#include <limits.h>

bool hash_fields_or_reply(struct call *c, int i, const struct hash_fields_errors *errors,
                          struct hash_fields *fields) {
    int64_t count;
    if (i + 1 >= c->argc || !arg_is(c, i, "FIELDS")) {
        reply_error(c->reply, errors->missing);
        return false;
    }
    if (!arg_i64_in_or_reply(c, i + 1, 1, INT64_MAX, errors->number, &count)) return false;
    int given = c->argc - i - 2;
    if (given % fields->step != 0 || given / fields->step != count) {
        reply_error(c->reply, errors->mismatch);
        return false;
    }
    fields->first = i + 2;
    fields->count = (int)count;
    return true;
}

bool hash_time_or_reply(struct call *c, int i, enum expiry_form form, int64_t *at_ms) {
    /* Redis packs deadlines of fields into 48 bits, and keeps a value for itself. */
    const int64_t latest_ms = ((int64_t)1 << 48) - 2;
    int64_t number;
    if (!arg_i64_or_reply(c, i, &number)) return false;
    if (number < 0) {
        reply_error(c->reply, "ERR invalid expire time, must be >= 0");
        return false;
    }
    if (!expiry_time_or_reply(c, i, form, at_ms)) return false;
    if (*at_ms <= latest_ms) return true;
    expiry_reply_invalid(c);
    return false;
}

void hash_changed_add(struct hash_changed *changed, const struct call *c, struct slice field) {
    if (call_propagates(c)) buf_append(&changed->fields, &field, sizeof field);
}

static size_t changed_count(const struct hash_changed *changed) {
    return changed->fields.len / sizeof(struct slice);
}

static void propagate_names(const struct call *c, struct hash_changed *changed) {
    for (size_t i = 0; i < changed_count(changed); i++) {
        struct slice field;
        memcpy(&field, changed->fields.data + i * sizeof field, sizeof field);
        propagate_word(c, field);
    }
    buf_release(&changed->fields);
}

void hash_propagate_deletion(const struct call *c, struct hash_changed *changed) {
    size_t count = changed_count(changed);
    propagate_nothing(c);
    if (!count) return;
    propagate_open(c, 2 + count);
    propagate_word(c, SLICE("HDEL"));
    propagate_word(c, c->argv[1]);
    propagate_names(c, changed);
}

void hash_propagate_deadline(const struct call *c, struct hash_changed *changed,
                             uint64_t deadline) {
    size_t count = changed_count(changed);
    bool none = deadline == ENTRY_NO_DEADLINE;
    propagate_nothing(c);
    if (!count) return;
    propagate_open(c, (none ? 4 : 5) + count);
    propagate_word(c, none ? SLICE("HPERSIST") : SLICE("HPEXPIREAT"));
    propagate_word(c, c->argv[1]);
    if (!none) propagate_u64(c, deadline);
    propagate_word(c, SLICE("FIELDS"));
    propagate_u64(c, count);
    propagate_names(c, changed);
}
