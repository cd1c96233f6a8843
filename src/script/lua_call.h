/* SPDX-License-Identifier: BSD-3-Clause */
/* redis.call and redis.pcall: running a command from a script. */
#ifndef DREY_SCRIPT_LUA_CALL_H
#define DREY_SCRIPT_LUA_CALL_H

#include <lua.h>

#include "script/script_engine.h"

int lua_call_raising(lua_State *L);   /* redis.call */
int lua_call_returning(lua_State *L); /* redis.pcall */
int lua_call_allowed(lua_State *L);   /* redis.acl_check_cmd */

void lua_call_release(struct script_engine *s);

#endif
