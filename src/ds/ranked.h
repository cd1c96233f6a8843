/* SPDX-License-Identifier: BSD-3-Clause */
/* Members of a sorted set in order of (score, bytes of the member), each found by its rank: a
 * B+tree whose inner nodes know how many members are below each child.
 *
 *   inner node:  | count | scores | members | children | counts |   up to 33 of each
 *   leaf:        | count, cap | scores x cap | members x cap |      up to 72
 *
 * - Nodes hold the scores beside the members' addresses (of 48 bits), so that a search looks at a
 * member's own memory only where scores are equal.
 * - The first key below each child stands in the inner node, exact, not just some bound.
 * - A leaf is as large as its contents ask for, in steps of the allocator's size classes. So plain
 * splits in halves, which leave leaves two thirds full, still cost only 16 bytes a member; members
 * that come in order, from either end, fill them (15 bytes).
 * - Nodes merge when both together are well below full; nothing is borrowed from neighbours, as a
 * small leaf costs little.
 *
 * All but walks are O(log n), two or three cache misses among a million members. The tree borrows
 * the members: whoever takes one out owns it. 0 and -0 are equal; NaN must not get in. Any thread,
 * one at a time. */
#ifndef DREY_DS_RANKED_H
#define DREY_DS_RANKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "ds/scored.h"

enum { RANKED_HEIGHT_MAX = 12 }; /* inner levels: 12^12 leaves at least */

struct rank_node;

struct ranked {
    struct rank_node *root; /* NULL: empty */
    size_t count;           /* members */
    size_t memory;          /* bytes that the nodes take */
    unsigned height;        /* inner levels above the leaves */
};

void ranked_init(struct ranked *t);
/* Frees the nodes, not the members. O(n / 40). */
void ranked_release(struct ranked *t);

/* Adds a member that isn't there. */
void ranked_insert(struct ranked *t, struct scored *e);
/* The same for one that comes after all others: nothing is compared. */
void ranked_append(struct ranked *t, struct scored *e);
void ranked_remove(struct ranked *t, const struct scored *e);
/* Gives a member that is there another score; where it stays near its neighbours nothing else is
 * touched. Returns it as scored_set does. */
struct scored *ranked_move(struct ranked *t, struct scored *e, double score)
    __attribute__((warn_unused_result));

/* How many members come before: e itself, which is there; a score (or, inclusive, have it, too);
 * a member, if all scores are equal (else the answer is some rank, as in Redis). */
size_t ranked_rank(const struct ranked *t, const struct scored *e);
size_t ranked_before_score(const struct ranked *t, double score, bool inclusive);
size_t ranked_before_member(const struct ranked *t, struct slice member, bool inclusive);

/* Takes out `count` members from a rank on, which must be there; `removed` (may be NULL) has each
 * one after that. */
void ranked_remove_range(struct ranked *t, size_t rank, size_t count,
                         void (*removed)(void *ctx, struct scored *e), void *ctx);

/* A place in the order, for walks; dies with the next change. (Pairs, as loops over two arrays with
 * elements of different sizes here made GCC 12 think that the functions had no effect.) */
struct ranked_pos {
    struct rank_node *leaf;
    unsigned index; /* in the leaf */
    unsigned height;
    struct {
        struct rank_node *node;
        unsigned at;          /* the child taken */
    } way[RANKED_HEIGHT_MAX]; /* from the root */
};

/* The member of that rank, which must be below the count. */
struct ranked_pos ranked_at(const struct ranked *t, size_t rank);
struct scored *ranked_get(const struct ranked_pos *pos);
double ranked_score(const struct ranked_pos *pos); /* without a look at the member */
/* False, with nothing changed, if there is none. */
bool ranked_next(struct ranked_pos *pos);
bool ranked_prev(struct ranked_pos *pos);

/* A full walk of all invariants; aborts by ASSERT. For tests. */
void ranked_check(const struct ranked *t);

#endif
