/* SPDX-License-Identifier: BSD-3-Clause */
/* Expiry times as arguments: the options EX, PX, EXAT, PXAT, KEEPTTL and PERSIST of SET and its
 * kin, and the bare numbers of SETEX, EXPIRE and their kin. What is refused, and with which text,
 * is what Redis 7.2 refuses. */
#ifndef DREY_CMD_EXPIRY_ARGS_H
#define DREY_CMD_EXPIRY_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "exec/call.h"

enum expiry_form {
    EXPIRY_NONE,
    EXPIRY_EX,   /* seconds from now */
    EXPIRY_PX,   /* milliseconds from now */
    EXPIRY_EXAT, /* Unix time in seconds */
    EXPIRY_PXAT, /* Unix time in milliseconds */
    EXPIRY_KEEPTTL,
    EXPIRY_PERSIST,
};

/* The expiry option that a request has; start with {0}. */
struct expiry_option {
    enum expiry_form form;
    int arg; /* index of the number, if the form has one */
};

/* If argument i is such an option, `also` being the only one allowed of those without a number,
 * and agrees with what was given before (the same again is fine, the last one counts): stores it
 * and returns how many arguments it takes. Else 0: a syntax error, unless the word means something
 * else. */
int expiry_option_read(const struct call *c, int i, enum expiry_form also,
                       struct expiry_option *option);

/* The deadline that the option means, as db_set_string takes it: ENTRY_NO_DEADLINE for none and
 * PERSIST, DB_KEEP_DEADLINE for KEEPTTL. Refuses numbers below 1. */
bool expiry_option_or_reply(struct call *c, const struct expiry_option *option, uint64_t *deadline);

/* Argument i, a number of the form EX, PX, EXAT or PXAT, as a deadline. Refuses numbers below 1. */
bool expiry_deadline_or_reply(struct call *c, int i, enum expiry_form form, uint64_t *deadline);

/* The same as a Unix time in ms that may be past or negative, as EXPIRE takes it. */
bool expiry_time_or_reply(struct call *c, int i, enum expiry_form form, int64_t *at_ms);

/* PEXPIREAT is what goes out for the command (propagate.h), with its arguments from `rest` on. */
void expiry_propagate(const struct call *c, struct slice key, uint64_t deadline, int rest);

/* The error of a time that is out of range. */
void expiry_reply_invalid(struct call *c);

/* Under which conditions on the present deadline a new one is set: NX, XX, GT and LT. */
enum expiry_condition {
    EXPIRY_IF_NONE = 1,
    EXPIRY_IF_ANY = 2,
    EXPIRY_IF_LATER = 4,
    EXPIRY_IF_EARLIER = 8,
};

/* The condition that argument i is; 0: it's none. */
unsigned expiry_condition_read(const struct call *c, int i);

/* Do they all hold? What has no deadline (ENTRY_NO_DEADLINE) lives forever: nothing is later than
 * that, everything earlier. */
bool expiry_conditions_hold(unsigned conditions, uint64_t present, int64_t at_ms);

#endif
