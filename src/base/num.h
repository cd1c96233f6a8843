/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers to and from text, exactly as Redis reads and prints them. No allocation, no locale. */
#ifndef DREY_BASE_NUM_H
#define DREY_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    NUM_I64_MAX = 21,    /* room for any int64_t or uint64_t as text, no terminator */
    NUM_DOUBLE_MAX = 40, /* room for num_from_double */
    NUM_LDOUBLE_MAX =
        5 * 1024, /* room for num_from_ldouble: 5,000 digits of a huge value in plain notation */
};

/* Writes decimal text (no terminator), returns its length. */
size_t num_from_i64(char *to, int64_t value);
size_t num_from_u64(char *to, uint64_t value);

/* Strict: an optional '-', no leading zeros, spaces, '+' or "-0"; false on overflow, `out` untouched then. The text that
 * num_from_i64 would print is exactly what's accepted, so a string that parses can be stored as the integer. */
bool num_to_i64(struct slice text, int64_t *out);
bool num_to_u64(struct slice text, uint64_t *out);

/* What Redis accepts as a float argument: all of the text, as strtod reads it, no leading space, not nan, not empty;
 * inf allowed; overflow and underflow to 0 refused. */
bool num_to_double(struct slice text, double *out);
bool num_to_ldouble(struct slice text, long double *out);

/* The shortest decimal that reads back as the same double, as Redis 7.2 prints scores and RESP3 doubles ("3", "0.1", "1e+20",
 * "inf", "-inf", "nan", "-0"). Returns the length, no terminator. */
size_t num_from_double(char *to, double value);

/* Plain notation, up to 17 digits after the point, trailing zeros dropped: what INCRBYFLOAT stores. `to` has NUM_LDOUBLE_MAX
 * bytes. Returns the length. */
size_t num_from_ldouble(char *to, long double value);

/* "100", "1k" (1000), "1kb" (1024), m, mb, g, gb, b, any case. False on overflow, a sign or anything else. */
bool num_to_bytes(struct slice text, uint64_t *out);

/* As INFO's *_human fields: "512B", "1.00K", "3.45M". Returns the length. `to`: NUM_DOUBLE_MAX bytes. */
size_t num_to_human(char *to, uint64_t bytes);

#endif
