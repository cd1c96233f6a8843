/* SPDX-License-Identifier: BSD-3-Clause */
/* Big arguments: received in random pieces they are what was sent, and their memory stays in
 * proportion to what was received. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "server/big_args.h"

enum { LONGEST = 20 * 1000 * 1000 };

static struct random rng;

/* In [low, high], small ones more often. */
static size_t size_between(size_t low, size_t high) {
    size_t span = (high - low) >> random_below(&rng, 12);
    return low + random_below(&rng, span + 1);
}

static char byte_at(size_t argument, size_t i) {
    return (char)(argument * 7 + i * 13 + i / 509);
}

/* Receives one argument in pieces, with as much of it there at the beginning as one read brings. */
static struct slice receive(struct big_args *b, size_t argument, size_t len) {
    static char first[64 * 1024];
    size_t have = random_below(&rng, len < sizeof first ? len : sizeof first), at = have, room;
    struct slice arg = {NULL, 0};
    for (size_t i = 0; i < have; i++) first[i] = byte_at(argument, i);
    assert_true(big_args_begin(b, len, slice_of(first, have)));
    for (bool complete = false; !complete;) {
        if (random_below(&rng, 50) == 0) big_args_shrink(b);
        char *to = big_args_room(b, &room);
        assert_non_null(to);
        assert_true(room > 0 && room <= len + 2 - at);
        size_t n = 1 + random_below(&rng, room < 100000 ? room : 100000);
        for (size_t i = 0; i < n; i++) to[i] = byte_at(argument, at + i);
        at += n;
        complete = big_args_received(b, n, &arg);
        assert_int_equal(complete, at == len + 2);
        if (complete) break;
        assert_int_equal(b->received, at);
        size_t most = at * 16 > 2 * BIG_ARG_AHEAD ? at * 16 : 2 * BIG_ARG_AHEAD;
        assert_true(bytes_memory(b->receiving) <= most + most / 4 + 4096); /* size classes */
    }
    return arg;
}

static void test_random_arguments(void **state) {
    random_seed_fixed(&rng, 2718);
    size_t before = mem_used();
    for (int round = 0; round < 40; round++) {
        struct big_args b = {0};
        struct slice args[4];
        size_t n = 1 + random_below(&rng, 4), total = 0;
        for (size_t k = 0; k < n; k++) {
            size_t len = size_between(BIG_ARG_MIN, LONGEST);
            args[k] = receive(&b, k, len);
            assert_int_equal(args[k].len, len);
            total += len;
        }
        assert_int_equal(b.complete_count, n);
        assert_int_equal(big_args_len(&b), total);
        assert_true(big_args_memory(&b) >= total);
        for (size_t k = 0; k < n; k++) {
            assert_ptr_equal(b.complete[k]->data, args[k].ptr);
            for (size_t i = 0; i < args[k].len; i += 1 + i % 101)
                assert_int_equal(args[k].ptr[i], byte_at(k, i));
        }
        struct bytes *shared = bytes_ref(b.complete[0]); /* a value outlives the request */
        big_args_release(&b);
        assert_int_equal(shared->data[shared->len - 1], byte_at(0, shared->len - 1));
        bytes_unref(shared);
    }
    assert_int_equal(mem_used(), before);
}

static void test_given_up(void **state) {
    size_t before = mem_used(), room;
    struct big_args b = {0};
    struct slice arg;
    assert_true(big_args_begin(&b, 100000, SLICE("abc")));
    assert_false(big_args_received(&b, 0, &arg));
    big_args_shrink(&b);
    assert_int_equal(big_args_len(&b), 3);
    assert_true(big_args_memory(&b) < 1000);
    assert_memory_equal(b.receiving->data, "abc", 3);
    assert_non_null(big_args_room(&b, &room));
    big_args_release(&b);
    big_args_release(&b); /* none: nothing to do */
    assert_int_equal(mem_used(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_arguments),
        cmocka_unit_test(test_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
