/* SPDX-License-Identifier: BSD-3-Clause */
/* A node of the tree in ranked.h, of either kind: keys in order, and in an inner node a child with
 * its number of members for each.
 *
 *   | count, cap: 8 | scores: 8 x cap | members: 6 x cap | children: 8 x cap | counts: 8 x cap |
 *
 * Inner nodes all have room for RANK_INNER_MAX; a key is the first one below its child. A leaf ends
 * with the members, and has room as LEAF_CAPS says. Nothing here knows of the tree; `memory` is its
 * count of bytes. */
#ifndef DREY_DS_RANK_NODE_H
#define DREY_DS_RANK_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/slice.h"
#include "ds/scored.h"

enum {
    RANK_LEAF_MAX = 72,
    RANK_INNER_MAX = 33,
    RANK_POINTER = 6, /* bytes of a member's address */
};

struct rank_node {
    uint16_t count, cap;
    double scores[];
};

/* What is searched for: a score, a member (among equal scores), or both. */
struct rank_bound {
    enum { RANK_BY_SCORE, RANK_BY_MEMBER, RANK_BY_BOTH } by;
    double score;
    struct slice member;
};

static inline uint8_t *rank_node_members(const struct rank_node *n) {
    return (uint8_t *)(n->scores + n->cap);
}

static inline struct scored *rank_node_member(const struct rank_node *n, unsigned i) {
    uint32_t low;
    uint16_t high;
    const uint8_t *at = rank_node_members(n) + RANK_POINTER * i;
    memcpy(&low, at, sizeof low);
    memcpy(&high, at + sizeof low, sizeof high);
    return (struct scored *)((uintptr_t)low | (uintptr_t)high << 32);
}

/* Of inner nodes. Their members take 198 bytes, rounded up to words. */
static inline struct rank_node **rank_node_children(const struct rank_node *n) {
    size_t at = RANK_INNER_MAX * sizeof(double) + (RANK_INNER_MAX * RANK_POINTER + 7) / 8 * 8;
    return (struct rank_node **)((char *)n->scores + at);
}

static inline uint64_t *rank_node_counts(const struct rank_node *n) {
    return (uint64_t *)(rank_node_children(n) + RANK_INNER_MAX);
}

/* Empty ones; a leaf with room for `count` members at least. */
struct rank_node *rank_leaf_new(unsigned count, size_t *memory);
struct rank_node *rank_inner_new(size_t *memory);
void rank_leaf_free(struct rank_node *n, size_t *memory);
void rank_inner_free(struct rank_node *n, size_t *memory);
size_t rank_leaf_memory(const struct rank_node *n);
size_t rank_inner_memory(void);

/* Would a leaf with `count` members, and some to come, take less memory? */
bool rank_leaf_oversized(const struct rank_node *n);

/* How many keys come before the bound; inclusive: are equal, too. */
unsigned rank_node_before(const struct rank_node *n, const struct rank_bound *b, bool inclusive);

/* Where the member is that has this score; the count if it isn't there. No member is looked into.
 */
unsigned rank_node_find(const struct rank_node *n, double score, const struct scored *e);

void rank_node_set_key(struct rank_node *n, unsigned i, double score, const struct scored *e);
/* Moves key `from` to where it's number `to`. */
void rank_node_shift_key(struct rank_node *n, unsigned from, unsigned to);

/* Leaves: there is room. */
void rank_leaf_put(struct rank_node *n, unsigned at, double score, const struct scored *e);
void rank_leaf_cut(struct rank_node *n, unsigned at, unsigned count);
/* Moves what is from `at` on behind what `to` has. */
void rank_leaf_give(struct rank_node *n, unsigned at, struct rank_node *to);

/* Inner nodes. A child is put with its first key. */
void rank_inner_put(struct rank_node *n, unsigned at, struct rank_node *child, uint64_t count);
void rank_inner_drop(struct rank_node *n, unsigned at);
void rank_inner_give(struct rank_node *n, unsigned at, struct rank_node *to);
uint64_t rank_inner_sum(const struct rank_node *n, unsigned children); /* of the first ones */

#endif
