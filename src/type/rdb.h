/* SPDX-License-Identifier: BSD-3-Clause */
/* Values in the format of Redis's RDB files, which DUMP and RESTORE use, too: the encodings that
 * all types are made of, and per type one `struct type_rdb` that writes and reads them.
 *
 *   length:  00xxxxxx | 01xxxxxx + 1 byte | 0x80 + 4 bytes | 0x81 + 8 bytes     (big-endian)
 *   string:  length, bytes; or 11xxxxxx: an integer of 1, 2, 4 bytes (little-endian), or LZF:
 *            compressed length, length, compressed bytes
 *   value:   a code that tells type and form, then what the form consists of
 *
 * (The format has no specification; https://rdb.fnordig.de/file_format.html describes version 7,
 * the forms since are as real servers write them.)
 *
 * What is read comes from outside: everything is checked, and the first error ends it; nothing that
 * the bytes announce is allocated before it's there. */
#ifndef DREY_TYPE_RDB_H
#define DREY_TYPE_RDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "ds/id_map.h"
#include "ds/table.h"
#include "type/type_settings.h"

struct entry;

enum {
    RDB_VERSION_OLD = 10, /* Redis 7.0 */
    RDB_VERSION = 11,     /* Redis 7.2, Valkey 8 */
    RDB_VERSION_MAX = 12, /* the newest that can be read: Redis 7.4 */
};

/* Codes of values. Those without a writer are read only. */
enum rdb_code {
    RDB_STRING = 0,
    RDB_LIST = 1,
    RDB_SET = 2,
    RDB_ZSET_TEXT = 3, /* scores as text */
    RDB_HASH = 4,
    RDB_ZSET = 5,
    RDB_MODULE = 6,
    RDB_MODULE_2 = 7,
    RDB_HASH_ZIPMAP = 9,
    RDB_LIST_ZIPLIST = 10,
    RDB_SET_INTSET = 11,
    RDB_ZSET_ZIPLIST = 12,
    RDB_HASH_ZIPLIST = 13,
    RDB_LIST_ZIPLISTS = 14, /* Redis 3.2's quicklist */
    RDB_STREAM = 15,
    RDB_HASH_LISTPACK = 16,
    RDB_ZSET_LISTPACK = 17,
    RDB_LIST_LISTPACKS = 18, /* Redis 7.0's quicklist: listpacks and single elements */
    RDB_STREAM_2 = 19,
    RDB_SET_LISTPACK = 20,
    RDB_STREAM_3 = 21,
    RDB_HASH_DATED_PRE = 22, /* Redis 7.4 before its release: deadlines as they are */
    RDB_HASH_LISTPACK_DATED_PRE = 23,
    RDB_HASH_DATED = 24,          /* the least deadline, then differences from it */
    RDB_HASH_LISTPACK_DATED = 25, /* the least deadline, then triples */
    RDB_CODES = 26,
};

/* --- Writing: appends to `buf`. ---
 *
 * A value is written in one go or in portions, which come to the same bytes: a portion ends once
 * the buffer has `limit` bytes, and takes them to at most RDB_PIECE and some dozens more. What it
 * costs beside the bytes is bounded, too: looking for one element, and compressing RDB_PIECE of a
 * string.
 *
 * That's why strings longer than RDB_PIECE are compressed piece by piece, each for itself; readers
 * see no difference. As the compressed length comes before the bytes, those are gathered until the
 * last one is known: not for strings longer than RDB_COMPRESS_MAX, which aren't compressed. */

enum {
    RDB_PIECE = 64 * 1024,
    RDB_COMPRESS_MAX = 16 * 1024 * 1024,
};

#define RDB_NO_LIMIT SIZE_MAX

struct rdb_writer {
    struct buf buf;
    unsigned version; /* RDB_VERSION or RDB_VERSION_OLD */
    bool compress;    /* strings of more than 20 bytes, where that's shorter */
};

