/* SPDX-License-Identifier: BSD-3-Clause */
/* Cells against a model that knows each of them and marks its bytes; slabs by their own check and
 * by what they take. Threads hand cells to each other, end early, and free what others had. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "base/cell.h"
#include "base/random.h"

enum { SLAB = 32768 };

/* Builds with AddressSanitizer have no slabs. */
static bool has_slabs(void) {
    cell_free(cell_alloc(24), 24);
    return cell_stats().slab_bytes > 0;
}

#define SKIP_WITHOUT_SLABS()                                                                       \
    if (!has_slabs()) skip()

static size_t slab_bytes(void) {
    return cell_stats().slab_bytes;
}

static void sizes(void **unused) {
    SKIP_WITHOUT_SLABS();
    static const size_t odd[] = {24, 40, 56, 72, 88, 104, 120};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        for (size_t size = odd[i] - 7; size <= odd[i]; size++)
            assert_int_equal(cell_size(size), odd[i]);
        for (size_t size = odd[i] + 1; size <= odd[i] + 8; size++)
            assert_int_equal(cell_size(size), mem_class_size(size));
    }
    for (size_t size = 0; size <= 16; size++)
        assert_int_equal(cell_size(size), mem_class_size(size));
    for (size_t size = 121; size < 5000; size++)
        assert_int_equal(cell_size(size), mem_class_size(size));
    assert_int_equal(cell_size(CELL_MAX), CELL_MAX);
    assert_int_equal(cell_size((size_t)1 << 40), (size_t)1 << 40);
}

/* --- One thread ------------------------------------------------------------------------------ */

struct owned {
    unsigned char *at;
    size_t size;
};

static unsigned char mark_of(const struct owned *o) {
    return (unsigned char)((uintptr_t)o->at / 8 * 37 + o->size);
}

static void take(struct owned *o, size_t size) {
    o->size = size;
    o->at = cell_alloc(size);
    assert_int_equal((uintptr_t)o->at % 8, 0);
    memset(o->at, mark_of(o), size);
}

static void drop(struct owned *o) {
    for (size_t i = 0; i < o->size; i++) assert_int_equal(o->at[i], mark_of(o));
    memset(o->at, ~mark_of(o), o->size);
    cell_free(o->at, o->size);
    o->at = NULL;
}

enum { MODEL = 4000 };

/* Grows and shrinks in turns, so that slabs fill and empty. */
static void random_work(void **unused) {
    static struct owned model[MODEL];
    struct random r;
    random_seed_fixed(&r, 5);
    size_t before = mem_used(), expected = before;
    for (int step = 0; step < 200000; step++) {
        struct owned *o = &model[random_below(&r, MODEL)];
        bool growing = step / 15000 % 2 == 0;
        if (!o->at && random_below(&r, 4) < (growing ? 4 : 1)) {
            take(o, random_below(&r, 3) ? random_below(&r, 140) : 17 + random_below(&r, 8));
            expected += cell_size(o->size);
        } else if (o->at && random_below(&r, 4) < (growing ? 1 : 4)) {
            expected -= cell_size(o->size);
            drop(o);
        }
#ifdef DREY_LIBC_MALLOC /* may hand out more than cell_size */
        assert_true(mem_used() >= expected);
#else
        assert_int_equal(mem_used(), expected);
#endif
        if (step % 64 == 0) cell_check();
        if (random_below(&r, 5000) == 0) cell_flush();
    }
    for (int i = 0; i < MODEL; i++)
        if (model[i].at) drop(&model[i]);
    assert_int_equal(mem_used(), before);
    cell_free(NULL, 24);
    cell_free(NULL, 32);
    assert_int_equal(mem_used(), before);
    cell_flush();
    cell_check();
}

/* Whatever was asked for, all of cell_size may be used, and may be named when freeing. */
static void whole_size_is_usable(void **unused) {
    for (size_t size = 0; size <= 200; size++) {
        struct owned first, second;
        take(&first, cell_size(size));
        take(&second, cell_size(size));
        drop(&first);
        drop(&second);
        void *plain = cell_alloc(size);
        cell_free(plain, cell_size(size));
    }
}

/* --- What slabs take ------------------------------------------------------------------------- */

