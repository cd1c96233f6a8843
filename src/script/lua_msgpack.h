/* SPDX-License-Identifier: BSD-3-Clause */
/* The library `cmsgpack`: MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) to
 * and from Lua values, with the choices, results and error texts of the library in Redis 7.2:
 *
 * - pack(...): its arguments one after the other. The shortest form of a whole number that fits 64
 *   bits, a float if it's exactly that, else a double. A table whose keys are 1..n is an array,
 * also the empty one. Nil for what has no form, and for tables inside of 16 others.
 * - unpack(data): all values in it; unpack_one(data [, offset]): one and, before it, where the next
 *   starts, or -1 at the end; unpack_limit(data, limit [, offset]): that many.
 * - The formats bin, ext and timestamp aren't known: "Bad data format in input." A number of 64
 * bits without a sign is read as if it had one. */
#ifndef DREY_SCRIPT_LUA_MSGPACK_H
#define DREY_SCRIPT_LUA_MSGPACK_H

#include <lua.h>

/* Pushes the library's table; `buf` is the stack index of the state's lua_buf. */
void lua_msgpack_push(lua_State *L, int buf);

#endif
