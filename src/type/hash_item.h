/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes into a hash and what comes out of it, in whatever form it's kept. */
#ifndef DREY_TYPE_HASH_ITEM_H
#define DREY_TYPE_HASH_ITEM_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/num.h"
#include "base/slice.h"

#define HASH_NO_DEADLINE   UINT64_MAX /* deadlines are Unix times in milliseconds, not 0 */
#define HASH_KEEP_DEADLINE (UINT64_MAX - 1)

/* What a field is set to. */
struct hash_input {
    struct slice value;
    struct bytes *own; /* memory that is just the value and can be shared, or NULL */
    uint64_t deadline; /* HASH_NO_DEADLINE; HASH_KEEP_DEADLINE: that which it has; or a time */
};

/* A field's name or value: a number if text.ptr is NULL. */
struct hash_text {
    struct slice text;
    int64_t number;
    struct bytes *bytes; /* which the text is all of; NULL: it lies elsewhere */
};

struct hash_item {
    struct hash_text field, value;
    uint64_t deadline;
};

/* As text; a number is written to `digits`. */
static inline struct slice hash_text_view(const struct hash_text *t, char digits[NUM_I64_MAX]) {
    if (t->text.ptr) return t->text;
    return slice_of(digits, num_from_i64(digits, t->number));
}

#endif
