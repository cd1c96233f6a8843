/* SPDX-License-Identifier: BSD-3-Clause */
/* A long list: blocks of elements (list_block.h) and a directory of them.
 *
 * The directory is an array of the blocks and one of how many elements each has, with room left at
 * both ends. An element is found by its number by summing counts from the nearer end, 16 bytes at a
 * time: some 0.2 us in the middle of a list of a million elements, 2 us in one of ten million.
 * Pushing and popping costs O(1) at both ends; inserting, replacing and deleting O(bytes of a
 * block), and O(blocks) when a block is split or goes.
 *
 * An element that's too long for a block has a place of its own, `struct bytes`, that replies can
 * share. With a compress depth only so many blocks at each end are kept as they are; what lies
 * between is compressed (LZF), if that makes it smaller.
 *
 * Numbers of elements count from 0 at the front and must be in range. */
#ifndef DREY_DS_DEQUE_H
#define DREY_DS_DEQUE_H

#include "base/bytes.h"
#include "ds/list_block.h"

/* Fixed when a deque is made. */
struct deque_limits {
    uint32_t block_bytes; /* of the allocator's sizes, up to LIST_BLOCK_MAX */
    uint32_t block_count; /* elements in a block */
    uint32_t depth;       /* blocks at each end that aren't compressed; 0: none is */
    size_t text_max;      /* longer texts have a place of their own */
};

struct deque {
    uintptr_t *blocks; /* with a tag in the low bits: see deque_int.h */
    uint32_t *counts;  /* in the same allocation */
    size_t cap;        /* slots */
    size_t head, len;  /* those in use */
    size_t count;      /* elements */
    struct deque_limits limits;
};

/* What is stored, or searched for. */
struct deque_item {
    struct listpack_key key;
    struct bytes *bytes; /* holds the text and nothing else, and can be shared; or NULL */
};

struct deque *deque_new(const struct deque_limits *limits);
void deque_free(struct deque *d);
struct deque *deque_copy(const struct deque *d);

static inline size_t deque_count(const struct deque *d) {
    return d->count;
}

static inline size_t deque_blocks(const struct deque *d) {
    return d->len;
}

/* Memory it takes; the sizes of about `samples` blocks are looked at (0: all). */
size_t deque_memory(const struct deque *d, size_t samples);

/* Bytes of elements and codes, compressed ones as they are. O(blocks). */
size_t deque_used(const struct deque *d);

void deque_push(struct deque *d, const struct deque_item *item, bool front);
/* Removes n elements at one end. */
void deque_drop(struct deque *d, size_t n, bool front);
/* An element as it's read. */
struct deque_value {
    struct listpack_value value;
    struct bytes *bytes; /* the element's own place, or NULL; borrowed */
};

/* Reading one element after the other. What it gives is borrowed until the next step; nothing may
 * change meanwhile. Must be ended, since it may hold memory. */
struct deque_iter {
    const struct deque *deque;
    size_t block;  /* number of the next block to go to */
    size_t left;   /* elements to come in the current block */
    unsigned next; /* stored position of the next one */
    bool backward; /* through the list */
    bool down;     /* through the stored positions */
    const struct list_block *current;
    const char *data;    /* of the next one; its end when going down */
    struct bytes *bytes; /* instead of a block */
    uintptr_t inflated;  /* a decompressed block, or 0 */
};

/* Starts at element `index`, which may be the number of elements (going forward) or -1 (backward):
 * then there's none. */
void deque_iter_init(struct deque_iter *it, const struct deque *d, size_t index, bool backward);
/* Starts at the front of a block that is there, and reads forward. While `left` isn't 0 the next
 * element is in the same block. */
void deque_iter_init_block(struct deque_iter *it, const struct deque *d, size_t block);
void deque_iter_end(struct deque_iter *it);
bool deque_iter_load(struct deque_iter *it); /* the next block; false: there's none */

static inline bool deque_next(struct deque_iter *it, struct deque_value *out) {
    if (it->left == 0 && !deque_iter_load(it)) return false;
    it->left--;
    out->bytes = it->bytes;
    if (__builtin_expect(it->bytes != NULL, 0)) {
        out->value = (struct listpack_value){it->bytes->data, it->bytes->len, 0};
        return true;
    }
    unsigned code = list_block_code(it->current, it->next);
    size_t size = list_code_size(code);
    if (it->down) it->data -= size;
    out->value = list_code_value(code, it->data);
    if (it->down) {
        it->next--;
    } else {
        it->next++;
        it->data += size;
    }
    return true;
}

/* Is the element `key`? */
static inline bool deque_value_is(const struct deque_value *v, const struct listpack_key *key) {
    if (!v->value.text) return key->is_number && v->value.number == key->number;
    return !key->is_number && slice_eq(slice_of(v->value.text, v->value.len), key->text);
}

/* Everything that must hold. */
void deque_check(const struct deque *d);

#endif
