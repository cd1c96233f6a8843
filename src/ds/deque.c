/* SPDX-License-Identifier: BSD-3-Clause */
/* The directory, the ends, and reading. What changes the middle is in deque_edit.c, compression in
 * deque_pack.c.
 *
 * Blocks at the ends are never compressed. One that's grown starts small and grows by the
 * allocator's classes while the list is small, so that many lists of a few hundred elements don't
 * hold a block's worth of air each; in a longer list a new block has its full size at once. What
 * isn't at the end any more is cut to what it needs. */
#include "ds/deque.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "ds/deque_pack.h"

enum {
    SLOT_BYTES = sizeof(uintptr_t) + sizeof(uint32_t),
    SLOTS_MIN = 4,
    BLOCKS_MANY = 16,    /* from which a whole block's air doesn't matter */
    COUNTS_AT_ONCE = 32, /* summed without looking whether the place is among them */
};

/* Gives the directory at least `slots` slots, with those in use in the middle. */
static void resize_directory(struct deque *d, size_t slots) {
    size_t bytes = mem_class_size((slots < SLOTS_MIN ? SLOTS_MIN : slots) * SLOT_BYTES);
    struct deque old = *d;
    d->cap = bytes / SLOT_BYTES;
    d->blocks = mem_alloc(bytes);
    d->counts = (uint32_t *)(d->blocks + d->cap);
    d->head = (d->cap - d->len) / 2;
    if (old.len) {
        memcpy(d->blocks + d->head, old.blocks + old.head, old.len * sizeof *d->blocks);
        memcpy(d->counts + d->head, old.counts + old.head, old.len * sizeof *d->counts);
    }
    mem_free(old.blocks);
}

/* Moves `n` slots from number `from` on by `by` places. */
static void shift(struct deque *d, size_t from, size_t n, ptrdiff_t by) {
    uintptr_t *slots = deque_slot_at(d, from);
    uint32_t *counts = deque_count_at(d, from);
    memmove(slots + by, slots, n * sizeof *slots);
    memmove(counts + by, counts, n * sizeof *counts);
}

/* Makes room at both ends of the directory. An eighth of it free makes each move cheap on average.
 */
static void make_space(struct deque *d) {
    size_t free_slots = d->cap - d->len;
    if (free_slots < 2 || free_slots < d->cap / 8) {
        resize_directory(d, d->len + d->len / 4 + 2);
        return;
    }
    ptrdiff_t by = (ptrdiff_t)(free_slots / 2) - (ptrdiff_t)d->head;
    shift(d, 0, d->len, by);
    d->head = free_slots / 2;
}

void deque_open(struct deque *d, size_t i) {
    bool front = i < d->len - i;
    if (front ? d->head == 0 : d->head + d->len == d->cap) make_space(d);
    if (front) {
        shift(d, 0, i, -1);
        d->head--;
    } else {
        shift(d, i, d->len - i, 1);
    }
    d->len++;
}

void deque_close(struct deque *d, size_t i, size_t n) {
    size_t behind = d->len - i - n;
    if (i < behind) {
        shift(d, 0, i, (ptrdiff_t)n);
        d->head += n;
    } else {
        shift(d, i + n, behind, -(ptrdiff_t)n);
    }
    d->len -= n;
    if (d->len < d->cap / 4 && d->cap > 16) resize_directory(d, d->len + d->len / 4 + 2);
}

struct deque *deque_new(const struct deque_limits *limits) {
    struct deque *d = mem_alloc(sizeof *d);
    *d = (struct deque){.limits = *limits};
    resize_directory(d, SLOTS_MIN);
    return d;
}

void deque_slot_free(uintptr_t slot) {
    switch (deque_kind(slot)) {
    case DEQUE_BLOCK: list_block_free(deque_ptr(slot)); break;
    case DEQUE_BYTES: bytes_unref(deque_ptr(slot)); break;
    default: mem_free(deque_ptr(slot));
    }
}

void deque_free(struct deque *d) {
    for (size_t i = 0; i < d->len; i++) deque_slot_free(*deque_slot_at(d, i));
    mem_free(d->blocks);
    mem_free(d);
}

static uintptr_t copy_slot(uintptr_t slot) {
    void *ptr = deque_ptr(slot);
    unsigned tag = slot & (DEQUE_KIND | DEQUE_KEPT);
    if (deque_kind(slot) == DEQUE_BLOCK) return deque_slot(list_block_copy(ptr), tag);
    if (deque_kind(slot) == DEQUE_BYTES) return deque_slot(bytes_ref(ptr), tag);
    struct deque_packed *packed = ptr;
    size_t bytes = sizeof *packed + packed->bytes;
    return deque_slot(memcpy(mem_alloc(bytes), packed, bytes), tag);
}

struct deque *deque_copy(const struct deque *d) {
    struct deque *copy = mem_alloc(sizeof *copy);
    *copy = *d;
    copy->blocks = NULL;
    copy->len = 0;
    resize_directory(copy, d->len);
    copy->len = d->len;
    copy->head = (copy->cap - copy->len) / 2;
    for (size_t i = 0; i < d->len; i++) {
        *deque_slot_at(copy, i) = copy_slot(*deque_slot_at(d, i));
        *deque_count_at(copy, i) = *deque_count_at(d, i);
    }
    return copy;
}