enum { MANY = 1000000, CHURN = 500 };

static void **many;

static int make_many(void **unused) {
    many = calloc(MANY, sizeof *many);
    return many ? 0 : -1;
}

static int free_many(void **unused) {
    free(many);
    return 0;
}

/* Puts `chosen` random ones of the first `count` to the front. */
static void shuffle(struct random *r, size_t count, size_t chosen) {
    for (size_t i = 0; i < chosen; i++) {
        size_t other = i + random_below(r, count - i);
        void *cell = many[i];
        many[i] = many[other];
        many[other] = cell;
    }
}

static void fill_many(size_t from, size_t size) {
    for (size_t i = from; i < MANY; i++) many[i] = cell_alloc(size);
}

static void free_from(size_t from, size_t size) {
    for (size_t i = from; i < MANY; i++) cell_free(many[i], size);
}

/* Of each kind, one slab may stay. */
static void little_is_left(size_t before) {
    cell_flush();
    cell_check();
    assert_in_range(slab_bytes(), 0, before + SLAB);
}

/* A million of each size waste little, and all of it comes back. */
static void dense_and_returned(void **unused) {
    SKIP_WITHOUT_SLABS();
    for (size_t size = 24; size <= CELL_MAX; size += 16) {
        size_t before = slab_bytes();
        fill_many(0, size);
        size_t taken = slab_bytes() - before;
        assert_in_range(taken, (size_t)MANY * size - SLAB, (size_t)MANY * size / 100 * 102);
        free_from(0, size);
        little_is_left(before);
    }
}

/* Random deletions leave holes; new cells fill them instead of new slabs. */
static void holes_are_used(void **unused) {
    SKIP_WITHOUT_SLABS();
    struct random r;
    random_seed_fixed(&r, 9);
    size_t before = slab_bytes();
    fill_many(0, 56);
    size_t full = slab_bytes() - before;
    shuffle(&r, MANY, MANY);
    free_from(MANY / 10, 56);
    size_t holed = slab_bytes() - before;
    fill_many(MANY / 10, 56);
    size_t again = slab_bytes() - before;
    print_message("1M cells: %zu KB, 90%% freed: %zu KB, filled again: %zu KB\n", full / 1024,
                  holed / 1024, again / 1024);
    assert_in_range(again, full - SLAB, full + full / 50);
    free_from(0, 56);
    little_is_left(before);
}

/* With a tenth of the cells left, everywhere, and cells coming and going, new ones gather in the
 * fullest slabs and the others empty. */
static void churn_packs(void **unused) {
    SKIP_WITHOUT_SLABS();
    struct random r;
    random_seed_fixed(&r, 10);
    size_t before = slab_bytes(), kept = MANY / 10;
    fill_many(0, 56);
    shuffle(&r, MANY, MANY);
    free_from(kept, 56);
    size_t holed = slab_bytes() - before;
    for (size_t i = 0; i < kept * 8; i += CHURN) {
        shuffle(&r, kept, CHURN);
        for (size_t k = 0; k < CHURN; k++) cell_free(many[k], 56);
        for (size_t k = 0; k < CHURN; k++) many[k] = cell_alloc(56);
        if (i % (CHURN * 100) == 0) cell_check();
    }
    size_t packed = slab_bytes() - before;
    print_message("100k of 1M cells left: %zu KB, after 800k replacements: %zu KB\n", holed / 1024,
                  packed / 1024);
    assert_in_range(packed, kept * 56, holed / 3);
    for (size_t i = 0; i < kept; i++) cell_free(many[i], 56);
    little_is_left(before);
}

/* Wherever the edge of a slab lies, going over it and back gets no slab and gives none back. */
static void edges_are_calm(void **unused) {
    SKIP_WITHOUT_SLABS();
    for (size_t held = 0; held < 3000; held += 7) {
        for (size_t i = 0; i < held; i++) many[i] = cell_alloc(120);
        cell_flush();
        size_t changes = 0, last = slab_bytes();
        for (int round = 0; round < 20; round++) {
            for (size_t i = held; i < held + 70; i++) many[i] = cell_alloc(120);
            changes += slab_bytes() != last;
            last = slab_bytes();
            for (size_t i = held; i < held + 70; i++) cell_free(many[i], 120);
            cell_flush();
            changes += slab_bytes() != last;
            last = slab_bytes();
        }
        assert_in_range(changes, 0, 1);
        for (size_t i = 0; i < held; i++) cell_free(many[i], 120);
    }
}

