/* SPDX-License-Identifier: BSD-3-Clause */
/* A packed list of strings and integers in one block of memory: what small collections are made of.
 * The format is Redis's listpack, so that files hold the block as it is:
 *
 *   | bytes in all: 4 | elements: 2 (65535: count them) | element ... | 0xff |
 *   element:  | encoding, length | data | length of what is before, 7 bits a byte, backwards |
 *
 * (little-endian; https://github.com/antirez/listpack describes it). Text that is the shortest
 * form of a 64-bit integer is stored as one, and reads back as the same text.
 *
 * A list is a plain allocation of as many bytes as it says that it has, by mem_alloc: one that was
 * read from outside (and found valid) is edited and freed like any other. It's passed by its
 * address; what edits it takes the variable that holds the address, as the block may move.
 * Positions are addresses of elements: borrowed, they die with the next edit (each returns the
 * position to go on from). Nor may a text that is stored lie in the list that is edited. The block
 * is reallocated only when the allocator's size class changes. Every edit costs O(bytes behind it),
 * so appending and taking the last away are O(1). */
#ifndef DREY_DS_LISTPACK_H
#define DREY_DS_LISTPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/load.h"
#include "base/num.h"
#include "base/slice.h"

/* A list longer than this isn't made: whoever adds to one sees to it, as what must grow beyond has
 * another form (1 GB, as Redis). The format ends at 4 GB, and so does the process that edits on. */
#define LISTPACK_MAX_BYTES ((size_t)1 << 30)

uint8_t *listpack_new(void);
void listpack_free(uint8_t *lp);
uint8_t *listpack_copy(const uint8_t *lp);

static inline size_t listpack_bytes(const uint8_t *lp) { /* of the format */
    return load_le32(lp);
}

size_t listpack_memory(const uint8_t *lp); /* that the allocator gave */
/* O(1), but O(n) for a list that has or had 65535 elements or more. */
size_t listpack_count(const uint8_t *lp);

enum { LISTPACK_HEADER = 6, LISTPACK_END = 0xff }; /* of the format */

/* All bytes of an element that's neither an integer below 128 nor text of less than 64 bytes. */
size_t listpack_long_bytes(const uint8_t *at);

/* Walking. NULL: there's none. O(1) each, and by lengths only. */
static inline const uint8_t *listpack_first(const uint8_t *lp) {
    return lp[LISTPACK_HEADER] == LISTPACK_END ? NULL : lp + LISTPACK_HEADER;
}

static inline const uint8_t *listpack_next(const uint8_t *lp, const uint8_t *at) {
    if (*at < 0x80)
        at += 2;
    else if (*at < 0xc0)
        at += 2 + (*at & 63);
    else
        at += listpack_long_bytes(at);
    return *at == LISTPACK_END ? NULL : at;
}

const uint8_t *listpack_last(const uint8_t *lp);
const uint8_t *listpack_prev(const uint8_t *lp, const uint8_t *at);
/* By number, negative ones from the end; walks from the nearer end. */
const uint8_t *listpack_at(const uint8_t *lp, int64_t index);

/* An element: text, or an integer if text is NULL. */
struct listpack_value {
    const char *text; /* borrowed from the list */
    size_t len;
    int64_t number;
};
struct listpack_value listpack_get_long(const uint8_t *at); /* for listpack_get */

static inline struct listpack_value listpack_get(const uint8_t *at) {
    if (*at < 0x80) return (struct listpack_value){.number = *at};
    if (*at < 0xc0) return (struct listpack_value){(const char *)at + 1, *at & 63, 0};
    return listpack_get_long(at);
}

/* The element as text; an integer is printed to `digits`. */
struct slice listpack_view(const uint8_t *at, char digits[NUM_I64_MAX]);
/* True and *out if the element is stored as an integer. */
bool listpack_number(const uint8_t *at, int64_t *out);

/* What is searched for or stored, looked at once: many comparisons are then of integers. */
struct listpack_key {
    struct slice text;
    int64_t number;
    bool is_number;
};
struct listpack_key listpack_key(struct slice text);
static inline struct listpack_key listpack_number_key(int64_t number) { /* for appending: no text */
    return (struct listpack_key){.number = number, .is_number = true};
}
bool listpack_is(const uint8_t *at, const struct listpack_key *key);
/* The first element from `at` on that is `key`, looking at each (skip + 1)th: 1 looks at the fields
 * of a list of pairs. NULL if there's none, or `at` is NULL. */
const uint8_t *listpack_find(const uint8_t *lp, const uint8_t *at, const struct listpack_key *key,
                             unsigned skip);

/* Bytes that an element would take in a list. */
size_t listpack_size_of(struct slice text);

/* Editing. Each returns the position of the (first) new element, or of what follows what was
 * deleted (NULL: nothing does). `before` NULL appends. `count` may go beyond the end for deleting,
 * and be 0. */
const uint8_t *listpack_insert(uint8_t **lp, const uint8_t *before, struct slice text);
const uint8_t *listpack_insert_many(uint8_t **lp, const uint8_t *before, const struct slice *texts,
                                    size_t count);
const uint8_t *listpack_insert_number(uint8_t **lp, const uint8_t *before, int64_t number);
/* Appends texts and numbers of which it's known what they are, all at once. */
void listpack_append_keys(uint8_t **lp, const struct listpack_key *keys, size_t count);
const uint8_t *listpack_replace(uint8_t **lp, const uint8_t *at, struct slice text);
const uint8_t *listpack_replace_number(uint8_t **lp, const uint8_t *at, int64_t number);
const uint8_t *listpack_delete(uint8_t **lp, const uint8_t *at, size_t count);

static inline void listpack_append(uint8_t **lp, struct slice text) {
    listpack_insert(lp, NULL, text);
}

/* Moves the elements from `at` on (NULL: none) to a new list, which is returned. */
uint8_t *listpack_split(uint8_t **lp, const uint8_t *at);
/* Moves all of `from` behind what `to` has; `from` is freed. */
void listpack_join(uint8_t **to, uint8_t *from);

/* Is this the format, whole, and without anything that a walk could trip over? Bytes that come from
 * outside are shown to this first; nothing else here checks what it reads. Integers stored as text,
 * or wider than need be, are valid, and found by their values. O(elements). */
bool listpack_valid(const uint8_t *bytes, size_t len);

#endif
