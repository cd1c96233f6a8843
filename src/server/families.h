/* SPDX-License-Identifier: BSD-3-Clause */
/* The families of commands that need the server: connections, introspection, administration. */
#ifndef DREY_SERVER_FAMILIES_H
#define DREY_SERVER_FAMILIES_H

#include "exec/command.h"

/* All of them; ends with NULL. */
extern const struct command *const server_families[];

#endif
