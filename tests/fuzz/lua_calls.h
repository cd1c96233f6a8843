/* SPDX-License-Identifier: BSD-3-Clause */
/* What fuzz targets of the interpreter's libraries share. */
#ifndef DREY_TESTS_LUA_CALLS_H
#define DREY_TESTS_LUA_CALLS_H

#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>

static inline void must(bool holds) {
    if (!holds) abort();
}

/* A library's function of that name, with the `args` values on top as its arguments: the number of
 * values that it returned in place of those, or -1. */
static inline int call_library(lua_State *L, const char *library, const char *name, int args) {
    int top = lua_gettop(L) - args;
    lua_getglobal(L, library);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
    lua_insert(L, top + 1);
    if (lua_pcall(L, args, LUA_MULTRET, 0)) {
        lua_settop(L, top);
        return -1;
    }
    return lua_gettop(L) - top;
}

#endif
