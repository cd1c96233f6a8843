/* SPDX-License-Identifier: BSD-3-Clause */
/* See ranked.h for the shape, rank_node.h for the nodes.
 *
 * A change finds its place first, as the way from the root (struct ranked_pos), then works at the
 * leaf and goes back up that way as far as anything is to be done. Merging or splitting makes the
 * way invalid, so that's always the last step.
 *
 * Who may come first in a node: a key before all others goes into the leftmost leaf, all other
 * leaves only get keys that follow their first. So first keys in inner nodes change along the left
 * edge of the tree, and when what they name is removed or moves. */
#include "ds/ranked.h"

#include <math.h>

#include "base/assert.h"
#include "ds/rank_node.h"
#include "ds/table.h"

enum {
    LEAF_MERGED = 54, /* siblings that hold no more together become one */
    INNER_MERGED = 24,
    TOUCH_AHEAD = 16, /* members that a walk asks for together */
};

/* Searching. */

static struct rank_bound bound_of(const struct scored *e, double score) {
    return (struct rank_bound){RANK_BY_BOTH, score, scored_member(e)};
}

/* Asks for the cache lines of a leaf that a search will look at. */
static void touch_scores(const struct rank_node *leaf, uint64_t count) {
    for (uint64_t i = 0; i < count; i += 64 / sizeof(double)) table_touch(&leaf->scores[i]);
}

/* The way to the leaf where the key belongs: below each node's last child whose first key isn't
 * after it. */
static void descend(const struct ranked *t, const struct rank_bound *b, struct ranked_pos *pos) {
    struct rank_node *n = t->root;
    pos->height = t->height;
    for (unsigned level = 0; level < t->height; level++) {
        unsigned before = rank_node_before(n, b, true);
        pos->way[level].node = n;
        pos->way[level].at = before ? before - 1 : 0;
        n = rank_node_children(n)[pos->way[level].at];
    }
    pos->leaf = n;
    if (t->height) {
        const struct rank_node *parent = pos->way[t->height - 1].node;
        touch_scores(n, rank_node_counts(parent)[pos->way[t->height - 1].at]);
    }
}

static struct ranked_pos locate(const struct ranked *t, const struct scored *e) {
    struct rank_bound b = bound_of(e, scored_score(e));
    struct ranked_pos pos;
    ASSERT(t->root);
    descend(t, &b, &pos);
    pos.index = rank_node_find(pos.leaf, b.score, e);
    ASSERT(pos.index < pos.leaf->count);
    return pos;
}

size_t ranked_rank(const struct ranked *t, const struct scored *e) {
    struct ranked_pos pos = locate(t, e);
    size_t rank = pos.index;
    for (unsigned level = 0; level < pos.height; level++)
        rank += rank_inner_sum(pos.way[level].node, pos.way[level].at);
    return rank;
}

/* Other than a key, a bound may have equals on both sides of a first key. */
static size_t before(const struct ranked *t, const struct rank_bound *b, bool inclusive) {
    const struct rank_node *n = t->root;
    size_t rank = 0;
    if (!n) return 0;
    for (unsigned level = 0; level < t->height; level++) {
        unsigned at = rank_node_before(n, b, inclusive);
        if (at == 0) return rank;
        rank += rank_inner_sum(n, at - 1);
        n = rank_node_children(n)[at - 1];
    }
    return rank + rank_node_before(n, b, inclusive);
}

size_t ranked_before_score(const struct ranked *t, double score, bool inclusive) {
    struct rank_bound b = {.by = RANK_BY_SCORE, .score = score};
    return before(t, &b, inclusive);
}

size_t ranked_before_member(const struct ranked *t, struct slice member, bool inclusive) {
    struct rank_bound b = {.by = RANK_BY_MEMBER, .member = member};
    return before(t, &b, inclusive);
}

/* What all changes need. */

/* The way's node at `level`; that of the level below all inner ones is the leaf. */
static struct rank_node *node_at(const struct ranked_pos *pos, unsigned level) {
    return level == pos->height ? pos->leaf : pos->way[level].node;
}

/* Puts another leaf where the way ends; the old one isn't freed. */
static void leaf_set(struct ranked *t, struct ranked_pos *pos, struct rank_node *leaf) {
    pos->leaf = leaf;
    if (pos->height == 0) {
        t->root = leaf;
        return;
    }
    unsigned last = pos->height - 1;
    rank_node_children(pos->way[last].node)[pos->way[last].at] = leaf;
}

