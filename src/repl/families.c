/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/families.h"

#include <stddef.h>

#include "repl/role.h"

const struct command *const repl_families[] = {repl_commands, role_commands, failover_commands,
                                               wait_commands, NULL};
