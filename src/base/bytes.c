/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/bytes.h"

#include "base/alloc.h"

/* Past this, growing doubles no more but adds this much. */
static const size_t SLACK_MAX = 1024 * 1024;

static struct bytes *with_cap(struct bytes *b, size_t size) {
    b->refs = 1;
    b->len = 0;
    b->cap = size - sizeof *b;
    return b;
}

struct bytes *bytes_new(size_t cap) {
    size_t size = mem_class_size(sizeof(struct bytes) + cap);
    return with_cap(mem_alloc(size), size);
}

struct bytes *bytes_try_new(size_t cap) {
    if (cap > PTRDIFF_MAX) return NULL;
    size_t size = mem_class_size(sizeof(struct bytes) + cap);
    struct bytes *b = mem_try_alloc(size);
    return b ? with_cap(b, size) : NULL;
}

struct bytes *bytes_copy(struct slice from) {
    struct bytes *b = bytes_new(from.len);
    slice_put(b->data, from);
    b->len = from.len;
    return b;
}

struct bytes *bytes_ref(struct bytes *b) {
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void bytes_unref(struct bytes *b) {
    if (atomic_load_explicit(&b->refs, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        mem_free_sized(b, sizeof *b + b->cap);
}

struct bytes *bytes_own(struct bytes *b, size_t cap) {
    bool sole = atomic_load_explicit(&b->refs, memory_order_acquire) == 1;
    if (sole && cap <= b->cap) return b;
    size_t want = cap;
    if (cap > b->cap && b->len) want += cap < SLACK_MAX ? cap : SLACK_MAX;
    if (sole) {
        size_t size = mem_class_size(sizeof *b + want);
        b = mem_realloc(b, size);
        b->cap = size - sizeof *b;
        return b;
    }
    struct bytes *own = bytes_new(want);
    own->len = b->len < cap ? b->len : cap;
    memcpy(own->data, b->data, own->len);
    bytes_unref(b);
    return own;
}

bool bytes_try_resize(struct bytes **b, size_t cap) {
    if (cap > PTRDIFF_MAX) return false;
    size_t size = mem_class_size(sizeof **b + cap);
    struct bytes *resized = mem_try_realloc(*b, size);
    if (!resized) return false;
    resized->cap = size - sizeof *resized;
    *b = resized;
    return true;
}

size_t bytes_memory(const struct bytes *b) {
    return sizeof *b + b->cap;
}

struct bytes *bytes_compact(struct bytes *b) {
    return atomic_load_explicit(&b->refs, memory_order_acquire) == 1 ? mem_compact(b) : b;
}
