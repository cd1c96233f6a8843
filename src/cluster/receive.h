/* SPDX-License-Identifier: BSD-3-Clause */
/* What is made of messages of the bus. */
#ifndef DREY_CLUSTER_RECEIVE_H
#define DREY_CLUSTER_RECEIVE_H

#include "cluster/link.h"

/* A message of a link's, borrowed. The link may be closed afterwards. */
void receive_message(struct cluster_link *l, struct slice packet);

/* The same, when nothing may change: if it's a ping of a node that's known, it's answered. */
void receive_ping(struct cluster_link *l, struct slice packet);

#endif
