/* SPDX-License-Identifier: BSD-3-Clause */
/* Longest common subsequence of two byte strings: its length, its bytes, and the ranges where they
 * stand in both.
 *
 * Among equally long subsequences the choice is Redis's: read both strings from their ends; equal
 * bytes are taken; else the first string steps back if that alone keeps the length, and otherwise
 * the second.
 *
 * Cost: a.len * b.len / 64 word operations. Memory: one bit per pair of positions, or a single row
 * of bits if only the length is wanted, and up to 257 rows of bits for the bytes' positions. */
#ifndef DREY_TYPE_LCS_H
#define DREY_TYPE_LCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum lcs_want {
    LCS_LEN,   /* the length only */
    LCS_MATCH, /* the subsequence or its ranges, too */
};

struct lcs {
    struct slice a, b; /* borrowed until lcs_release */
    uint64_t len;
    size_t row_words;
    uint64_t *rows; /* LCS_MATCH: a.len rows of row_words */
};

/* Bytes that lcs_init allocates at most; UINT64_MAX if that doesn't fit a uint64_t. Ask before:
 * it's also the measure of the time it takes (8 bytes per word operation for LCS_MATCH). */
uint64_t lcs_memory(size_t a_len, size_t b_len, enum lcs_want want);

/* Compares a and b. 0, or -1 when there's no memory: then nothing is held. */
int lcs_init(struct lcs *l, struct slice a, struct slice b, enum lcs_want want)
    __attribute__((warn_unused_result));
void lcs_release(struct lcs *l);

/* Writes the subsequence, l->len bytes. LCS_MATCH only. */
void lcs_copy(const struct lcs *l, char *out);

/* A stretch that is contiguous in both strings; all four are positions of bytes, inclusive. */
struct lcs_range {
    size_t a_first, a_last, b_first, b_last;
};

/* Where a walk from the ends to the beginnings stands: the lengths of what's still ahead in a and
 * b. */
struct lcs_walk {
    size_t a_left, b_left;
};

static inline struct lcs_walk lcs_walk_start(const struct lcs *l) {
    return (struct lcs_walk){l->a.len, l->b.len};
}

/* The next range, the last one first; false when there are no more. LCS_MATCH only. */
bool lcs_walk_next(const struct lcs *l, struct lcs_walk *walk, struct lcs_range *range);

#endif
