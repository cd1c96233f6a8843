/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/prefix_tree.h"

#include <stdint.h>

#include "base/alloc.h"
#include "base/assert.h"

/* Children are in no order: the first bytes of their labels stand beside them, and memchr is faster
 * on these than any search through pointers. */
struct prefix_node {
    void *value; /* NULL: only a fork, or the root */
    struct prefix_node **children;
    uint8_t *first;
    size_t child_count;
    size_t label_len;
    char label[];
};

static struct prefix_node *node_new(struct slice label) {
    struct prefix_node *n = mem_alloc(sizeof *n + label.len);
    *n = (struct prefix_node){.label_len = label.len};
    slice_put(n->label, label);
    return n;
}

static void node_free(struct prefix_node *n) {
    mem_free(n->children);
    mem_free(n->first);
    mem_free(n);
}

static struct slice label_of(const struct prefix_node *n) {
    return slice_of(n->label, n->label_len);
}

/* Where the child is whose label starts with `byte`; NULL: nowhere. */
static struct prefix_node **child_place(const struct prefix_node *n, char byte) {
    if (!n->child_count) return NULL;
    const uint8_t *at = memchr(n->first, (unsigned char)byte, n->child_count);
    return at ? &n->children[at - n->first] : NULL;
}

static void add_child(struct prefix_node *n, struct prefix_node *child) {
    size_t count = ++n->child_count;
    n->children = mem_realloc(n->children, count * sizeof *n->children);
    n->first = mem_realloc(n->first, count);
    n->children[count - 1] = child;
    n->first[count - 1] = (uint8_t)child->label[0];
}

static void drop_child(struct prefix_node *n, struct prefix_node **place) {
    size_t at = (size_t)(place - n->children), last = --n->child_count;
    n->children[at] = n->children[last];
    n->first[at] = n->first[last];
    if (last) return;
    mem_free(n->children);
    mem_free(n->first);
    n->children = NULL;
    n->first = NULL;
}

void prefix_tree_release(struct prefix_tree *t) {
    struct prefix_node *root = t->root;
    while (root && root->child_count) {
        struct prefix_node **last = &root->children[root->child_count - 1], *n = *last;
        drop_child(root, last);
        for (size_t i = 0; i < n->child_count; i++) add_child(root, n->children[i]);
        node_free(n);
    }
    if (root) node_free(root);
    *t = (struct prefix_tree)PREFIX_TREE_INIT;
}

static struct slice behind(struct slice text, size_t len) {
    return slice_of(text.ptr + len, text.len - len);
}

static size_t common_len(struct slice a, struct slice b) {
    size_t len = 0;
    while (len < a.len && len < b.len && a.ptr[len] == b.ptr[len]) len++;
    return len;
}

static bool starts_with(struct slice text, struct slice with) {
    return text.len >= with.len && memcmp(text.ptr, with.ptr, with.len) == 0;
}

/* The node at `place` gets a parent with the first `len` bytes of its label. */
static void split(struct prefix_node **place, size_t len) {
    struct prefix_node *n = *place, *parent = node_new(slice_of(n->label, len));
    n->label_len -= len;
    memmove(n->label, n->label + len, n->label_len);
    n = mem_realloc(n, sizeof *n + n->label_len);
    add_child(parent, n);
    *place = parent;
}

/* The node at `place`, which is no more than a step to its only child, becomes one with it. */
static void join(struct prefix_node **place) {
    struct prefix_node *n = *place, *child = n->children[0];
    child = mem_realloc(child, sizeof *child + n->label_len + child->label_len);
    memmove(child->label + n->label_len, child->label, child->label_len);
    memcpy(child->label, n->label, n->label_len);
    child->label_len += n->label_len;
    *place = child;
    node_free(n);
}

void **prefix_tree_place(struct prefix_tree *t, struct slice key) {
    if (!t->root) t->root = node_new(SLICE(""));
    struct prefix_node *n = t->root;
    while (key.len) {
        struct prefix_node **place = child_place(n, key.ptr[0]);
        if (!place) {
            add_child(n, node_new(key));
            place = &n->children[n->child_count - 1];
        }
        size_t common = common_len(label_of(*place), key);
        if (common < (*place)->label_len) split(place, common);
        n = *place;
        key = behind(key, common);
    }
    t->count += !n->value;
    return &n->value;
}

void *prefix_tree_find(const struct prefix_tree *t, struct slice key) {
    const struct prefix_node *n = t->root;
    while (n && key.len) {
        struct prefix_node **place = child_place(n, key.ptr[0]);
        n = place && starts_with(key, label_of(*place)) ? *place : NULL;
        if (n) key = behind(key, n->label_len);
    }
    return n ? n->value : NULL;
}

/* A node that has lost its value or a child isn't kept only to lead to the one child it has. */
static void join_if_single(struct prefix_node **place) {
    if (!(*place)->value && (*place)->child_count == 1) join(place);
}

void *prefix_tree_remove(struct prefix_tree *t, struct slice key) {
    struct prefix_node **place = &t->root, **above = NULL;
    while (*place && key.len) {
        struct prefix_node **next = child_place(*place, key.ptr[0]);
        if (!next || !starts_with(key, label_of(*next))) return NULL;
        above = place;
        place = next;
        key = behind(key, (*place)->label_len);
    }
    struct prefix_node *n = *place;
    if (!n || !n->value) return NULL;
    void *value = n->value;
    n->value = NULL;
    t->count--;
    if (above && !n->child_count) {
        drop_child(*above, place);
        node_free(n);
        if (above != &t->root) join_if_single(above);
    } else if (above) {
        join_if_single(place);
    }
    if (!t->count) prefix_tree_release(t);
    return value;
}

void prefix_walk_init(struct prefix_walk *w, const struct prefix_tree *t, struct slice text) {
    *w = (struct prefix_walk){t->root, text};
}

void *prefix_walk_next(struct prefix_walk *w) {
    while (w->node) {
        void *value = w->node->value;
        struct prefix_node **place = w->rest.len ? child_place(w->node, w->rest.ptr[0]) : NULL;
        w->node = place && starts_with(w->rest, label_of(*place)) ? *place : NULL;
        if (w->node) w->rest = behind(w->rest, w->node->label_len);
        if (value) return value;
    }
    return NULL;
}

static size_t check_node(const struct prefix_node *n, bool root) {
    ASSERT(root ? n->label_len == 0 : n->label_len > 0);
    ASSERT(root || n->value || n->child_count > 1);
    size_t keys = n->value != NULL;
    for (size_t i = 0; i < n->child_count; i++) {
        ASSERT((uint8_t)n->children[i]->label[0] == n->first[i]);
        ASSERT(memchr(n->first, n->first[i], n->child_count) == &n->first[i]);
        keys += check_node(n->children[i], false);
    }
    return keys;
}

void prefix_tree_check(const struct prefix_tree *t) {
    ASSERT((t->root != NULL) == (t->count > 0));
    if (t->root) ASSERT(check_node(t->root, true) == t->count);
}
