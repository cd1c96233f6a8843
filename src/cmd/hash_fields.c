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
