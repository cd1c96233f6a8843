/* SPDX-License-Identifier: BSD-3-Clause */
/* Types of values that only kept parameters have so far. Each goes with its rows when a module
 * takes them over. */
#ifndef DREY_EXEC_CONFIG_KEPT_TYPES_H
#define DREY_EXEC_CONFIG_KEPT_TYPES_H

#include "exec/config.h"

/* struct config_list: host and port, or nothing. */
extern const struct config_type config_type_replicaof;

#endif
