/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of replication. */
#ifndef DREY_REPL_FAMILIES_H
#define DREY_REPL_FAMILIES_H

#include "exec/command.h"

extern const struct command repl_commands[];
extern const struct command wait_commands[];

extern const struct command *const repl_families[]; /* ends with NULL */

#endif
