/* SPDX-License-Identifier: BSD-3-Clause */
/* A map from byte strings to pointers that finds all keys which a text starts with: patterns by
 * their literal beginning, prefixes that somebody wants to hear of.
 *
 * A radix tree: each node has the bytes that lead to it from its parent; no node without a value
 * has a single child, so there are fewer than two nodes a key. Finding is O(length of the text)
 * however many keys there are, as a walk ends where no key goes on; so are adding and removing, but
 * for the bytes of a label that has to be split or joined.
 *
 * The tree copies keys and borrows values, which are never NULL. */
#ifndef DREY_DS_PREFIX_TREE_H
#define DREY_DS_PREFIX_TREE_H

#include <stddef.h>

#include "base/slice.h"

struct prefix_node;

struct prefix_tree {
    struct prefix_node *root; /* NULL: no keys */
    size_t count;             /* keys */
};

#define PREFIX_TREE_INIT                                                                           \
    { NULL, 0 }

/* Frees the tree's own memory; it's empty afterwards. O(nodes), without recursion. */
void prefix_tree_release(struct prefix_tree *t);

/* The place of the key's value, which is NULL if the key is new: the caller puts one there. The
 * place is valid until the tree next changes. */
void **prefix_tree_place(struct prefix_tree *t, struct slice key);

/* NULL: there's no such key. */
void *prefix_tree_find(const struct prefix_tree *t, struct slice key);

/* Takes the value out; NULL: there's no such key. */
void *prefix_tree_remove(struct prefix_tree *t, struct slice key);

/* Walks the keys that `text` starts with, the shortest (it may be empty) first. The tree mustn't
 * change meanwhile. */
struct prefix_walk {
    const struct prefix_node *node; /* to look at next */
    struct slice rest;              /* of the text, behind that node */
};
void prefix_walk_init(struct prefix_walk *w, const struct prefix_tree *t, struct slice text);
void *prefix_walk_next(struct prefix_walk *w); /* a value; NULL at the end */

/* Checks all that must hold, by ASSERT. For tests. */
void prefix_tree_check(const struct prefix_tree *t);

#endif
