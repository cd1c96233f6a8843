/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions of the library `cmsgpack` that read; lua_msgpack.h describes them. */
#ifndef DREY_SCRIPT_LUA_MSGPACK_UNPACK_H
#define DREY_SCRIPT_LUA_MSGPACK_UNPACK_H

#include <lua.h>

int msgpack_unpack(lua_State *L);
int msgpack_unpack_one(lua_State *L);
int msgpack_unpack_limit(lua_State *L);

#endif
