/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of words against a model: which of a fixed number of words are in. The seed is fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "ds/word_set.h"

enum { WORDS = 20000, STEPS = 200 };

static uint64_t words[WORDS];
static bool in[WORDS];
static struct random rng;

static void check_some(const struct word_set *s, size_t max) {
    uint64_t *some = malloc((max + 1) * sizeof *some);
    size_t got = word_set_some(s, some, max);
    assert_int_equal(got, s->count < max ? s->count : max);
    for (size_t i = 0; i < got; i++) assert_true(word_set_has(s, some[i]));
    free(some);
}

/* Adds or removes many at random, so that the set grows and shrinks. */
static size_t change(struct word_set *s, bool add, size_t times, size_t count) {
    while (times--) {
        size_t i = (size_t)random_below(&rng, WORDS);
        bool changed = add ? word_set_add(s, words[i]) : word_set_remove(s, words[i]);
        assert_int_equal(changed, in[i] != add);
        if (changed) count += add ? 1 : -(size_t)1;
        in[i] = add;
    }
    return count;
}

static void random_changes(void **state) {
    struct word_set s = {0};
    size_t count = 0, before = mem_used();
    random_seed_fixed(&rng, 7);
    for (size_t i = 0; i < WORDS; i++) words[i] = random_u64(&rng);
    for (int step = 0; step < STEPS; step++) {
        bool grows = step / 25 % 2 == 0;
        count = change(&s, grows, 3000, count);
        count = change(&s, !grows, 300, count);
        assert_int_equal(s.count, count);
        word_set_check(&s);
        check_some(&s, 10);
    }
    for (size_t i = 0; i < WORDS; i++) {
        assert_int_equal(word_set_has(&s, words[i]), in[i]);
        assert_int_equal(word_set_remove(&s, words[i]), in[i]);
    }
    assert_int_equal(s.count, 0);
    assert_int_equal(mem_used(), before);
}

static void takes_few_bytes(void **state) {
    struct word_set s = {0};
    enum { MANY = 100000 };
    random_seed_fixed(&rng, 8);
    while (s.count < MANY) word_set_add(&s, random_u64(&rng));
    assert_true(word_set_memory(&s) < 11 * MANY);
    check_some(&s, MANY + 1);
    word_set_release(&s);
    assert_int_equal(s.count, 0);
    assert_false(word_set_has(&s, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(takes_few_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
