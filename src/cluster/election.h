/* SPDX-License-Identifier: BSD-3-Clause */
/* How a replica takes its primary's place.
 *
 * When that has failed: each of its replicas waits a moment, the longer the more others have more
 * of its data, then asks the primaries for their votes with a new epoch. Who gets most of them
 * claims the slots with that epoch.
 *
 * When the user wants it (CLUSTER FAILOVER): the primary lets its clients' writes wait and says up
 * to where its data go; when the replica has them it asks for votes at once. FORCE doesn't ask the
 * primary, TAKEOVER doesn't even ask for votes. */
#ifndef DREY_CLUSTER_ELECTION_H
#define DREY_CLUSTER_ELECTION_H

#include "cluster/cluster.h"
#include "exec/command.h"

/* Often enough: ten times a second, and when something has changed. */
void election_step(struct cluster *c);

/* What comes by the bus, of a node that's known. */
void election_voted(struct cluster *c, const struct cluster_node *by, const struct message *m);
void election_start_manual(struct cluster *c, struct cluster_node *by);
void election_heard_primary(struct cluster *c, const struct message *m);

/* Gives up a manual failover, if there's one. */
void election_end_manual(struct cluster *c);

/* CLUSTER FAILOVER */
command_handler cluster_cmd_failover;

#endif
