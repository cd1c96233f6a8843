/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of Redis 7.2 and Valkey 8.0 that are accepted, checked, kept and shown, but have no
 * meaning here: either what they tune doesn't exist in this design, or the module that will own
 * them isn't there yet (its row then moves there). */
#ifndef DREY_EXEC_CONFIG_KEPT_H
#define DREY_EXEC_CONFIG_KEPT_H

#include "exec/config.h"

void config_register_kept(struct config *cfg);

/* Appends the names of the kept parameters that were changed, separated by ", ": what a server
 * should warn of when it starts. */
void config_kept_in_use(struct config *cfg, struct buf *out);

#endif