static size_t slot_memory(uintptr_t slot) {
    if (deque_kind(slot) == DEQUE_BLOCK) return list_block_memory(deque_ptr(slot));
    if (deque_kind(slot) == DEQUE_BYTES) return bytes_memory(deque_ptr(slot));
    const struct deque_packed *packed = deque_ptr(slot);
    return mem_class_size(sizeof *packed + packed->bytes);
}

size_t deque_memory(const struct deque *d, size_t samples) {
    size_t total = mem_class_size(sizeof *d) + mem_class_size(d->cap * SLOT_BYTES), seen = 0;
    if (!d->len) return total;
    if (samples == 0 || samples > d->len) samples = d->len;
    for (size_t i = 0; i < samples; i++)
        seen += slot_memory(*deque_slot_at(d, d->len / samples * i));
    return total + (size_t)((double)seen / (double)samples * (double)d->len);
}

static size_t slot_used(uintptr_t slot) {
    if (deque_kind(slot) == DEQUE_BLOCK) return list_block_used(deque_ptr(slot));
    if (deque_kind(slot) == DEQUE_BYTES) return ((const struct bytes *)deque_ptr(slot))->len;
    return ((const struct deque_packed *)deque_ptr(slot))->bytes;
}

size_t deque_used(const struct deque *d) {
    size_t used = 0;
    for (size_t i = 0; i < d->len; i++) used += slot_used(*deque_slot_at(d, i));
    return used;
}

/* How many elements COUNTS_AT_ONCE blocks have: a loop for vector instructions, in 32 bits, which
 * hold it. */
static size_t sum_counts(const uint32_t *counts) {
    uint32_t sum = 0;
    for (size_t i = 0; i < COUNTS_AT_ONCE; i++) sum += counts[i];
    return sum;
}

static size_t locate_from_front(const struct deque *d, size_t index, size_t *offset) {
    const uint32_t *counts = deque_count_at(d, 0);
    size_t i = 0;
    for (size_t sum; i + COUNTS_AT_ONCE <= d->len; i += COUNTS_AT_ONCE, index -= sum) {
        sum = sum_counts(counts + i);
        if (index < sum) break;
    }
    while (index >= counts[i]) index -= counts[i++];
    *offset = index;
    return i;
}

static size_t locate_from_back(const struct deque *d, size_t index, size_t *offset) {
    const uint32_t *counts = deque_count_at(d, 0);
    size_t i = d->len, left = d->count - 1 - index;
    for (size_t sum; i >= COUNTS_AT_ONCE; i -= COUNTS_AT_ONCE, left -= sum) {
        sum = sum_counts(counts + i - COUNTS_AT_ONCE);
        if (left < sum) break;
    }
    while (left >= counts[i - 1]) left -= counts[--i];
    *offset = counts[i - 1] - 1 - left;
    return i - 1;
}

size_t deque_locate(const struct deque *d, size_t index, size_t *offset) {
    DASSERT(index < d->count);
    if (index < d->count / 2) return locate_from_front(d, index, offset);
    return locate_from_back(d, index, offset);
}

/* Ends. */

/* A block at the end for an element that doesn't go into what is there. */
static void push_block(struct deque *d, const struct listpack_key *key, bool front) {
    size_t i = front ? 0 : d->len;
    size_t bytes = LIST_BLOCK_OVERHEAD + (key->is_number ? sizeof key->number : key->text.len);
    if (d->len) {
        uintptr_t *slot = deque_slot_at(d, front ? 0 : d->len - 1);
        if (deque_kind(*slot) == DEQUE_BLOCK) {
            struct list_block *b = deque_ptr(*slot);
            list_block_seal(&b);
            *slot = deque_slot(b, DEQUE_BLOCK);
            if (d->len >= BLOCKS_MANY && list_block_memory(b) == d->limits.block_bytes)
                bytes = d->limits.block_bytes;
        }
    }
    struct list_block *b = list_block_new(bytes, front);
    bool fits = list_block_push(&b, key, front, d->limits.block_bytes);
    ASSERT(fits);
    deque_open(d, i);
    *deque_slot_at(d, i) = deque_slot(b, DEQUE_BLOCK);
    *deque_count_at(d, i) = 1;
}

uintptr_t deque_bytes_slot(const struct deque_item *item) {
    struct bytes *bytes = item->bytes ? bytes_ref(item->bytes) : bytes_copy(item->key.text);
    return deque_slot(bytes, DEQUE_BYTES);
}

bool deque_is_long(const struct deque *d, const struct deque_item *item) {
    return !item->key.is_number && item->key.text.len > d->limits.text_max;
}