/* Gives the leaf just the room for `count` members. */
static void leaf_resize(struct ranked *t, struct ranked_pos *pos, unsigned count) {
    struct rank_node *old = pos->leaf, *leaf = rank_leaf_new(count, &t->memory);
    rank_leaf_give(old, 0, leaf);
    rank_leaf_free(old, &t->memory);
    leaf_set(t, pos, leaf);
}

/* The first key of the node at `level` may be another: says so as far up as it matters. */
static void refresh_first(const struct ranked_pos *pos, unsigned level) {
    for (; level > 0; level--) {
        const struct rank_node *n = node_at(pos, level);
        unsigned at = pos->way[level - 1].at;
        rank_node_set_key(pos->way[level - 1].node, at, n->scores[0], rank_node_member(n, 0));
        if (at > 0) return;
    }
}

static void count_on_way(const struct ranked_pos *pos, unsigned levels, uint64_t more) {
    for (unsigned level = 0; level < levels; level++)
        rank_node_counts(pos->way[level].node)[pos->way[level].at] += more;
}

/* Is the leaf at the tree's right (left) edge? */
static bool is_last(const struct ranked_pos *pos) {
    for (unsigned level = 0; level < pos->height; level++)
        if (pos->way[level].at + 1u < pos->way[level].node->count) return false;
    return true;
}

static bool is_first(const struct ranked_pos *pos) {
    for (unsigned level = 0; level < pos->height; level++)
        if (pos->way[level].at > 0) return false;
    return true;
}

/* Adding. */

/* Splits a full inner node, and puts a child at `at`; what comes in order leaves full nodes behind.
 * Returns the new right half. */
static struct rank_node *inner_split(struct ranked *t, struct rank_node *n, unsigned at,
                                     struct rank_node *child, uint64_t count) {
    struct rank_node *right = rank_inner_new(&t->memory);
    unsigned middle = at == RANK_INNER_MAX ? RANK_INNER_MAX : RANK_INNER_MAX / 2;
    rank_inner_give(n, middle, right);
    if (at > middle || middle == RANK_INNER_MAX)
        rank_inner_put(right, at - middle, child, count);
    else
        rank_inner_put(n, at, child, count);
    return right;
}

static uint64_t inner_total(const struct rank_node *n) {
    return rank_inner_sum(n, n->count);
}

/* The leaf was split: `right` is the new half. */
static void add_leaf(struct ranked *t, struct ranked_pos *pos, struct rank_node *right) {
    struct rank_node *left = pos->leaf;
    uint64_t left_count = left->count, right_count = right->count;
    for (unsigned level = pos->height; level-- > 0;) {
        unsigned at = pos->way[level].at;
        left = pos->way[level].node;
        rank_node_counts(left)[at] = left_count;
        if (left->count < RANK_INNER_MAX) {
            rank_inner_put(left, at + 1, right, right_count);
            count_on_way(pos, level, 1);
            return;
        }
        right = inner_split(t, left, at + 1, right, right_count);
        left_count = inner_total(left);
        right_count = inner_total(right);
    }
    ASSERT(t->height < RANKED_HEIGHT_MAX);
    struct rank_node *root = rank_inner_new(&t->memory);
    rank_inner_put(root, 0, left, left_count);
    rank_inner_put(root, 1, right, right_count);
    t->root = root;
    t->height++;
}

/* Splits the full leaf and adds a member; at an edge of the tree it gets a leaf of its own. */
static void leaf_split(struct ranked *t, struct ranked_pos *pos, double score,
                       const struct scored *e) {
    unsigned at = pos->index, middle = RANK_LEAF_MAX / 2;
    if (at == RANK_LEAF_MAX && is_last(pos)) middle = RANK_LEAF_MAX;
    if (at == 0 && is_first(pos)) middle = 0;
    bool goes_left = at < middle || middle == 0;
    struct rank_node *right = rank_leaf_new(RANK_LEAF_MAX - middle + !goes_left, &t->memory);
    rank_leaf_give(pos->leaf, middle, right);
    if (middle < RANK_LEAF_MAX) leaf_resize(t, pos, middle + goes_left);
    if (goes_left)
        rank_leaf_put(pos->leaf, at, score, e);
    else
        rank_leaf_put(right, at - middle, score, e);
    if (at == 0) refresh_first(pos, pos->height);
    add_leaf(t, pos, right);
}

