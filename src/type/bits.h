/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings as bit arrays: what SETBIT, BITCOUNT, BITPOS, BITOP and BITFIELD do to bytes.
 *
 * Bit 0 is the most significant bit of byte 0, bit 8 that of byte 1. A position is a uint64_t
 * counted in bits; all ranges are inclusive at both ends. Reading past the end finds zeros where
 * that is said; writing never does: the caller grows the string first. Nothing here allocates or
 * fails. Cost is linear in the bytes of the range, at 8 bytes per machine word or better. */
#ifndef DREY_TYPE_BITS_H
#define DREY_TYPE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    BITS_FIELD_MAX = 64
}; /* the widest field; unsigned ones are limited to 63 by the commands */

/* An inclusive range of bits. */
struct bits_range {
    uint64_t first, last;
};

/* Turns the `start` and `end` of a command (negative: from the end, -1 is the last) into a range
 * within `total` units, clipped to what exists. False when nothing is left. A start and an end that
 * both lie before the first unit clip to that unit, whichever of them is greater; BITCOUNT, unlike
 * BITPOS, calls two reversed negative ends empty and tests that itself. Units are bytes or bits;
 * bits_range_of_bytes turns the one into the other. total ≤ INT64_MAX. */
bool bits_range_clip(int64_t start, int64_t end, uint64_t total, struct bits_range *out);

static inline struct bits_range bits_range_of_bytes(struct bits_range bytes) {
    return (struct bits_range){bytes.first * 8, bytes.last * 8 + 7};
}

/* Ones in the whole string; ones in a range that lies within it. */
uint64_t bits_count(struct slice s);
uint64_t bits_count_range(struct slice s, struct bits_range range);

/* Position of the first bit of that value in a range within the string, or -1. */
int64_t bits_find(struct slice s, bool bit, struct bits_range range);

/* One bit; past the end it's 0. */
static inline bool bits_get(struct slice s, uint64_t pos) {
    return pos / 8 < s.len && ((unsigned char)s.ptr[pos / 8] >> (7 - pos % 8) & 1);
}

/* Sets one bit of an existing byte and returns what it was. */
static inline bool bits_set(char *bytes, uint64_t pos, bool bit) {
    unsigned char mask = (unsigned char)(0x80 >> pos % 8);
    unsigned char *byte = (unsigned char *)bytes + pos / 8;
    bool old = *byte & mask;
    *byte = (unsigned char)(bit ? *byte | mask : *byte & ~mask);
    return old;
}

/* With X the first input and Y the union of all others:
 * DIFF: X and not Y. DIFF1: Y and not X. ANDOR: X and Y. ONE: set in exactly one input. */
enum bits_op {
    BITS_AND,
    BITS_OR,
    BITS_XOR,
    BITS_NOT, /* of one input */
    BITS_DIFF,
    BITS_DIFF1,
    BITS_ANDOR,
    BITS_ONE,
};

/* Combines n ≥ 1 inputs (n ≥ 2 for DIFF, DIFF1, ANDOR) into out, which has as many bytes as the
 * longest input has (see bits_op_len) and overlaps none. Shorter inputs count as padded with zeros.
 */
void bits_combine(enum bits_op op, const struct slice *inputs, size_t n, char *out);

/* Length of the longest input. */
size_t bits_op_len(const struct slice *inputs, size_t n);

/* A field of 1 to 64 bits at any position, most significant bit first. Bits past the end read as 0;
 * a field that's stored must lie within the string. The signed form is two's complement. Stores the
 * low `width` bits of value. */
uint64_t bits_field_get(struct slice s, uint64_t pos, unsigned width);
int64_t bits_field_get_signed(struct slice s, uint64_t pos, unsigned width);
void bits_field_set(char *bytes, uint64_t pos, unsigned width, uint64_t value);

/* What BITFIELD does when a value doesn't fit its field. */
enum bits_overflow {
    BITS_WRAP, /* keeps the low bits */
    BITS_SAT,  /* keeps the nearest value that fits */
    BITS_FAIL, /* does nothing; the result is to be dropped */
};

/* value + incr for a field of `width` bits. True if the sum fits; else false and *out holds what
 * WRAP or SAT make of it (FAIL leaves it alone). SET is the same with the new value and incr = 0.
 */
bool bits_add_unsigned(uint64_t value, int64_t incr, unsigned width, enum bits_overflow how,
                       uint64_t *out);
bool bits_add_signed(int64_t value, int64_t incr, unsigned width, enum bits_overflow how,
                     int64_t *out);

#endif
