/* SPDX-License-Identifier: BSD-3-Clause */
#include "resp/reply.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/cell.h"
#include "base/num.h"

enum {
    HEADER_MAX = NUM_I64_MAX + 3,
    SHARED_COPIED = 512, /* so few bytes are cheaper copied than referenced */
};

static struct reply_chunk *chunk_new(struct reply_pool *pool, size_t cap) {
    struct reply_chunk *c = pool ? pool->free : NULL;
    if (c && cap <= REPLY_CHUNK) {
        pool->free = c->next;
        pool->count--;
    } else {
        if (cap < REPLY_CHUNK) cap = REPLY_CHUNK;
        c = mem_alloc(sizeof *c + cap);
        c->cap = cap;
        c->data = (char *)(c + 1);
        c->held = NULL;
    }
    c->next = NULL;
    c->len = 0;
    return c;
}

static size_t chunk_memory(const struct reply_chunk *c) {
    return sizeof *c + c->cap;
}

static void chunk_free(struct reply *r, struct reply_chunk *c) {
    r->memory -= chunk_memory(c);
    if (c->held) {
        bytes_unref(c->held);
        cell_free(c, sizeof *c);
    } else if (r->pool && c->cap == REPLY_CHUNK) {
        c->next = r->pool->free;
        r->pool->free = c;
        r->pool->count++;
    } else {
        mem_free(c);
    }
}

void reply_init(struct reply *r, struct reply_pool *pool, int resp) {
    *r = (struct reply){.pool = pool, .resp = (uint8_t)resp};
}

void reply_release(struct reply *r) {
    while (r->head) {
        struct reply_chunk *c = r->head;
        r->head = c->next;
        chunk_free(r, c);
    }
    r->pos = r->end = r->start = NULL;
    r->tail = NULL;
    r->closed_len = r->head_taken = 0;
}

void reply_pool_trim(struct reply_pool *pool, size_t keep) {
    while (pool->count > keep) {
        struct reply_chunk *c = pool->free;
        pool->free = c->next;
        pool->count--;
        mem_free(c);
    }
}

void reply_pool_release(struct reply_pool *pool) {
    reply_pool_trim(pool, 0);
}

/* Ends the last chunk: what follows goes to a new one. */
static void close_tail(struct reply *r) {
    if (!r->tail) return;
    r->tail->len = (size_t)(r->pos - r->start);
    r->closed_len += r->tail->len;
}

static void open_tail(struct reply *r, struct reply_chunk *c) {
    if (r->tail)
        r->tail->next = c;
    else
        r->head = c;
    r->tail = c;
    r->memory += chunk_memory(c);
    r->pos = r->start = c->data;
    r->end = c->held ? c->data : c->data + c->cap;
}

char *reply_reserve_slow(struct reply *r, size_t len) {
    close_tail(r);
    open_tail(r, chunk_new(r->pool, len));
    return r->pos;
}

static size_t chunk_len(const struct reply *r, const struct reply_chunk *c) {
    return c == r->tail ? (size_t)(r->pos - r->start) : c->len;
}

void reply_consume(struct reply *r, size_t len) {
    r->head_taken += len;
    while (r->head && r->head_taken >= chunk_len(r, r->head)) {
        struct reply_chunk *c = r->head;
        r->head_taken -= chunk_len(r, c);
        r->head = c->next;
        if (c == r->tail)
            r->tail = NULL, r->pos = r->end = r->start = NULL;
        else
            r->closed_len -= c->len;
        chunk_free(r, c);
    }
}

size_t reply_slices(const struct reply *r, struct slice *slices, size_t max) {
    size_t n = 0, skip = r->head_taken;
    for (const struct reply_chunk *c = r->head; c && n < max; c = c->next, skip = 0) {
        size_t len = chunk_len(r, c) - skip;
        if (len) slices[n++] = slice_of(c->data + skip, len);
    }
    return n;
}

void reply_append(struct reply *to, struct reply *from) {
    if (!from->head) return;
    DASSERT(from->head_taken == 0);
    close_tail(to);
    if (to->tail)
        to->tail->next = from->head;
    else
        to->head = from->head;
    to->closed_len += from->closed_len;
    to->memory += from->memory;
    to->tail = from->tail;
    to->pos = from->pos;
    to->end = from->end;
    to->start = from->start;
    from->head = from->tail = NULL;
    from->pos = from->end = from->start = NULL;
    from->closed_len = from->memory = 0;
}

