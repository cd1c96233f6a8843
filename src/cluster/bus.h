/* SPDX-License-Identifier: BSD-3-Clause */
/* The bus: how nodes get to know each other, tell each other what they know, and find out who has
 * failed (Redis Cluster specification).
 *
 *   link.c      connections                message.c   bytes
 *   bus.c       when what is sent          receive.c   what is made of what comes
 *   gossip.c    what nodes say of others, and who has failed by that
 *   claims.c    whose a slot is, when claims differ
 *
 * Every node pings some others each second, and those it hasn't heard of for half the node timeout;
 * each ping and pong carries the sender's slots and what it knows of some other nodes. */
#ifndef DREY_CLUSTER_BUS_H
#define DREY_CLUSTER_BUS_H

#include "base/slice.h"
#include "cluster/cluster.h"
#include "cluster/link.h"
#include "cluster/message.h"

/* Called by a link. */
void bus_connected(struct cluster_link *l);

/* Ten times a second. */
void bus_cron(struct cluster *c);

/* A node that's known by where it is alone, which a ping will ask for its name; NULL: that's under
 * way already. Ports as in messages. */
struct cluster_node *bus_begin_handshake(struct cluster *c, const char *ip, uint16_t port,
                                         uint16_t other_port, uint16_t bus_port);
/* Meets a node at an address, unless it's being met already: false if there's no such address. */
bool bus_meet(struct cluster *c, const char *ip, uint16_t port, uint16_t bus_port);

/* Sends a PING, PONG or MEET. */
void bus_send_ping(struct cluster_link *l, enum message_type type);
/* A PONG to all nodes: what has changed is to be known soon. */
void bus_broadcast_pong(struct cluster *c);
/* Who owns what `n` does, as an UPDATE. */
void bus_send_update(struct cluster_link *l, const struct cluster_node *n);
/* The vote of this epoch, for a replica. */
void bus_send_vote(struct cluster_node *n);
/* Asks all nodes for their votes; `force`: although the primary may be well. */
void bus_ask_votes(struct cluster *c, bool force);
/* Asks a primary to let its place be taken. */
void bus_ask_manual(struct cluster_node *primary);
/* FAIL to all nodes. */
void bus_broadcast_fail(struct cluster *c, const struct cluster_node *n);
/* A message published here goes to all nodes, one of a shard channel to those of this shard. */
void bus_publish(struct cluster *c, bool shard, struct slice channel, struct slice text);

/* Makes what's announced of this node what the configuration says. */
void bus_update_self(struct cluster *c);

#endif
