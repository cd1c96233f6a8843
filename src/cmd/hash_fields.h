/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments of the commands on fields with deadlines: the list "FIELDS numfields field ...", and
 * times. */
#ifndef DREY_CMD_HASH_FIELDS_H
#define DREY_CMD_HASH_FIELDS_H

#include "cmd/expiry_args.h"
#include "exec/call.h"

/* Which arguments the fields are: `count` of them from `first` on, `step` apart. */
struct hash_fields {
    int first, count, step;
};

/* What is replied when the word is missing, the number isn't one above 0, or isn't that of the
 * fields. */
struct hash_fields_errors {
    const char *missing, *number, *mismatch;
};

/* Reads the list, which starts at argument i with its word and goes on to the end; with
 * fields->step set by the caller. */
bool hash_fields_or_reply(struct call *c, int i, const struct hash_fields_errors *errors,
                          struct hash_fields *fields);

/* Fields that a command has changed, for what goes out in its place (propagate.h): nothing is kept
 * while nothing does. Start with {0}; each of the functions that tell something frees it, and tells
 * nothing if there are none. */
struct hash_changed {
    struct buf fields; /* of struct slice */
};
void hash_changed_add(struct hash_changed *changed, const struct call *c, struct slice field);
void hash_propagate_deletion(const struct call *c, struct hash_changed *changed);
/* ENTRY_NO_DEADLINE: they have none any more. */
void hash_propagate_deadline(const struct call *c, struct hash_changed *changed, uint64_t deadline);

/* Argument i, a number of the form EX, PX, EXAT or PXAT, as a Unix time in ms. It may be past, but
 * the number not negative. */
bool hash_time_or_reply(struct call *c, int i, enum expiry_form form, int64_t *at_ms);

#endif
