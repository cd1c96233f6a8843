/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions that only read get the real table in place of its face; those that write refuse. Both
 * go on in Lua's own C function, which looks at nothing but its arguments, so that this costs
 * others one look at whether there's a metatable. */
#include "script/lua_readonly.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

/* Its address is the key of the real table in a face's metatable. */
static const char real_key;

static int refuse_write(lua_State *L) {
    return luaL_error(L, "Attempt to modify a readonly table");
}

void lua_readonly_push(lua_State *L, int index) {
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, index);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_pushlightuserdata(L, (void *)&real_key);
    lua_pushvalue(L, index);
    lua_rawset(L, -3);
    lua_setmetatable(L, -2);
}

/* Pushes the table behind the face at `index`; false, and nothing pushed, if that's none. */
static bool push_real(lua_State *L, int index) {
    if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
    lua_pushlightuserdata(L, (void *)&real_key);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    if (lua_istable(L, -1)) return true;
    lua_pop(L, 1);
    return false;
}

bool lua_readonly_is(lua_State *L, int index) {
    bool is = push_real(L, index);
    if (is) lua_pop(L, 1);
    return is;
}

static lua_CFunction original(lua_State *L) {
    return lua_tocfunction(L, lua_upvalueindex(1));
}

static int reader(lua_State *L) {
    if (push_real(L, 1)) lua_replace(L, 1);
    return original(L)(L);
}

/* As in Redis the message has no position here. */
int lua_readonly_refuse(lua_State *L) {
    lua_pushliteral(L, "Attempt to modify a readonly table");
    return lua_error(L);
}

static int writer(lua_State *L) {
    if (lua_readonly_is(L, 1)) return lua_readonly_refuse(L);
    return original(L)(L);
}

/* The real table isn't handed out: its face is what next is called with again. */
static int base_next(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    if (push_real(L, 1)) lua_replace(L, 1);
    if (lua_next(L, 1)) return 2;
    lua_pushnil(L);
    return 1;
}

static int base_pairs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* A face's metatable is no business of scripts; that of the real table is read-only, too. */
static int base_getmetatable(lua_State *L) {
    if (!push_real(L, 1)) return original(L)(L);
    if (lua_getmetatable(L, -1))
        lua_readonly_push(L, lua_gettop(L));
    else
        lua_pushnil(L);
    return 1;
}

/* Replaces fields of the table on top. */
static void replace_fields(lua_State *L, const char *const *names, lua_CFunction by) {
    for (; *names; names++) {
        lua_getfield(L, -1, *names);
        lua_pushcclosure(L, by, 1);
        lua_setfield(L, -2, *names);
    }
}

void lua_readonly_open(lua_State *L) {
    static const char *const base_readers[] = {"rawget", NULL};
    static const char *const base_writers[] = {"rawset", "setmetatable", NULL};
    static const char *const table_readers[] = {"foreach", "foreachi", "getn",
                                                "maxn",    "concat",   NULL};
    static const char *const table_writers[] = {"insert", "remove", "setn", NULL};
    static const char *const asked[] = {"getmetatable", NULL};
    lua_getglobal(L, LUA_TABLIBNAME);
    replace_fields(L, table_readers, reader);
    replace_fields(L, table_writers, writer);
    lua_pop(L, 1);
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    replace_fields(L, base_readers, reader);
    replace_fields(L, base_writers, writer);
    replace_fields(L, asked, base_getmetatable);
    lua_pushcfunction(L, base_next);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "next");
    lua_pushcclosure(L, base_pairs, 1);
    lua_setfield(L, -2, "pairs");
    lua_pop(L, 1);
}
