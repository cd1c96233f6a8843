/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/families.h"

#include <stddef.h>

const struct command *const server_families[] = {
    NULL,
};