void reply_raw(struct reply *r, struct slice bytes) {
    if (bytes.len == 0) return;
    slice_put(reply_reserve(r, bytes.len), bytes);
    r->pos += bytes.len;
}

static inline char *put_crlf(char *to) {
    to[0] = '\r', to[1] = '\n';
    return to + 2;
}

static inline char *put_header(char *to, char type, int64_t n) {
    *to++ = type;
    if (n >= 0 && n < 10) {
        *to++ = (char)('0' + n);
    } else if (n >= 10 && n < 100) { /* most lengths: spares a call */
        *to++ = (char)('0' + n / 10);
        *to++ = (char)('0' + n % 10);
    } else {
        to += num_from_i64(to, n);
    }
    return put_crlf(to);
}

static void header(struct reply *r, char type, int64_t n) {
    r->pos = put_header(reply_reserve(r, HEADER_MAX), type, n);
}

void reply_ok(struct reply *r) {
    reply_raw(r, SLICE("+OK\r\n"));
}

void reply_status(struct reply *r, const char *text) {
    size_t len = strlen(text);
    char *to = reply_reserve(r, len + 3);
    *to = '+';
    memcpy(to + 1, text, len);
    r->pos = put_crlf(to + 1 + len);
}

void reply_i64(struct reply *r, int64_t value) {
    header(r, ':', value);
}

void reply_bulk(struct reply *r, struct slice value) {
    char *to = put_header(reply_reserve(r, value.len + HEADER_MAX + 2), '$', (int64_t)value.len);
    slice_put(to, value);
    r->pos = put_crlf(to + value.len);
}

void reply_bulk_str(struct reply *r, const char *text) {
    reply_bulk(r, slice_str(text));
}

void reply_bulk_i64(struct reply *r, int64_t value) {
    char text[NUM_I64_MAX];
    reply_bulk(r, slice_of(text, num_from_i64(text, value)));
}

void reply_bulkf(struct reply *r, const char *format, ...) {
    struct buf b = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vappendf(&b, format, args);
    va_end(args);
    reply_bulk(r, buf_slice(&b));
    buf_release(&b);
}

/* Bytes in what `holder` keeps alive, as a chunk that nothing is written to. */
static void append_held(struct reply *r, struct bytes *holder, struct slice bytes, size_t memory) {
    struct reply_chunk *c = cell_alloc(sizeof *c);
    *c = (struct reply_chunk){
        .data = (char *)bytes.ptr, .len = bytes.len, .cap = memory, .held = bytes_ref(holder)};
    close_tail(r);
    open_tail(r, c);
    r->pos += bytes.len;
    r->end = r->pos;
}

void reply_bulk_bytes(struct reply *r, struct bytes *value) {
    if (value->len < REPLY_BY_REFERENCE) {
        reply_bulk(r, bytes_slice(value));
        return;
    }
    header(r, '$', (int64_t)value->len);
    append_held(r, value, bytes_slice(value), bytes_memory(value));
    reply_raw(r, SLICE("\r\n"));
}

void reply_shared(struct reply *r, struct bytes *block, size_t from, size_t len) {
    struct slice bytes = slice_of(block->data + from, len);
    if (r->tail && r->tail->held == block && r->pos == bytes.ptr) {
        r->pos += len;
        r->end = r->pos;
        r->tail->cap += len;
        r->memory += len;
    } else if (len <= SHARED_COPIED && (size_t)(r->end - r->pos) >= len) {
        reply_raw(r, bytes);
    } else {
        append_held(r, block, bytes, len);
    }
}

void reply_null(struct reply *r) {
    reply_raw(r, r->resp > 2 ? SLICE("_\r\n") : SLICE("$-1\r\n"));
}

void reply_null_array(struct reply *r) {
    reply_raw(r, r->resp > 2 ? SLICE("_\r\n") : SLICE("*-1\r\n"));
}

void reply_bool(struct reply *r, bool value) {
    if (r->resp > 2)
        reply_raw(r, value ? SLICE("#t\r\n") : SLICE("#f\r\n"));
    else
        reply_i64(r, value);
}

