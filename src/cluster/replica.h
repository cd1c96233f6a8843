/* SPDX-License-Identifier: BSD-3-Clause */
/* This node as the replica of another one: what the cluster says, replication does (repl/role.h).
 */
#ifndef DREY_CLUSTER_REPLICA_H
#define DREY_CLUSTER_REPLICA_H

#include "cluster/cluster.h"
#include "exec/command.h"

/* Becomes a replica of a primary, or of another one than so far. It must have no slots. */
void replica_follow(struct cluster *c, struct cluster_node *primary);
/* Becomes a primary, without slots. */
void replica_lead(struct cluster *c);
/* Becomes a primary in place of its own, with its slots. */
void replica_take_over(struct cluster *c);

/* Sees to it that replication follows who it should, wherever that is now. */
void replica_check(struct cluster *c);

/* CLUSTER REPLICATE */
command_handler cluster_cmd_replicate;

#endif
