/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/rdb.h"

#include <endian.h>
#include <lzf.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/load.h"
#include "base/num.h"
#include "type/type.h"

enum {
    LEN_14 = 0x40,
    LEN_32 = 0x80,
    LEN_64 = 0x81,
    SPECIAL = 0xc0,
    SPECIAL_INT8 = 0,
    SPECIAL_INT16 = 1,
    SPECIAL_INT32 = 2,
    SPECIAL_LZF = 3,

    INT_TEXT_MAX = 11, /* of the longest integer of 32 bits */
    COMPRESS_MIN = 20, /* strings up to here aren't compressed */
    DOUBLE_NAN = 253,  /* in place of a double's length as text */
    DOUBLE_INF = 254,
    DOUBLE_NEG_INF = 255,
};

#define STRING_MAX ((uint64_t)1 << 40) /* no string of any server is longer */

static const char truncated[] = "the data ends too early";

/* Writing. */

void rdb_put_byte(struct rdb_writer *w, unsigned byte) {
    buf_append_char(&w->buf, (char)byte);
}

void rdb_put_len(struct rdb_writer *w, uint64_t len) {
    if (len < 1 << 6) {
        rdb_put_byte(w, (unsigned)len);
    } else if (len < 1 << 14) {
        rdb_put_byte(w, LEN_14 | (unsigned)(len >> 8));
        rdb_put_byte(w, (unsigned)len & 0xff);
    } else if (len <= UINT32_MAX) {
        uint32_t wide = htobe32((uint32_t)len);
        rdb_put_byte(w, LEN_32);
        buf_append(&w->buf, &wide, sizeof wide);
    } else {
        uint64_t wide = htobe64(len);
        rdb_put_byte(w, LEN_64);
        buf_append(&w->buf, &wide, sizeof wide);
    }
}

/* False: it takes more than 32 bits. */
static bool put_int(struct rdb_writer *w, int64_t number) {
    uint32_t wide = htole32((uint32_t)number);
    if (number != (int32_t)number) return false;
    if (number == (int8_t)number) {
        rdb_put_byte(w, SPECIAL | SPECIAL_INT8);
        buf_append(&w->buf, &wide, 1);
    } else if (number == (int16_t)number) {
        rdb_put_byte(w, SPECIAL | SPECIAL_INT16);
        buf_append(&w->buf, &wide, 2);
    } else {
        rdb_put_byte(w, SPECIAL | SPECIAL_INT32);
        buf_append(&w->buf, &wide, 4);
    }
    return true;
}

static bool put_compressed(struct rdb_writer *w, struct slice s) {
    if (!w->compress || s.len <= COMPRESS_MIN) return false;
    char *to = mem_alloc(s.len);
    unsigned len = lzf_compress(s.ptr, (unsigned)s.len, to, (unsigned)s.len - 4);
    if (len) {
        rdb_put_byte(w, SPECIAL | SPECIAL_LZF);
        rdb_put_len(w, len);
        rdb_put_len(w, s.len);
        buf_append(&w->buf, to, len);
    }
    mem_free(to);
    return len != 0;
}

/* Of up to RDB_PIECE bytes. */
static void put_short(struct rdb_writer *w, struct slice s) {
    int64_t number;
    if (s.len <= INT_TEXT_MAX && num_to_i64(s, &number) && put_int(w, number)) return;
    if (put_compressed(w, s)) return;
    rdb_put_len(w, s.len);
    buf_append_slice(&w->buf, s);
}

/* What a long string is becoming. */
enum { FORM_NONE, FORM_COMPRESSING, FORM_COMPRESSED, FORM_PLAIN };

/* Bytes as LZF has them that stand for nothing but themselves: a byte says how many, less one. */
static void pack_literally(struct buf *to, struct slice s) {
    enum { RUN = 32 };
    for (size_t at = 0, len; at < s.len; at += len) {
        len = s.len - at < RUN ? s.len - at : RUN;
        buf_append_char(to, (char)(len - 1));
        buf_append(to, s.ptr + at, len);
    }
}

static void put_plain_len(struct rdb_writer *w, struct rdb_walk *at, uint64_t len) {
    buf_release(&at->packed);
    at->form = FORM_PLAIN;
    at->done = 0;
    rdb_put_len(w, len);
}

/* What isn't smaller after some pieces won't be tried further. */
static void compress_piece(struct rdb_writer *w, struct slice s, struct rdb_walk *at) {
    size_t rest = s.len - at->done, len = rest < RDB_PIECE ? rest : RDB_PIECE;
    struct slice piece = slice_of(s.ptr + at->done, len);
    char *to = buf_reserve(&at->packed, len);
    unsigned packed =
        len > COMPRESS_MIN ? lzf_compress(piece.ptr, (unsigned)len, to, (unsigned)len - 4) : 0;
    at->packed.len += packed;
    if (!packed) pack_literally(&at->packed, piece);
    at->done += len;
    if (at->packed.len >= at->done) {
        put_plain_len(w, at, s.len);
    } else if (at->done == s.len) {
        at->form = FORM_COMPRESSED;
        at->done = 0;
        rdb_put_byte(w, SPECIAL | SPECIAL_LZF);
        rdb_put_len(w, at->packed.len);
        rdb_put_len(w, s.len);
    }
}

