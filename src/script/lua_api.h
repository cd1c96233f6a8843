/* SPDX-License-Identifier: BSD-3-Clause */
/* What scripts see of the server: the table `redis`, which is also `server`. */
#ifndef DREY_SCRIPT_LUA_API_H
#define DREY_SCRIPT_LUA_API_H

#include <lua.h>

#include "base/slice.h"

/* Sets both as globals. */
void lua_api_open(lua_State *L);

/* Pushes a table as errors are told to scripts, {err = "CODE text"}. `text` may start with "-CODE";
 * without, the code is ERR. */
void lua_push_error(lua_State *L, const char *text);
void lua_push_error_slice(lua_State *L, struct slice text);

#endif
