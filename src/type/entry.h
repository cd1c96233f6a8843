/* SPDX-License-Identifier: BSD-3-Clause */
/* An entry is a key with its value: one allocation that holds the key, the deadline if there is
 * one, and the value itself if it's an integer or a short string, else a pointer to it.
 *
 *   | type, encoding: 1 | access: 3 | flags: 1 | key length: 1 | embedded length: 2 |
 *   | deadline: 8 (flag) | long key length: 8 (flag) | word: 8 (flag) |
 *   | key | embedded value |
 *
 * The word is an integer or a pointer; an embedded value has none. The key's first 16 bytes nearly
 * always share the entry's first cache line. `access` is what eviction and OBJECT IDLETIME / FREQ
 * go by (see access.h).
 *
 * Entries belong to the table they're in; whoever takes one out owns it and frees it with
 * entry_free. */
#ifndef DREY_TYPE_ENTRY_H
#define DREY_TYPE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"

enum type_id {
    TYPE_STRING,
    TYPE_LIST,
    TYPE_SET,
    TYPE_ZSET,
    TYPE_HASH,
    TYPE_STREAM,
    TYPE_COUNT,
};

enum entry_flag {
    ENTRY_DEADLINE = 1,
    ENTRY_LONG_KEY = 2, /* the key's length doesn't fit in one byte */
    ENTRY_WORD = 4,
    ENTRY_EDITED = 8,          /* a string that was changed in place: OBJECT ENCODING says raw */
    ENTRY_PART_DEADLINES = 16, /* parts of the value have deadlines: see struct type_parts */
    ENTRY_CUT = 32,            /* the keyspace's: see keyspace_cut */
};

struct entry {
    uint32_t type : 4, encoding : 4, access : 24;
    uint8_t flags;
    uint8_t key_len;
    uint16_t embedded_len;
    char body[];
};

#define ENTRY_NO_DEADLINE UINT64_MAX /* deadlines are Unix times in milliseconds */

/* Bytes of the optional fields; a table, since a count of bits is a call on baseline x86-64. */
static inline size_t entry_words(unsigned flags) {
    static const uint8_t bytes[8] = {0, 8, 8, 16, 8, 16, 16, 24};
    return bytes[flags & (ENTRY_DEADLINE | ENTRY_LONG_KEY | ENTRY_WORD)];
}

/* Always inline, as each look-up ends with it. */
__attribute__((always_inline)) static inline struct slice entry_key(const struct entry *e) {
    if (__builtin_expect(e->flags & ENTRY_LONG_KEY, 0)) {
        uint64_t len;
        memcpy(&len, e->body + entry_words(e->flags & ENTRY_DEADLINE), sizeof len);
        return slice_of(e->body + entry_words(e->flags), len);
    }
    return slice_of(e->body + entry_words(e->flags), e->key_len);
}

static inline uint64_t entry_deadline(const struct entry *e) {
    uint64_t deadline = ENTRY_NO_DEADLINE;
    if (e->flags & ENTRY_DEADLINE) memcpy(&deadline, e->body, sizeof deadline);
    return deadline;
}

/* The entry must have room for one (ENTRY_DEADLINE). */
static inline void entry_set_deadline(struct entry *e, uint64_t deadline) {
    memcpy(e->body, &deadline, sizeof deadline);
}

static inline char *entry_word_at(const struct entry *e) {
    return (char *)e->body + entry_words(e->flags & (ENTRY_DEADLINE | ENTRY_LONG_KEY));
}

static inline int64_t entry_int(const struct entry *e) {
    int64_t value;
    memcpy(&value, entry_word_at(e), sizeof value);
    return value;
}

static inline void entry_set_int(struct entry *e, int64_t value) {
    memcpy(entry_word_at(e), &value, sizeof value);
}

static inline void *entry_ptr(const struct entry *e) {
    void *ptr;
    memcpy(&ptr, entry_word_at(e), sizeof ptr);
    return ptr;
}

static inline void entry_set_ptr(struct entry *e, void *ptr) {
    memcpy(entry_word_at(e), &ptr, sizeof ptr);
}

/* Where the embedded value lies: embedded_len bytes. */
static inline char *entry_embedded(const struct entry *e) {
    struct slice key = entry_key(e);
    return (char *)key.ptr + key.len;
}

/* Bytes asked for (cell_alloc) for this entry, the value outside not counted. */
size_t entry_size(const struct entry *e);

/* A new entry for `key`, with room for a deadline and a word as flags say and for `embedded_len`
 * bytes; the value is the caller's to fill in. Type, encoding and access are 0. */
struct entry *entry_new(struct slice key, unsigned flags, size_t embedded_len);

/* The same entry with other room: same key, type, encoding and access; deadline kept if both have
 * one; word and embedded bytes are undefined. Moves only if cell_size differs. Returns the entry;
 * `e` is gone. */
struct entry *entry_reshape(struct entry *e, unsigned flags, size_t embedded_len)
    __attribute__((warn_unused_result));

/* The same entry with or without a deadline; the value stays as it is. Returns the entry; `e` is
 * gone. */
struct entry *entry_with_deadline(struct entry *e, uint64_t deadline)
    __attribute__((warn_unused_result));

/* Frees entry and value. */
void entry_free(struct entry *e);

/* A copy of the value under another key, without a deadline. */
struct entry *entry_copy(const struct entry *e, struct slice key);

/* The same value under another key; `e` is gone. Keeps the deadline. */
struct entry *entry_rename(struct entry *e, struct slice key) __attribute__((warn_unused_result));

#endif
