/* SPDX-License-Identifier: BSD-3-Clause */
/* CONFIG REWRITE: brings the config file in line with the values in force while keeping what people
 * wrote: comments, order, lines of parameters that didn't change.
 *
 * - A parameter's line is replaced in place when it doesn't say the present value any more; surplus
 * lines of the same parameter go.
 * - A parameter that isn't in the file is added only if it isn't at its default, below one marker
 * line.
 * - The file is replaced atomically: written aside in its own folder, synced, renamed, the folder
 * synced. On any failure the old file stays as it was. */
#ifndef DREY_EXEC_CONFIG_REWRITE_H
#define DREY_EXEC_CONFIG_REWRITE_H

#include "exec/config.h"

/* `force_all`: also write what is at its default (DEBUG CONFIG-REWRITE-FORCE-ALL). On false `error`
 * is the error to reply, its code included. Reads and writes files: milliseconds. */
bool config_rewrite(struct config *cfg, bool force_all, struct buf *error);

#endif
