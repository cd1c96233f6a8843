/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/families.h"

#include <stddef.h>

const struct command *const script_families[] = {
    script_commands,
    function_commands,
    NULL,
};
