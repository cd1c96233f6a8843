/* SPDX-License-Identifier: BSD-3-Clause */
/* What DEBUG does to the bus, for tests:
 *
 *   DROP-CLUSTER-PACKET-FILTER type         messages of that type (by number; -1: none, -2: all)
 *                                           aren't heard
 *   CLOSE-CLUSTER-LINK-ON-PACKET-DROP 0|1   the link that such a message came by is closed
 *   CLUSTERLINK KILL to|from|all name       links with a node are closed */
#ifndef DREY_CLUSTER_DEBUG_H
#define DREY_CLUSTER_DEBUG_H

#include "cluster/link.h"

struct call;

/* True if it's one of these, and replied to. */
bool debug_run(struct call *c);

/* Is a message to be dropped? */
bool debug_drops(struct cluster_link *l, unsigned type);

#endif
