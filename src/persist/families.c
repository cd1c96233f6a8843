/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/families.h"

#include <stddef.h>

const struct command *const persist_families[] = {aof_commands, dump_commands, save_commands, NULL};
