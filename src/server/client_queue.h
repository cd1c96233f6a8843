/* SPDX-License-Identifier: BSD-3-Clause */
/* Queues of clients, linked through a member of each: joining and leaving at any place is O(1) and
 * needs no memory. A link is in one queue at a time. */
#ifndef DREY_SERVER_CLIENT_QUEUE_H
#define DREY_SERVER_CLIENT_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

/* All zero: in no queue. */
struct client_link {
    struct client_link *prev, *next;
};

struct client_queue {
    struct client_link ends; /* next: the first, prev: the last; itself when empty */
    size_t count;
};

static inline void client_queue_init(struct client_queue *q) {
    q->ends.prev = q->ends.next = &q->ends;
    q->count = 0;
}

static inline bool client_link_used(const struct client_link *l) {
    return l->next != NULL;
}

static inline void client_queue_push(struct client_queue *q, struct client_link *l) {
    l->prev = q->ends.prev;
    l->next = &q->ends;
    l->prev->next = l->next->prev = l;
    q->count++;
}

static inline void client_queue_remove(struct client_queue *q, struct client_link *l) {
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->prev = l->next = NULL;
    q->count--;
}

/* NULL when empty; stays in the queue. */
static inline struct client_link *client_queue_first(const struct client_queue *q) {
    return q->count ? q->ends.next : NULL;
}

static inline struct client_link *client_queue_next(const struct client_queue *q,
                                                    const struct client_link *l) {
    return l->next == &q->ends ? NULL : l->next;
}

#endif
