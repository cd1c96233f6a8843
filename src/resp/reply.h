/* SPDX-License-Identifier: BSD-3-Clause */
/* What a command replies to: a sink of RESP bytes, in version 2 or 3 as the session asked. A
 * connection sends them; scripts, replayed commands and the library read them. Replies are appended
 * to chunks; big values are held by reference and sent from where they lie.
 *
 * Every function appends one reply or, for aggregates, its header; the caller then appends as many
 * elements as it said. Types that RESP2 lacks turn into what Redis sends there. Nothing here fails.
 * Owned by the session's owner; not thread-safe. */
#ifndef DREY_RESP_REPLY_H
#define DREY_RESP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/slice.h"

struct reply_chunk {
    struct reply_chunk *next;
    char *data;      /* behind the struct, or in `held` */
    size_t len, cap; /* len: of all chunks but the last being filled, where it's reply.pos - start;
                        cap: room at data, or what counts as memory of the bytes held */
    struct bytes *held; /* the reference this chunk keeps, or NULL */
};

/* Chunks of the common size are kept for reuse; one pool serves all sessions of a loop. */
struct reply_pool {
    struct reply_chunk *free;
    size_t count; /* chunks kept */
};

struct reply {
    char *pos, *end; /* where to write next, and where the last chunk ends, */
    char *start;     /* and begins; all NULL while there is none */
    struct reply_chunk *head, *tail;
    struct reply_pool *pool;
    size_t head_taken; /* bytes of the first chunk that were consumed */
    size_t closed_len; /* bytes in all chunks but the last */
    size_t memory;     /* bytes that the chunks take, referenced values included */
    uint8_t resp;      /* 2 or 3 */
    uint32_t errors;   /* error replies so far */
    /* Called with the text of each error reply (without the '-'), for statistics; may be NULL. */
    void (*on_error)(void *ctx, struct slice text);
    void *on_error_ctx;
};

enum {
    REPLY_CHUNK = 16 * 1024 - 64,  /* data bytes of a pooled chunk */
    REPLY_BY_REFERENCE = 8 * 1024, /* values at least this long aren't copied */
};

void reply_init(struct reply *r, struct reply_pool *pool, int resp);
void reply_release(struct reply *r); /* drops what was not taken; r is as after reply_init */
void reply_pool_release(struct reply_pool *pool);
/* Frees the chunks of the pool beyond `keep`. */
void reply_pool_trim(struct reply_pool *pool, size_t keep);

/* Bytes waiting to be taken. */
static inline size_t reply_len(const struct reply *r) {
    return r->closed_len - r->head_taken + (size_t)(r->pos - r->start);
}

/* Removes the first `len` bytes; chunks that empty go back to the pool. */
void reply_consume(struct reply *r, size_t len);
/* Fills up to `max` iovec-like slices with what waits from `skip` bytes on; returns how many. */
size_t reply_slices(const struct reply *r, struct slice *slices, size_t max);

/* Moves everything of `from` behind what `to` has. */
void reply_append(struct reply *to, struct reply *from);

/* Room for `len` bytes in one piece at the returned place; commit what was used by moving r->pos.
 * Never NULL. */
char *reply_reserve_slow(struct reply *r, size_t len);
static inline char *reply_reserve(struct reply *r, size_t len) {
    if (__builtin_expect((size_t)(r->end - r->pos) >= len, 1)) return r->pos;
    return reply_reserve_slow(r, len);
}

/* Protocol bytes as they are. */
void reply_raw(struct reply *r, struct slice bytes);
/* The same for `len` bytes of `block` which many replies will have: they aren't copied, unless few
 * and there's room, but a reference is kept. When they lie behind those that were appended last
 * that one reference does for both. Of the block, these bytes count as the reply's memory. */
void reply_shared(struct reply *r, struct bytes *block, size_t from, size_t len);

void reply_ok(struct reply *r);
void reply_status(struct reply *r, const char *text); /* +text */
void reply_i64(struct reply *r, int64_t value);
void reply_bulk(struct reply *r, struct slice value);
/* The same for loops over many values: a short one costs no call. */
static inline void reply_bulk_short(struct reply *r, struct slice value);
void reply_bulk_str(struct reply *r, const char *text);
void reply_bulk_i64(struct reply *r, int64_t value); /* the number as a bulk string */
void reply_bulkf(struct reply *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A bulk string of all of `value`; keeps a reference of its own if it's long. */
void reply_bulk_bytes(struct reply *r, struct bytes *value);
void reply_null(struct reply *r);                            /* $-1 or _ */
void reply_null_array(struct reply *r);                      /* *-1 or _ */
void reply_bool(struct reply *r, bool value);                /* RESP2: :1 or :0 */
void reply_double(struct reply *r, double value);            /* RESP2: a bulk string */
void reply_ldouble(struct reply *r, long double value);      /* the same in plain notation */
void reply_big_number(struct reply *r, struct slice digits); /* RESP2: a bulk string */
void reply_verbatim(struct reply *r, struct slice text,
                    const char *format3); /* RESP2: a bulk string */

void reply_array(struct reply *r, size_t count);
void reply_map(struct reply *r, size_t pairs);       /* RESP2: an array of 2 * pairs */
void reply_set(struct reply *r, size_t count);       /* RESP2: an array */
void reply_push(struct reply *r, size_t count);      /* RESP2: an array */
void reply_attribute(struct reply *r, size_t pairs); /* RESP3 only */

/* An aggregate whose size is known only at the end: begin, append elements, end with their number.
 * They nest. */
struct reply_mark {
    struct reply_chunk *before; /* the header goes behind this chunk */
};
struct reply_mark reply_begin(struct reply *r);
void reply_end_array(struct reply *r, struct reply_mark mark, size_t count);
void reply_end_map(struct reply *r, struct reply_mark mark, size_t pairs);
void reply_end_set(struct reply *r, struct reply_mark mark, size_t count);

/* -text; `text` starts with the code ("ERR …"). Line breaks in it turn into spaces; as in Redis
 * those at the end of what reply_errorf makes are dropped. */
void reply_error(struct reply *r, const char *text);
void reply_errorf(struct reply *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `counted`: on_error has been told of it, as a command's that a script passes on. */
void reply_error_text(struct reply *r, struct slice text, bool counted);

/* Copies up to 64 bytes, as words that overlap. */
static inline void reply_copy_short(char *to, const char *from, size_t len) {
    if (len >= 16) {
        for (size_t i = 0; i + 16 < len; i += 16) memcpy(to + i, from + i, 16);
        memcpy(to + len - 16, from + len - 16, 16);
    } else if (len >= 8) {
        memcpy(to, from, 8);
        memcpy(to + len - 8, from + len - 8, 8);
    } else if (len >= 4) {
        memcpy(to, from, 4);
        memcpy(to + len - 4, from + len - 4, 4);
    } else if (len) {
        to[0] = from[0];
        to[len / 2] = from[len / 2];
        to[len - 1] = from[len - 1];
    }
}

static inline void reply_bulk_short(struct reply *r, struct slice value) {
    enum { SHORT = 64, AROUND = 8 };
    if (value.len > SHORT || r->end - r->pos < SHORT + AROUND) {
        reply_bulk(r, value);
        return;
    }
    char *to = r->pos;
    *to++ = '$';
    if (value.len >= 10) *to++ = (char)('0' + value.len / 10);
    *to++ = (char)('0' + value.len % 10);
    memcpy(to, "\r\n", 2);
    reply_copy_short(to + 2, value.ptr, value.len);
    memcpy(to + 2 + value.len, "\r\n", 2);
    r->pos = to + value.len + 4;
}

#endif
