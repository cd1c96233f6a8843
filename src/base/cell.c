/* SPDX-License-Identifier: BSD-3-Clause */
/* Slabs for the seven sizes 24, 40 ... 120 that the allocator would round up by 8 bytes.
 *
 *   thread: one cache per kind, a stack of up to 64 free cells ──┐ 32 at a time, under the lock
 *   depot:  one per kind, shared by all threads: a lock, slabs ──┘ of the kind
 *   slab:   | cells ... | header with a bitmap of free cells | ... cells |
 *
 * A thread allocates from and frees to its cache, without atomic operations; only an empty or a
 * full cache takes the lock, for half a cache at once. So cells have no owner: who frees what, and
 * which thread has ended, makes no difference, and a slab is given back by whoever frees its last
 * cell. The bitmap (rather than a list through the free cells) lets the depot work on headers
 * alone: cold cells aren't touched while others wait, and a slab hands out its lowest cells first,
 * side by side.
 *
 * Against fragmentation, slabs with free cells stand in lists by eighths of how full they are, and
 * the next one to allocate from is of the fullest list, so that the emptiest can empty. A full slab
 * returns to these lists when a 64th of it is free: else each free would make the next allocation
 * change slabs. The slab that is being allocated from stays even if it's empty, so that a free and
 * an allocation at the edge don't give a slab back and get it again.
 *
 * Invariant: each slab is its depot's current one, or in the list that its `list` names with
 * low <= used; `low` of the current one is 0.
 *
 * The depots are the process's, as the heap is (alloc.c): cells wander between threads. */
#include "base/cell.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"

#ifdef __has_feature
#define CELL_HAS_FEATURE(name) __has_feature(name)
#else
#define CELL_HAS_FEATURE(name) 0
#endif

#if defined __SANITIZE_ADDRESS__ || CELL_HAS_FEATURE(address_sanitizer)

size_t cell_size(size_t size) {
    return mem_class_size(size);
}

void *cell_alloc(size_t size) {
    return mem_alloc(size);
}

void cell_free(void *cell, size_t size) {
    mem_free_sized(cell, size);
}

void *cell_compact(void *cell, size_t size) {
    return mem_compact(cell);
}

void cell_flush(void) {}

struct cell_stats cell_stats(void) {
    return (struct cell_stats){0};
}

void cell_fork_begin(void) {}

void cell_fork_end(void) {}

void cell_check(void) {}

#else

enum {
    KINDS = 7,
    CACHE = 64,
    BATCH = CACHE / 2,
    SLAB_ALIGN = 32768,
#ifdef DREY_LIBC_MALLOC
    SLAB_BYTES = SLAB_ALIGN,
#else
    /* jemalloc adds a page to blocks of such sizes: with it, 28 KB fill a slab's 32 KB, and slabs
     * lie without gaps. With 32 KB every second 32 KB would stay unused. */
    SLAB_BYTES = 28672,
#endif
    EIGHTHS = 8,
    LIST_FULL = EIGHTHS,
    LISTS = EIGHTHS + 1,
    BITMAP_MAX = (SLAB_BYTES / 24 + 63) / 64,
};

/* Cells are numbered from the slab's start; those that the header covers are never free. */
struct slab {
    struct slab *next, *prev;
    uint16_t used, capacity;
    uint16_t low; /* with less than this used, it belongs to another list */
    uint8_t kind, list;
    uint8_t first;             /* words of the bitmap before this one are 0 */
    uint64_t free[BITMAP_MAX]; /* as many as the kind needs */
};

struct depot {
    alignas(64) pthread_mutex_t lock;
    struct slab *current; /* allocated from; may be NULL */
    struct slab *lists[LISTS];
    size_t slabs, used; /* used: cells out of the slabs */
};

struct cache {
    uint32_t count;
    uint32_t room; /* CACHE; 0 before the thread's first use and after its end */
    void *cells[CACHE];
};

static struct depot depots[KINDS] = {
    [0 ... KINDS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER},
};
static _Thread_local struct cache caches[KINDS];

/* A division by the cell's size, as a multiplication and a shift: exact for offsets in a slab. */
#define RECIPROCAL(size) ((((uint64_t)1 << 32) + (size)-1) / (size))
static const uint32_t reciprocals[KINDS] = {
    RECIPROCAL(24), RECIPROCAL(40),  RECIPROCAL(56),  RECIPROCAL(72),
    RECIPROCAL(88), RECIPROCAL(104), RECIPROCAL(120),
};

