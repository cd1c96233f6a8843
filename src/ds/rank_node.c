/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/rank_node.h"

#include "base/alloc.h"
#include "base/assert.h"

/* Members that fit in 64, 128 ... bytes, as the allocator's classes go. */
static const uint8_t LEAF_CAPS[] = {4, 8, 13, 17, 22, 26, 31, 36, 45, 54, 63, RANK_LEAF_MAX};

static unsigned cap_index(unsigned count) {
    unsigned i = count > 31 ? 6 : 0;
    while (LEAF_CAPS[i] < count) i++;
    return i;
}

static size_t leaf_bytes(unsigned cap) {
    return sizeof(struct rank_node) + cap * (sizeof(double) + RANK_POINTER);
}

static size_t inner_bytes(void) {
    return sizeof(struct rank_node) + (RANK_INNER_MAX * RANK_POINTER + 7) / 8 * 8 +
           RANK_INNER_MAX * (sizeof(double) + sizeof(struct rank_node *) + sizeof(uint64_t));
}

static struct rank_node *node_new(unsigned cap, size_t bytes, size_t *memory) {
    struct rank_node *n = mem_alloc(bytes);
    n->count = 0;
    n->cap = (uint16_t)cap;
    *memory += mem_class_size(bytes);
    return n;
}

static void node_free(struct rank_node *n, size_t bytes, size_t *memory) {
    *memory -= mem_class_size(bytes);
    mem_free_sized(n, bytes);
}

struct rank_node *rank_leaf_new(unsigned count, size_t *memory) {
    unsigned cap = LEAF_CAPS[cap_index(count)];
    return node_new(cap, leaf_bytes(cap), memory);
}

struct rank_node *rank_inner_new(size_t *memory) {
    return node_new(RANK_INNER_MAX, inner_bytes(), memory);
}

void rank_leaf_free(struct rank_node *n, size_t *memory) {
    node_free(n, leaf_bytes(n->cap), memory);
}

void rank_inner_free(struct rank_node *n, size_t *memory) {
    node_free(n, inner_bytes(), memory);
}

size_t rank_leaf_memory(const struct rank_node *n) {
    return mem_class_size(leaf_bytes(n->cap));
}

size_t rank_inner_memory(void) {
    return mem_class_size(inner_bytes());
}

bool rank_leaf_oversized(const struct rank_node *n) {
    return cap_index(n->count) + 1 < cap_index(n->cap);
}

/* Counting all is quicker than halving: it takes wide comparisons and no branches, and the node's
 * cache lines are fetched together. Written with vectors, as compilers don't find them here. */
typedef double score_pair __attribute__((vector_size(16), aligned(8)));
typedef int64_t mask_pair __attribute__((vector_size(16)));

__attribute__((always_inline)) static inline unsigned count_scores(const struct rank_node *n,
                                                                   double score, bool inclusive) {
    mask_pair a = {0}, b = {0}; /* each score that counts adds -1 */
    unsigned i = 0, count = n->count;
    for (; i + 4 <= count; i += 4) {
        const score_pair *at = (const score_pair *)(n->scores + i);
        a += inclusive ? at[0] <= score : at[0] < score;
        b += inclusive ? at[1] <= score : at[1] < score;
    }
    a += b;
    unsigned found = (unsigned)-(a[0] + a[1]);
    for (; i < count; i++) found += inclusive ? n->scores[i] <= score : n->scores[i] < score;
    return found;
}

static unsigned scores_below(const struct rank_node *n, double score) {
    return count_scores(n, score, false);
}

static unsigned scores_up_to(const struct rank_node *n, double score) {
    return count_scores(n, score, true);
}

