/* SPDX-License-Identifier: BSD-3-Clause */
/* Which requests run on this node: those whose keys are all in one slot, which is this node's. The
 * others are sent to whoever has the slot (MOVED), or, while it's on its way and the keys have left
 * or come already, to the other side for this once (ASK). */
#ifndef DREY_CLUSTER_ROUTE_H
#define DREY_CLUSTER_ROUTE_H

#include "cluster/cluster.h"

enum route_result {
    ROUTE_HERE,
    ROUTE_MOVED,
    ROUTE_ASK,
    ROUTE_CROSS_SLOT,     /* keys of several slots */
    ROUTE_UNSTABLE,       /* some of the keys have moved and others haven't: try again later */
    ROUTE_DOWN,           /* the cluster doesn't answer, */
    ROUTE_DOWN_FOR_WRITE, /* or reads only */
    ROUTE_UNSERVED,       /* the slot is nobody's */
};

struct route {
    enum route_result result;
    int slot;                        /* -1: the request has no keys */
    const struct cluster_node *node; /* where to, if it's moved or asked for */
};

/* `flags` are the request's (admission_flags). Costs the CRC16 of each key. */
struct route route_of(struct cluster *c, struct session *s, const struct request *r,
                      unsigned flags);

/* From now on requests are asked about. */
void route_start(struct engine *e);

/* Sends on those who wait for keys that are another node's by now. O(clients) if any waits. */
void route_waiting(struct cluster *c);

/* How clients are told to reach a node; NULL: where they have this answer from. */
const char *route_endpoint(const struct cluster *c, const struct cluster_node *n);

#endif