static void add(struct ranked *t, struct ranked_pos *pos, double score, const struct scored *e) {
    t->count++;
    if (pos->leaf->count == RANK_LEAF_MAX) {
        leaf_split(t, pos, score, e);
        return;
    }
    if (pos->leaf->count == pos->leaf->cap) leaf_resize(t, pos, pos->leaf->count + 1u);
    rank_leaf_put(pos->leaf, pos->index, score, e);
    if (pos->index == 0) refresh_first(pos, pos->height);
    count_on_way(pos, pos->height, 1);
}

void ranked_insert(struct ranked *t, struct scored *e) {
    struct rank_bound b = bound_of(e, scored_score(e));
    struct ranked_pos pos;
    DASSERT(!isnan(b.score));
    if (!t->root) t->root = rank_leaf_new(1, &t->memory);
    descend(t, &b, &pos);
    pos.index = rank_node_before(pos.leaf, &b, false);
    add(t, &pos, b.score, e);
}

void ranked_append(struct ranked *t, struct scored *e) {
    struct ranked_pos pos = {.height = t->height};
    if (!t->root) t->root = rank_leaf_new(1, &t->memory);
    struct rank_node *n = t->root;
    for (unsigned level = 0; level < t->height; level++) {
        pos.way[level].node = n;
        pos.way[level].at = n->count - 1u;
        n = rank_node_children(n)[n->count - 1];
    }
    pos.leaf = n;
    pos.index = n->count;
    add(t, &pos, scored_score(e), e);
}

/* Taking out. */

/* The tree loses levels that have one node only. */
static void lower_root(struct ranked *t) {
    while (t->height && t->root->count == 1) {
        struct rank_node *root = t->root;
        t->root = rank_node_children(root)[0];
        t->height--;
        rank_inner_free(root, &t->memory);
    }
}

/* Child at + 1 was emptied into child `at`. */
static void inner_joined(struct rank_node *n, unsigned at) {
    rank_node_counts(n)[at] += rank_node_counts(n)[at + 1];
    rank_inner_drop(n, at + 1);
}

/* Joins inner nodes at and at + 1 of a parent if that leaves room. */
static bool join_inner(struct ranked *t, struct rank_node *parent, unsigned at) {
    struct rank_node *left = rank_node_children(parent)[at];
    struct rank_node *right = rank_node_children(parent)[at + 1];
    if (left->count + right->count > INNER_MERGED) return false;
    rank_inner_give(right, 0, left);
    rank_inner_free(right, &t->memory);
    inner_joined(parent, at);
    return true;
}

/* The node at `level` has lost a child: joins it with a sibling, and so on upwards. */
static void merge_inner(struct ranked *t, const struct ranked_pos *pos, unsigned level) {
    for (; level > 0; level--) {
        struct rank_node *parent = pos->way[level - 1].node;
        unsigned at = pos->way[level - 1].at;
        bool joined = at + 1u < parent->count && join_inner(t, parent, at);
        if (!joined && at > 0) joined = join_inner(t, parent, at - 1);
        if (!joined) return;
    }
    lower_root(t);
}

static void join_leaves(struct ranked *t, struct rank_node *parent, unsigned at) {
    struct rank_node **children = rank_node_children(parent) + at;
    struct rank_node *left = children[0], *right = children[1];
    struct rank_node *both = rank_leaf_new((unsigned)left->count + right->count, &t->memory);
    rank_leaf_give(left, 0, both);
    rank_leaf_give(right, 0, both);
    rank_leaf_free(left, &t->memory);
    rank_leaf_free(right, &t->memory);
    children[0] = both;
    inner_joined(parent, at);
}

/* The leaf has lost members: joins it with a sibling, or gives memory back. */
static void leaf_shrunk(struct ranked *t, struct ranked_pos *pos) {
    if (pos->height) {
        unsigned last = pos->height - 1, at = pos->way[last].at, count = pos->leaf->count;
        struct rank_node *parent = pos->way[last].node;
        const uint64_t *counts = rank_node_counts(parent);
        bool right = at + 1u < parent->count && count + counts[at + 1] <= LEAF_MERGED;
        if (right || (at > 0 && count + counts[at - 1] <= LEAF_MERGED)) {
            join_leaves(t, parent, right ? at : at - 1);
            merge_inner(t, pos, last);
            return;
        }
    }
    if (rank_leaf_oversized(pos->leaf)) leaf_resize(t, pos, pos->leaf->count + 1u);
}

