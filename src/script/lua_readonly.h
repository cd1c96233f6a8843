/* SPDX-License-Identifier: BSD-3-Clause */
/* Read-only faces of tables, and the functions of Lua's libraries that know them; see
 * lua_sandbox.h. */
#ifndef DREY_SCRIPT_LUA_READONLY_H
#define DREY_SCRIPT_LUA_READONLY_H

#include <lua.h>
#include <stdbool.h>

/* Pushes a read-only face of the table at `index` (from 1). */
void lua_readonly_push(lua_State *L, int index);

/* Is there such a face at `index`? */
bool lua_readonly_is(lua_State *L, int index);

/* Throws the error of who wants to change such a table. */
int lua_readonly_refuse(lua_State *L);

/* Puts the functions that know such faces in place of Lua's. */
void lua_readonly_open(lua_State *L);

#endif