static void reply_double_text(struct reply *r, struct slice text) {
    if (r->resp < 3) {
        reply_bulk(r, text);
        return;
    }
    char *to = reply_reserve(r, text.len + 3);
    *to = ',';
    memcpy(to + 1, text.ptr, text.len);
    r->pos = put_crlf(to + 1 + text.len);
}

void reply_double(struct reply *r, double value) {
    char text[NUM_DOUBLE_MAX];
    reply_double_text(r, slice_of(text, num_from_double(text, value)));
}

void reply_ldouble(struct reply *r, long double value) {
    char text[NUM_LDOUBLE_MAX];
    reply_double_text(r, slice_of(text, num_from_ldouble(text, value)));
}

void reply_big_number(struct reply *r, struct slice digits) {
    if (r->resp < 3) {
        reply_bulk(r, digits);
        return;
    }
    char *to = reply_reserve(r, digits.len + 3);
    *to = '(';
    memcpy(to + 1, digits.ptr, digits.len);
    r->pos = put_crlf(to + 1 + digits.len);
}

void reply_verbatim(struct reply *r, struct slice text, const char *format3) {
    if (r->resp < 3) {
        reply_bulk(r, text);
        return;
    }
    char *to = put_header(reply_reserve(r, text.len + HEADER_MAX + 6), '=', (int64_t)text.len + 4);
    memcpy(to, format3, 3);
    to[3] = ':';
    slice_put(to + 4, text);
    r->pos = put_crlf(to + 4 + text.len);
}

static char map_type(const struct reply *r, size_t *count) {
    if (r->resp > 2) return '%';
    *count *= 2;
    return '*';
}

void reply_array(struct reply *r, size_t count) {
    header(r, '*', (int64_t)count);
}

void reply_map(struct reply *r, size_t pairs) {
    char type = map_type(r, &pairs);
    header(r, type, (int64_t)pairs);
}

void reply_set(struct reply *r, size_t count) {
    header(r, r->resp > 2 ? '~' : '*', (int64_t)count);
}

void reply_push(struct reply *r, size_t count) {
    header(r, r->resp > 2 ? '>' : '*', (int64_t)count);
}

void reply_attribute(struct reply *r, size_t pairs) {
    DASSERT(r->resp > 2);
    header(r, '|', (int64_t)pairs);
}

/* The elements start in a chunk of their own; the header goes to the end of the one before, which
 * keeps room for it. */
struct reply_mark reply_begin(struct reply *r) {
    reply_reserve(r, HEADER_MAX);
    struct reply_mark mark = {r->tail};
    close_tail(r);
    open_tail(r, chunk_new(r->pool, REPLY_CHUNK));
    return mark;
}

static void end_aggregate(struct reply *r, struct reply_mark mark, char type, size_t count) {
    struct reply_chunk *c = mark.before;
    char *at = c->data + c->len;
    size_t len = (size_t)(put_header(at, type, (int64_t)count) - at);
    c->len += len;
    r->closed_len += len;
}

void reply_end_array(struct reply *r, struct reply_mark mark, size_t count) {
    end_aggregate(r, mark, '*', count);
}

void reply_end_map(struct reply *r, struct reply_mark mark, size_t pairs) {
    char type = map_type(r, &pairs);
    end_aggregate(r, mark, type, pairs);
}

void reply_end_set(struct reply *r, struct reply_mark mark, size_t count) {
    end_aggregate(r, mark, r->resp > 2 ? '~' : '*', count);
}

void reply_error_text(struct reply *r, struct slice text, bool counted) {
    r->errors++;
    if (r->on_error && !counted) r->on_error(r->on_error_ctx, text);
    char *to = reply_reserve(r, text.len + 3);
    *to++ = '-';
    for (size_t i = 0; i < text.len; i++)
        *to++ = text.ptr[i] == '\r' || text.ptr[i] == '\n' ? ' ' : text.ptr[i];
    r->pos = put_crlf(to);
}

void reply_error(struct reply *r, const char *text) {
    reply_error_text(r, slice_str(text), false);
}

void reply_errorf(struct reply *r, const char *format, ...) {
    struct buf b = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vappendf(&b, format, args);
    va_end(args);
    while (b.len && (b.data[b.len - 1] == '\n' || b.data[b.len - 1] == '\r')) b.len--;
    reply_error_text(r, buf_slice(&b), false);
    buf_release(&b);
}
