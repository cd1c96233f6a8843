/* SPDX-License-Identifier: BSD-3-Clause */
/* CLIENT's subcommands for client-side caching. */
#ifndef DREY_SERVER_TRACKING_COMMANDS_H
#define DREY_SERVER_TRACKING_COMMANDS_H

#include "exec/command.h"

extern command_handler tracking_cmd_tracking, tracking_cmd_caching, tracking_cmd_trackinginfo,
    tracking_cmd_getredir;

#endif
