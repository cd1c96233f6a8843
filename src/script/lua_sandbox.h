/* SPDX-License-Identifier: BSD-3-Clause */
/* What scripts see of Lua: the functions that can do no harm, in tables that can't be changed. One
 * script can't leave anything to the next, nor get at what it isn't meant to.
 *
 * Read-only tables: stock Lua 5.1 has none, so scripts get an empty table whose metatable leads to
 * the real one for reading and refuses writing. The functions that would look past a metatable
 * (next, pairs, rawget, rawset, table.insert ...) are replaced by such that know: to scripts it
 * looks as in Redis, whose Lua is changed for that. The real tables are never handed out.
 *
 * Beyond that, what is guarded and why:
 * - load and loadstring take text only (bytecode isn't verified), and the collector rests while
 *   they compile: Lua 5.1's parser doesn't hold on to all it uses (CVE-2025-49844);
 * - unpack's range is looked at in 64 bits (CVE-2025-46817);
 * - patterns with many repetitions recurse on the C stack, and so do coroutines that resume each
 *   other: both have a limit;
 * - what takes long without running Lua code (patterns, sorting, coroutines that come and go)
 * counts its steps, so that a script can be ended there, too;
 * - string.rep makes its result in one step, of limited size;
 * - collectgarbage can't be stopped or tuned;
 * - the metatable of strings can be neither had nor changed (CVE-2025-46818). */
#ifndef DREY_SCRIPT_LUA_SANDBOX_H
#define DREY_SCRIPT_LUA_SANDBOX_H

#include <lua.h>

#include "base/slice.h"

/* Opens Lua's libraries, as far as scripts may use them, into the globals of a new state. What is
 * set as a global between this and lua_sandbox_close will be there for scripts. */
void lua_sandbox_open(lua_State *L);

/* Puts read-only tables in place of the globals and of all tables among them. Returns the registry
 * reference of the table of globals itself: what is set there is seen by all. */
int lua_sandbox_close(lua_State *L);

/* Pops a table and pushes its read-only face. */
void lua_sandbox_freeze(lua_State *L);

/* Compiles text: pushes the function and returns 0, or Lua's error code with the message. */
int lua_sandbox_load(lua_State *L, struct slice text, const char *name);

#endif
