/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the memory is: the one account that INFO memory, MEMORY STATS and MEMORY DOCTOR show. */
#ifndef DREY_SERVER_MEMORY_OVERVIEW_H
#define DREY_SERVER_MEMORY_OVERVIEW_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/heap.h"

struct server;

/* All in bytes. */
struct memory_overview {
    size_t used, peak, startup;           /* in use: now, at most, after start */
    size_t clients;                       /* of connections: buffers and what else they own, */
    size_t replicas;                      /* the part of those that are replicas */
    size_t replication_backlog;           /* the latest part of what they are sent, */
    size_t replication_buffers;           /* with what is kept beyond it as they lag */
    size_t largest_input, largest_output; /* of one client */
    size_t tables;                        /* of the databases, entries not included */
    size_t buckets;                       /* the part of tables that entries hang from */
    size_t overhead;                      /* startup, clients, tables */
    size_t dataset;                       /* used - overhead */
    size_t keys;                          /* a number */
    size_t rss;
    struct heap_stats heap;
};

/* Goes through the clients that have large buffers and the directories of tables (well under a
 * millisecond per 100 million keys); reads /proc and the allocator's figures. */
void memory_overview_read(struct server *s, struct memory_overview *m);

/* Ratios as INFO shows them; 0 if there is nothing to compare with. */
double memory_ratio(size_t part, size_t whole);

/* The share of what is in use beyond start-up that is data, in percent. */
double memory_dataset_percent(const struct memory_overview *m);

/* INFO memory. */
void memory_overview_write(void *server, struct buf *out);

#endif
