/* SPDX-License-Identifier: BSD-3-Clause */
/* Counting: each thread adds to a counter of its own and hands it to the process-wide one in steps
 * of COUNT_STEP, so that an allocation costs no atomic operation. */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef DREY_LIBC_MALLOC
#include <malloc.h>
#else
#include <jemalloc/jemalloc.h>
#endif

enum { COUNT_STEP = 4096 };

static _Atomic int64_t used_total;
static _Thread_local int64_t used_here;
static _Thread_local struct {
    void (*fn)(void);
    size_t every, left; /* in COUNT_STEP bytes: from call to call, until the next */
} step_hook;
static mem_oom_hook *oom_hook;

static __attribute__((noinline)) void step(void) {
    mem_count_flush();
    if (!step_hook.fn || --step_hook.left) return;
    step_hook.left = step_hook.every;
    step_hook.fn();
}

static inline void count(int64_t bytes) {
    used_here += bytes;
    if (__builtin_expect((uint64_t)(used_here + COUNT_STEP) > 2 * COUNT_STEP, 0)) step();
}

void mem_count(int64_t bytes) {
    count(bytes);
}

void mem_count_flush(void) {
    atomic_fetch_add_explicit(&used_total, used_here, memory_order_relaxed);
    used_here = 0;
}

void mem_set_step_hook(void (*fn)(void), size_t bytes) {
    step_hook.fn = fn;
    step_hook.every = step_hook.left = bytes < COUNT_STEP ? 1 : bytes / COUNT_STEP;
}

size_t mem_used(void) {
    int64_t used = atomic_load_explicit(&used_total, memory_order_relaxed) + used_here;
    return used > 0 ? (size_t)used : 0;
}

void mem_set_oom_hook(mem_oom_hook *hook) {
    oom_hook = hook;
}

static _Noreturn void out_of_memory(size_t size) {
    if (oom_hook) oom_hook(size);
    fprintf(stderr, "Out of memory allocating %zu bytes\n", size);
    abort();
}

#ifdef DREY_LIBC_MALLOC

/* Sanitizers hand out, and guard, exactly what was asked for. */
size_t mem_class_size(size_t size) {
    return size ? size : 1;
}

size_t mem_usable_size(const void *ptr) {
    return malloc_usable_size((void *)ptr);
}

static inline void *counted(void *ptr, size_t size) {
    if (ptr) count((int64_t)mem_usable_size(ptr));
    return ptr;
}

void mem_free(void *ptr) {
    if (!ptr) return;
    count(-(int64_t)mem_usable_size(ptr));
    free(ptr);
}

void mem_free_sized(void *ptr, size_t size) {
    (void)size;
    mem_free(ptr);
}

static void *raw_alloc(size_t size) {
    return malloc(size);
}

static void *raw_alloc_aligned(size_t size, size_t align) {
    return aligned_alloc(align, size);
}

static void *raw_realloc(void *ptr, size_t size) {
    return realloc(ptr, size ? size : 1);
}

void *mem_compact(void *ptr) {
    size_t size = mem_usable_size(ptr);
    void *to = malloc(size);
    if (!to) return ptr;
    memcpy(to, ptr, size);
    free(ptr);
    return to;
}

#else

/* jemalloc's size classes: multiples of 16 up to 128, then four steps to each doubling. */
size_t mem_class_size(size_t size) {
    if (size <= 8) return 8;
    if (size <= 128) return (size + 15) & ~(size_t)15;
    size_t step = (size_t)1 << (61 - __builtin_clzl(size - 1));
    return (size + step - 1) & ~(step - 1);
}

size_t mem_usable_size(const void *ptr) {
    return sallocx(ptr, 0);
}

static inline void *counted(void *ptr, size_t size) {
    if (__builtin_expect(ptr != NULL, 1)) count((int64_t)mem_class_size(size));
    return ptr;
}

void mem_free(void *ptr) {
    if (!ptr) return;
    count(-(int64_t)sallocx(ptr, 0));
    dallocx(ptr, 0);
}

void mem_free_sized(void *ptr, size_t size) {
    if (!ptr) return;
    count(-(int64_t)mem_class_size(size));
    sdallocx(ptr, size ? size : 1, 0);
}

static void *raw_alloc(size_t size) {
    return mallocx(size ? size : 1, 0);
}

static void *raw_alloc_aligned(size_t size, size_t align) {
    return mallocx(size, MALLOCX_ALIGN(align));
}

static void *raw_realloc(void *ptr, size_t size) {
    return rallocx(ptr, size ? size : 1, 0);
}

/* What experimental.utilization.query tells of a block's slab and of all slabs of its size. */
struct utilization {
    char *current; /* the slab that blocks come from at the moment */
    size_t free, blocks, slab_bytes;
    size_t all_free, all_blocks;
};

static bool ask_utilization(void *ptr, struct utilization *u) {
    static _Thread_local size_t mib[3], mib_len;
    if (!mib_len) {
        size_t len = sizeof mib / sizeof *mib;
        if (mallctlnametomib("experimental.utilization.query", mib, &len)) return false;
        mib_len = len;
    }
    size_t len = sizeof *u;
    return mallctlbymib(mib, mib_len, u, &len, &ptr, sizeof ptr) == 0;
}

static bool is_in_sparse_slab(void *ptr) {
    struct utilization u;
    if (!ask_utilization(ptr, &u) || u.free == 0) return false;
    if ((char *)ptr >= u.current && (char *)ptr < u.current + u.slab_bytes) return false;
    return mem_is_sparse(u.blocks - u.free, u.blocks, u.all_blocks - u.all_free, u.all_blocks);
}

/* A thread's cache would hand out the very places that others have just been moved from. */
void *mem_compact(void *ptr) {
    enum { LARGEST_IN_SLABS = 14336 };
    size_t size = sallocx(ptr, 0);
    if (size > LARGEST_IN_SLABS || !is_in_sparse_slab(ptr)) return ptr;
    void *to = mallocx(size, MALLOCX_TCACHE_NONE);
    if (!to) return ptr;
    memcpy(to, ptr, size);
    dallocx(ptr, MALLOCX_TCACHE_NONE);
    return to;
}

#endif

void *mem_try_alloc(size_t size) {
    if (size > PTRDIFF_MAX) return NULL;
    return counted(raw_alloc(size), size);
}

bool mem_could_alloc(size_t size) {
    void *ptr = mem_try_alloc(size);
    mem_free(ptr);
    return ptr != NULL;
}

void *mem_alloc(size_t size) {
    void *ptr = mem_try_alloc(size);
    if (__builtin_expect(!ptr, 0)) out_of_memory(size);
    return ptr;
}

void *mem_zalloc(size_t size) {
    return memset(mem_alloc(size), 0, size);
}

void *mem_alloc_aligned(size_t size, size_t align) {
    void *ptr = counted(raw_alloc_aligned(size, align), size);
    if (!ptr) out_of_memory(size);
    return ptr;
}

void *mem_try_realloc(void *ptr, size_t size) {
    if (!ptr) return mem_try_alloc(size);
    if (size > PTRDIFF_MAX) return NULL;
    int64_t before = (int64_t)mem_usable_size(ptr);
    void *moved = raw_realloc(ptr, size);
    if (moved) count((int64_t)mem_usable_size(moved) - before);
    return moved;
}

void *mem_realloc(void *ptr, size_t size) {
    void *moved = mem_try_realloc(ptr, size);
    if (!moved) out_of_memory(size);
    return moved;
}

char *mem_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(mem_alloc(size), text, size);
}
