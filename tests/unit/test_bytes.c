/* SPDX-License-Identifier: BSD-3-Clause */
/* Counted bytes against a model: some values, each with holders that must never see another's
 * change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/random.h"

enum { HOLDERS = 40, LEN_MAX = 3000 };

/* A reference, and what the bytes must be. */
struct holder {
    struct bytes *bytes;
    char *model;
    size_t len;
};

static struct random rng;
static struct holder holders[HOLDERS];

static void check(const struct holder *h) {
    struct slice s = bytes_slice(h->bytes);
    assert_int_equal(s.len, h->len);
    assert_memory_equal(s.ptr, h->model, h->len);
    assert_true(h->bytes->cap >= h->len);
    assert_int_equal(bytes_memory(h->bytes), mem_usable_size(h->bytes));
}

static void check_counts(void) {
    for (int i = 0; i < HOLDERS; i++) {
        if (!holders[i].bytes) continue;
        check(&holders[i]);
        uint32_t refs = 0;
        for (int j = 0; j < HOLDERS; j++) refs += holders[j].bytes == holders[i].bytes;
        assert_int_equal(holders[i].bytes->refs, refs);
    }
}

static void take(struct holder *h) {
    h->len = random_below(&rng, LEN_MAX);
    h->model = malloc(LEN_MAX);
    for (size_t i = 0; i < h->len; i++) h->model[i] = (char)random_u64(&rng);
    if (random_below(&rng, 2)) {
        h->bytes = bytes_copy(slice_of(h->model, h->len));
        return;
    }
    h->bytes = random_below(&rng, 2) ? bytes_new(h->len) : bytes_try_new(h->len);
    assert_int_equal(h->bytes->len, 0);
    memcpy(h->bytes->data, h->model, h->len);
    h->bytes->len = h->len;
}

static void share(struct holder *h, const struct holder *from) {
    h->bytes = bytes_ref(from->bytes);
    assert_ptr_equal(h->bytes, from->bytes);
    h->len = from->len;
    h->model = malloc(LEN_MAX);
    memcpy(h->model, from->model, from->len);
}

static void drop(struct holder *h) {
    bytes_unref(h->bytes);
    free(h->model);
    h->bytes = NULL;
}

static void change(struct holder *h) {
    bool sole = h->bytes->refs == 1;
    struct bytes *before = h->bytes;
    size_t cap_before = before->cap, cap = random_below(&rng, LEN_MAX);
    h->bytes = bytes_own(h->bytes, cap);
    assert_int_equal(h->bytes->refs, 1);
    assert_true(h->bytes->cap >= cap);
    if (sole && cap <= cap_before) assert_ptr_equal(h->bytes, before);
    if (!sole) assert_ptr_not_equal(h->bytes, before);
    size_t kept = h->len < cap ? h->len : cap;
    assert_memory_equal(h->bytes->data, h->model, kept);
    for (size_t i = kept; i < cap; i++) h->model[i] = (char)random_u64(&rng);
    if (cap) h->model[random_below(&rng, cap)] ^= 1;
    memcpy(h->bytes->data, h->model, cap);
    h->bytes->len = h->len = cap;
}

static void holders_are_apart(void **unused) {
    random_seed_fixed(&rng, 5);
    size_t before = mem_used();
    for (int step = 0; step < 20000; step++) {
        struct holder *h = &holders[random_below(&rng, HOLDERS)];
        struct holder *other = &holders[random_below(&rng, HOLDERS)];
        if (!h->bytes && other->bytes)
            share(h, other);
        else if (!h->bytes)
            take(h);
        else if (random_below(&rng, 3))
            change(h);
        else
            drop(h);
        if (step % 8 == 0) check_counts();
    }
    for (int i = 0; i < HOLDERS; i++)
        if (holders[i].bytes) drop(&holders[i]);
    assert_int_equal(mem_used(), before);
}

static void empty_and_huge(void **unused) {
    struct bytes *b = bytes_copy(slice_of(NULL, 0));
    assert_int_equal(bytes_slice(b).len, 0);
    b = bytes_own(b, 0);
    bytes_unref(b);
    assert_null(bytes_try_new(PTRDIFF_MAX));
    assert_null(bytes_try_new(SIZE_MAX / 2 + 100));
    assert_null(bytes_try_new(SIZE_MAX - 8));
    assert_null(bytes_try_new(SIZE_MAX));
}

/* Appending byte by byte: few moves, and no more than twice the room, or half a MB more than a
 * quarter. */
static void appends_move_rarely(void **unused) {
    enum { LEN = 6 * 1024 * 1024 };
    struct bytes *b = bytes_new(0);
    size_t moves = 0;
    for (size_t len = 1; len <= LEN; len++) {
        size_t cap = b->cap;
        b = bytes_own(b, len);
        moves += b->cap != cap;
        b->data[len - 1] = (char)(len * 7);
        b->len = len;
        if (len > 64) assert_true(b->cap <= 3 * len);
    }
    assert_in_range(moves, 10, 40);
    assert_true(b->cap < LEN + LEN / 2);
    for (size_t i = 0; i < LEN; i++)
        if (b->data[i] != (char)((i + 1) * 7)) fail();
    bytes_unref(b);
}

/* A value that's set once takes no more than its size class. */
static void exact_when_set(void **unused) {
    for (size_t len = 0; len < 3000; len += 13) {
        struct bytes *b = bytes_new(len);
        assert_int_equal(bytes_memory(b), mem_class_size(sizeof(*b) + len));
        b = bytes_own(b, len + 100); /* empty: no sign of growth by steps */
        assert_true(bytes_memory(b) <= mem_class_size(sizeof(*b) + len + 100 + 16));
        bytes_unref(b);
    }
}

/* Two threads hold and drop references to the same bytes; the last one frees them, whichever it is.
 */
enum { ROUNDS = 2000 };

static struct bytes *shared[ROUNDS];

static void *drop_all(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        struct bytes *more = bytes_ref(shared[i]);
        if (more->data[0] != (char)i) return NULL;
        bytes_unref(more);
        bytes_unref(shared[i]);
    }
    mem_count_flush();
    return arg;
}

static void last_thread_frees(void **unused) {
    size_t before = mem_used();
    for (int i = 0; i < ROUNDS; i++) {
        shared[i] = bytes_ref(bytes_copy(slice_of((char[]){(char)i}, 1)));
    }
    pthread_t thread;
    void *result;
    assert_int_equal(pthread_create(&thread, NULL, drop_all, shared), 0);
    assert_non_null(drop_all(shared));
    pthread_join(thread, &result);
    assert_non_null(result);
    assert_int_equal(mem_used(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holders_are_apart),   cmocka_unit_test(empty_and_huge),
        cmocka_unit_test(appends_move_rarely), cmocka_unit_test(exact_when_set),
        cmocka_unit_test(last_thread_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
