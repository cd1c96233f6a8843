/* SPDX-License-Identifier: BSD-3-Clause */
/* cjson.encode; lua_json.h describes the library. */
#ifndef DREY_SCRIPT_LUA_JSON_ENCODE_H
#define DREY_SCRIPT_LUA_JSON_ENCODE_H

#include <lua.h>

int json_encode(lua_State *L);

#endif
