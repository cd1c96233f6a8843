/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes in the middle of a deque. A block that has no room for what it's to take is split there,
 * and the element goes to either half or to a block of its own. */
#include "ds/deque_edit.h"

#include "base/assert.h"
#include "ds/deque_pack.h"

/* Block i as it can be changed; its slot is rewritten afterwards. */
static struct list_block *open_block(struct deque *d, size_t i) {
    uintptr_t *slot = deque_slot_at(d, i);
    *slot = deque_unpack(*slot);
    return deque_kind(*slot) == DEQUE_BLOCK ? deque_ptr(*slot) : NULL;
}

/* Tries to put an element to the end (`behind`) or the start of block i. */
static bool add_to(struct deque *d, size_t i, const struct listpack_key *key, bool behind) {
    uint32_t *count = deque_count_at(d, i);
    if (deque_kind(*deque_slot_at(d, i)) != DEQUE_BLOCK || *count >= d->limits.block_count)
        return false;
    struct list_block *b = deque_ptr(*deque_slot_at(d, i));
    if (!list_block_insert(&b, behind ? *count : 0, key, d->limits.block_bytes)) return false;
    *deque_slot_at(d, i) = deque_slot(b, DEQUE_BLOCK);
    ++*count;
    return true;
}

/* Puts an element between blocks i - 1 and i. */
static void place_between(struct deque *d, size_t i, const struct deque_item *item) {
    uintptr_t slot;
    if (deque_is_long(d, item)) {
        slot = deque_bytes_slot(item);
    } else {
        if (i > 0 && add_to(d, i - 1, &item->key, true)) return;
        if (i < d->len && add_to(d, i, &item->key, false)) return;
        struct list_block *b = list_block_new(0, false);
        bool fits = list_block_insert(&b, 0, &item->key, d->limits.block_bytes);
        ASSERT(fits);
        slot = deque_slot(b, DEQUE_BLOCK);
    }
    deque_open(d, i);
    *deque_slot_at(d, i) = slot;
    *deque_count_at(d, i) = 1;
}

/* Sees to it that element `offset` of block i is the first of its block, whose number is returned.
 */
static size_t split_before(struct deque *d, size_t i, size_t offset) {
    if (offset == 0) return i;
    struct list_block *b = open_block(d, i);
    struct list_block *behind = list_block_split(&b, (unsigned)offset);
    *deque_slot_at(d, i) = deque_slot(b, DEQUE_BLOCK);
    *deque_count_at(d, i) = b->count;
    deque_open(d, i + 1);
    *deque_slot_at(d, i + 1) = deque_slot(behind, DEQUE_BLOCK);
    *deque_count_at(d, i + 1) = behind->count;
    return i + 1;
}

static void delete_first(struct deque *d, size_t i) {
    struct list_block *b = open_block(d, i);
    if (!b || b->count == 1) {
        deque_slot_free(*deque_slot_at(d, i));
        deque_close(d, i, 1);
    } else {
        list_block_delete(b, 0, 1);
        *deque_count_at(d, i) = b->count;
    }
}

void deque_insert(struct deque *d, size_t index, const struct deque_item *item) {
    if (index == 0 || index == d->count) {
        deque_push(d, item, index == 0);
        return;
    }
    size_t offset, i = deque_locate(d, index, &offset);
    struct list_block *b = open_block(d, i);
    d->count++;
    if (b && !deque_is_long(d, item) && b->count < d->limits.block_count &&
        list_block_insert(&b, (unsigned)offset, &item->key, d->limits.block_bytes)) {
        *deque_slot_at(d, i) = deque_slot(b, DEQUE_BLOCK);
        ++*deque_count_at(d, i);
    } else {
        place_between(d, split_before(d, i, offset), item);
    }
    deque_settle(d, i ? i - 1 : 0, i + 3);
}

void deque_replace(struct deque *d, size_t index, const struct deque_item *item) {
    size_t offset, i = deque_locate(d, index, &offset);
    struct list_block *b = open_block(d, i);
    if (b && !deque_is_long(d, item) &&
        list_block_replace(&b, (unsigned)offset, &item->key, d->limits.block_bytes)) {
        *deque_slot_at(d, i) = deque_slot(b, DEQUE_BLOCK);
    } else {
        size_t at = split_before(d, i, offset);
        delete_first(d, at);
        place_between(d, at, item);
    }
    deque_settle(d, i ? i - 1 : 0, i + 3);
}

/* Removes from block i; a block that's left empty has slot 0 then. */
static size_t remove_from(struct deque *d, size_t i, const struct listpack_key *key, size_t max,
                          bool from_back) {
    uintptr_t *slot = deque_slot_at(d, i), raw = *slot;
    bool packed = deque_kind(*slot) == DEQUE_PACKED;
    size_t removed = 0, left = 0;
    if (packed) raw = deque_inflate(deque_ptr(*slot));
    if (deque_kind(raw) == DEQUE_BYTES) {
        removed = !key->is_number && slice_eq(bytes_slice(deque_ptr(raw)), key->text);
    } else {
        struct list_block *b = deque_ptr(raw);
        unsigned most = max < b->count ? (unsigned)max : b->count;
        removed = list_block_remove(b, key, most, from_back);
        left = b->count;
        if (removed && left) {
            list_block_seal(&b);
            raw = deque_slot(b, DEQUE_BLOCK);
        }
    }
    if (!removed) {
        if (packed) deque_slot_free(raw);
        return 0;
    }
    if (packed) deque_slot_free(*slot);
    if (!left) deque_slot_free(raw);
    *slot = left ? raw : 0;
    *deque_count_at(d, i) = (uint32_t)left;
    return removed;
}

/* Joins block i to block `to` before it if both are small. A quarter stays free, so that the next
 * insertion doesn't split them again. */
static bool join(struct deque *d, size_t to, size_t i) {
    uintptr_t a = *deque_slot_at(d, to), b = *deque_slot_at(d, i);
    size_t count = (size_t)*deque_count_at(d, to) + *deque_count_at(d, i);
    if (deque_kind(a) != DEQUE_BLOCK || deque_kind(b) != DEQUE_BLOCK) return false;
    if (count > d->limits.block_count) return false;
    struct list_block *joined = deque_ptr(a);
    if (!list_block_join(&joined, deque_ptr(b), d->limits.block_bytes / 4 * 3)) return false;
    *deque_slot_at(d, to) = deque_slot(joined, DEQUE_BLOCK);
    *deque_count_at(d, to) = (uint32_t)count;
    return true;
}

/* Takes the empty blocks from `from` to `to` out of the directory and joins small ones. */
static void tidy(struct deque *d, size_t from, size_t to) {
    size_t kept = from;
    for (size_t i = from; i < to; i++) {
        if (!*deque_slot_at(d, i)) continue;
        if (kept > from && join(d, kept - 1, i)) continue;
        *deque_slot_at(d, kept) = *deque_slot_at(d, i);
        *deque_count_at(d, kept) = *deque_count_at(d, i);
        kept++;
    }
    if (kept < to) deque_close(d, kept, to - kept);
    deque_settle(d, from, kept);
}

size_t deque_remove(struct deque *d, const struct listpack_key *key, size_t max, bool from_back) {
    size_t removed = 0, seen = 0;
    for (; seen < d->len && removed < max; seen++) {
        size_t i = from_back ? d->len - 1 - seen : seen;
        removed += remove_from(d, i, key, max - removed, from_back);
    }
    if (!removed) return 0;
    d->count -= removed;
    if (from_back)
        tidy(d, d->len - seen, d->len);
    else
        tidy(d, 0, seen);
    return removed;
}
