/* SPDX-License-Identifier: BSD-3-Clause */
/* The patterns of SORT's BY and GET: each turns an element into another value.
 *
 *   #              the element itself
 *   weight_*       the string at the key that has the element in place of the first '*'
 *   object_*->age  a field of the hash at that key
 *   other          without a '*': nothing */
#ifndef DREY_CMD_SORT_PATTERN_H
#define DREY_CMD_SORT_PATTERN_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/num.h"
#include "exec/call.h"

struct sort_pattern {
    bool is_element, has_star;
    struct slice before, after; /* the star, in the key's name */
    struct slice field;         /* empty: the value is a string */
};

/* `text` is borrowed. */
struct sort_pattern sort_pattern(struct slice text);

/* A value that a pattern led to; borrowed until the next look-up. */
struct sort_value {
    struct slice text;
    struct bytes *bytes; /* that hold just this text; or NULL */
    char digits[NUM_I64_MAX];
};

/* False: there is no such value. `name` is room for names of keys. */
bool sort_pattern_get(struct call *c, const struct sort_pattern *p, struct slice element,
                      struct buf *name, struct sort_value *value);

#endif
