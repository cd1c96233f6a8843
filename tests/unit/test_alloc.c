/* SPDX-License-Identifier: BSD-3-Clause */
/* Size classes against the allocator's own, and the count of bytes against a model that knows every
 * block. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"

#ifdef DREY_LIBC_MALLOC

static void class_sizes(void **unused) {
    assert_int_equal(mem_class_size(0), 1);
    for (size_t size = 1; size < 100000; size++) assert_int_equal(mem_class_size(size), size);
}

#else

#include <jemalloc/jemalloc.h>

static void class_sizes(void **unused) {
    assert_int_equal(mem_class_size(0), nallocx(1, 0));
    for (size_t size = 1; size <= 1024 * 1024; size++)
        if (mem_class_size(size) != nallocx(size, 0)) assert_int_equal(mem_class_size(size), size);
    size_t classes = 0;
    for (size_t top = 8; top <= (size_t)1 << 30; top = nallocx(top + 1, 0), classes++)
        for (size_t size = top - 2; size <= top + 2; size++)
            assert_int_equal(mem_class_size(size), nallocx(size, 0));
    assert_in_range(classes, 100, 200);
}

#endif

/* Whatever was asked for, all of the class may be used. */
static void whole_class_is_usable(void **unused) {
    for (size_t size = 0; size < 5000; size += 7) {
        size_t room = mem_class_size(size);
        char *ptr = mem_alloc(room);
        memset(ptr, 1, room);
        assert_true(mem_usable_size(ptr) >= room);
        mem_free_sized(ptr, room);
    }
}

enum { BLOCKS = 300 };

struct block {
    char *ptr;
    size_t size;
};

/* The bytes tell the size, so that blocks which overlap are seen. */
static void mark(const struct block *b) {
    memset(b->ptr, (int)(b->size * 31), b->size);
}

static void check_mark(const struct block *b, size_t len) {
    if (len == 0) return;
    assert_int_equal(b->ptr[0], (char)(b->size * 31));
    assert_memory_equal(b->ptr, b->ptr + 1, len - 1);
}

static size_t random_size(struct random *r) {
    return random_below(r, (uint64_t)1 << random_below(r, 17));
}

static void allocate(struct random *r, struct block *b) {
    b->size = random_size(r);
    switch (random_below(r, 4)) {
    case 0:
        b->ptr = mem_zalloc(b->size);
        if (b->size) assert_int_equal(b->ptr[0], 0);
        if (b->size) assert_memory_equal(b->ptr, b->ptr + 1, b->size - 1);
        break;
    case 1:
        b->size = (b->size + 63) & ~(size_t)63;
        if (!b->size) b->size = 64;
        b->ptr = mem_alloc_aligned(b->size, 64);
        assert_int_equal((uintptr_t)b->ptr % 64, 0);
        break;
    case 2: b->ptr = mem_try_alloc(b->size); break;
    default: b->ptr = mem_alloc(b->size); break;
    }
    assert_non_null(b->ptr);
    mark(b);
}

static void reallocate(struct random *r, struct block *b) {
    size_t size = random_size(r), kept = size < b->size ? size : b->size;
    b->ptr = random_below(r, 2) ? mem_realloc(b->ptr, size) : mem_try_realloc(b->ptr, size);
    check_mark(b, kept);
    b->size = size;
    mark(b);
}

static void release(struct random *r, struct block *b) {
    check_mark(b, b->size);
    if (random_below(r, 2))
        mem_free(b->ptr);
    else
        mem_free_sized(b->ptr, b->size);
    b->ptr = NULL;
}

static int64_t counted(const struct block *b) {
    return b->ptr ? (int64_t)mem_usable_size(b->ptr) : 0;
}

/* Random work on blocks of its own, all given back at the end. Calls `check` with the bytes in use
 * after each step. */
static void churn(uint64_t seed, int steps, void (*check)(int64_t used)) {
    struct random r;
    random_seed_fixed(&r, seed);
    struct block blocks[BLOCKS] = {0};
    int64_t used = 0;
    for (int step = 0; step < steps + BLOCKS; step++) {
        struct block *b = &blocks[step < steps ? random_below(&r, BLOCKS) : (size_t)(step - steps)];
        used -= counted(b);
        if (step >= steps) {
            if (b->ptr) release(&r, b);
        } else if (!b->ptr) {
            allocate(&r, b);
        } else if (random_below(&r, 2)) {
            reallocate(&r, b);
        } else {
            release(&r, b);
        }
        used += counted(b);
        check(used);
    }
    assert_int_equal(used, 0);
}

static size_t before_churn;

static void check_exact(int64_t used) {
    assert_int_equal((int64_t)mem_used() - (int64_t)before_churn, used);
}

static void count_is_exact(void **unused) {
    before_churn = mem_used();
    churn(1, 20000, check_exact);
}

