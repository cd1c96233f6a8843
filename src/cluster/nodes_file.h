/* SPDX-License-Identifier: BSD-3-Clause */
/* nodes.conf: what a member remembers of the cluster, as Redis writes it: a line for each node
 * (describe.h), then "vars currentEpoch N lastVoteEpoch N". Files of Redis 3 to 7 are read.
 *
 * It's written aside, synced and renamed, so it's always whole, and locked, so that no two servers
 * take themselves for the same node. */
#ifndef DREY_CLUSTER_NODES_FILE_H
#define DREY_CLUSTER_NODES_FILE_H

#include "cluster/cluster.h"

/* Locks and reads the file, or makes one of a new node. False: the log says why. */
bool nodes_file_open(struct cluster *c);

/* Writes it, if that's due or not; ends the process if it can't be written, as a node that forgets
 * what it promised is worse than none. */
void nodes_file_save(struct cluster *c);
/* The same, but says whether it could. */
bool nodes_file_try_save(struct cluster *c);

/* Fills a cluster that knows no nodes yet. False: the text isn't whole; the line's number is in
 * *line (0: there's no line that says who this node is). What was read up to there is in `c`. */
bool nodes_file_parse(struct cluster *c, struct slice text, size_t *line);

/* Appends what the file says. */
void nodes_file_write(const struct cluster *c, struct buf *to);

#endif
