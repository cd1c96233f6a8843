/* SPDX-License-Identifier: BSD-3-Clause */
/* A node as a line of text. Redis's form of CLUSTER NODES:
 *
 *   name ip:port@bus-port[,hostname] flags primary|- ping-ms pong-ms epoch link slot first-last ...
 *
 * and behind this node's own slots those under way: [slot->-name] leaves for, [slot-<-name] comes
 * from that node. nodes.conf has more behind the hostname:
 * ",shard-id=...,nodename=...,tls-port=..." (as 7.2; with tls-cluster the port before the @ is the
 * one for TLS, and there's tcp-port instead).
 */
#ifndef DREY_CLUSTER_DESCRIBE_H
#define DREY_CLUSTER_DESCRIBE_H

#include "cluster/cluster.h"

/* Appends the line, without its end, as whoever asks can use it; NULL: as nodes.conf has it. */
void describe_node(const struct cluster *c, const struct cluster_node *n, struct session *who,
                   struct buf *to);

/* A line for each node, but for those with any of the flags. */
void describe_nodes(const struct cluster *c, unsigned without, struct session *who, struct buf *to);

#endif