static inline unsigned size_of_kind(unsigned kind) {
    return 24 + 16 * kind;
}

/* Whether cells of this size come from slabs; *kind tells from which. */
static inline bool find_kind(size_t size, unsigned *kind) {
    size_t words = (size + 7) / 8;
    *kind = (unsigned)(words / 2 - 1);
    return (words & 1) && words - 3 <= CELL_MAX / 8 - 3;
}

size_t cell_size(size_t size) {
    unsigned kind;
    return find_kind(size, &kind) ? size_of_kind(kind) : mem_class_size(size);
}

/* --- A slab ---------------------------------------------------------------------------------- */

/* At the very start, all headers would compete for the same few sets of the processor's caches: so
 * each lies a line further in than that of the slab before, within the first 4 KB. */
static inline struct slab *slab_at(uintptr_t base) {
    return (struct slab *)(base + base / SLAB_ALIGN % 64 * 64);
}

static inline uintptr_t base_of(const void *in_slab) {
    return (uintptr_t)in_slab & ~(uintptr_t)(SLAB_ALIGN - 1);
}

static inline unsigned cells_of_kind(unsigned kind) {
    return SLAB_BYTES / size_of_kind(kind);
}

static inline unsigned bitmap_words(unsigned kind) {
    return (cells_of_kind(kind) + 63) / 64;
}

/* Which cells the header covers: from *from up to, not including, *to. */
static void header_cells(const struct slab *s, unsigned *from, unsigned *to) {
    unsigned size = size_of_kind(s->kind);
    size_t start = (uintptr_t)s - base_of(s);
    size_t end = start + offsetof(struct slab, free) + bitmap_words(s->kind) * sizeof *s->free;
    *from = (unsigned)(start / size);
    *to = (unsigned)((end + size - 1) / size);
}

static struct slab *slab_new(unsigned kind) {
    void *base = mem_alloc_aligned(SLAB_BYTES, SLAB_ALIGN);
    mem_count(-(int64_t)mem_usable_size(base)); /* its cells are counted */
    struct slab *s = slab_at((uintptr_t)base);
    *s = (struct slab){.kind = (uint8_t)kind};
    unsigned cells = cells_of_kind(kind), words = bitmap_words(kind), from, to;
    for (unsigned i = 0; i < words; i++) s->free[i] = UINT64_MAX;
    if (cells % 64) s->free[words - 1] = UINT64_MAX >> (64 - cells % 64);
    header_cells(s, &from, &to);
    for (unsigned i = from; i < to; i++) s->free[i / 64] &= ~((uint64_t)1 << i % 64);
    s->capacity = (uint16_t)(cells - (to - from));
    return s;
}

static void slabs_free(struct slab *s) {
    while (s) {
        struct slab *next = s->next;
        void *base = (void *)base_of(s);
        mem_count((int64_t)mem_usable_size(base));
        mem_free_sized(base, SLAB_BYTES);
        s = next;
    }
}

/* Moves free cells to the places before `end`, the lowest last, until `begin` or the slab's end.
 * Returns where the last went. */
static void **slab_take(struct slab *s, void **begin, void **end) {
    unsigned word = s->first, size = size_of_kind(s->kind), words = bitmap_words(s->kind);
    char *base = (char *)base_of(s);
    void **to = end;
    while (to > begin && word < words) {
        uint64_t bits = s->free[word];
        for (; bits && to > begin; bits &= bits - 1)
            *--to = base + (word * 64 + (unsigned)__builtin_ctzll(bits)) * size;
        s->free[word] = bits;
        if (!bits) word++;
    }
    s->first = (uint8_t)word;
    s->used = (uint16_t)(s->used + (end - to));
    return to;
}

static void slab_put(struct slab *s, const void *cell) {
    uint64_t offset = (uintptr_t)cell - base_of(cell);
    unsigned index = (unsigned)(offset * reciprocals[s->kind] >> 32);
    uint64_t bit = (uint64_t)1 << index % 64;
    DASSERT(offset == (uint64_t)index * size_of_kind(s->kind));
    DASSERT(!(s->free[index / 64] & bit));
    s->free[index / 64] |= bit;
    if (index / 64 < s->first) s->first = (uint8_t)(index / 64);
    s->used--;
}

/* --- A depot, with its lock held ------------------------------------------------------------- */

