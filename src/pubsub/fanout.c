/* SPDX-License-Identifier: BSD-3-Clause */
#include "pubsub/fanout.h"

enum { BLOCK_MAX = 16 * 1024 }; /* larger ones aren't kept */

static struct fanout_block *find(struct fanout *f, const void *topic, int resp) {
    for (unsigned i = 0; i < FANOUT_BLOCKS; i++)
        if (f->blocks[i].topic == topic && f->blocks[i].resp == resp) return &f->blocks[i];
    return NULL;
}

static void drop(struct fanout_block *b) {
    if (b->topic) bytes_unref(b->bytes);
    *b = (struct fanout_block){0};
}

/* Room for `len` bytes. A topic's first block is just large enough for one message, as most have no
 * second before the first is sent; then they double. */
static struct bytes *block_with_room(struct fanout *f, const void *topic, int resp, size_t len) {
    struct fanout_block *b = find(f, topic, resp);
    size_t cap = len;
    if (b) {
        if (atomic_load_explicit(&b->bytes->refs, memory_order_acquire) == 1) b->bytes->len = 0;
        if (b->bytes->cap - b->bytes->len >= len) return bytes_ref(b->bytes);
        if (cap < 2 * b->bytes->cap) cap = 2 * b->bytes->cap;
        if (cap > BLOCK_MAX) cap = len < BLOCK_MAX ? BLOCK_MAX : len;
    } else {
        b = &f->blocks[f->next++ % FANOUT_BLOCKS];
    }
    struct bytes *fresh = bytes_new(cap);
    if (cap > BLOCK_MAX) return fresh;
    drop(b);
    *b = (struct fanout_block){topic, resp, bytes_ref(fresh)};
    return fresh;
}

struct fanout_place fanout_write(struct fanout *f, const void *topic, int resp,
                                 const struct message *m) {
    size_t len = message_len(m);
    struct bytes *block = block_with_room(f, topic, resp, len);
    size_t from = block->len;
    message_write(m, resp, block->data + from);
    block->len += len;
    return (struct fanout_place){block, from, len};
}

void fanout_forget(struct fanout *f, const void *topic) {
    for (unsigned i = 0; i < FANOUT_BLOCKS; i++)
        if (f->blocks[i].topic == topic) drop(&f->blocks[i]);
}

void fanout_release(struct fanout *f) {
    for (unsigned i = 0; i < FANOUT_BLOCKS; i++) drop(&f->blocks[i]);
}
