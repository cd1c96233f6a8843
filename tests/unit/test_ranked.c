/* SPDX-License-Identifier: BSD-3-Clause */
/* Sorted sets' tree against a sorted array. Seeds are fixed, so that a failure comes again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "ds/ranked.h"

enum { MODEL_MAX = 60000 };

/* The tree, and the same members in an array. */
struct pair {
    struct ranked tree;
    struct scored **model;
    size_t count;
    uint64_t scores; /* how many different ones are drawn */
    uint64_t next;   /* number in the next member's name */
};

static struct random rng;

static int order(double score, struct slice member, const struct scored *e) {
    double other = scored_score(e);
    if (score != other) return score < other ? -1 : 1;
    return slice_cmp(member, scored_member(e));
}

/* How many of the model come before the key. */
static size_t model_place(const struct pair *p, double score, struct slice member) {
    size_t first = 0, end = p->count;
    while (first < end) {
        size_t middle = (first + end) / 2;
        if (order(score, member, p->model[middle]) > 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

static void model_put(struct pair *p, struct scored *e) {
    size_t at = model_place(p, scored_score(e), scored_member(e));
    memmove(p->model + at + 1, p->model + at, (p->count - at) * sizeof *p->model);
    p->model[at] = e;
    p->count++;
}

static void model_drop(struct pair *p, size_t at, size_t n) {
    memmove(p->model + at, p->model + at + n, (p->count - at - n) * sizeof *p->model);
    p->count -= n;
}

static double random_score(struct pair *p) {
    double base = (double)random_below(&rng, p->scores) - (double)(p->scores / 2);
    switch (random_below(&rng, 8)) {
    case 0: return base / 3;
    case 1: return base * 1e6;
    case 2: return base * 1e300;
    default: return base;
    }
}

static struct scored *new_member(struct pair *p, double score) {
    char name[128];
    size_t len = (size_t)snprintf(name, sizeof name, "%llu",
                                  (unsigned long long)(p->next++ * 2654435761u % 1000000007u));
    size_t fill = random_below(&rng, 16) ? 0 : random_below(&rng, 80);
    memset(name + len, 'x', fill);
    return scored_new(slice_of(name, len + fill), score);
}

static void start(struct pair *p, uint64_t scores) {
    *p = (struct pair){.scores = scores};
    p->model = malloc(MODEL_MAX * sizeof *p->model);
    ranked_init(&p->tree);
}

static void finish(struct pair *p) {
    for (size_t i = 0; i < p->count; i++) scored_free(p->model[i]);
    free(p->model);
    ranked_release(&p->tree);
}

static void add(struct pair *p) {
    struct scored *e = new_member(p, random_score(p));
    ranked_insert(&p->tree, e);
    model_put(p, e);
}

static void removed(void *ctx, struct scored *e) {
    struct pair *p = ctx;
    assert_ptr_equal(p->model[p->next], e);
    p->next++;
    scored_free(e);
}

static void remove_range(struct pair *p, size_t at, size_t n) {
    uint64_t next = p->next;
    p->next = at;
    ranked_remove_range(&p->tree, at, n, removed, p);
    assert_int_equal(p->next, at + n);
    p->next = next;
    model_drop(p, at, n);
}

static void remove_one(struct pair *p) {
    size_t at = random_below(&rng, p->count);
    struct scored *e = p->model[at];
    ranked_remove(&p->tree, e);
    model_drop(p, at, 1);
    scored_free(e);
}

static void move_one(struct pair *p) {
    size_t at = random_below(&rng, p->count);
    struct scored *e = p->model[at];
    double score = random_score(p);
    if (random_below(&rng, 2)) score = scored_score(e) + (double)random_below(&rng, 5) - 2;
    model_drop(p, at, 1);
    e = ranked_move(&p->tree, e, score);
    assert_true(scored_score(e) == score);
    model_put(p, e);
}

static void walk_around(struct pair *p, size_t at) {
    struct ranked_pos pos = ranked_at(&p->tree, at);
    bool forward = random_below(&rng, 2);
    for (unsigned steps = 0; steps < 100; steps++) {
        assert_ptr_equal(ranked_get(&pos), p->model[at]);
        assert_true(ranked_score(&pos) == scored_score(p->model[at]));
        bool more = forward ? ranked_next(&pos) : ranked_prev(&pos);
        assert_int_equal(more, forward ? at + 1 < p->count : at > 0);
        if (!more) break;
        at = forward ? at + 1 : at - 1;
    }
}

static void ask(struct pair *p) {
    double score = random_score(p);
    size_t below = 0, up_to;
    while (below < p->count && scored_score(p->model[below]) < score) below++;
    for (up_to = below; up_to < p->count && scored_score(p->model[up_to]) == score;) up_to++;
    assert_int_equal(ranked_before_score(&p->tree, score, false), below);
    assert_int_equal(ranked_before_score(&p->tree, score, true), up_to);
    if (p->count == 0) return;
    size_t at = random_below(&rng, p->count);
    assert_int_equal(ranked_rank(&p->tree, p->model[at]), at);
    walk_around(p, at);
}

/* Grows to about `most`, then shrinks, again and again. */
static void random_operations(struct pair *p, unsigned rounds, size_t most) {
    bool growing = true;
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t what = random_below(&rng, 100);
        if (p->count == 0 || what < (growing ? 50u : 15u))
            add(p);
        else if (what < 65)
            remove_one(p);
        else if (what < 80)
            move_one(p);
        else
            ask(p);
        if (random_below(&rng, 400) == 0 && p->count) {
            size_t at = random_below(&rng, p->count);
            remove_range(p, at, random_below(&rng, p->count - at + 1) / (growing ? 8 : 2));
        }
        if (p->count >= most) growing = false;
        if (p->count <= most / 50) growing = true;
        ranked_check(&p->tree);
    }
}

static void few_scores(void **state) {
    struct pair p;
    random_seed_fixed(&rng, 1);
    start(&p, 3);
    random_operations(&p, 8000, 700);
    finish(&p);
}

static void many_scores(void **state) {
    struct pair p;
    random_seed_fixed(&rng, 2);
    start(&p, 1000000);
    random_operations(&p, 9000, 1000);
    finish(&p);
}

/* More levels: filled at once, then worked at, with the check now and then. */
static void large(void **state) {
    struct pair p;
    random_seed_fixed(&rng, 3);
    start(&p, 20000);
    for (unsigned i = 0; i < 50000; i++) add(&p);
    ranked_check(&p.tree);
    assert_true(p.tree.height >= 2);
    for (unsigned i = 0; i < 200; i++) random_operations(&p, 1, MODEL_MAX);
    while (p.count) {
        for (unsigned i = 0; i < 500 && p.count; i++) remove_one(&p);
        if (p.count) {
            size_t at = random_below(&rng, p.count);
            remove_range(&p, at, random_below(&rng, p.count - at + 1) / 20);
        }
        for (unsigned i = 0; i < 100 && p.count; i++) move_one(&p);
        ranked_check(&p.tree);
    }
    assert_int_equal(p.tree.memory, 0);
    finish(&p);
}

/* One score: the order is that of the members. */
static void by_member(void **state) {
    struct pair p;
    random_seed_fixed(&rng, 4);
    start(&p, 1);
    for (unsigned i = 0; i < 5000; i++) {
        struct scored *e = new_member(&p, 0);
        ranked_insert(&p.tree, e);
        model_put(&p, e);
        size_t at = random_below(&rng, p.count);
        struct slice member = scored_member(p.model[at]);
        assert_int_equal(ranked_before_member(&p.tree, member, false), at);
        assert_int_equal(ranked_before_member(&p.tree, member, true), at + 1);
        member.len--;
        assert_int_equal(ranked_before_member(&p.tree, member, true),
                         model_place(&p, 0, member) +
                             (model_place(&p, 0, member) < p.count &&
                              order(0, member, p.model[model_place(&p, 0, member)]) == 0));
    }
    ranked_check(&p.tree);
    finish(&p);
}

static double bytes_per_member(const struct ranked *t) {
    return (double)t->memory / (double)t->count;
}

/* What the header says of memory. */
static void memory(void **state) {
    enum { N = 20000 };
    struct ranked random, ascending, descending;
    static struct scored *members[N];
    random_seed_fixed(&rng, 5);
    ranked_init(&random);
    ranked_init(&ascending);
    ranked_init(&descending);
    for (unsigned i = 0; i < N; i++) {
        char name[16];
        struct slice member = slice_of(name, (size_t)snprintf(name, sizeof name, "m%05u", i));
        members[i] = scored_new(member, (double)i);
        ranked_append(&ascending, members[i]);
    }
    for (unsigned i = N; i-- > 0;) ranked_insert(&descending, members[i]);
    for (unsigned i = N; i > 0; i--) {
        unsigned at = (unsigned)random_below(&rng, i);
        ranked_insert(&random, members[at]);
        struct scored *swap = members[at];
        members[at] = members[i - 1];
        members[i - 1] = swap;
    }
    ranked_check(&random);
    ranked_check(&ascending);
    ranked_check(&descending);
    assert_true(bytes_per_member(&random) < 18);
    assert_true(bytes_per_member(&ascending) < 15);
    assert_true(bytes_per_member(&descending) < 15.5);
    for (unsigned i = 0; i < N; i++) scored_free(members[i]);
    ranked_release(&random);
    ranked_release(&ascending);
    ranked_release(&descending);
}

static void zeros(void **state) {
    struct ranked t;
    ranked_init(&t);
    struct scored *plus = scored_new(SLICE("b"), 0.0), *minus = scored_new(SLICE("c"), -0.0);
    struct scored *first = scored_new(SLICE("a"), -0.0);
    ranked_insert(&t, minus);
    ranked_insert(&t, plus);
    ranked_insert(&t, first);
    assert_int_equal(ranked_rank(&t, first), 0);
    assert_int_equal(ranked_rank(&t, plus), 1);
    assert_int_equal(ranked_rank(&t, minus), 2);
    minus = ranked_move(&t, minus, 0.0);
    ranked_check(&t);
    assert_int_equal(ranked_before_score(&t, -0.0, false), 0);
    assert_int_equal(ranked_before_score(&t, -0.0, true), 3);
    ranked_release(&t);
    scored_free(plus);
    scored_free(minus);
    scored_free(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_scores), cmocka_unit_test(many_scores), cmocka_unit_test(large),
        cmocka_unit_test(by_member),  cmocka_unit_test(memory),      cmocka_unit_test(zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
