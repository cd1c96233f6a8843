/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of a cluster: CLUSTER, ASKING, READONLY, READWRITE. They're there without one, too,
 * to say that there's none. */
#ifndef DREY_CLUSTER_FAMILIES_H
#define DREY_CLUSTER_FAMILIES_H

#include "exec/command.h"

struct cluster;

extern const struct command *const cluster_families[]; /* ends with NULL */

/* The call's cluster; NULL: there's none, and that's replied. */
struct cluster *cluster_or_reply(struct call *c);

/* For a subcommand with more arguments than it takes. */
void cluster_reply_too_many(struct call *c);

#endif
