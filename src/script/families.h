/* SPDX-License-Identifier: BSD-3-Clause */
/* The families of commands of scripting; each file exports its rows. */
#ifndef DREY_SCRIPT_FAMILIES_H
#define DREY_SCRIPT_FAMILIES_H

#include "exec/command.h"

extern const struct command script_commands[];
extern const struct command function_commands[];

/* All of them; ends with NULL. */
extern const struct command *const script_families[];

#endif
