/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/library_api.h"

#include <lauxlib.h>

#include "script/library.h"
#include "script/lua_api.h"
#include "script/lua_sandbox.h"
#include "script/script_run.h"

/* --- redis.register_function ---------------------------------------------------------------------
 */

struct registration {
    struct slice name, description;
    bool named, described;
    int callback; /* stack index, 0: none yet */
    unsigned flags;
};

/* %s in the text stands for the function's name as it was called, redis.x or server.x. */
static void fail(lua_State *L, const char *text) {
    lua_pushfstring(L, text, lua_tostring(L, lua_upvalueindex(1)));
    lua_push_error(L, lua_tostring(L, -1));
    lua_error(L);
}

static struct slice text_at(lua_State *L, int index, const char *error) {
    struct slice text;
    if (!lua_isstring(L, index)) fail(L, error);
    text.ptr = lua_tolstring(L, index, &text.len);
    return text;
}

/* Of the table on top, up to the first nil. */
static unsigned read_flags(lua_State *L) {
    unsigned flags = 0;
    if (!lua_istable(L, -1))
        fail(L, "flags argument to %s must be a table representing function flags");
    for (int i = 1;; i++) {
        lua_rawgeti(L, -1, i);
        if (lua_isnil(L, -1)) break;
        size_t len;
        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
        unsigned flag = name ? script_flag_of(slice_of(name, len)) : 0;
        if (!flag) fail(L, "unknown flag given");
        flags |= flag;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return flags;
}

/* The key is below the value, which is on top. What `r` holds of it lives as long as the table that
 * they're in. */
static void read_argument(lua_State *L, struct registration *r) {
    if (!lua_isstring(L, -2)) fail(L, "named argument key given to %s is not a string");
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (strcasecmp(key, "function_name") == 0) {
        r->name = text_at(L, -1, "function_name argument given to %s must be a string");
        r->named = true;
    } else if (strcasecmp(key, "description") == 0) {
        r->description = text_at(L, -1, "description argument given to %s must be a string");
        r->described = true;
    } else if (strcasecmp(key, "callback") == 0) {
        if (!lua_isfunction(L, -1)) fail(L, "callback argument given to %s must be a function");
        lua_pushvalue(L, -1);
        lua_replace(L, r->callback = 2);
    } else if (strcasecmp(key, "flags") == 0) {
        r->flags = read_flags(L);
    } else {
        fail(L, "unknown argument given to %s");
    }
}

/* A number that is a value turns into a string on the stack only: it's kept by putting it back. */
static void keep_text(lua_State *L) {
    if (lua_type(L, -1) != LUA_TNUMBER) return;
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_tostring(L, -1);
    lua_pushvalue(L, -1);
    lua_replace(L, -4);
    lua_rawset(L, 1);
}

static void read_named(lua_State *L, struct registration *r) {
    if (!lua_istable(L, 1))
        fail(L, "calling %s with a single argument is only applicable to Lua table "
                "(representing named arguments).");
    lua_pushnil(L); /* 2: where the callback goes */
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        keep_text(L);
        read_argument(L, r);
    }
    if (!r->named) fail(L, "%s must get a function name argument");
    if (!r->callback) fail(L, "%s must get a callback argument");
}

static void read_positional(lua_State *L, struct registration *r) {
    r->name = text_at(L, 1, "first argument to %s must be a string");
    if (!lua_isfunction(L, 2)) fail(L, "second argument to %s must be a function");
    r->callback = 2;
}

static int register_function(lua_State *L) {
    struct library *library = scripts_of(L)->loading;
    struct registration r = {0};
    int args = lua_gettop(L);
    if (!library) fail(L, "%s can only be called on FUNCTION LOAD command");
    if (args < 1 || args > 2) fail(L, "wrong number of arguments to %s");
    if (args == 1)
        read_named(L, &r);
    else
        read_positional(L, &r);
    if (!library_name_is_valid(r.name)) fail(L, library_name_error);
    if (library_function(library, r.name)) fail(L, "Function already exists in the library");
    lua_pushvalue(L, r.callback);
    int ref = luaL_ref(L, LUA_REGISTRYINDEX);
    struct function *f = library_add(library, r.name);
    f->lua = ref;
    f->flags = r.flags;
    f->described = r.described;
    buf_append_slice(&f->description, r.description);
    return 0;
}

/* --- The tables ----------------------------------------------------------------------------------
 */

/* Pushes the read-only table of `name`, "redis" or "server"; that of the scripts is below. */
static void push_api(lua_State *L, const char *name) {
    static const char *const shared[] = {"log",
                                         "LOG_DEBUG",
                                         "LOG_VERBOSE",
                                         "LOG_NOTICE",
                                         "LOG_WARNING",
                                         "REDIS_VERSION",
                                         "REDIS_VERSION_NUM",
                                         "SERVER_NAME",
                                         "SERVER_VERSION",
                                         "SERVER_VERSION_NUM"};
    lua_newtable(L);
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        lua_getfield(L, -2, shared[i]);
        lua_setfield(L, -2, shared[i]);
    }
    lua_pushfstring(L, "%s.register_function", name);
    lua_pushcclosure(L, register_function, 1);
    lua_setfield(L, -2, "register_function");
    /* A field that isn't there is an error, as with globals. */
    lua_rawgeti(L, LUA_REGISTRYINDEX, scripts_of(L)->readable_globals);
    lua_getmetatable(L, -1);
    lua_setmetatable(L, -3);
    lua_pop(L, 1);
    lua_sandbox_freeze(L);
}

void library_api_push(struct script_engine *s) {
    lua_State *L = s->lua;
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->readable_globals);
    lua_getfield(L, -1, "redis");
    push_api(L, "redis");
    lua_setfield(L, -4, "redis");
    push_api(L, "server");
    lua_setfield(L, -4, "server");
    lua_pop(L, 2);
}