void deque_push(struct deque *d, const struct deque_item *item, bool front) {
    d->count++;
    if (__builtin_expect(deque_is_long(d, item), 0)) {
        size_t i = front ? 0 : d->len;
        deque_open(d, i);
        *deque_slot_at(d, i) = deque_bytes_slot(item);
        *deque_count_at(d, i) = 1;
        deque_settle(d, 0, 0);
        return;
    }
    if (d->len) {
        size_t i = front ? 0 : d->len - 1;
        uintptr_t *slot = deque_slot_at(d, i);
        uint32_t *count = deque_count_at(d, i);
        struct list_block *b = deque_ptr(*slot);
        if (deque_kind(*slot) == DEQUE_BLOCK && *count < d->limits.block_count &&
            list_block_push(&b, &item->key, front, d->limits.block_bytes)) {
            *slot = deque_slot(b, DEQUE_BLOCK);
            ++*count;
            return;
        }
    }
    push_block(d, &item->key, front);
    deque_settle(d, 0, 0);
}

void deque_drop(struct deque *d, size_t n, bool front) {
    size_t whole = 0;
    d->count -= n;
    while (whole < d->len) {
        size_t i = front ? whole : d->len - 1 - whole;
        if (*deque_count_at(d, i) > n) break;
        n -= *deque_count_at(d, i);
        deque_slot_free(*deque_slot_at(d, i));
        whole++;
    }
    if (whole) {
        deque_close(d, front ? 0 : d->len - whole, whole);
        deque_settle(d, 0, 0);
    }
    if (!n) return;
    size_t i = front ? 0 : d->len - 1;
    uint32_t *count = deque_count_at(d, i);
    list_block_delete(deque_ptr(*deque_slot_at(d, i)), front ? 0 : *count - (uint32_t)n,
                      (unsigned)n);
    *count -= (uint32_t)n;
}

/* Reading. */

static void enter(struct deque_iter *it, size_t i) {
    uintptr_t slot = *deque_slot_at(it->deque, i);
    if (deque_kind(slot) == DEQUE_PACKED) slot = it->inflated = deque_inflate(deque_ptr(slot));
    it->block = it->backward ? i - 1 : i + 1;
    it->left = *deque_count_at(it->deque, i);
    it->bytes = NULL;
    if (deque_kind(slot) == DEQUE_BYTES) {
        it->bytes = deque_ptr(slot);
        return;
    }
    const struct list_block *b = it->current = deque_ptr(slot);
    it->down = it->backward != list_block_is_reversed(b);
    it->next = it->down ? b->count - 1u : 0;
    it->data = (const char *)b + (it->down ? b->end : b->start);
}

/* Passes over n elements of the current block. */
static void skip(struct deque_iter *it, size_t n) {
    it->left -= n;
    if (it->bytes || !n) return;
    it->next = it->down ? it->next - (unsigned)n : it->next + (unsigned)n;
    it->data = (const char *)it->current + list_block_offset(it->current, it->next + it->down);
}

void deque_iter_init(struct deque_iter *it, const struct deque *d, size_t index, bool backward) {
    *it = (struct deque_iter){.deque = d, .backward = backward, .block = SIZE_MAX};
    if (index >= d->count) return;
    size_t offset, i = deque_locate(d, index, &offset);
    enter(it, i);
    skip(it, backward ? it->left - 1 - offset : offset);
}

void deque_iter_init_block(struct deque_iter *it, const struct deque *d, size_t block) {
    *it = (struct deque_iter){.deque = d};
    enter(it, block);
}

static void drop_inflated(struct deque_iter *it) {
    if (it->inflated) deque_slot_free(it->inflated);
    it->inflated = 0;
}

bool deque_iter_load(struct deque_iter *it) {
    if (it->block >= it->deque->len) return false;
    drop_inflated(it);
    enter(it, it->block);
    return true;
}

void deque_iter_end(struct deque_iter *it) {
    drop_inflated(it);
}

static void check_slot(const struct deque *d, size_t i) {
    uintptr_t slot = *deque_slot_at(d, i), inflated = 0;
    bool inner = d->limits.depth && i >= d->limits.depth && i + d->limits.depth < d->len;
    ASSERT(inner == (deque_kind(slot) == DEQUE_PACKED || (slot & DEQUE_KEPT)));
    if (deque_kind(slot) == DEQUE_PACKED) slot = inflated = deque_inflate(deque_ptr(slot));
    if (deque_kind(slot) == DEQUE_BYTES) {
        const struct bytes *bytes = deque_ptr(slot);
        ASSERT(bytes->len > d->limits.text_max && *deque_count_at(d, i) == 1);
    } else {
        const struct list_block *b = deque_ptr(slot);
        list_block_check(b);
        ASSERT(b->count == *deque_count_at(d, i) && b->count > 0);
        ASSERT(b->count <= d->limits.block_count && list_block_memory(b) <= d->limits.block_bytes);
    }
    if (inflated) deque_slot_free(inflated);
}

void deque_check(const struct deque *d) {
    size_t count = 0;
    ASSERT(d->head + d->len <= d->cap);
    for (size_t i = 0; i < d->len; i++) {
        count += *deque_count_at(d, i);
        check_slot(d, i);
    }
    ASSERT(count == d->count);
}
