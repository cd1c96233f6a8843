/* SPDX-License-Identifier: BSD-3-Clause */
/* The subcommands of CLUSTER that tell how things are. */
#ifndef DREY_CLUSTER_SHOW_COMMANDS_H
#define DREY_CLUSTER_SHOW_COMMANDS_H

#include "exec/command.h"

command_handler cluster_cmd_info, cluster_cmd_nodes, cluster_cmd_slots, cluster_cmd_shards,
    cluster_cmd_myid, cluster_cmd_myshardid, cluster_cmd_replicas, cluster_cmd_links,
    cluster_cmd_count_failure_reports;

#endif
