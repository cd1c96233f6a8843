/* SPDX-License-Identifier: BSD-3-Clause */
/* A slice is a borrowed run of bytes: it owns nothing, may hold any byte and isn't terminated.
 * Whoever hands one out says how long it lives; a request's arguments live for the call. An empty
 * one may have a NULL pointer. */
#ifndef DREY_BASE_SLICE_H
#define DREY_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/load.h"

struct slice {
    const char *ptr;
    size_t len;
};

/* A slice over a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const void *ptr, size_t len) {
    return (struct slice){(const char *)ptr, len};
}

static inline struct slice slice_str(const char *text) {
    return (struct slice){text, strlen(text)};
}

/* Names of up to SLICE_SHORT bytes, as nearly all are, take overlapping words instead of a call, of
 * which the compiler would make one else (2 % of a GET's instructions in a pipeline). */
enum { SLICE_SHORT = 32 };
__attribute__((always_inline)) static inline bool slice_eq(struct slice a, struct slice b) {
    if (a.len != b.len) return false;
    if (a.len == 0) return true; /* there may be no address */
    if (a.len > SLICE_SHORT) return memcmp(a.ptr, b.ptr, a.len) == 0;
    const char *end_a = a.ptr + a.len, *end_b = b.ptr + b.len;
    if (a.len >= 8) {
        uint64_t differ = load_le64(a.ptr) ^ load_le64(b.ptr);
        if (a.len > 16) {
            differ |= load_le64(a.ptr + 8) ^ load_le64(b.ptr + 8);
            differ |= load_le64(end_a - 16) ^ load_le64(end_b - 16);
        }
        return (differ | (load_le64(end_a - 8) ^ load_le64(end_b - 8))) == 0;
    }
    if (a.len >= 4)
        return ((load_le32(a.ptr) ^ load_le32(b.ptr)) |
                (load_le32(end_a - 4) ^ load_le32(end_b - 4))) == 0;
    if (a.len >= 2)
        return ((load_le16(a.ptr) ^ load_le16(b.ptr)) |
                (load_le16(end_a - 2) ^ load_le16(end_b - 2))) == 0;
    return *a.ptr == *b.ptr;
}

/* Compares with ASCII case folded; `text` is a C string, typically an option's name. */
static inline bool slice_is(struct slice a, const char *text) {
    return a.len == strlen(text) && (a.len == 0 || strncasecmp(a.ptr, text, a.len) == 0);
}

/* Copies the bytes to where there is room for them; an empty slice may have no address. */
static inline void slice_put(void *to, struct slice from) {
    if (from.len) memcpy(to, from.ptr, from.len);
}

/* memcmp order, the shorter first when one is a prefix of the other. */
static inline int slice_cmp(struct slice a, struct slice b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

#endif