static void file(struct depot *d, struct slab *s) {
    unsigned capacity = s->capacity, list = s->used * EIGHTHS / capacity;
    unsigned low = (list * capacity + EIGHTHS - 1) / EIGHTHS;
    if (list == LIST_FULL) low -= capacity / 64;
    s->list = (uint8_t)list;
    s->low = (uint16_t)(low || !s->used ? low : 1);
    s->prev = NULL;
    s->next = d->lists[list];
    if (s->next) s->next->prev = s;
    d->lists[list] = s;
}

static void unfile(struct depot *d, struct slab *s) {
    if (s->prev)
        s->prev->next = s->next;
    else
        d->lists[s->list] = s->next;
    if (s->next) s->next->prev = s->prev;
}

static struct slab *pick(struct depot *d) {
    for (unsigned list = EIGHTHS; list-- > 0;) {
        struct slab *s = d->lists[list];
        if (!s) continue;
        unfile(d, s);
        s->low = 0;
        return s;
    }
    return NULL;
}

/* As slab_take, from as many slabs as it takes; without any more of them, less. */
static void **depot_take(struct depot *d, void **begin, void **end) {
    void **to = end;
    while (to > begin && (d->current || (d->current = pick(d)))) {
        to = slab_take(d->current, begin, to);
        if (d->current->used == d->current->capacity) {
            file(d, d->current);
            d->current = NULL;
        }
    }
    d->used += (size_t)(end - to);
    return to;
}

/* A slab that has become empty is added to *empty, for the caller to free without the lock. */
static void depot_put(struct depot *d, const void *cell, struct slab **empty) {
    struct slab *s = slab_at(base_of(cell));
    slab_put(s, cell);
    d->used--;
    if (s->used >= s->low) return;
    unfile(d, s);
    if (s->used) {
        file(d, s);
        return;
    }
    s->next = *empty;
    *empty = s;
    d->slabs--;
}

/* --- A thread's caches ----------------------------------------------------------------------- */

static pthread_key_t thread_key;
static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;

static void thread_ends(void *unused) {
    (void)unused;
    for (unsigned kind = 0; kind < KINDS; kind++) caches[kind].room = 0;
    cell_flush();
}

static void make_thread_key(void) {
    ASSERT(pthread_key_create(&thread_key, thread_ends) == 0);
}

/* First use by this thread: sees to it that its end is noticed. Should another destructor use
 * cells after thread_ends, that is called again. */
static void thread_begins(void) {
    pthread_once(&thread_key_once, make_thread_key);
    ASSERT(pthread_setspecific(thread_key, caches) == 0);
    for (unsigned kind = 0; kind < KINDS; kind++) caches[kind].room = CACHE;
}

/* The first `count` go, which have been there for longest. */
static void give_back(struct cache *cache, unsigned kind, unsigned count) {
    struct depot *d = &depots[kind];
    struct slab *empty = NULL;
    for (unsigned i = 0; i < count; i++) __builtin_prefetch(slab_at(base_of(cache->cells[i])), 1);
    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < count; i++) depot_put(d, cache->cells[i], &empty);
    pthread_mutex_unlock(&d->lock);
    slabs_free(empty);
    cache->count -= count;
    memmove(cache->cells, cache->cells + count, cache->count * sizeof *cache->cells);
}

static __attribute__((noinline)) void make_room(struct cache *cache, unsigned kind) {
    if (cache->room == 0)
        thread_begins();
    else
        give_back(cache, kind, BATCH);
}

/* The new slab is got without the lock: the allocator may take its time. Should others meanwhile
 * have brought one too, this one stands in line, empty. */
static __attribute__((noinline)) void refill(struct cache *cache, unsigned kind) {
    if (cache->room == 0) thread_begins();
    struct depot *d = &depots[kind];
    void **end = cache->cells + BATCH, **begin;
    pthread_mutex_lock(&d->lock);
    while ((begin = depot_take(d, cache->cells, end)) == end) {
        pthread_mutex_unlock(&d->lock);
        struct slab *s = slab_new(kind);
        pthread_mutex_lock(&d->lock);
        d->slabs++;
        file(d, s);
    }
    pthread_mutex_unlock(&d->lock);
    cache->count = (uint32_t)(end - begin);
    if (begin != cache->cells) memmove(cache->cells, begin, cache->count * sizeof *begin);
}

void cell_flush(void) {
    for (unsigned kind = 0; kind < KINDS; kind++)
        if (caches[kind].count) give_back(&caches[kind], kind, caches[kind].count);
}

void *cell_alloc(size_t size) {
    unsigned kind;
    if (!find_kind(size, &kind)) return mem_alloc(size);
    struct cache *cache = &caches[kind];
    if (__builtin_expect(cache->count == 0, 0)) refill(cache, kind);
    mem_count(size_of_kind(kind));
    return cache->cells[--cache->count];
}

