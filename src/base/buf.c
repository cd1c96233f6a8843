/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/buf.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/num.h"

void buf_init(struct buf *b) {
    *b = (struct buf)BUF_INIT;
}

void buf_release(struct buf *b) {
    mem_free(b->data);
    buf_init(b);
}

void buf_clear(struct buf *b) {
    b->len = 0;
    if (b->data) b->data[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t extra) {
    if (extra >= b->cap - b->len) {
        ASSERT(extra < PTRDIFF_MAX - b->len);
        size_t need = b->len + extra + 1, cap = b->cap + b->cap / 2;
        b->cap = mem_class_size(need > cap ? need : cap);
        b->data = mem_realloc(b->data, b->cap);
    }
    return b->data + b->len;
}

void buf_append(struct buf *b, const void *bytes, size_t len) {
    char *to = buf_reserve(b, len);
    if (len) memcpy(to, bytes, len);
    to[len] = '\0';
    b->len += len;
}

void buf_append_slice(struct buf *b, struct slice s) {
    buf_append(b, s.ptr, s.len);
}

void buf_append_str(struct buf *b, const char *text) {
    buf_append(b, text, strlen(text));
}

void buf_append_char(struct buf *b, char c) {
    buf_append(b, &c, 1);
}

void buf_append_i64(struct buf *b, int64_t value) {
    char text[NUM_I64_MAX];
    buf_append(b, text, num_from_i64(text, value));
}

void buf_vappendf(struct buf *b, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0) return;
    vsnprintf(buf_reserve(b, (size_t)len), (size_t)len + 1, format, args);
    b->len += (size_t)len;
}

void buf_appendf(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vappendf(b, format, args);
    va_end(args);
}

char *buf_detach(struct buf *b) {
    buf_reserve(b, 0);
    char *data = b->data;
    data[b->len] = '\0';
    buf_init(b);
    return data;
}
