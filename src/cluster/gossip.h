/* SPDX-License-Identifier: BSD-3-Clause */
/* What nodes say of other nodes. Who can't reach a node tells so; when most primaries with slots do
 * within twice the node timeout, the node has failed, and all are told. */
#ifndef DREY_CLUSTER_GOSSIP_H
#define DREY_CLUSTER_GOSSIP_H

#include "cluster/cluster.h"

/* Adds to a message for `to` (NULL: not known) what this node knows of some others: of a tenth of
 * them picked at random, and of all that it can't reach. */
void gossip_add(const struct cluster *c, const struct cluster_node *to, struct buf *message,
                size_t start);

/* Hears what a known node says, or (`by` NULL) one that wants to be met. */
void gossip_hear(struct cluster *c, struct cluster_node *by, const struct message *m);

/* Has a node that this one can't reach failed? */
void gossip_judge(struct cluster *c, struct cluster_node *n);
/* It can be reached again. */
void gossip_reached(struct cluster *c, struct cluster_node *n);

/* How many say that it has failed. */
unsigned gossip_reports(const struct cluster *c, struct cluster_node *n);

/* A node that's going says nothing any more. */
void gossip_leave(struct cluster *c, const struct cluster_node *by);

/* CLUSTER FORGET: gossip doesn't bring the node back for a minute. */
void gossip_ban(struct cluster *c, const char *name);
bool gossip_banned(struct cluster *c, const char *name);
void gossip_release(struct cluster *c);

#endif