/* The leaf is empty: it goes, and so do the nodes above that have nothing else. */
static void drop_leaf(struct ranked *t, struct ranked_pos *pos) {
    rank_leaf_free(pos->leaf, &t->memory);
    for (unsigned level = pos->height; level-- > 0;) {
        struct rank_node *n = pos->way[level].node;
        unsigned at = pos->way[level].at;
        rank_inner_drop(n, at);
        if (n->count) {
            if (at == 0) refresh_first(pos, level);
            merge_inner(t, pos, level);
            return;
        }
        rank_inner_free(n, &t->memory);
    }
    t->root = NULL;
    t->height = 0;
}

/* Takes `count` members out of the leaf, from the index on. */
static void cut(struct ranked *t, struct ranked_pos *pos, unsigned count) {
    rank_leaf_cut(pos->leaf, pos->index, count);
    t->count -= count;
    count_on_way(pos, pos->height, -(uint64_t)count);
    if (pos->leaf->count == 0) {
        drop_leaf(t, pos);
        return;
    }
    if (pos->index == 0) refresh_first(pos, pos->height);
    leaf_shrunk(t, pos);
}

void ranked_remove(struct ranked *t, const struct scored *e) {
    struct ranked_pos pos = locate(t, e);
    cut(t, &pos, 1);
}

void ranked_remove_range(struct ranked *t, size_t rank, size_t count,
                         void (*removed)(void *ctx, struct scored *e), void *ctx) {
    while (count) {
        struct ranked_pos pos = ranked_at(t, rank);
        struct scored *gone[RANK_LEAF_MAX];
        unsigned n = pos.leaf->count - pos.index;
        if (n > count) n = (unsigned)count;
        for (unsigned i = 0; i < n; i++) {
            gone[i] = rank_node_member(pos.leaf, pos.index + i);
            if (removed) table_touch(gone[i]);
        }
        cut(t, &pos, n);
        for (unsigned i = 0; removed && i < n; i++) removed(ctx, gone[i]);
        count -= n;
    }
}

/* Changing scores. */

/* Where in its own leaf a member goes with another score; RANK_LEAF_MAX if that isn't sure: a place
 * at the leaf's edge may be one in the next. */
static unsigned place_in_leaf(const struct ranked_pos *pos, const struct rank_bound *b) {
    unsigned at = rank_node_before(pos->leaf, b, false);
    if (at == 0 && !is_first(pos)) return RANK_LEAF_MAX;
    if (at == pos->leaf->count && !is_last(pos)) return RANK_LEAF_MAX;
    return at > pos->index ? at - 1 : at;
}

struct scored *ranked_move(struct ranked *t, struct scored *e, double score) {
    struct rank_bound b = bound_of(e, score);
    struct ranked_pos pos = locate(t, e);
    unsigned to = place_in_leaf(&pos, &b);
    DASSERT(!isnan(score));
    if (to == RANK_LEAF_MAX) {
        cut(t, &pos, 1);
        e = scored_set(e, score);
        ranked_insert(t, e);
        return e;
    }
    e = scored_set(e, score);
    if (to != pos.index) rank_node_shift_key(pos.leaf, pos.index, to);
    rank_node_set_key(pos.leaf, to, score, e);
    if (to == 0 || pos.index == 0) refresh_first(&pos, pos.height);
    return e;
}

/* Walking. */

struct ranked_pos ranked_at(const struct ranked *t, size_t rank) {
    struct ranked_pos pos = {.height = t->height};
    struct rank_node *n = t->root;
    for (unsigned level = 0; level < t->height; level++) {
        const uint64_t *counts = rank_node_counts(n);
        unsigned at = 0;
        while (rank >= counts[at]) rank -= counts[at++];
        pos.way[level].node = n;
        pos.way[level].at = at;
        n = rank_node_children(n)[at];
    }
    pos.leaf = n;
    pos.index = (unsigned)rank;
    return pos;
}

struct scored *ranked_get(const struct ranked_pos *pos) {
    return rank_node_member(pos->leaf, pos->index);
}

