/* SPDX-License-Identifier: BSD-3-Clause */
/* LCS against the plain table of lengths, walked back by the rule that lcs.h states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "type/lcs.h"

enum { LEN_MAX = 200 };

static uint64_t state = 7;

static uint64_t rnd_below(uint64_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

struct model {
    int len[LEN_MAX + 1][LEN_MAX + 1];
    char text[LEN_MAX];
    struct lcs_range ranges[LEN_MAX];
    size_t n_ranges;
};

static void model_walk(struct model *m, struct slice a, struct slice b) {
    size_t i = a.len, j = b.len;
    int left = m->len[i][j];
    bool matched = false; /* the pair just passed */
    m->n_ranges = 0;
    while (i && j) {
        if (a.ptr[i - 1] != b.ptr[j - 1]) {
            if (m->len[i - 1][j] > m->len[i][j - 1]) {
                i--;
            } else {
                j--;
            }
            matched = false;
            continue;
        }
        m->text[--left] = a.ptr[i - 1];
        if (!matched) {
            m->ranges[m->n_ranges++] = (struct lcs_range){.a_last = i - 1, .b_last = j - 1};
        }
        m->ranges[m->n_ranges - 1].a_first = --i;
        m->ranges[m->n_ranges - 1].b_first = --j;
        matched = true;
    }
    assert_int_equal(left, 0);
}

static void model_run(struct model *m, struct slice a, struct slice b) {
    memset(m->len, 0, sizeof(m->len));
    for (size_t i = 1; i <= a.len; i++) {
        for (size_t j = 1; j <= b.len; j++) {
            int up = m->len[i - 1][j], side = m->len[i][j - 1];
            m->len[i][j] = up > side ? up : side;
            if (a.ptr[i - 1] == b.ptr[j - 1]) m->len[i][j] = m->len[i - 1][j - 1] + 1;
        }
    }
    model_walk(m, a, b);
}

static void check_against_model(struct model *m, struct slice a, struct slice b) {
    model_run(m, a, b);
    struct lcs l;
    assert_int_equal(lcs_init(&l, a, b, LCS_LEN), 0);
    assert_int_equal(l.len, m->len[a.len][b.len]);
    lcs_release(&l);

    assert_int_equal(lcs_init(&l, a, b, LCS_MATCH), 0);
    assert_int_equal(l.len, m->len[a.len][b.len]);
    char text[LEN_MAX];
    lcs_copy(&l, text);
    assert_memory_equal(text, m->text, l.len);

    struct lcs_walk walk = lcs_walk_start(&l);
    struct lcs_range range;
    for (size_t n = 0; n < m->n_ranges; n++) {
        assert_true(lcs_walk_next(&l, &walk, &range));
        assert_memory_equal(&range, &m->ranges[n], sizeof(range));
    }
    assert_false(lcs_walk_next(&l, &walk, &range));
    lcs_release(&l);
}

static void random_strings(void **unused) {
    static const size_t lens[] = {0, 1, 2, 5, 63, 64, 65, 127, 128, 129, LEN_MAX};
    struct model *m = malloc(sizeof(*m));
    char a[LEN_MAX], b[LEN_MAX];
    for (int round = 0; round < 1500; round++) {
        size_t a_len = lens[rnd_below(sizeof(lens) / sizeof(lens[0]))];
        size_t b_len = rnd_below(2) ? rnd_below(LEN_MAX + 1) : lens[rnd_below(11)];
        unsigned letters = (unsigned)(rnd_below(3) ? 1 + rnd_below(5) : 256);
        for (size_t i = 0; i < a_len; i++) a[i] = (char)rnd_below(letters);
        for (size_t j = 0; j < b_len; j++) b[j] = (char)rnd_below(letters);
        /* Often one is made of the other, so that there are long matches. */
        if (rnd_below(2) && b_len <= a_len) memcpy(b, a + (a_len - b_len) / 2, b_len / 2);
        check_against_model(m, slice_of(a, a_len), slice_of(b, b_len));
    }
    free(m);
}

/* The example that everybody knows, with the ranges a server gives. */
static void known(void **unused) {
    struct lcs l;
    assert_int_equal(lcs_init(&l, SLICE("ohmytext"), SLICE("mynewtext"), LCS_MATCH), 0);
    assert_int_equal(l.len, 6);
    char text[6];
    lcs_copy(&l, text);
    assert_memory_equal(text, "mytext", 6);
    struct lcs_walk walk = lcs_walk_start(&l);
    struct lcs_range r;
    assert_true(lcs_walk_next(&l, &walk, &r));
    assert_true(r.a_first == 4 && r.a_last == 7 && r.b_first == 5 && r.b_last == 8);
    assert_true(lcs_walk_next(&l, &walk, &r));
    assert_true(r.a_first == 2 && r.a_last == 3 && r.b_first == 0 && r.b_last == 1);
    assert_false(lcs_walk_next(&l, &walk, &r));
    lcs_release(&l);
}

static void memory(void **unused) {
    assert_int_equal(lcs_memory(0, 0, LCS_MATCH), 0);
    assert_int_equal(lcs_memory(10, 64, LCS_MATCH), (10 + 257) * 8);
    assert_int_equal(lcs_memory(10, 65, LCS_LEN), (1 + 257) * 16);
    assert_true(lcs_memory(SIZE_MAX, 1, LCS_MATCH) == UINT64_MAX);
    assert_true(lcs_memory(SIZE_MAX / 2, 1000, LCS_MATCH) == UINT64_MAX);
    /* Lengths that can't be had fail before anything is read. */
    struct lcs l;
    struct slice huge = slice_of("x", SIZE_MAX / 4);
    assert_int_equal(lcs_init(&l, huge, huge, LCS_MATCH), -1);
    assert_null(l.rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_strings),
        cmocka_unit_test(known),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
