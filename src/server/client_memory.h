/* SPDX-License-Identifier: BSD-3-Clause */
/* What clients take of memory, each and together, and closing the largest when that is above
 * maxmemory-clients. A client is counted anew whenever it keeps input or replies beyond a turn, and
 * when it doesn't any more: O(1) each. The large ones stand in queues by powers of two, so finding
 * the largest is O(1), too. */
#ifndef DREY_SERVER_CLIENT_MEMORY_H
#define DREY_SERVER_CLIENT_MEMORY_H

#include <stdint.h>

#include "server/client.h"

enum { CLIENT_SIZE_CLASSES = 32 };

struct client_memory {
    uint64_t total; /* of all that client_memory_counts and that aren't being closed */
    struct client_queue classes[CLIENT_SIZE_CLASSES]; /* evictable ones; [0] is empty: those that
                                                         take little aren't queued */
};

void client_memory_init(struct server *s);

/* Memory of one client now. */
size_t client_memory_of(const struct client *c);

/* Does it count for the limit? What replicas and the primary take isn't theirs to choose. */
static inline bool client_memory_counts(const struct client *c) {
    return c->kind == CLIENT_NORMAL || c->kind == CLIENT_PUBSUB;
}

/* Brings the client's part of the total, and its place among all, up to date. Also when its
 * no_evict changed. */
void client_memory_count(struct client *c);

/* The client is being closed: it counts no more. */
void client_memory_forget(struct client *c);

/* The limit in bytes, 0 for none. */
uint64_t client_memory_limit(const struct server *s);

/* Closes clients, the largest first, until the rest is within the limit. */
void client_memory_keep_limit(struct server *s);

/* Appends a line for each class of sizes: its bounds, and the clients in it that may be closed.
 * O(clients). */
void client_memory_describe(const struct server *s, struct buf *out);

#endif
