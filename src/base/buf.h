/* SPDX-License-Identifier: BSD-3-Clause */
/* A growable byte buffer. `data` is NUL-terminated at data[len] once anything was added, so text
 * can be printed, but it may hold NULs. Owned by whoever declared it; buf_release frees, buf_detach
 * hands the bytes over. */
#ifndef DREY_BASE_BUF_H
#define DREY_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct buf {
    char *data; /* NULL while nothing was added */
    size_t len;
    size_t cap; /* bytes at data, the terminator's included */
};

#define BUF_INIT                                                                                   \
    { NULL, 0, 0 }

void buf_init(struct buf *b);
void buf_release(struct buf *b); /* frees; b is as after buf_init */
void buf_clear(struct buf *b);   /* len = 0, memory kept */

/* Makes room for `extra` more bytes after len (and the terminator) and returns where they go; len
 * doesn't change. */
char *buf_reserve(struct buf *b, size_t extra);
void buf_append(struct buf *b, const void *bytes, size_t len);
void buf_append_slice(struct buf *b, struct slice s);
void buf_append_str(struct buf *b, const char *text);
void buf_append_char(struct buf *b, char c);
void buf_append_i64(struct buf *b, int64_t value);
void buf_appendf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vappendf(struct buf *b, const char *format, va_list args);

static inline struct slice buf_slice(const struct buf *b) {
    return slice_of(b->data, b->len);
}

/* Hands the memory to the caller (mem_free); b is empty afterwards. Never NULL. */
char *buf_detach(struct buf *b);

#endif
