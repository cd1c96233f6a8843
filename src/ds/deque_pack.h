/* SPDX-License-Identifier: BSD-3-Clause */
/* Compression of the blocks that lie deep in a deque: LZF, as Redis's lists use it, by the library.
 */
#ifndef DREY_DS_DEQUE_PACK_H
#define DREY_DS_DEQUE_PACK_H

#include "ds/deque_int.h"

struct deque_packed {
    uint32_t raw_bytes : 31; /* of the block, or the element */
    uint32_t is_bytes : 1;
    uint32_t bytes; /* of data */
    char data[];
};

/* Compresses a block (a whole one, of kind DEQUE_BLOCK or DEQUE_BYTES), or marks it as kept; undoes
 * that. Returns the slot that takes its place. */
uintptr_t deque_pack(uintptr_t slot);
uintptr_t deque_unpack(uintptr_t slot);
/* After a change: sees to it that the blocks at the ends aren't compressed, that those beside them
 * are, and those from `from` to `to` as they have to be. */
void deque_settle(struct deque *d, size_t from, size_t to);
/* The block that's packed, as a new one; the packed one stays. */
uintptr_t deque_inflate(const struct deque_packed *packed);

#endif
