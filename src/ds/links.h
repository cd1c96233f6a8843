/* SPDX-License-Identifier: BSD-3-Clause */
/* Rings of structs that hold their own links: joining at the end and leaving from any place are
 * O(1) and need no memory. A ring is a struct links of its owner's, not part of any member; empty
 * it leads to itself. */
#ifndef DREY_DS_LINKS_H
#define DREY_DS_LINKS_H

#include <stdbool.h>
#include <stddef.h>

struct links {
    struct links *prev, *next;
};

/* The struct whose member these links are. */
#define LINKS_OF(links, type, member) ((type *)((char *)(links)-offsetof(type, member)))

static inline void links_init(struct links *ring) {
    ring->prev = ring->next = ring;
}

static inline bool links_empty(const struct links *ring) {
    return ring->next == ring;
}

static inline void links_add_last(struct links *ring, struct links *l) {
    l->prev = ring->prev;
    l->next = ring;
    l->prev->next = ring->prev = l;
}

static inline void links_add_first(struct links *ring, struct links *l) {
    links_add_last(ring->next, l);
}

static inline void links_remove(struct links *l) {
    l->prev->next = l->next;
    l->next->prev = l->prev;
}

#endif
