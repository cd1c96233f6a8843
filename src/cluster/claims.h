/* SPDX-License-Identifier: BSD-3-Clause */
/* Whose a slot is. A primary claims slots with its epoch; of two claims the one with the higher
 * epoch holds, and no two primaries keep the same epoch. */
#ifndef DREY_CLUSTER_CLAIMS_H
#define DREY_CLUSTER_CLAIMS_H

#include "cluster/cluster.h"

/* A primary claims the slots of a bitmap (MESSAGE_SLOTS bytes). Keys of slots that this node loses
 * by that are deleted; a node that loses all of them becomes a replica of whoever has them now. */
void claims_hear(struct cluster *c, struct cluster_node *by, uint64_t epoch, const uint8_t *slots);

/* A node that claims slots doesn't know of claims that hold against its own: the node of the first
 * of those; NULL: there's none. */
struct cluster_node *claims_newer(const struct cluster *c, const struct cluster_node *by,
                                  uint64_t epoch, const uint8_t *slots);

/* Is a slot of the bitmap somebody's with a higher epoch? */
bool claims_outdated(const struct cluster *c, uint64_t epoch, const uint8_t *slots);

/* A primary has the epoch that this one has: one of both takes another. */
void claims_same_epoch(struct cluster *c, const struct cluster_node *other);

/* Deletes all keys of a slot; returns how many. */
size_t claims_delete_keys(struct cluster *c, unsigned slot);

#endif
