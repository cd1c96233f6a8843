/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/families.h"

#include <stddef.h>

const struct command *const server_families[] = {
    admin_commands,   client_commands,  config_commands,  connection_commands,
    debug_commands,   latency_commands, lolwut_commands,  memory_commands,
    migrate_commands, module_commands,  slowlog_commands, NULL,
};
