/* SPDX-License-Identifier: BSD-3-Clause */
/* Lua's values and replies as text for people, as the debugger shows them:
 *
 *   {1; "two"; {["key"]=true}}      tables, down to ten levels
 *   "function@0x7f..."              what has no text of its own
 *   [1,"two",NULL]   {"key" => 1}   replies: arrays, maps; ~(...) sets, "+OK" and "-ERR ..." */
#ifndef DREY_SCRIPT_DEBUGGER_TEXT_H
#define DREY_SCRIPT_DEBUGGER_TEXT_H

#include <lua.h>

#include "base/buf.h"

/* Appends the value at `index`; stops in the middle of a table once `out` has `max` bytes. Throws
 * Lua's errors. */
void debugger_text_value(lua_State *L, int index, struct buf *out, size_t max);

/* Appends the reply, of either protocol. */
void debugger_text_reply(struct slice bytes, struct buf *out);

#endif
