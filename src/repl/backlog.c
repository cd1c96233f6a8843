/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/backlog.h"

#include "base/alloc.h"
#include "base/assert.h"

enum {
    BLOCK = 16 * 1024 - sizeof(struct bytes), /* data bytes of a common one */
    BLOCKS_MIN = 16,    /* at least so many make up the size: it's dropped in steps that small, */
    ROOM_MIN = 1024,    /* but not smaller than this */
    BLOCKS_MOST = 1024, /* and hardly more: who comes back looks through them, */
    ROOM_MAX = 1024 * 1024, /* but they aren't made larger than this for that */
};

/* Large pieces get a block of their own size, within limits. When somebody lags, few blocks take
 * less than many. */
static size_t room_for(const struct backlog *b, size_t len) {
    uint64_t most = b->size / BLOCKS_MIN, room = b->size / BLOCKS_MOST;
    if (most < ROOM_MIN) most = ROOM_MIN;
    if (most < BLOCK && b->memory > 2 * b->size) most = BLOCK;
    if (room > ROOM_MAX) room = ROOM_MAX;
    if (room < BLOCK) room = BLOCK;
    if (room < len) room = len;
    return (size_t)(room < most ? room : most);
}

static void add_block(struct backlog *b, size_t room) {
    struct backlog_block *block = mem_alloc(sizeof *block);
    *block = (struct backlog_block){.bytes = bytes_new(room), .start = b->end};
    b->memory += bytes_memory(block->bytes) + mem_class_size(sizeof *block);
    if (b->last)
        b->last->next = block;
    else
        b->first = block;
    b->last = block;
}

static void drop_first(struct backlog *b) {
    struct backlog_block *block = b->first;
    DASSERT(!block->cursors);
    b->memory -= bytes_memory(block->bytes) + mem_class_size(sizeof *block);
    b->first = block->next;
    if (!b->first) b->last = NULL;
    bytes_unref(block->bytes);
    mem_free(block);
}

void backlog_begin(struct backlog *b, int64_t position) {
    DASSERT(!b->first);
    b->end = position;
    add_block(b, room_for(b, 0));
}

void backlog_release(struct backlog *b) {
    while (b->first) drop_first(b);
}

void backlog_trim(struct backlog *b) {
    while (b->first && b->first != b->last) {
        const struct backlog_block *block = b->first;
        bool used = block->cursors || block->bytes->refs > 1;
        if (used || (uint64_t)(b->end - block->next->start) < b->size) return;
        drop_first(b);
    }
}

void backlog_append(struct backlog *b, struct slice bytes) {
    size_t done = 0;
    while (done < bytes.len) {
        struct bytes *to = b->last->bytes;
        if (to->len == to->cap) {
            add_block(b, room_for(b, bytes.len - done));
            continue;
        }
        size_t len = to->cap - to->len;
        if (len > bytes.len - done) len = bytes.len - done;
        memcpy(to->data + to->len, bytes.ptr + done, len);
        to->len += len;
        b->end += (int64_t)len;
        done += len;
    }
    if ((uint64_t)(b->end - b->first->start) > b->size) backlog_trim(b);
}

/* Cursors. */

static void enter(struct backlog_cursor *c, struct backlog_block *block, size_t at) {
    block->cursors++;
    *c = (struct backlog_cursor){block, at};
}

void backlog_seek(struct backlog *b, struct backlog_cursor *c, int64_t position) {
    struct backlog_block *block = b->first;
    DASSERT(!c->block && backlog_has(b, position));
    while (block->next && position >= block->next->start) block = block->next;
    enter(c, block, (size_t)(position - block->start));
}

void backlog_cursor_copy(struct backlog_cursor *c, const struct backlog_cursor *from) {
    DASSERT(!c->block && from->block);
    enter(c, from->block, from->at);
}

void backlog_leave(struct backlog_cursor *c) {
    if (!c->block) return;
    c->block->cursors--;
    c->block = NULL;
}

size_t backlog_next(struct backlog_cursor *c, size_t most, struct bytes **block, size_t *from) {
    while (c->at == c->block->bytes->len && c->block->next) {
        struct backlog_block *next = c->block->next;
        c->block->cursors--;
        enter(c, next, 0);
    }
    size_t len = c->block->bytes->len - c->at;
    if (len > most) len = most;
    *block = c->block->bytes;
    *from = c->at;
    c->at += len;
    return len;
}

void backlog_check(const struct backlog *b) {
    int64_t position = b->first ? b->first->start : b->end;
    size_t memory = 0;
    for (const struct backlog_block *block = b->first; block; block = block->next) {
        ASSERT(block->start == position);
        ASSERT(block->next ? block->bytes->len == block->bytes->cap : block == b->last);
        position += (int64_t)block->bytes->len;
        memory += bytes_memory(block->bytes) + mem_class_size(sizeof *block);
    }
    ASSERT(position == b->end && memory == b->memory);
}
