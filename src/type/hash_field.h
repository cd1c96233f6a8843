/* SPDX-License-Identifier: BSD-3-Clause */
/* A field of a large hash: one cell that holds name, value, and a deadline if there is one.
 *
 *   | flags: 1 | name length: 1 | value length: 2 |
 *   | deadline: 8 (flag) | long name length: 8 (flag) | address of the value: 8 (flag) |
 *   | name | value |
 *
 * A value longer than HASH_FIELD_INLINE_MAX is a `struct bytes` of its own. A cell is owned by the
 * table that it's in; it may move whenever it changes. */
#ifndef DREY_TYPE_HASH_FIELD_H
#define DREY_TYPE_HASH_FIELD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "type/hash_item.h"

enum hash_field_flag {
    HASH_FIELD_DEADLINE = 1,
    HASH_FIELD_LONG_NAME = 2, /* the name's length doesn't fit in one byte */
    HASH_FIELD_OUTSIDE = 4,   /* the value isn't in the cell */
};

enum { HASH_FIELD_INLINE_MAX = 1024 };

struct hash_field {
    uint8_t flags;
    uint8_t name_len;
    uint16_t value_len;
    char body[];
};

/* Bytes of the optional parts before the name. */
static inline size_t hash_field_words(unsigned flags) {
    static const uint8_t bytes[8] = {0, 8, 8, 16, 8, 16, 16, 24};
    return bytes[flags & 7];
}

static inline struct slice hash_field_name(const struct hash_field *f) {
    const char *name = f->body + hash_field_words(f->flags);
    if (__builtin_expect(!(f->flags & HASH_FIELD_LONG_NAME), 1)) return slice_of(name, f->name_len);
    uint64_t len;
    memcpy(&len, f->body + hash_field_words(f->flags & HASH_FIELD_DEADLINE), sizeof len);
    return slice_of(name, len);
}

/* For tables: the name of the field that an entry of a hash's table is. */
static inline struct slice hash_field_key(const void *field) {
    return hash_field_name(field);
}

/* The bytes that a value outside the cell is; NULL: it's in the cell. */
static inline struct bytes *hash_field_bytes(const struct hash_field *f) {
    if (!(f->flags & HASH_FIELD_OUTSIDE)) return NULL;
    struct bytes *value;
    memcpy(&value,
           f->body + hash_field_words(f->flags & (HASH_FIELD_DEADLINE | HASH_FIELD_LONG_NAME)),
           sizeof value);
    return value;
}

static inline struct slice hash_field_value(const struct hash_field *f) {
    if (f->flags & HASH_FIELD_OUTSIDE) return bytes_slice(hash_field_bytes(f));
    struct slice name = hash_field_name(f);
    return slice_of(name.ptr + name.len, f->value_len);
}

static inline uint64_t hash_field_deadline(const struct hash_field *f) {
    uint64_t deadline = HASH_NO_DEADLINE;
    if (f->flags & HASH_FIELD_DEADLINE) memcpy(&deadline, f->body, sizeof deadline);
    return deadline;
}

struct hash_field *hash_field_new(struct slice name, const struct hash_input *in);
struct hash_field *hash_field_copy(const struct hash_field *f);
void hash_field_free(struct hash_field *f);

/* Bytes that cell and value take. */
size_t hash_field_memory(const struct hash_field *f);

struct compact_count;
/* The same field, perhaps elsewhere: see compact.h. */
struct hash_field *hash_field_compact(struct hash_field *f, struct compact_count *count)
    __attribute__((warn_unused_result));

/* Gives the field another value and deadline. What is given may lie in the cell. Returns the cell;
 * `f` is gone. In place if the new contents are of the same size class. */
struct hash_field *hash_field_assign(struct hash_field *f, const struct hash_input *in)
    __attribute__((warn_unused_result));

/* The same value with another deadline, or none. */
struct hash_field *hash_field_with_deadline(struct hash_field *f, uint64_t deadline)
    __attribute__((warn_unused_result));

#endif