/* How far a value is written; zeroed to begin with. Only functions of this folder look into it. */
struct rdb_walk {
    unsigned part;           /* of the value or of an element: what comes next */
    size_t index;            /* of an element that has a number */
    size_t outer;            /* of what it's in */
    const uint8_t *place;    /* of an element in a packed value */
    struct table_iter table; /* that stands before an element */
    struct id_map_pos pos;
    /* Of a long string. */
    unsigned form;
    size_t done;       /* bytes that are behind */
    struct buf packed; /* what they're compressed to */
};

/* Frees what a walk holds that won't be ended; one that has ended holds nothing. */
void rdb_walk_release(struct rdb_walk *at);

void rdb_put_byte(struct rdb_writer *w, unsigned byte);
void rdb_put_len(struct rdb_writer *w, uint64_t len);
/* Text of a small integer is written as one. */
void rdb_put_string(struct rdb_writer *w, struct slice s);
/* The same in portions; false: there's more. The caller's loop ends when all of it is written, and
 * `at` is ready for the next string then. */
bool rdb_put_string_part(struct rdb_writer *w, struct slice s, struct rdb_walk *at, size_t limit);
void rdb_put_number(struct rdb_writer *w, int64_t number); /* as a string */
void rdb_put_u64(struct rdb_writer *w, uint64_t value);    /* 8 bytes, little-endian */
void rdb_put_double(struct rdb_writer *w, double value);

/* --- Reading --- */

struct rdb_reader {
    const char *pos, *end; /* of what is there */
    /* Makes `need` bytes available at pos, which may move; false: there aren't that many, or they
     * can't be read. NULL: there's no more than what is there. */
    bool (*fill)(struct rdb_reader *r, size_t need);
    bool trusted;      /* duplicate elements aren't searched for: a checksum will tell */
    bool empty;        /* the error is that a collection has no elements */
    const char *error; /* NULL: none yet */
    struct buf text;   /* of the last string, if it was compressed or a number */
};

void rdb_reader_init(struct rdb_reader *r, struct slice bytes);
void rdb_reader_release(struct rdb_reader *r);

/* Each false: an error, which the reader has. */
bool rdb_fail(struct rdb_reader *r, const char *error); /* false, always */
bool rdb_get_byte(struct rdb_reader *r, unsigned *byte);
bool rdb_get_len(struct rdb_reader *r, uint64_t *len);
/* Bytes as they are; borrowed until the next read. */
bool rdb_get_raw(struct rdb_reader *r, size_t len, struct slice *bytes);
/* Borrowed until the next read. */
bool rdb_get_string(struct rdb_reader *r, struct slice *s);
/* A copy that the caller owns: buf_release. What is in `to` goes. */
bool rdb_get_string_to(struct rdb_reader *r, struct buf *to);
/* An allocation of just the string's bytes, as blocks are (mem_free). */
bool rdb_get_block(struct rdb_reader *r, uint8_t **block, size_t *len);
bool rdb_get_u64(struct rdb_reader *r, uint64_t *value);
bool rdb_get_double(struct rdb_reader *r, double *value);
bool rdb_get_double_text(struct rdb_reader *r, double *value);

/* --- Types --- */

struct type_rdb {
    uint32_t codes; /* a bit for each code that can be read */
    enum rdb_code (*code)(const struct entry *e, unsigned version);
    /* Writes a portion of the value (what follows the code), from *at on; true: that was the last.
     * Else it's called again, with room below the limit: the buffer may still have had some, if the
     * portion was work that doesn't show yet. The value must not change meanwhile. */
    bool (*save)(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit);
    /* A new entry, without a deadline; NULL: the reader has the error. */
    struct entry *(*load)(struct rdb_reader *r, enum rdb_code code, struct slice key,
                          const struct type_settings *settings);
};

/* Code and value, in one go. */
void rdb_save_value(const struct entry *e, struct rdb_writer *w);
/* What follows the code. NULL: the reader has the error. */
struct entry *rdb_load_value(struct rdb_reader *r, unsigned code, struct slice key,
                             const struct type_settings *settings);

#endif
