/* SPDX-License-Identifier: BSD-3-Clause */
/* The latest part of a history's stream, and who reads it: one chain of blocks from which all
 * replicas are sent, at whatever speed each takes it, so that any number of them costs one copy.
 *
 *   first                                    last
 *   [ block ] -> [ block ] -> [ block ] -> [ bl... ]
 *        ^cursor      ^sent by reference          ^ append
 *
 * A block is dropped from the front when the rest still has the size that's asked for, and nobody
 * needs it: no cursor is in it, and no reply refers to its bytes. So what is kept exceeds the size
 * as long as somebody lags. Positions are bytes of the history before a place: the byte at offset 1
 * is at position 0. One thread. */
#ifndef DREY_REPL_BACKLOG_H
#define DREY_REPL_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct backlog_block {
    struct backlog_block *next;
    struct bytes *bytes; /* what is in it: replies refer to them */
    int64_t start;       /* position of its first byte */
    size_t cursors;      /* in it */
};

struct backlog {
    uint64_t size;                      /* bytes to keep, at least */
    struct backlog_block *first, *last; /* NULL: it isn't there */
    int64_t end;                        /* position behind the last byte */
    size_t memory;                      /* of all blocks */
};

/* A place in the stream; block NULL: none. Keeps all that comes behind it. */
struct backlog_cursor {
    struct backlog_block *block;
    size_t at; /* in its bytes */
};

static inline bool backlog_is_there(const struct backlog *b) {
    return b->first;
}

/* Begins at a position, empty; must not be there. */
void backlog_begin(struct backlog *b, int64_t position);
/* Frees it. No cursor may be in it; bytes that replies refer to stay with these. */
void backlog_release(struct backlog *b);

/* Adds bytes at the end, and drops what needn't be kept. */
void backlog_append(struct backlog *b, struct slice bytes);
/* Drops what needn't be kept: after the size has changed, or who lagged is gone. */
void backlog_trim(struct backlog *b);

/* Position of the first byte that's kept. */
static inline int64_t backlog_start(const struct backlog *b) {
    return b->first->start;
}

/* Is all that comes behind the position kept? */
static inline bool backlog_has(const struct backlog *b, int64_t position) {
    return b->first && position >= b->first->start && position <= b->end;
}

/* Sets a cursor, which was nowhere, to a position that backlog_has, or to where another one is.
 * O(blocks) and O(1). */
void backlog_seek(struct backlog *b, struct backlog_cursor *c, int64_t position);
void backlog_cursor_copy(struct backlog_cursor *c, const struct backlog_cursor *from);
/* Takes it away, if it's anywhere. */
void backlog_leave(struct backlog_cursor *c);

/* Position of a cursor. */
static inline int64_t backlog_position(const struct backlog_cursor *c) {
    return c->block->start + (int64_t)c->at;
}

/* The next piece behind a cursor, up to `most` bytes: where it is in *block, the cursor behind it.
 * 0: there's nothing yet. */
size_t backlog_next(struct backlog_cursor *c, size_t most, struct bytes **block, size_t *from);

/* Do the counts add up? For tests. */
void backlog_check(const struct backlog *b);

#endif
