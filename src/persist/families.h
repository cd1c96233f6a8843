/* SPDX-License-Identifier: BSD-3-Clause */
/* The families of commands that have to do with files and their formats. */
#ifndef DREY_PERSIST_FAMILIES_H
#define DREY_PERSIST_FAMILIES_H

#include "exec/command.h"

extern const struct command aof_commands[];
extern const struct command dump_commands[];
extern const struct command save_commands[];

/* All of them; ends with NULL. */
extern const struct command *const persist_families[];

#endif