void cell_free(void *cell, size_t size) {
    unsigned kind;
    if (!find_kind(size, &kind)) {
        mem_free_sized(cell, size);
        return;
    }
    if (!cell) return;
    struct cache *cache = &caches[kind];
    if (__builtin_expect(cache->count >= cache->room, 0)) make_room(cache, kind);
    mem_count(-(int64_t)size_of_kind(kind));
    cache->cells[cache->count++] = cell;
}

/* --- Compaction ------------------------------------------------------------------------------- */

static bool is_sparse(const struct depot *d, const struct slab *s) {
    if (s == d->current || s->used == s->capacity) return false;
    return mem_is_sparse(s->used, s->capacity, d->used, d->slabs * s->capacity);
}

/* A free cell of a fuller slab than `from`; NULL: there's none. */
static void *take_fuller(struct depot *d, const struct slab *from) {
    void *cell = NULL;
    if (!d->current) d->current = pick(d);
    if (d->current && d->current != from) depot_take(d, &cell, &cell + 1);
    return cell;
}

/* Around the thread's cache, which would hand out what was moved from. */
void *cell_compact(void *cell, size_t size) {
    unsigned kind;
    if (!find_kind(size, &kind)) return mem_compact(cell);
    struct depot *d = &depots[kind];
    struct slab *from = slab_at(base_of(cell)), *empty = NULL;
    void *to = NULL;
    pthread_mutex_lock(&d->lock);
    if (is_sparse(d, from)) to = take_fuller(d, from);
    if (to) {
        memcpy(to, cell, size_of_kind(kind));
        depot_put(d, cell, &empty);
    }
    pthread_mutex_unlock(&d->lock);
    slabs_free(empty);
    return to ? to : cell;
}

/* --- What's asked rarely --------------------------------------------------------------------- */

struct cell_stats cell_stats(void) {
    struct cell_stats stats = {0};
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct depot *d = &depots[kind];
        pthread_mutex_lock(&d->lock);
        stats.slab_bytes += d->slabs * SLAB_BYTES;
        stats.cell_bytes += d->used * size_of_kind(kind);
        stats.pad_bytes += d->slabs * (SLAB_ALIGN - SLAB_BYTES);
        pthread_mutex_unlock(&d->lock);
    }
    return stats;
}

static void slab_check(const struct slab *s, unsigned kind) {
    unsigned words = bitmap_words(kind), count = 0, from, to;
    ASSERT(s == slab_at(base_of(s)));
    ASSERT(s->kind == kind);
    for (unsigned i = 0; i < words; i++) {
        count += (unsigned)__builtin_popcountll(s->free[i]);
        ASSERT(i >= s->first || s->free[i] == 0);
    }
    ASSERT(s->used + count == s->capacity);
    header_cells(s, &from, &to);
    for (unsigned i = from; i < to; i++) ASSERT(!(s->free[i / 64] >> i % 64 & 1));
    ASSERT(s->capacity + (to - from) == cells_of_kind(kind));
}

static void depot_check(const struct depot *d, unsigned kind) {
    size_t slabs = 0, used = 0;
    for (unsigned list = 0; list < LISTS; list++) {
        const struct slab *prev = NULL;
        for (const struct slab *s = d->lists[list]; s; prev = s, s = s->next) {
            slab_check(s, kind);
            ASSERT(s->prev == prev && s->list == list && s->low <= s->used);
            ASSERT(s->low > 0 || s->used == 0);
            slabs++;
            used += s->used;
        }
    }
    if (d->current) {
        slab_check(d->current, kind);
        ASSERT(d->current->low == 0 && d->current->used < d->current->capacity);
        slabs++;
        used += d->current->used;
    }
    ASSERT(slabs == d->slabs && used == d->used);
}

void cell_fork_begin(void) {
    for (unsigned kind = 0; kind < KINDS; kind++) pthread_mutex_lock(&depots[kind].lock);
}

void cell_fork_end(void) {
    for (unsigned kind = 0; kind < KINDS; kind++) pthread_mutex_unlock(&depots[kind].lock);
}

void cell_check(void) {
    for (unsigned kind = 0; kind < KINDS; kind++) {
        pthread_mutex_lock(&depots[kind].lock);
        depot_check(&depots[kind], kind);
        pthread_mutex_unlock(&depots[kind].lock);
    }
}

#endif
