/* SPDX-License-Identifier: BSD-3-Clause */
/* cjson.decode; lua_json.h describes the library. */
#ifndef DREY_SCRIPT_LUA_JSON_DECODE_H
#define DREY_SCRIPT_LUA_JSON_DECODE_H

#include <lua.h>

int json_decode(lua_State *L);

#endif
