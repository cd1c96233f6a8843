/* SPDX-License-Identifier: BSD-3-Clause */
/* The families of commands of this layer; each file exports its rows. */
#ifndef DREY_CMD_FAMILIES_H
#define DREY_CMD_FAMILIES_H

#include "exec/command.h"

extern const struct command command_commands[];
extern const struct command bitmap_commands[];
extern const struct command hyperloglog_commands[];
extern const struct command string_commands[];

/* All of them; ends with NULL. */
extern const struct command *const command_families[];

#endif
