/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/deque_pack.h"

#include <lzf.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    RAW_MIN = 48,      /* less isn't worth it */
    RAW_MAX = 1 << 18, /* more would take too long in one go */
};

uintptr_t deque_pack(uintptr_t slot) {
    const void *raw = deque_ptr(slot);
    size_t len;
    if (deque_kind(slot) == DEQUE_BLOCK) {
        struct list_block *b = deque_ptr(slot);
        list_block_seal(&b);
        slot = deque_slot(b, DEQUE_BLOCK);
        raw = b;
        len = list_block_memory(b);
    } else {
        raw = ((const struct bytes *)raw)->data;
        len = ((const struct bytes *)deque_ptr(slot))->len;
    }
    if (len < RAW_MIN || len > RAW_MAX) return slot | DEQUE_KEPT;
    struct deque_packed *packed = mem_alloc(sizeof *packed + len);
    unsigned most = (unsigned)(len - sizeof *packed - len / 16);
    unsigned bytes = lzf_compress(raw, (unsigned)len, packed->data, most);
    if (!bytes) {
        mem_free(packed);
        return slot | DEQUE_KEPT;
    }
    packed->raw_bytes = (uint32_t)len;
    packed->bytes = bytes;
    packed->is_bytes = deque_kind(slot) == DEQUE_BYTES;
    deque_slot_free(slot);
    return deque_slot(mem_realloc(packed, sizeof *packed + bytes), DEQUE_PACKED);
}

uintptr_t deque_inflate(const struct deque_packed *packed) {
    struct bytes *bytes = packed->is_bytes ? bytes_new(packed->raw_bytes) : NULL;
    void *to = bytes ? (void *)bytes->data : mem_alloc(packed->raw_bytes);
    unsigned raw = lzf_decompress(packed->data, packed->bytes, to, (unsigned)packed->raw_bytes);
    ASSERT(raw == packed->raw_bytes);
    if (!bytes) return deque_slot(to, DEQUE_BLOCK);
    bytes->len = packed->raw_bytes;
    return deque_slot(bytes, DEQUE_BYTES);
}

uintptr_t deque_unpack(uintptr_t slot) {
    if (deque_kind(slot) != DEQUE_PACKED) return slot & ~(uintptr_t)DEQUE_KEPT;
    uintptr_t raw = deque_inflate(deque_ptr(slot));
    deque_slot_free(slot);
    return raw;
}

static void settle_one(struct deque *d, size_t i) {
    uintptr_t *slot = deque_slot_at(d, i);
    bool inner = i >= d->limits.depth && i + d->limits.depth < d->len;
    bool settled = deque_kind(*slot) == DEQUE_PACKED || (*slot & DEQUE_KEPT);
    if (inner != settled) *slot = inner ? deque_pack(*slot) : deque_unpack(*slot);
}

/* One change moves no block by more than two places over the line. */
void deque_settle(struct deque *d, size_t from, size_t to) {
    if (!d->limits.depth) return;
    size_t edge = d->limits.depth + (size_t)2 < d->len ? d->limits.depth + (size_t)2 : d->len;
    for (size_t i = 0; i < edge; i++) {
        settle_one(d, i);
        settle_one(d, d->len - 1 - i);
    }
    for (size_t i = from; i < to && i < d->len; i++) settle_one(d, i);
}
