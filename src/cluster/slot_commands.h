/* SPDX-License-Identifier: BSD-3-Clause */
/* The subcommands of CLUSTER about slots: whose they are, and what is in them. */
#ifndef DREY_CLUSTER_SLOT_COMMANDS_H
#define DREY_CLUSTER_SLOT_COMMANDS_H

#include "exec/command.h"

command_handler cluster_cmd_addslots, cluster_cmd_addslotsrange, cluster_cmd_delslots,
    cluster_cmd_delslotsrange, cluster_cmd_flushslots, cluster_cmd_setslot, cluster_cmd_keyslot,
    cluster_cmd_countkeysinslot, cluster_cmd_getkeysinslot;

#endif
