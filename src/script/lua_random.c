/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/lua_random.h"

#include <lauxlib.h>
#include <math.h>

#define STATE_MASK  ((UINT64_C(1) << 48) - 1)
#define MULTIPLIER  UINT64_C(0x5DEECE66D)
#define INCREMENT   UINT64_C(0xB)
#define SEED_LOW    UINT64_C(0x330E)
#define RANGE       INT64_C(0x7fffffff)      /* what Redis makes of a step's 31 bits */
#define FIRST_STATE UINT64_C(0x1234ABCD330E) /* unseeded, as lrand48 is */

static struct lua_random *random_of(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* 0 up to, and without, 1. */
static double next(struct lua_random *r) {
    r->state = (r->state * MULTIPLIER + INCREMENT) & STATE_MASK;
    return (double)((int64_t)(r->state >> 17) % RANGE) / (double)RANGE;
}

static int math_random(lua_State *L) {
    double part = next(random_of(L));
    int args = lua_gettop(L);
    if (args == 0) {
        lua_pushnumber(L, part);
        return 1;
    }
    if (args > 2) return luaL_error(L, "wrong number of arguments");
    int low = args == 1 ? 1 : luaL_checkint(L, 1), high = luaL_checkint(L, args);
    luaL_argcheck(L, low <= high, args, "interval is empty");
    lua_pushnumber(L, floor(part * ((double)high - low + 1)) + low);
    return 1;
}

static int math_randomseed(lua_State *L) {
    uint64_t seed = (uint32_t)luaL_checkint(L, 1);
    random_of(L)->state = seed << 16 | SEED_LOW;
    return 0;
}

void lua_random_open(lua_State *L, struct lua_random *r) {
    r->state = FIRST_STATE;
    lua_pushlightuserdata(L, r);
    lua_pushcclosure(L, math_random, 1);
    lua_setfield(L, -2, "random");
    lua_pushlightuserdata(L, r);
    lua_pushcclosure(L, math_randomseed, 1);
    lua_setfield(L, -2, "randomseed");
}