static bool put_bytes(struct rdb_writer *w, struct slice s, struct rdb_walk *at, size_t limit) {
    size_t rest = s.len - at->done, room = limit > w->buf.len ? limit - w->buf.len : 0;
    size_t len = rest < room ? rest : room;
    buf_append(&w->buf, s.ptr + at->done, len);
    at->done += len;
    return len == rest;
}

bool rdb_put_string_part(struct rdb_writer *w, struct slice s, struct rdb_walk *at, size_t limit) {
    if (__builtin_expect(s.len <= RDB_PIECE, 1)) {
        put_short(w, s);
        return true;
    }
    if (at->form == FORM_NONE && w->compress && s.len <= RDB_COMPRESS_MAX) {
        at->form = FORM_COMPRESSING;
        buf_reserve(&at->packed, s.len + RDB_PIECE); /* growing it would take long */
    } else if (at->form == FORM_NONE) {
        put_plain_len(w, at, s.len);
    }
    while (at->form == FORM_COMPRESSING) {
        compress_piece(w, s, at);
        if (limit != RDB_NO_LIMIT) return false;
    }
    struct slice bytes = at->form == FORM_COMPRESSED ? buf_slice(&at->packed) : s;
    if (!put_bytes(w, bytes, at, limit)) return false;
    rdb_walk_release(at);
    return true;
}

void rdb_walk_release(struct rdb_walk *at) {
    buf_release(&at->packed);
    at->form = FORM_NONE;
    at->done = 0;
}

void rdb_put_string(struct rdb_writer *w, struct slice s) {
    if (s.len <= RDB_PIECE) {
        put_short(w, s);
    } else {
        struct rdb_walk at = {0};
        rdb_put_string_part(w, s, &at, RDB_NO_LIMIT);
    }
}

void rdb_put_number(struct rdb_writer *w, int64_t number) {
    char digits[NUM_I64_MAX];
    if (put_int(w, number)) return;
    size_t len = num_from_i64(digits, number);
    rdb_put_len(w, len);
    buf_append(&w->buf, digits, len);
}

void rdb_put_u64(struct rdb_writer *w, uint64_t value) {
    value = htole64(value);
    buf_append(&w->buf, &value, sizeof value);
}

void rdb_put_double(struct rdb_writer *w, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    rdb_put_u64(w, bits);
}

/* Reading. */

void rdb_reader_init(struct rdb_reader *r, struct slice bytes) {
    *r = (struct rdb_reader){.pos = bytes.ptr, .end = bytes.ptr + bytes.len};
}

void rdb_reader_release(struct rdb_reader *r) {
    buf_release(&r->text);
}

bool rdb_fail(struct rdb_reader *r, const char *error) {
    if (!r->error) r->error = error;
    return false;
}

static bool need(struct rdb_reader *r, size_t len) {
    if (__builtin_expect((size_t)(r->end - r->pos) >= len, 1)) return true;
    if (r->fill && r->fill(r, len)) return true;
    return rdb_fail(r, truncated);
}

bool rdb_get_raw(struct rdb_reader *r, size_t len, struct slice *bytes) {
    if (!need(r, len)) return false;
    *bytes = slice_of(r->pos, len);
    r->pos += len;
    return true;
}

bool rdb_get_byte(struct rdb_reader *r, unsigned *byte) {
    if (!need(r, 1)) return false;
    *byte = (unsigned char)*r->pos++;
    return true;
}

static bool get_be(struct rdb_reader *r, size_t bytes, uint64_t *value) {
    struct slice raw;
    if (!rdb_get_raw(r, bytes, &raw)) return false;
    *value = 0;
    for (size_t i = 0; i < bytes; i++) *value = *value << 8 | (unsigned char)raw.ptr[i];
    return true;
}

/* A length, or, *special set, what kind of string follows. */
static bool get_len_or_special(struct rdb_reader *r, uint64_t *len, bool *special) {
    unsigned first, second;
    if (!rdb_get_byte(r, &first)) return false;
    *special = first >= SPECIAL;
    if (first == LEN_32) return get_be(r, 4, len);
    if (first == LEN_64) return get_be(r, 8, len);
    *len = first & 0x3f;
    if (*special || first < LEN_14) return true;
    if (first >= LEN_32) return rdb_fail(r, "an unknown kind of length");
    if (!rdb_get_byte(r, &second)) return false;
    *len = *len << 8 | second;
    return true;
}

