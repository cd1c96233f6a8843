/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions of Lua's libraries with limits that Lua 5.1 lacks, and pcall as Redis has it; see
 * lua_sandbox.h. */
#ifndef DREY_SCRIPT_LUA_GUARD_H
#define DREY_SCRIPT_LUA_GUARD_H

#include <lua.h>

/* Puts them in place of Lua's, in the globals. */
void lua_guard_open(lua_State *L);

#endif
