/* SPDX-License-Identifier: BSD-3-Clause */
/* math.random and math.randomseed for scripts: the same numbers on every machine. The generator is
 * POSIX's 48-bit linear congruential one (as lrand48), as in Redis: a seed gives the same numbers
 * there and here. */
#ifndef DREY_SCRIPT_LUA_RANDOM_H
#define DREY_SCRIPT_LUA_RANDOM_H

#include <lua.h>
#include <stdint.h>

struct lua_random {
    uint64_t state; /* 48 bits */
};

/* Replaces the two in the table on top of the stack, that of `math`. `r` lives as long as the
 * state. */
void lua_random_open(lua_State *L, struct lua_random *r);

#endif
