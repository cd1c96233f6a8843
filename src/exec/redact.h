/* SPDX-License-Identifier: BSD-3-Clause */
/* Arguments as they may be shown to others than who sent them: in the slow log, to MONITOR, in a
 * crash report. Which are secret is part of a command's row. */
#ifndef DREY_EXEC_REDACT_H
#define DREY_EXEC_REDACT_H

#include "exec/command_table.h"

struct engine;

/* Argument i of a request for `cmd`: itself, or the text that Redis shows for a secret. Borrowed.
 * O(i) for the few commands that have any secrets. */
struct slice redact_arg(const struct engine *e, const struct command_entry *cmd,
                        const struct slice *argv, int argc, int i);

/* For rows whose arguments are all secret. */
bool redact_all(const struct engine *e, const struct slice *argv, int argc, int i);

#endif
