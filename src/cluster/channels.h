/* SPDX-License-Identifier: BSD-3-Clause */
/* Shard channels are served where their slots are. */
#ifndef DREY_CLUSTER_CHANNELS_H
#define DREY_CLUSTER_CHANNELS_H

#include "cluster/cluster.h"

/* Ends the subscriptions to shard channels whose slots this node and its primary don't have any
 * more; those who had them are told. O(shard channels). */
void channels_leave(struct cluster *c);

#endif
