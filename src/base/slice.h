/* SPDX-License-Identifier: BSD-3-Clause */
/* A slice is a borrowed run of bytes: it owns nothing, may hold any byte and isn't terminated.
 * Whoever hands one out says how long it lives; a request's arguments live for the call. */
#ifndef DREY_BASE_SLICE_H
#define DREY_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

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

static inline bool slice_eq(struct slice a, struct slice b) {
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Compares with ASCII case folded; `text` is a C string, typically an option's name. */
static inline bool slice_is(struct slice a, const char *text) {
    return strncasecmp(a.ptr, text, a.len) == 0 && text[a.len] == '\0';
}

/* memcmp order, the shorter first when one is a prefix of the other. */
static inline int slice_cmp(struct slice a, struct slice b) {
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

#endif
