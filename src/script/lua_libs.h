/* SPDX-License-Identifier: BSD-3-Clause */
/* The libraries that scripts written for Redis find beside Lua's own:
 *
 * - cjson: JSON (lua_json.h);
 * - cmsgpack: MessagePack (lua_msgpack.h);
 * - struct: C structs to and from strings (lua_struct.h);
 * - bit: bitwise operations on 32-bit numbers (lua_bit.h).
 *
 * They're our own, with the results and error texts of Redis 7.2. Libraries that the system has
 * don't do: lua-cjson 2.1.0 counts its buffer's bytes in an `int`, so that encoding some hundred MB
 * writes beyond it (CVE-2022-24834); lua-bitop 1.0.2 writes outside of its text for bit.tohex(1,
 * -2^31) (CVE-2024-31449); cmsgpack and struct aren't packaged with Redis's limits. */
#ifndef DREY_SCRIPT_LUA_LIBS_H
#define DREY_SCRIPT_LUA_LIBS_H

#include <lua.h>

/* Sets the four as globals of the state. Throws Lua's error when out of memory. */
void lua_libs_open(lua_State *L);

#endif
