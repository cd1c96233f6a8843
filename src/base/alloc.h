/* SPDX-License-Identifier: BSD-3-Clause */
/* Allocation and its accounting. One thin layer over jemalloc (libc's malloc in sanitizer builds).
 *
 * mem_alloc and friends never return NULL: running out of memory ends the process after the
 * out-of-memory hook has logged it. Sizes that a user, a file or a peer chose go through
 * mem_try_alloc, which may return NULL.
 *
 * What is counted is what the allocator really hands out (the size class, not the request). The
 * counter is the one piece of process-wide state below `server`: the heap is the process's, too.
 * It's safe from any thread. */
#ifndef DREY_BASE_ALLOC_H
#define DREY_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_RETURNS __attribute__((malloc, warn_unused_result))

void *mem_alloc(size_t size) MEM_RETURNS;
void *mem_zalloc(size_t size) MEM_RETURNS; /* zero-filled */
/* align: a power of two that divides size (with jemalloc: any size) */
void *mem_alloc_aligned(size_t size, size_t align) MEM_RETURNS;
void *mem_try_alloc(size_t size) MEM_RETURNS; /* NULL when there is no memory */
void *mem_realloc(void *ptr, size_t size) __attribute__((warn_unused_result));
void *mem_try_realloc(void *ptr, size_t size) __attribute__((warn_unused_result));
char *mem_strdup(const char *text) MEM_RETURNS;

/* Could `size` bytes be had now? Takes them and gives them back, without touching them. */
bool mem_could_alloc(size_t size);

/* Frees any of the above; NULL is fine. */
void mem_free(void *ptr);

/* The same when the caller knows the size it asked for: spares the allocator a look-up. */
void mem_free_sized(void *ptr, size_t size);

/* Bytes really handed out for a request of `size`, all of which the caller may use; O(1), no access
 * to memory of the heap. With libc's malloc, `size` itself (1 for 0). */
size_t mem_class_size(size_t size);
/* Bytes really handed out at ptr. */
size_t mem_usable_size(const void *ptr);

/* Moves a block out of the pages where few others are left, so that those can be given back:
 * returns where it is then, or `ptr` if it's fine where it is. The block mustn't be aligned to more
 * than its size asks for. About 150 ns, with a copy if it moves. Where libc's malloc doesn't tell,
 * each block moves. */
void *mem_compact(void *ptr) __attribute__((warn_unused_result));

/* Of so many places in a slab `used` are in use, and all_used of all slabs' all_places: is it one
 * to be emptied? Those that are, are below the average or not far above it, and there's something
 * to be gained. */
static inline bool mem_is_sparse(size_t used, size_t places, size_t all_used, size_t all_places) {
    return all_used * 16 < all_places * 15 && used * 8 * all_places <= all_used * 9 * places;
}

/* Bytes handed out and not yet freed, of the whole process. Exact for the calling thread's own
 * work; other threads' may lag by a few KB. */
size_t mem_used(void);

/* For who hands out parts of blocks had from above: adds to what is handed out, or takes off. */
void mem_count(int64_t bytes);

/* Hands this thread's count over; a helper thread calls it at the end of a job. */
void mem_count_flush(void);

/* Has `fn` called in this thread each time that about so many bytes more were taken or freed: for
 * one that frees much at a time and lets others run in between. It may not allocate. */
void mem_set_step_hook(void (*fn)(void), size_t bytes);

/* Called with the size that couldn't be had, before the process aborts. */
typedef void mem_oom_hook(size_t size);
void mem_set_oom_hook(mem_oom_hook *hook);

#endif
