/* SPDX-License-Identifier: BSD-3-Clause */
/* Replicas go where they're needed (Redis Cluster specification, "Replica migration"): a primary
 * that has slots, and had replicas, but none any more that works, gets one of a primary that has
 * the most. Of all those that could go the one with the lowest name does, so that only one goes; it
 * waits a little, as the lost one may be back soon, and leaves its primary
 * cluster-migration-barrier others at least. */
#ifndef DREY_CLUSTER_MIGRATION_H
#define DREY_CLUSTER_MIGRATION_H

#include "cluster/cluster.h"

/* Is it this node that has to go? Then it does. Ten times a second; O(nodes) if it's a replica. */
void migration_check(struct cluster *c);

#endif