/* The same by members, of which those from `first` to before `end` are in order. */
static unsigned members_before(const struct rank_node *n, unsigned first, unsigned end,
                               struct slice member, bool inclusive) {
    while (first < end) {
        unsigned middle = (first + end) / 2;
        int order = slice_cmp(scored_member(rank_node_member(n, middle)), member);
        if (order < 0 || (inclusive && order == 0))
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

unsigned rank_node_before(const struct rank_node *n, const struct rank_bound *b, bool inclusive) {
    if (b->by == RANK_BY_MEMBER) return members_before(n, 0, n->count, b->member, inclusive);
    if (b->by == RANK_BY_SCORE && inclusive) return scores_up_to(n, b->score);
    unsigned below = scores_below(n, b->score);
    if (b->by == RANK_BY_SCORE || below == n->count || n->scores[below] != b->score) return below;
    return members_before(n, below, scores_up_to(n, b->score), b->member, inclusive);
}

unsigned rank_node_find(const struct rank_node *n, double score, const struct scored *e) {
    unsigned i = scores_below(n, score);
    while (i < n->count && rank_node_member(n, i) != e) i++;
    return i;
}

/* Keys. */

static void put_member(struct rank_node *n, unsigned i, const struct scored *e) {
    uint64_t word = (uintptr_t)e;
    DASSERT(word >> 48 == 0);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(rank_node_members(n) + RANK_POINTER * i, &word, RANK_POINTER);
#else
#error "members' addresses are laid out for little-endian machines"
#endif
}

static void copy_keys(struct rank_node *to, unsigned at, const struct rank_node *from,
                      unsigned from_at, unsigned count) {
    memmove(to->scores + at, from->scores + from_at, count * sizeof *to->scores);
    memmove(rank_node_members(to) + RANK_POINTER * at,
            rank_node_members(from) + RANK_POINTER * from_at, RANK_POINTER * count);
}

void rank_node_set_key(struct rank_node *n, unsigned i, double score, const struct scored *e) {
    n->scores[i] = score;
    put_member(n, i, e);
}

void rank_node_shift_key(struct rank_node *n, unsigned from, unsigned to) {
    double score = n->scores[from];
    const struct scored *e = rank_node_member(n, from);
    if (from < to)
        copy_keys(n, from, n, from + 1, to - from);
    else
        copy_keys(n, to + 1, n, to, from - to);
    rank_node_set_key(n, to, score, e);
}

void rank_leaf_put(struct rank_node *n, unsigned at, double score, const struct scored *e) {
    DASSERT(n->count < n->cap);
    copy_keys(n, at + 1, n, at, n->count - at);
    rank_node_set_key(n, at, score, e);
    n->count++;
}

void rank_leaf_cut(struct rank_node *n, unsigned at, unsigned count) {
    copy_keys(n, at, n, at + count, n->count - at - count);
    n->count = (uint16_t)(n->count - count);
}

void rank_leaf_give(struct rank_node *n, unsigned at, struct rank_node *to) {
    unsigned count = n->count - at;
    DASSERT(to->count + count <= to->cap);
    copy_keys(to, to->count, n, at, count);
    to->count = (uint16_t)(to->count + count);
    n->count = (uint16_t)at;
}

static void copy_children(struct rank_node *to, unsigned at, const struct rank_node *from,
                          unsigned from_at, unsigned count) {
    memmove(rank_node_children(to) + at, rank_node_children(from) + from_at,
            count * sizeof(struct rank_node *));
    memmove(rank_node_counts(to) + at, rank_node_counts(from) + from_at, count * sizeof(uint64_t));
}

void rank_inner_put(struct rank_node *n, unsigned at, struct rank_node *child, uint64_t count) {
    copy_children(n, at + 1, n, at, n->count - at);
    rank_leaf_put(n, at, child->scores[0], rank_node_member(child, 0));
    rank_node_children(n)[at] = child;
    rank_node_counts(n)[at] = count;
}

void rank_inner_drop(struct rank_node *n, unsigned at) {
    copy_children(n, at, n, at + 1, n->count - at - 1);
    rank_leaf_cut(n, at, 1);
}

void rank_inner_give(struct rank_node *n, unsigned at, struct rank_node *to) {
    copy_children(to, to->count, n, at, n->count - at);
    rank_leaf_give(n, at, to);
}

uint64_t rank_inner_sum(const struct rank_node *n, unsigned children) {
    uint64_t total = 0;
    for (unsigned i = 0; i < children; i++) total += rank_node_counts(n)[i];
    return total;
}
