/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd/families.h"

#include <stddef.h>

const struct command *const command_families[] = {
    command_commands,
    bitmap_commands,
    hyperloglog_commands,
    string_commands,
    NULL,
};
