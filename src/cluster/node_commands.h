/* SPDX-License-Identifier: BSD-3-Clause */
/* The subcommands of CLUSTER about nodes and epochs. */
#ifndef DREY_CLUSTER_NODE_COMMANDS_H
#define DREY_CLUSTER_NODE_COMMANDS_H

#include "exec/command.h"

command_handler cluster_cmd_bumpepoch, cluster_cmd_set_config_epoch, cluster_cmd_saveconfig,
    cluster_cmd_reset, cluster_cmd_forget, cluster_cmd_meet;

#endif
