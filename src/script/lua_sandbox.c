/* SPDX-License-Identifier: BSD-3-Clause */
/* The face of a read-only table: an empty table with the metatable
 *
 *     { __index = the real table, __newindex = refuse_write, [&real_key] = the real table }
 *
 * The last field, under a key that scripts can't make, is how the functions here know it. */
#include "script/lua_sandbox.h"

#include <lauxlib.h>
#include <lualib.h>

#include "base/assert.h"
#include "script/lua_guard.h"
#include "script/lua_readonly.h"
#include "script/script_engine.h"

enum { SOURCE_MAX = 256 * 1024 * 1024 };

/* Compiling. */

struct source {
    struct slice text;
    bool masked; /* a blank was put in front */
};

/* Text that starts like bytecode gets a blank in front: then it's text, and an error. */
static const char *read_source(lua_State *L, void *data, size_t *size) {
    struct source *s = data;
    if (!s->masked && s->text.len && s->text.ptr[0] == LUA_SIGNATURE[0]) {
        s->masked = true;
        *size = 1;
        return " ";
    }
    const char *text = s->text.ptr;
    *size = s->text.len;
    s->text.len = 0;
    return *size ? text : NULL;
}

int lua_sandbox_load(lua_State *L, struct slice text, const char *name) {
    if (text.len > SOURCE_MAX) {
        lua_pushliteral(L, "script too long");
        return LUA_ERRSYNTAX;
    }
    struct source source = {.text = text};
    lua_gc(L, LUA_GCSTOP, 0);
    int failed = lua_load(L, read_source, &source, name);
    lua_gc(L, LUA_GCRESTART, 0);
    return failed;
}

/* The function, or nil and the message, for load and loadstring. */
static int load_and_return(lua_State *L, int text, const char *name) {
    size_t len;
    const char *source = lua_tolstring(L, text, &len);
    if (lua_sandbox_load(L, slice_of(source, len), name) == 0) return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static int base_loadstring(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    return load_and_return(L, 1, luaL_optstring(L, 2, text));
}

/* Of a function that gives text in pieces, and table.concat: all of the text. */
static int all_pieces(lua_State *L) {
    lua_settop(L, 2);
    lua_newtable(L);
    for (int n = 1;; n++) {
        lua_pushvalue(L, 1);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1)) break;
        if (!lua_isstring(L, -1)) {
            luaL_where(L, 2);
            lua_pushliteral(L, "reader function must return a string");
            lua_concat(L, 2);
            return lua_error(L);
        }
        if (lua_objlen(L, -1) == 0) break;
        lua_rawseti(L, 3, n);
    }
    lua_settop(L, 3);
    lua_call(L, 1, 1);
    return 1;
}

/* Takes the pieces before it compiles: nothing of the script runs while the parser does. */
static int base_load(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    const char *name = luaL_optstring(L, 2, "=(load)");
    lua_pushcfunction(L, all_pieces);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1)); /* table.concat */
    if (lua_pcall(L, 2, 1, 0) == 0) return load_and_return(L, lua_gettop(L), name);
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

static void open_loaders(lua_State *L) {
    lua_getglobal(L, LUA_TABLIBNAME);
    lua_getfield(L, -1, "concat");
    lua_pushcclosure(L, base_load, 1);
    lua_setglobal(L, "load");
    lua_pop(L, 1);
    lua_pushcfunction(L, base_loadstring);
    lua_setglobal(L, "loadstring");
}

/* Opening. */

static void open_library(lua_State *L, lua_CFunction open, const char *name) {
    lua_pushcfunction(L, open);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
}

/* Leaves of the table on top only the fields named. */
static void keep_only(lua_State *L, const char *const *names) {
    lua_newtable(L);
    for (; *names; names++) {
        lua_getfield(L, -2, *names);
        lua_setfield(L, -2, *names);
    }
    lua_remove(L, -2);
}

static void open_base(lua_State *L) {
    static const char *const names[] = {"assert",       "collectgarbage", "error",    "gcinfo",
                                        "getmetatable", "ipairs",         "next",     "pairs",
                                        "pcall",        "rawequal",       "rawget",   "rawset",
                                        "select",       "setmetatable",   "tonumber", "tostring",
                                        "type",         "unpack",         "xpcall",   "_VERSION",
                                        "_G",           "coroutine",      NULL};
    open_library(L, luaopen_base, "");
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    keep_only(L, names);
    lua_replace(L, LUA_GLOBALSINDEX);
}

/* luaopen_os would bring the rest, too. */
static void open_os(lua_State *L) {
    static const char *const names[] = {"clock", NULL};
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    lua_newtable(L);
    lua_replace(L, LUA_GLOBALSINDEX);
    open_library(L, luaopen_os, LUA_OSLIBNAME);
    lua_getglobal(L, LUA_OSLIBNAME);
    keep_only(L, names);
    lua_insert(L, -2);
    lua_replace(L, LUA_GLOBALSINDEX);
    lua_setglobal(L, LUA_OSLIBNAME);
}

/* Libraries register themselves where `require` would look; scripts have no such thing, but their
 * tables would stay there, writable, for no use. */
static void forget_loaded(lua_State *L) {
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "_LOADED");
}

void lua_sandbox_open(lua_State *L) {
    open_base(L);
    open_library(L, luaopen_table, LUA_TABLIBNAME);
    open_library(L, luaopen_string, LUA_STRLIBNAME);
    open_library(L, luaopen_math, LUA_MATHLIBNAME);
    open_os(L);
    lua_getglobal(L, LUA_MATHLIBNAME);
    lua_random_open(L, &scripts_of(L)->random);
    lua_pop(L, 1);
    open_loaders(L);
    lua_guard_open(L);
    lua_readonly_open(L);
}

/* Closing. */

static int missing_global(lua_State *L) {
    return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
                      lua_tostring(L, 2) ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

/* All tables among the globals (on top) become read-only. Values of existing fields may change
 * while a table is walked. */
static void freeze_fields(lua_State *L) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (!lua_istable(L, -1)) {
            lua_pop(L, 1);
            continue;
        }
        lua_sandbox_freeze(L);
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
}

/* Methods of strings are found in the real table; who asks for the metatable gets a read-only one
 * that leads to the read-only table. */
static void close_strings(lua_State *L) {
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_newtable(L);
    lua_getglobal(L, LUA_STRLIBNAME);
    lua_setfield(L, -2, "__index");
    lua_sandbox_freeze(L);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

void lua_sandbox_freeze(lua_State *L) {
    lua_readonly_push(L, lua_gettop(L));
    lua_remove(L, -2);
}

int lua_sandbox_close(lua_State *L) {
    lua_pushnil(L);
    lua_setglobal(L, "_G"); /* it's not to be frozen like the rest */
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    freeze_fields(L);
    close_strings(L);
    lua_newtable(L);
    lua_pushcfunction(L, missing_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_readonly_push(L, lua_gettop(L));
    lua_pushvalue(L, -1);
    lua_replace(L, LUA_GLOBALSINDEX);
    lua_setfield(L, -2, "_G");
    forget_loaded(L);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}
