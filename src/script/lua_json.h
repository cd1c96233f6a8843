/* SPDX-License-Identifier: BSD-3-Clause */
/* The library `cjson`: JSON text to and from Lua values, with the functions, settings, results and
 * error texts of lua-cjson 2.1.0 as Redis 7.2 has it, and Valkey 8's decode_array_with_array_mt.
 *
 * Settings belong to a table of functions (cjson itself, or what cjson.new returns), are set and
 * asked by calling them, and stay until the state ends. */
#ifndef DREY_SCRIPT_LUA_JSON_H
#define DREY_SCRIPT_LUA_JSON_H

#include <lua.h>

/* Pushes the library's table; `buf` is the stack index of the state's lua_buf. */
void lua_json_push(lua_State *L, int buf);

#endif