double ranked_score(const struct ranked_pos *pos) {
    return pos->leaf->scores[pos->index];
}

/* Asks for the members that a walk comes to next, where it comes to number `i` of the leaf. */
static void touch_from(const struct rank_node *leaf, unsigned i) {
    for (unsigned end = i + TOUCH_AHEAD; i < end && i < leaf->count; i++)
        table_touch(rank_node_member(leaf, i));
}

/* To the leaf after (before) this one. */
static bool step_leaf(struct ranked_pos *pos, bool forward) {
    unsigned level = pos->height;
    do {
        if (level-- == 0) return false;
    } while (forward ? pos->way[level].at + 1u == pos->way[level].node->count
                     : pos->way[level].at == 0);
    pos->way[level].at += forward ? 1u : -1u;
    struct rank_node *n = rank_node_children(pos->way[level].node)[pos->way[level].at];
    while (++level < pos->height) {
        pos->way[level].node = n;
        pos->way[level].at = forward ? 0 : n->count - 1u;
        n = rank_node_children(n)[pos->way[level].at];
    }
    pos->leaf = n;
    return true;
}

bool ranked_next(struct ranked_pos *pos) {
    if (pos->index + 1 < pos->leaf->count)
        pos->index++;
    else if (step_leaf(pos, true))
        pos->index = 0;
    else
        return false;
    if (pos->index % TOUCH_AHEAD == 0) touch_from(pos->leaf, pos->index);
    return true;
}

bool ranked_prev(struct ranked_pos *pos) {
    if (pos->index > 0)
        pos->index--;
    else if (step_leaf(pos, false))
        pos->index = pos->leaf->count - 1u;
    else
        return false;
    if (pos->index % TOUCH_AHEAD == TOUCH_AHEAD - 1)
        touch_from(pos->leaf, pos->index - (TOUCH_AHEAD - 1));
    return true;
}

/* The whole. */

void ranked_init(struct ranked *t) {
    *t = (struct ranked){0};
}

static void release_node(struct ranked *t, struct rank_node *n, unsigned height) {
    if (height == 0) {
        rank_leaf_free(n, &t->memory);
        return;
    }
    for (unsigned i = 0; i < n->count; i++) release_node(t, rank_node_children(n)[i], height - 1);
    rank_inner_free(n, &t->memory);
}

void ranked_release(struct ranked *t) {
    if (t->root) release_node(t, t->root, t->height);
    ranked_init(t);
}

/* Checking. */

struct check {
    size_t memory;
    const struct scored *last; /* of the walk so far */
};

static void check_key(struct check *c, double score, const struct scored *e) {
    double own = scored_score(e);
    ASSERT(!isnan(score) && memcmp(&score, &own, sizeof score) == 0);
    if (c->last) {
        double last = scored_score(c->last);
        int order = slice_cmp(scored_member(c->last), scored_member(e));
        ASSERT(last < score || (last == score && order < 0));
    }
    c->last = e;
}

static uint64_t check_leaf(struct check *c, const struct rank_node *n) {
    ASSERT(n->count > 0 && n->count <= n->cap && n->cap <= RANK_LEAF_MAX);
    for (unsigned i = 0; i < n->count; i++) check_key(c, n->scores[i], rank_node_member(n, i));
    c->memory += rank_leaf_memory(n);
    return n->count;
}

static uint64_t check_node(struct check *c, const struct rank_node *n, unsigned height) {
    if (height == 0) return check_leaf(c, n);
    ASSERT(n->count > 0 && n->count <= RANK_INNER_MAX && n->cap == RANK_INNER_MAX);
    for (unsigned i = 0; i < n->count; i++) {
        const struct rank_node *child = rank_node_children(n)[i];
        ASSERT(rank_node_member(n, i) == rank_node_member(child, 0));
        ASSERT(memcmp(&n->scores[i], &child->scores[0], sizeof(double)) == 0);
        ASSERT(check_node(c, child, height - 1) == rank_node_counts(n)[i]);
    }
    c->memory += rank_inner_memory();
    return inner_total(n);
}

void ranked_check(const struct ranked *t) {
    struct check c = {0};
    ASSERT((t->root == NULL) == (t->count == 0));
    ASSERT(!t->root || check_node(&c, t->root, t->height) == t->count);
    ASSERT(t->height == 0 || t->root->count > 1);
    ASSERT(c.memory == t->memory);
}
