/* SPDX-License-Identifier: BSD-3-Clause */
/* Votes: a primary with slots says which replica takes a failed primary's place. One vote an epoch,
 * and one for a primary's replicas within twice the node timeout; it's on disk before it's given.
 */
#ifndef DREY_CLUSTER_VOTE_H
#define DREY_CLUSTER_VOTE_H

#include "cluster/cluster.h"

/* A replica asks for the vote. */
void vote_asked(struct cluster *c, struct cluster_node *by, const struct message *m);

#endif
