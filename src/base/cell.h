/* SPDX-License-Identifier: BSD-3-Clause */
/* Small objects in classes of 8 bytes. The allocator's classes are 16 bytes apart (16, 32, 48 ...),
 * which costs an object of 24 bytes a third of itself; millions of set members, hash fields and
 * entries are of such sizes. Cells of 24, 40, 56 ... CELL_MAX bytes come from slabs of their own;
 * what fits an allocator's class well, or is larger, comes from mem_alloc.
 *
 * The owner of a cell knows its size, as it must say it again when freeing. Any thread may free any
 * cell.
 *
 * Accounting: mem_used counts a cell while it's handed out, as it counts what mem_alloc hands out.
 * The free room of slabs isn't counted (eviction, which frees keys until mem_used falls below a
 * limit, mustn't wait for whole slabs to empty): it's fragmentation, and cell_stats tells it.
 *
 * In builds with AddressSanitizer all cells come from mem_alloc, so that it sees each of them. */
#ifndef DREY_BASE_CELL_H
#define DREY_BASE_CELL_H

#include <stddef.h>

#include "base/alloc.h"

enum { CELL_MAX = 120 }; /* the largest size that comes from a slab */

/* Never NULL; 8-byte aligned. A few ns, no atomic operation but once in 32 calls. */
void *cell_alloc(size_t size) MEM_RETURNS;
/* NULL is fine. `size` may be any that has the same cell_size. */
void cell_free(void *cell, size_t size);
/* Bytes that an object of `size` takes, all of which it may use. Those of one size may grow or
 * shrink into each other. */
size_t cell_size(size_t size);

/* Moves a cell out of a slab in which few are left, as mem_compact does with blocks: returns where
 * it is then. About 50 ns if it stays. */
void *cell_compact(void *cell, size_t size) __attribute__((warn_unused_result));

/* Each thread keeps up to 64 freed cells of each size for itself; this gives the calling thread's
 * back, and with them the slabs that they alone keep. A helper thread calls it at the end of a job;
 * a thread that ends does by itself. */
void cell_flush(void);

/* Around fork(), in both processes after it: without, the child might find a lock held by a thread
 * that it doesn't have. */
void cell_fork_begin(void);
void cell_fork_end(void);

struct cell_stats {
    size_t slab_bytes; /* taken by slabs */
    size_t cell_bytes; /* of those: in cells handed out or kept by threads */
    size_t pad_bytes;  /* never touched, that the allocator leaves behind slabs if it pads blocks */
};

/* Exact for a moment that's not the same for all sizes. */
struct cell_stats cell_stats(void);

/* Asserts all that should hold of every slab: O(slabs). Other threads wait meanwhile. */
void cell_check(void);

#endif
