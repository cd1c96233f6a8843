/* SPDX-License-Identifier: BSD-3-Clause */
/* A block of a long list: up to 64 KB of elements, one after the other in one allocation.
 *
 *   | header: 12 | free | data -> | free | <- codes | free |
 *
 * The elements' bytes lie side by side; what each is, its code, lies apart, growing down from the
 * other end. A code is one byte: the length of a text up to 239 bytes, or that it's an integer and
 * of how many bytes. A block that is given a longer text changes to codes of two bytes.
 *
 * Against Redis's listpack, that has the lengths before and behind each element, this takes a byte
 * less for each (a list of 32-byte elements 33 instead of 34), both ends are found without a walk,
 * and where an element lies is a sum over the codes, which the processor does many bytes at a time.
 *
 * A block made for a list's front stores its elements in reversed order: what's pushed to the front
 * is then appended to the data like everything else, and nothing is moved. Popping the end that
 * isn't grown at leaves free room before the rest; it's taken back when it's worth it.
 *
 * All positions are those of the list, from 0 at its front, whichever the order in the block.
 * Functions that may move the block take the variable that holds its address. Those that add return
 * false, and have changed nothing, if the block would have to be longer than `limit`, which is a
 * size of the allocator's, at most LIST_BLOCK_MAX. */
#ifndef DREY_DS_LIST_BLOCK_H
#define DREY_DS_LIST_BLOCK_H

#include "ds/listpack.h"

enum {
    LIST_BLOCK_MAX = 65536,
    LIST_BLOCK_OVERHEAD = 12 + 2, /* of an element that is alone in its block */
    LIST_BLOCK_TEXT_MAX = 0xffef, /* what's longer has no code */
};

enum list_block_flag {
    LIST_BLOCK_WIDE = 1,     /* codes of two bytes */
    LIST_BLOCK_REVERSED = 2, /* the list's first element is the last here */
};

struct list_block {
    uint16_t units;      /* allocated, this struct included, in LIST_BLOCK_UNIT bytes */
    uint16_t count;      /* elements */
    uint16_t start, end; /* of the data, in bytes from the block's address */
    uint16_t unused;     /* codes of elements that were popped, before those in use */
    uint8_t flags;
};

enum { LIST_BLOCK_UNIT = 16, LIST_BLOCK_HEADER = sizeof(struct list_block) };

/* An empty block of `bytes` (rounded up to what the allocator gives), made for pushing to the front
 * or to the back of a list. */
struct list_block *list_block_new(size_t bytes, bool for_front);
void list_block_free(struct list_block *b);
struct list_block *list_block_copy(const struct list_block *b);

static inline size_t list_block_memory(const struct list_block *b) {
    return (size_t)b->units * LIST_BLOCK_UNIT;
}

static inline bool list_block_is_reversed(const struct list_block *b) {
    return b->flags & LIST_BLOCK_REVERSED;
}

/* Bytes that data and codes take. */
size_t list_block_used(const struct list_block *b);

/* The elements' codes as integers: below LIST_CODE_NUMBER the length of a text. */
enum {
    LIST_CODE_NARROW_TEXT = 239, /* the longest text with a code of one byte */
    LIST_CODE_NUMBER = 0xfff0,   /* an integer; the low three bits are its bytes - 1 */
};

/* Where the code of the k-th stored element is. */
static inline const uint8_t *list_block_code_at(const struct list_block *b, unsigned k) {
    unsigned width = b->flags & LIST_BLOCK_WIDE ? 2 : 1;
    return (const uint8_t *)b + list_block_memory(b) - (b->unused + k + 1) * width;
}

static inline unsigned list_block_code(const struct list_block *b, unsigned k) {
    const uint8_t *at = list_block_code_at(b, k);
    if (b->flags & LIST_BLOCK_WIDE) {
        uint16_t code;
        memcpy(&code, at, sizeof code);
        return code;
    }
    return *at > LIST_CODE_NARROW_TEXT ? 0xff00u | *at : *at;
}

static inline size_t list_code_size(unsigned code) {
    return code < LIST_CODE_NUMBER ? code : (code & 7) + 1;
}

/* The element whose data begin at `data`. */
static inline struct listpack_value list_code_value(unsigned code, const char *data) {
    struct listpack_value v = {data, code, 0};
    if (__builtin_expect(code < LIST_CODE_NUMBER, 1)) return v;
    unsigned unused_bits = (7 - (code & 7)) * 8;
    uint64_t bits = 0;
    memcpy(&bits, data, (code & 7) + 1);
    v.text = NULL;
    v.number = (int64_t)(bits << unused_bits) >> unused_bits;
    return v;
}

/* How many bytes from the block's address the k-th stored element lies. */
size_t list_block_offset(const struct list_block *b, unsigned k);

/* Borrowed until the next change. */
struct listpack_value list_block_get(const struct list_block *b, unsigned index);

/* Adds to the list's front or back. Cheap at the end that the block was made for, and while there's
 * room left by elements popped; else it refuses, unless the block is empty. */
bool list_block_push(struct list_block **b, const struct listpack_key *element, bool front,
                     size_t limit) __attribute__((warn_unused_result));
/* Adds so that it becomes number `index`, 0 to count. Costs O(bytes). */
bool list_block_insert(struct list_block **b, unsigned index, const struct listpack_key *element,
                       size_t limit) __attribute__((warn_unused_result));
/* Gives an element another value. */
bool list_block_replace(struct list_block **b, unsigned index, const struct listpack_key *element,
                        size_t limit) __attribute__((warn_unused_result));

/* Removes `n` elements from `index` on; never moves the block. At the ends costs a sum over the
 * codes. */
void list_block_delete(struct list_block *b, unsigned index, unsigned n);

/* Removes up to `max` elements that are `key`, from the list's front or back; returns how many. One
 * pass. */
unsigned list_block_remove(struct list_block *b, const struct listpack_key *key, unsigned max,
                           bool from_back);

/* Moves the elements from `index` on (0 < index < count) to a new block. */
struct list_block *list_block_split(struct list_block **b, unsigned index);
/* Moves all of `from`, that is behind this one in the list and freed then. */
bool list_block_join(struct list_block **b, struct list_block *from, size_t limit)
    __attribute__((warn_unused_result));

/* Gives back memory that the block doesn't need, and fills up what's free with zeros. */
void list_block_seal(struct list_block **b);

/* Everything that must hold. */
void list_block_check(const struct list_block *b);

#endif