static void texts_and_nothing(void **unused) {
    size_t before = mem_used();
    mem_free(NULL);
    mem_free_sized(NULL, 10);
    assert_int_equal(mem_used(), before);
    char *text = mem_strdup("nut");
    assert_string_equal(text, "nut");
    assert_int_equal(mem_used() - before, mem_usable_size(text));
    text = mem_realloc(text, 0);
    assert_non_null(text);
    mem_free(text);
    void *fresh = mem_realloc(NULL, 100);
    assert_int_equal(mem_used() - before, mem_usable_size(fresh));
    mem_free_sized(fresh, 100);
    assert_int_equal(mem_used(), before);
}

static void impossible_sizes(void **unused) {
    size_t before = mem_used();
    char *kept = mem_strdup("kept");
    size_t used = mem_used();
    for (size_t size = SIZE_MAX; size > PTRDIFF_MAX; size -= SIZE_MAX / 16) {
        assert_null(mem_try_alloc(size));
        assert_null(mem_try_realloc(kept, size));
    }
    assert_string_equal(kept, "kept");
    assert_int_equal(mem_used(), used);
    mem_free(kept);
    assert_int_equal(mem_used(), before);
}

/* Threads. */

static void check_nothing(int64_t used) {}

struct worker {
    pthread_t thread;
    uint64_t seed;
    char *left; /* allocated by the thread, freed by another */
};

static void *work(void *arg) {
    struct worker *w = arg;
    churn(w->seed, 5000, check_nothing);
    w->left = mem_alloc(100000 + w->seed * 5000);
    mem_count_flush();
    return NULL;
}

static void threads_add_up(void **unused) {
    size_t before = mem_used();
    struct worker workers[2] = {{.seed = 11}, {.seed = 12}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    churn(13, 5000, check_nothing);
    for (int i = 0; i < 2; i++) pthread_join(workers[i].thread, NULL);
    size_t left = mem_usable_size(workers[0].left) + mem_usable_size(workers[1].left);
    assert_int_equal(mem_used() - before, left);
    for (int i = 0; i < 2; i++) mem_free(workers[i].left);
    assert_int_equal(mem_used(), before);
}

/* What other threads haven't handed over is small. */
static void *work_without_flush(void *arg) {
    for (int i = 0; i < 100; i++) {
        mem_free(mem_alloc(1000));
        ((void **)arg)[i] = mem_alloc(1000);
    }
    return NULL;
}

static void threads_lag_little(void **unused) {
    size_t before = mem_used(), taken = 0;
    void *blocks[100];
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, work_without_flush, blocks), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 100; i++) taken += mem_usable_size(blocks[i]);
    assert_in_range(mem_used() - before, taken - 8192, taken + 8192);
    for (int i = 0; i < 100; i++) mem_free(blocks[i]);
}

/* Running out of memory. */

static int oom_pipe;

static void tell_size(size_t size) {
    if (write(oom_pipe, &size, sizeof(size)) < 0) _exit(1);
}

/* Ends the way running out of memory does, after the hook has had the size. */
static void no_memory_ends_the_process(void **unused) {
    const size_t size = PTRDIFF_MAX;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        oom_pipe = ends[1];
        close(STDERR_FILENO);
        mem_set_oom_hook(tell_size);
        char *ptr = mem_alloc(size + 1);
        _exit(ptr != NULL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    size_t told;
    assert_int_equal(read(ends[0], &told, sizeof(told)), sizeof(told));
    assert_int_equal(told, size + 1);
    close(ends[0]);
    close(ends[1]);
}

enum { STEP_BLOCKS = 1024, STEP_BYTES = 64 * 1024, STEPS = STEP_BLOCKS * 1024 / STEP_BYTES };

static int steps;

static void count_step(void) {
    steps++;
}

static void *frees_much(void *unused) {
    static void *blocks[STEP_BLOCKS];
    for (int i = 0; i < STEP_BLOCKS; i++) blocks[i] = mem_alloc(1024);
    mem_count_flush();
    mem_set_step_hook(count_step, STEP_BYTES);
    for (int i = 0; i < STEP_BLOCKS; i++) mem_free(blocks[i]);
    return NULL;
}

/* About as often as asked for, and in the thread that asked. */
static void hook_called_by_steps(void **state) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, frees_much, NULL), 0);
    pthread_join(thread, NULL);
    assert_in_range(steps, STEPS - 6, STEPS + 2);
    int before = steps;
    frees_much(NULL);
    mem_set_step_hook(NULL, 0);
    assert_in_range(steps - before, STEPS - 6, STEPS + 2);
    before = steps;
    void *block = mem_alloc(1 << 20);
    mem_free(block);
    assert_int_equal(steps, before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hook_called_by_steps),
        cmocka_unit_test(class_sizes),
        cmocka_unit_test(whole_class_is_usable),
        cmocka_unit_test(count_is_exact),
        cmocka_unit_test(texts_and_nothing),
        cmocka_unit_test(impossible_sizes),
        cmocka_unit_test(threads_add_up),
        cmocka_unit_test(threads_lag_little),
        cmocka_unit_test(no_memory_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
