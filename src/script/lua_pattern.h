/* SPDX-License-Identifier: BSD-3-Clause */
/* Lua's patterns: string.find, match, gmatch and gsub as Lua 5.1's manual has them (section 5.4.1),
 * with its errors. What differs from Lua's own functions is that a match can be interrupted: a
 * pattern that tries ever more ways ("(.-)b" a few times over, on a long text) counts its steps
 * (script_steps), so that others are answered meanwhile, and the script can be ended. Searching for
 * plain text takes time in proportion to the text.
 *
 * Repetitions and captures within a pattern recurse on the C stack; over LUA_PATTERN_DEPTH of them
 * in one match are an error. */
#ifndef DREY_SCRIPT_LUA_PATTERN_H
#define DREY_SCRIPT_LUA_PATTERN_H

#include <lua.h>

enum { LUA_PATTERN_DEPTH = 4000 };

/* Puts the functions into the table of strings' functions, in the globals. */
void lua_pattern_open(lua_State *L);

#endif