/* --- Threads --------------------------------------------------------------------------------- */

enum { WORKERS = 3, HANDED = 300, SLOTS = 64 };

/* Cells on their way from one thread to the next. */
struct post {
    pthread_mutex_t lock;
    struct owned *batches[SLOTS];
};

static struct post posts[WORKERS] = {
    [0 ... WORKERS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER},
};

static struct owned *swap(struct post *p, size_t slot, struct owned *batch) {
    pthread_mutex_lock(&p->lock);
    struct owned *was = p->batches[slot];
    p->batches[slot] = batch;
    pthread_mutex_unlock(&p->lock);
    return was;
}

static void drop_batch(struct owned *batch) {
    for (size_t i = 0; batch && i < HANDED; i++) drop(&batch[i]);
    free(batch);
}

struct worker {
    pthread_t thread;
    size_t number;
    int rounds;
};

/* Fills batches for the next thread and frees what the one before has filled. */
static void *work(void *arg) {
    struct worker *w = arg;
    struct random r;
    random_seed_fixed(&r, 100 + w->number);
    for (int round = 0; round < w->rounds; round++) {
        struct owned *batch = calloc(HANDED, sizeof *batch);
        for (size_t i = 0; i < HANDED; i++) take(&batch[i], random_below(&r, 130));
        drop_batch(swap(&posts[(w->number + 1) % WORKERS], random_below(&r, SLOTS), batch));
        drop_batch(swap(&posts[w->number], random_below(&r, SLOTS), NULL));
    }
    mem_count_flush();
    return NULL;
}

static void threads_hand_over(void **unused) {
    size_t used = mem_used(), slabs;
    cell_flush();
    slabs = slab_bytes();
    for (int generation = 0; generation < 3; generation++) {
        struct worker workers[WORKERS];
        for (size_t i = 0; i < WORKERS; i++) {
            workers[i] = (struct worker){.number = i, .rounds = 100 + 50 * (int)i};
            assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
        }
        for (size_t i = 0; i < WORKERS; i++) pthread_join(workers[i].thread, NULL);
        cell_check();
    }
    for (size_t i = 0; i < WORKERS; i++)
        for (size_t slot = 0; slot < SLOTS; slot++) drop_batch(swap(&posts[i], slot, NULL));
    assert_int_equal(mem_used(), used);
    cell_flush();
    cell_check();
    assert_in_range(slab_bytes(), 0, slabs + 7 * SLAB);
}

static void *free_all(void *unused) {
    free_from(0, 56);
    mem_count_flush();
    return NULL;
}

/* A helper frees a million cells while the thread that had them goes on; when it has ended, nothing
 * is left of them. */
static void helper_frees(void **unused) {
    struct random r;
    random_seed_fixed(&r, 11);
    size_t used = mem_used(), slabs;
    cell_flush();
    slabs = slab_bytes();
    fill_many(0, 56);
    shuffle(&r, MANY, MANY);
    pthread_t helper;
    assert_int_equal(pthread_create(&helper, NULL, free_all, NULL), 0);
    struct owned mine[200] = {0};
    for (int i = 0; i < 200000; i++) {
        struct owned *o = &mine[random_below(&r, 200)];
        if (o->at)
            drop(o);
        else
            take(o, 56);
    }
    pthread_join(helper, NULL);
    for (int i = 0; i < 200; i++)
        if (mine[i].at) drop(&mine[i]);
    assert_int_equal(mem_used(), used);
    little_is_left(slabs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(random_work),
        cmocka_unit_test(whole_size_is_usable),
        cmocka_unit_test(dense_and_returned),
        cmocka_unit_test(holes_are_used),
        cmocka_unit_test(churn_packs),
        cmocka_unit_test(edges_are_calm),
        cmocka_unit_test(threads_hand_over),
        cmocka_unit_test(helper_frees),
    };
    return cmocka_run_group_tests(tests, make_many, free_many);
}
