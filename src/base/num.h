/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers to and from text, exactly as Redis 7.2 reads and prints them. Independent of the
 * process's locale, and without allocation (but for a float argument of more than 5 KB). */
#ifndef DREY_BASE_NUM_H
#define DREY_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    /* Room for any int64_t or uint64_t as text, no terminator. */
    NUM_I64_MAX = 21,
    /* Room for num_from_double. */
    NUM_DOUBLE_MAX = 40,
    /* Room for num_from_ldouble: the largest value has 4,933 digits in plain notation. */
    NUM_LDOUBLE_MAX = 5 * 1024,
};

/* Writes decimal text (no terminator), returns its length. */
size_t num_from_i64(char *to, int64_t value);
size_t num_from_u64(char *to, uint64_t value);

/* Strict: an optional '-', no leading zeros, spaces, '+' or "-0"; false on overflow, `out`
 * untouched then. The text that num_from_i64 would print is exactly what's accepted, so a string
 * that parses can be stored as the integer. */
bool num_to_i64(struct slice text, int64_t *out);
bool num_to_u64(struct slice text, uint64_t *out);

/* Lenient, as C's strtol: the number that the text starts with, after white space and a sign if
 * there are any; 0 without one, the nearest that there is if it's too large. */
int64_t num_leading_i64(struct slice text);

/* What Redis accepts as a float argument: all of the text, as C's strtod reads it (hexadecimal,
 * "inf" and "infinity" in any case included), no leading space, not nan, not empty; overflow and
 * underflow to 0 refused, denormal values taken. `out` is untouched on failure. The long double
 * form refuses NUM_LDOUBLE_MAX bytes or more, as Redis does. Numbers of up to 18 digits without an
 * exponent, the usual ones, take a fast path that is as exact. */
bool num_to_double(struct slice text, double *out);
bool num_to_ldouble(struct slice text, long double *out);

/* A decimal that reads back as the same double, as Redis 7.2 prints scores and RESP3 doubles.
 * Returns the length, no terminator. The rule:
 * - "inf", "-inf", "nan", "0", "-0";
 * - a whole number of at most 2^62 in magnitude: its plain digits ("100000000000000000");
 * - otherwise the digits D of dtoa_digits, n of them, the value being D * 10^K:
 *   - K from 0 to 7 (6 for a negative value): plain digits and K zeros;
 *   - K < 0, and K > -7 or |K + n - 1| < 4: plain with a point ("0.1", "0.000001");
 *   - else one digit, the point and the rest, 'e', a sign, the exponent without padding
 *     ("1e-7", "5e+18", "1.2345678901234567e+4"). */
size_t num_from_double(char *to, double value);

/* Plain notation, up to 17 digits after the point (the exact value correctly rounded, ties to
 * even), trailing zeros dropped, never "-0": what INCRBYFLOAT stores. "inf", "-inf", "nan" for what
 * isn't finite. `to` has NUM_LDOUBLE_MAX bytes. Returns the length. */
size_t num_from_ldouble(char *to, long double value);

/* "100", "1k" (1000), "1kb" (1024), m, mb, g, gb, b, any case; as in Redis a missing number is 0
 * ("", "kb"). False on overflow, a sign or anything else, `out` untouched then. */
bool num_to_bytes(struct slice text, uint64_t *out);

/* As INFO's *_human fields: "512B", "1.00K", "3.45M", up to P (1024^5). Returns the length. `to`:
 * NUM_DOUBLE_MAX bytes. */
size_t num_to_human(char *to, uint64_t bytes);

#endif
