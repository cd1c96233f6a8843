/* SPDX-License-Identifier: BSD-3-Clause */
/* Members with scores: every form holds exactly what it was given. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "ds/scored.h"

static const double SCORES[] = {
    0,
    -0.0,
    1,
    -1,
    0.5,
    1e300,
    -1e-300,
    INFINITY,
    -INFINITY,
    2147483647,
    2147483648,
    -2147483648.0,
    -2147483649.0,
    140737488355327.0,
    140737488355328.0,
    -140737488355328.0,
    -140737488355329.0,
    1700000000000.0,
    -65536,
    -65537,
    65535,
    9007199254740993.0,
};
enum { SCORES_COUNT = sizeof SCORES / sizeof *SCORES };

static void assert_is(const struct scored *e, struct slice member, double score) {
    double is = scored_score(e);
    assert_memory_equal(&is, &score, sizeof score);
    assert_true(slice_eq(scored_member(e), member));
}

static void all_forms(void **state) {
    static const size_t lengths[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 61, 62, 63, 64, 300, 70000};
    char *text = malloc(70000);
    memset(text, 'm', 70000);
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        struct slice member = slice_of(text, lengths[l]);
        for (unsigned from = 0; from < SCORES_COUNT; from++) {
            for (unsigned to = 0; to < SCORES_COUNT; to++) {
                struct scored *e = scored_new(member, SCORES[from]);
                assert_is(e, member, SCORES[from]);
                e = scored_set(e, SCORES[to]);
                assert_is(e, member, SCORES[to]);
                assert_true(scored_memory(e) >= 1 + lengths[l] + 4);
                scored_free(e);
            }
        }
    }
    free(text);
}

/* Each set in turn, so that narrow and wide forms take each other's places. */
static void random_scores(void **state) {
    struct random rng;
    random_seed_fixed(&rng, 1);
    struct slice member = SLICE("sixteen bytes !!");
    struct scored *e = scored_new(member, 1);
    for (unsigned i = 0; i < 100000; i++) {
        double score = (double)((int64_t)random_u64(&rng) >> random_below(&rng, 64));
        if (random_below(&rng, 20) == 0) score /= 3;
        e = scored_set(e, score);
        assert_is(e, member, score);
    }
    scored_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms),
        cmocka_unit_test(random_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
