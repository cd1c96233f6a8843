/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies to Lua values and back, by Redis's rules:
 *
 *     reply                     Lua                            and back
 *     :1                        number                         integer, decimals cut off
 *     bulk string               string                         bulk string
 *     +OK                       {ok = "OK"}                    status
 *     -ERR text                 {err = "ERR text"}             error
 *     array                     table                          array, up to the first nil
 *     null (RESP2)              false                          null
 *     null (RESP3)              nil                            null
 *     boolean (RESP3)           boolean                        RESP2: true is 1, false null
 *     double (RESP3)            {double = number}              double
 *     map (RESP3)               {map = {...}}                  map
 *     set (RESP3)               {set = {member = true}}        set
 *     big number (RESP3)        {big_number = text}            big number
 *     verbatim string (RESP3)   {verbatim_string =
 *                                {string =, format =}}         verbatim string
 *     attribute (RESP3)         dropped
 *
 * What RESP2 lacks turns into what Redis sends there. Tables are read without their metatables. */
#ifndef DREY_SCRIPT_LUA_REPLY_H
#define DREY_SCRIPT_LUA_REPLY_H

#include <lua.h>

#include "resp/reply.h"

/* Pushes the value of the reply that `bytes` start with and returns how many of them it takes; 0
 * (and nothing pushed) if they're no whole reply, or nest too deeply. Throws Lua's errors. */
size_t lua_reply_push(lua_State *L, struct slice bytes);

/* Pops the value on top and appends it to `to` as a reply. `resp` is what the script chose
 * (redis.setresp): it decides how booleans are told. Only lack of memory throws. */
void lua_reply_append(lua_State *L, struct reply *to, int resp);

#endif
