/* SPDX-License-Identifier: BSD-3-Clause */
/* The library `bit`: bitwise operations on 32-bit numbers, as Mike Pall's LuaBitOp 1.0.2
 * (https://bitop.luajit.org/semantics.html): arguments are rounded to whole numbers and taken
 * modulo 2^32, results are signed; shifts count modulo 32. */
#ifndef DREY_SCRIPT_LUA_BIT_H
#define DREY_SCRIPT_LUA_BIT_H

#include <lua.h>

/* Pushes the library's table. */
void lua_bit_push(lua_State *L);

#endif
