/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/lua_guard.h"

#include <lauxlib.h>
#include <lualib.h>

#include "base/slice.h"
#include "script/lua_pattern.h"
#include "script/lua_readonly.h"
#include "script/script_engine.h"
#include "script/script_run.h"

enum {
    UNPACK_MAX = LUAI_MAXCSTACK,     /* Lua's own limit, which it doesn't reach without overflow */
    RESUMING_MAX = LUAI_MAXCCALLS,   /* coroutines in each other: as deep as calls of C functions */
    STRING_MAX = 1024 * 1024 * 1024, /* of string.rep */
    RESUME_STEPS = 64,               /* what a coroutine's switch counts for, */
    SORT_MAX = 4096, /* and up to how many elements sorting doesn't, however bad they lie */
};

static lua_CFunction original(lua_State *L) {
    return lua_tocfunction(L, lua_upvalueindex(1));
}

static int base_unpack(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    int64_t first = luaL_optint(L, 2, 1);
    int64_t last = lua_isnoneornil(L, 3) ? (int64_t)lua_objlen(L, 1) : luaL_checkint(L, 3);
    if (last - first >= UNPACK_MAX) return luaL_error(L, "too many results to unpack");
    return original(L)(L);
}

/* An error that is a table with a text in it, as redis.call's are, is given as that text. */
static void flatten_error(lua_State *L) {
    if (!lua_istable(L, -1)) return;
    lua_pushliteral(L, "err");
    lua_rawget(L, -2);
    if (lua_isstring(L, -1))
        lua_remove(L, -2);
    else
        lua_pop(L, 1);
}

static int base_pcall(lua_State *L) {
    luaL_checkany(L, 1);
    struct script_engine *s = scripts_of(L);
    unsigned resuming = s->resuming;
    int failed = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    s->resuming = resuming;
    if (failed) script_end_if_asked(L);
    if (failed) flatten_error(L);
    lua_pushboolean(L, failed == 0);
    lua_insert(L, 1);
    return lua_gettop(L);
}

/* The script's handler of errors, but not of the one that ends it: that's raised within a hook, and
 * a handler that ran there couldn't be interrupted. */
static int handle_error(lua_State *L) {
    if (script_is_ending(L)) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int base_xpcall(lua_State *L) {
    luaL_checkany(L, 2);
    struct script_engine *s = scripts_of(L);
    unsigned resuming = s->resuming;
    lua_settop(L, 2);
    lua_pushcclosure(L, handle_error, 1);
    lua_insert(L, 1);
    int failed = lua_pcall(L, 0, LUA_MULTRET, 1);
    s->resuming = resuming;
    script_end_if_asked(L);
    lua_pushboolean(L, failed == 0);
    lua_replace(L, 1);
    return lua_gettop(L);
}

static int base_collectgarbage(lua_State *L) {
    const char *option = luaL_optstring(L, 1, "collect");
    struct slice word = slice_str(option);
    if (slice_eq(word, SLICE("stop")) || slice_eq(word, SLICE("restart")) ||
        slice_eq(word, SLICE("setpause")) || slice_eq(word, SLICE("setstepmul"))) {
        lua_pushinteger(L, 0);
        return 1;
    }
    return original(L)(L);
}

/* The first of the coroutine that is resumed counts, so that an error anywhere takes all back. */
static int resume_counted(lua_State *L) {
    struct script_engine *s = scripts_of(L);
    if (s->resuming >= RESUMING_MAX) return luaL_error(L, "C stack overflow");
    s->resuming++;
    script_steps(s, L, RESUME_STEPS);
    int results = original(L)(L);
    s->resuming--;
    script_end_if_asked(L);
    return results;
}

/* What coroutine.wrap returns, upvalue 2. */
static int wrapped(lua_State *L) {
    struct script_engine *s = scripts_of(L);
    if (s->resuming >= RESUMING_MAX) return luaL_error(L, "C stack overflow");
    unsigned resuming = s->resuming++;
    script_steps(s, L, RESUME_STEPS);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    int results = original(L)(L); /* coroutine.resume: true or false first, it doesn't throw */
    s->resuming = resuming;
    script_end_if_asked(L);
    if (lua_toboolean(L, -results)) return results - 1;
    if (lua_isstring(L, -1)) { /* as coroutine.wrap does: where it was resumed */
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int coroutine_wrap(lua_State *L) {
    luaL_argcheck(L, lua_isfunction(L, 1) && !lua_iscfunction(L, 1), 1, "Lua function expected");
    lua_pushvalue(L, lua_upvalueindex(1)); /* resume */
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, wrapped, 2);
    return 1;
}

static int string_rep(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    int times = luaL_checkint(L, 2);
    if (times <= 0 || len == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (len > STRING_MAX / (size_t)times) return luaL_error(L, "resulting string too large");
    size_t total = len * (size_t)times;
    char *to = lua_newuserdata(L, total);
    memcpy(to, text, len);
    for (size_t done = len; done < total;) {
        size_t more = done < total - done ? done : total - done;
        memcpy(to + done, to, more);
        done += more;
    }
    lua_pushlstring(L, to, total);
    return 1;
}

/* Comparing by what isn't Lua code: upvalue 1, or nil for "<". */
static int is_less(lua_State *L) {
    script_steps(scripts_of(L), L, 1);
    if (lua_isnil(L, lua_upvalueindex(1))) {
        lua_pushboolean(L, lua_lessthan(L, 1, 2));
    } else {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_insert(L, 1);
        lua_call(L, 2, 1);
    }
    return 1;
}

/* Lua's quicksort can be made to take the square of the elements. */
static int table_sort(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_readonly_is(L, 1)) return lua_readonly_refuse(L);
    bool by_c = lua_isnoneornil(L, 2) || lua_iscfunction(L, 2);
    if (by_c && lua_objlen(L, 1) > SORT_MAX) {
        lua_settop(L, 2);
        lua_pushcclosure(L, is_less, 1);
    }
    return original(L)(L);
}

/* Puts `by`, with Lua's function as its upvalue, in place of a field of the table on top. */
static void replace(lua_State *L, const char *name, lua_CFunction by) {
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, by, 1);
    lua_setfield(L, -2, name);
}

static void open_coroutines(lua_State *L) {
    lua_getglobal(L, LUA_COLIBNAME);
    lua_getfield(L, -1, "resume");
    lua_pushcclosure(L, coroutine_wrap, 1);
    lua_setfield(L, -2, "wrap");
    replace(L, "resume", resume_counted);
    lua_pop(L, 1);
}

static void open_tables(lua_State *L) {
    lua_getglobal(L, LUA_TABLIBNAME);
    replace(L, "sort", table_sort);
    lua_pop(L, 1);
}

static void open_strings(lua_State *L) {
    lua_getglobal(L, LUA_STRLIBNAME);
    lua_pushcfunction(L, string_rep);
    lua_setfield(L, -2, "rep");
    lua_pop(L, 1);
}

void lua_guard_open(lua_State *L) {
    open_coroutines(L);
    open_tables(L);
    open_strings(L);
    lua_pattern_open(L);
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    replace(L, "unpack", base_unpack);
    replace(L, "collectgarbage", base_collectgarbage);
    lua_pushcfunction(L, base_xpcall);
    lua_setfield(L, -2, "xpcall");
    lua_pushcfunction(L, base_pcall);
    lua_setfield(L, -2, "pcall");
    lua_pop(L, 1);
}
