/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of a deque know of each other. A block of the directory is an address and a tag:
 *
 *   DEQUE_BLOCK    struct list_block
 *   DEQUE_BYTES    struct bytes: one long element
 *   DEQUE_PACKED   struct deque_packed: one of the two, compressed (deque_pack.h)
 *
 * and DEQUE_KEPT beside the first two: compressing was tried, and it wouldn't get smaller. */
#ifndef DREY_DS_DEQUE_INT_H
#define DREY_DS_DEQUE_INT_H

#include "ds/deque.h"

enum { DEQUE_BLOCK = 0, DEQUE_BYTES = 1, DEQUE_PACKED = 2, DEQUE_KIND = 3, DEQUE_KEPT = 4 };

static inline unsigned deque_kind(uintptr_t slot) {
    return slot & DEQUE_KIND;
}

static inline void *deque_ptr(uintptr_t slot) {
    return (void *)(slot & ~(uintptr_t)7);
}

static inline uintptr_t deque_slot(const void *ptr, unsigned kind) {
    return (uintptr_t)ptr | kind;
}

/* The directory's slot of block i, and its count. */
static inline uintptr_t *deque_slot_at(const struct deque *d, size_t i) {
    return d->blocks + d->head + i;
}

static inline uint32_t *deque_count_at(const struct deque *d, size_t i) {
    return d->counts + d->head + i;
}

void deque_slot_free(uintptr_t slot);

/* Is it too long for a block? And the slot that it goes to then. */
bool deque_is_long(const struct deque *d, const struct deque_item *item);
uintptr_t deque_bytes_slot(const struct deque_item *item);

/* The number of the block that holds element `index`, whose place in it is *offset. */
size_t deque_locate(const struct deque *d, size_t index, size_t *offset);

/* Makes place for a block before block i. The slot is the caller's to fill in. */
void deque_open(struct deque *d, size_t i);
/* Takes n slots out; what they held is the caller's. */
void deque_close(struct deque *d, size_t i, size_t n);

#endif
