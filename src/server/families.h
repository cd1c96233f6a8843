/* SPDX-License-Identifier: BSD-3-Clause */
/* The families of commands that need the server: connections, introspection, administration. */
#ifndef DREY_SERVER_FAMILIES_H
#define DREY_SERVER_FAMILIES_H

#include "exec/command.h"

extern const struct command admin_commands[];
extern const struct command client_commands[];
extern const struct command config_commands[];
extern const struct command connection_commands[];
extern const struct command debug_commands[];
extern const struct command latency_commands[];
extern const struct command lolwut_commands[];
extern const struct command memory_commands[];
extern const struct command migrate_commands[];
extern const struct command module_commands[];
extern const struct command slowlog_commands[];

/* All of them; ends with NULL. */
extern const struct command *const server_families[];

#endif