bool rdb_get_len(struct rdb_reader *r, uint64_t *len) {
    bool special;
    if (!get_len_or_special(r, len, &special)) return false;
    return special ? rdb_fail(r, "a string where a length is expected") : true;
}

static bool get_int_text(struct rdb_reader *r, unsigned bytes, struct slice *s) {
    struct slice raw;
    if (!rdb_get_raw(r, bytes, &raw)) return false;
    uint32_t wide = (uint32_t)load_le_part(raw.ptr, bytes);
    int32_t number = bytes == 1 ? (int8_t)wide : bytes == 2 ? (int16_t)wide : (int32_t)wide;
    buf_clear(&r->text);
    buf_append_i64(&r->text, number);
    *s = buf_slice(&r->text);
    return true;
}

/* LZF can make only so much of what it reads: a length that lies isn't believed. */
static bool get_compressed(struct rdb_reader *r, struct slice *s) {
    enum { LZF_GAIN_MAX = 88 }; /* 264 bytes from 3 */
    uint64_t packed, len;
    struct slice raw;
    if (!rdb_get_len(r, &packed) || !rdb_get_len(r, &len)) return false;
    if (packed > UINT32_MAX || len > UINT32_MAX || len > packed * LZF_GAIN_MAX)
        return rdb_fail(r, "a compressed string of impossible length");
    if (!rdb_get_raw(r, packed, &raw)) return false;
    buf_clear(&r->text);
    char *to = buf_reserve(&r->text, len);
    if (len == 0 || lzf_decompress(raw.ptr, (unsigned)packed, to, (unsigned)len) != len)
        return rdb_fail(r, "a compressed string is damaged");
    r->text.len = len;
    *s = buf_slice(&r->text);
    return true;
}

static bool get_special(struct rdb_reader *r, uint64_t kind, struct slice *s) {
    if (kind == SPECIAL_INT8) return get_int_text(r, 1, s);
    if (kind == SPECIAL_INT16) return get_int_text(r, 2, s);
    if (kind == SPECIAL_INT32) return get_int_text(r, 4, s);
    if (kind == SPECIAL_LZF) return get_compressed(r, s);
    return rdb_fail(r, "an unknown kind of string");
}

bool rdb_get_string(struct rdb_reader *r, struct slice *s) {
    uint64_t len;
    bool special;
    if (!get_len_or_special(r, &len, &special)) return false;
    if (special) return get_special(r, len, s);
    if (len > STRING_MAX) return rdb_fail(r, truncated);
    return rdb_get_raw(r, len, s);
}

bool rdb_get_string_to(struct rdb_reader *r, struct buf *to) {
    struct slice s;
    buf_clear(to);
    if (!rdb_get_string(r, &s)) return false;
    buf_append_slice(to, s);
    return true;
}

bool rdb_get_block(struct rdb_reader *r, uint8_t **block, size_t *len) {
    struct slice s;
    if (!rdb_get_string(r, &s)) return false;
    *block = mem_alloc(s.len);
    memcpy(*block, s.ptr, s.len);
    *len = s.len;
    return true;
}

bool rdb_get_u64(struct rdb_reader *r, uint64_t *value) {
    struct slice raw;
    if (!rdb_get_raw(r, sizeof *value, &raw)) return false;
    *value = load_le64(raw.ptr);
    return true;
}

bool rdb_get_double(struct rdb_reader *r, double *value) {
    uint64_t bits;
    if (!rdb_get_u64(r, &bits)) return false;
    memcpy(value, &bits, sizeof *value);
    return true;
}

bool rdb_get_double_text(struct rdb_reader *r, double *value) {
    unsigned len;
    struct slice text;
    if (!rdb_get_byte(r, &len)) return false;
    if (len >= DOUBLE_NAN) {
        *value = len == DOUBLE_NAN ? NAN : len == DOUBLE_INF ? INFINITY : -INFINITY;
        return true;
    }
    if (!rdb_get_raw(r, len, &text)) return false;
    return num_to_double(text, value) ? true : rdb_fail(r, "a score that's no number");
}

/* Types. */

void rdb_save_value(const struct entry *e, struct rdb_writer *w) {
    const struct type_rdb *rdb = type_of(e)->rdb;
    struct rdb_walk at = {0};
    rdb_put_byte(w, rdb->code(e, w->version));
    rdb->save(e, w, &at, RDB_NO_LIMIT);
}

struct entry *rdb_load_value(struct rdb_reader *r, unsigned code, struct slice key,
                             const struct type_settings *settings) {
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        const struct type_rdb *rdb = type_table[i]->rdb;
        if (code < RDB_CODES && rdb->codes >> code & 1)
            return rdb->load(r, (enum rdb_code)code, key, settings);
    }
    rdb_fail(r, code == RDB_MODULE || code == RDB_MODULE_2 ? "a value of a module's type"
                                                           : "an unknown type of value");
    return NULL;
}
