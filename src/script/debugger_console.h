/* SPDX-License-Identifier: BSD-3-Clause */
/* What somebody who debugs a script can ask for: step, next, continue, list, whole, print, break,
 * trace, eval, redis, maxlen, abort, help; their first letters do, too. */
#ifndef DREY_SCRIPT_DEBUGGER_CONSOLE_H
#define DREY_SCRIPT_DEBUGGER_CONSOLE_H

#include "script/debugger_int.h"

/* Runs one command while the script stands still in `L`. False: it's to go on. */
bool debugger_console_run(struct debugger *d, lua_State *L, const struct slice *argv, int argc);

/* Shows a line of the script as lists do. */
void debugger_console_line(struct debugger *d, int line);

#endif
