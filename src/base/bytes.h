/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes with a count of holders: the one refcounted type. A string value too large to lie in its
 * entry is one, and so a reply can send it without a copy while the key is already overwritten or
 * deleted. Whoever wants to change bytes that others hold copies them first (bytes_own). The count
 * is atomic: a helper thread may drop the last reference. */
#ifndef DREY_BASE_BYTES_H
#define DREY_BASE_BYTES_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/slice.h"

struct bytes {
    _Atomic uint32_t refs;
    size_t len;
    size_t cap; /* room at data */
    char data[];
};

/* One reference, len 0, room for `cap` bytes. bytes_try_new returns NULL when there is no memory.
 */
struct bytes *bytes_new(size_t cap);
struct bytes *bytes_try_new(size_t cap);
struct bytes *bytes_copy(struct slice from);

struct bytes *bytes_ref(struct bytes *b);
void bytes_unref(struct bytes *b);

static inline struct slice bytes_slice(const struct bytes *b) {
    return slice_of(b->data, b->len);
}

/* Turns the caller's reference into sole ownership with room for `cap` bytes (a copy if others hold
 * it; grown with slack so that repeated appends cost O(1) each a byte). What is beyond len is
 * undefined. */
struct bytes *bytes_own(struct bytes *b, size_t cap) __attribute__((warn_unused_result));

/* Gives bytes that nobody else holds room for just `cap` (at least their len), by growing or
 * shrinking. False if there's no memory; they are as they were then. */
bool bytes_try_resize(struct bytes **b, size_t cap) __attribute__((warn_unused_result));

/* Moves it, unless others hold it, as mem_compact does: returns where it is then. */
struct bytes *bytes_compact(struct bytes *b) __attribute__((warn_unused_result));

/* Memory it takes. */
size_t bytes_memory(const struct bytes *b);

#endif
