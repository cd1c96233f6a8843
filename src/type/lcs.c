/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of lengths L[i][j] (of the first i bytes of a, j of b) isn't kept as numbers.
 * Neighbours in a row differ by 0 or 1, so a row is a row of bits, and 64 of them are made by one
 * addition: the bit-parallel method of Crochemore, Iliopoulos, Pinzon and Reid (2001) in Hyyrö's
 * form (2004). With V the previous row, in which a *clear* bit j-1 says that L[i][j] = L[i][j-1] +
 * 1, and M the positions in b of the byte a[i]:
 *
 *     U = V & M;  V' = (V + U) | (V - U)
 *
 * the addition's carry running through all words of the row; U is part of V, so V - U = V & ~M
 * borrows nothing. That is 1/32 of the memory of a table of 32-bit lengths and tens of times
 * faster.
 *
 * The way back needs no more than these bits. Where a[i-1] and b[j-1] differ, L[i][j] is the
 * greater of L[i-1][j] and L[i][j-1]. A clear bit says that L[i][j-1] is smaller, so L[i-1][j] is
 * greater: step back in a. A set bit says that L[i][j-1] is at least as great: step back in b. */
#include "type/lcs.h"

#include "base/alloc.h"
#include "type/bits.h"

enum { WORD_BITS = 64 };

static size_t row_words_of(size_t b_len) {
    return b_len / WORD_BITS + (b_len % WORD_BITS != 0);
}

/* The positions in b of each byte that occurs there, one row of bits each. Row 0 is empty: for all
 * other bytes. */
struct positions {
    uint64_t *rows;
    uint16_t row_of[256];
};

static int positions_init(struct positions *p, struct slice b, size_t row_words) {
    const unsigned char *bytes = (const unsigned char *)b.ptr;
    uint16_t n = 1;
    memset(p->row_of, 0, sizeof(p->row_of));
    for (size_t j = 0; j < b.len; j++) {
        if (!p->row_of[bytes[j]]) p->row_of[bytes[j]] = n++;
    }
    size_t size;
    if (__builtin_mul_overflow(row_words * sizeof(uint64_t), (size_t)n, &size)) return -1;
    p->rows = mem_try_alloc(size);
    if (!p->rows) return -1;
    memset(p->rows, 0, size);
    for (size_t j = 0; j < b.len; j++) {
        p->rows[p->row_of[bytes[j]] * row_words + j / WORD_BITS] |= UINT64_C(1) << j % WORD_BITS;
    }
    return 0;
}

/* One step of the recurrence above; next may be prev. */
static void row_next(uint64_t *next, const uint64_t *prev, const uint64_t *match, size_t words) {
    unsigned long long carry = 0;
    for (size_t w = 0; w < words; w++) {
        unsigned long long v = prev[w], sum;
        bool over = __builtin_uaddll_overflow(v, v & match[w], &sum);
        over |= __builtin_uaddll_overflow(sum, carry, &sum);
        carry = over;
        next[w] = sum | (v & ~match[w]);
    }
}

uint64_t lcs_memory(size_t a_len, size_t b_len, enum lcs_want want) {
    uint64_t rows = want == LCS_MATCH ? a_len : 1, size;
    if (__builtin_add_overflow(rows, UINT64_C(257), &rows)) return UINT64_MAX;
    if (__builtin_mul_overflow(rows, row_words_of(b_len) * sizeof(uint64_t), &size))
        return UINT64_MAX;
    return size;
}

/* Fills all rows, or for LCS_LEN the only one again and again; the last row says the length. */
static void lcs_run(struct lcs *l, const struct positions *p, enum lcs_want want) {
    const unsigned char *a = (const unsigned char *)l->a.ptr;
    size_t words = l->row_words, step = want == LCS_MATCH ? words : 0;
    uint64_t *row = l->rows;
    /* Row 0, before any byte of a, has no differences: all set. It's only needed to make row 1. */
    memset(row, 0xff, words * sizeof(uint64_t));
    row_next(row, row, p->rows + p->row_of[a[0]] * words, words);
    for (size_t i = 1; i < l->a.len; i++, row += step) {
        row_next(row + step, row, p->rows + p->row_of[a[i]] * words, words);
    }
    /* Bits past b's end match nothing and stay set. */
    l->len = words * WORD_BITS - bits_count(slice_of(row, words * sizeof(uint64_t)));
}

int lcs_init(struct lcs *l, struct slice a, struct slice b, enum lcs_want want) {
    *l = (struct lcs){.a = a, .b = b, .row_words = row_words_of(b.len)};
    if (a.len == 0 || b.len == 0) return 0;
    uint64_t size = lcs_memory(a.len, b.len, want);
    if (size > SIZE_MAX / 2) return -1;

    struct positions p;
    if (positions_init(&p, b, l->row_words) != 0) return -1;
    l->rows = mem_try_alloc((want == LCS_MATCH ? a.len : 1) * l->row_words * sizeof(uint64_t));
    if (l->rows) lcs_run(l, &p, want);
    mem_free(p.rows);
    if (!l->rows) return -1;
    if (want == LCS_LEN) lcs_release(l);
    return 0;
}

void lcs_release(struct lcs *l) {
    mem_free(l->rows);
    l->rows = NULL;
}

/* Steps back over pairs that aren't taken, to a common byte; false if there are no more. */
static bool walk_to_match(const struct lcs *l, struct lcs_walk *walk) {
    while (walk->a_left && walk->b_left) {
        size_t i = walk->a_left - 1, j = walk->b_left - 1;
        if (l->a.ptr[i] == l->b.ptr[j]) return true;
        uint64_t word = l->rows[i * l->row_words + j / WORD_BITS];
        if (word >> j % WORD_BITS & 1) {
            walk->b_left--;
        } else {
            walk->a_left--;
        }
    }
    return false;
}

bool lcs_walk_next(const struct lcs *l, struct lcs_walk *walk, struct lcs_range *range) {
    if (!walk_to_match(l, walk)) return false;
    range->a_last = walk->a_left - 1;
    range->b_last = walk->b_left - 1;
    while (walk->a_left && walk->b_left &&
           l->a.ptr[walk->a_left - 1] == l->b.ptr[walk->b_left - 1]) {
        walk->a_left--;
        walk->b_left--;
    }
    range->a_first = walk->a_left;
    range->b_first = walk->b_left;
    return true;
}

void lcs_copy(const struct lcs *l, char *out) {
    struct lcs_walk walk = lcs_walk_start(l);
    struct lcs_range range;
    char *to = out + l->len;
    while (lcs_walk_next(l, &walk, &range)) {
        size_t len = range.a_last - range.a_first + 1;
        to -= len;
        memcpy(to, l->a.ptr + range.a_first, len);
    }
}
