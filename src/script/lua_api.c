/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/lua_api.h"

#include <assert.h>

#include <lauxlib.h>

#include "base/sha1.h"
#include "base/version.h"
#include "script/lua_call.h"
#include "script/script_engine.h"

enum { REPL_NONE = 0, REPL_AOF = 1, REPL_REPLICA = 2, REPL_ALL = REPL_AOF | REPL_REPLICA };

/* Errors. */

void lua_push_error_slice(lua_State *L, struct slice text) {
    bool has_code = false;
    while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    if (text.len && text.ptr[0] == '-') {
        text = slice_of(text.ptr + 1, text.len - 1);
        has_code = memchr(text.ptr, ' ', text.len) != NULL;
    }
    lua_createtable(L, 0, 1);
    if (!has_code) lua_pushliteral(L, "ERR ");
    lua_pushlstring(L, text.ptr, text.len);
    if (!has_code) lua_concat(L, 2);
    lua_setfield(L, -2, "err");
}

void lua_push_error(lua_State *L, const char *text) {
    lua_push_error_slice(L, slice_str(text));
}

static int fail(lua_State *L, const char *text) {
    lua_push_error(L, text);
    return lua_error(L);
}

/* Replies. */

static const char wrong_arguments[] = "wrong number or type of arguments";

static bool one_string(lua_State *L, struct slice *text) {
    if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) return false;
    text->ptr = lua_tolstring(L, 1, &text->len);
    return true;
}

static int api_status_reply(lua_State *L) {
    struct slice text;
    if (!one_string(L, &text)) {
        lua_push_error(L, wrong_arguments);
        return 1;
    }
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "ok");
    return 1;
}

/* The first word is the code, with or without a '-' before it. */
static int api_error_reply(lua_State *L) {
    struct slice text;
    if (!one_string(L, &text)) {
        lua_push_error(L, wrong_arguments);
        return 1;
    }
    if (text.len == 0 || text.ptr[0] != '-') {
        lua_pushliteral(L, "-");
        lua_insert(L, 1);
        lua_concat(L, 2);
        one_string(L, &text);
    }
    lua_push_error_slice(L, text);
    return 1;
}

/* What else there is. */

static int api_sha1hex(lua_State *L) {
    if (lua_gettop(L) != 1) return fail(L, "wrong number of arguments");
    size_t len = 0;
    const char *text = lua_tolstring(L, 1, &len);
    char hex[SHA1_HEX];
    sha1_hex(slice_of(text, text ? len : 0), hex);
    lua_pushlstring(L, hex, sizeof hex);
    return 1;
}

/* The words behind the level, with blanks between them; what is no text is left out. */
static int api_log(lua_State *L) {
    struct log *log = scripts_of(L)->engine->log;
    int args = lua_gettop(L);
    if (args < 2) return fail(L, "redis.log() requires two arguments or more.");
    if (!lua_isnumber(L, 1)) return fail(L, "First argument must be a number (log level).");
    lua_Number level = lua_tonumber(L, 1);
    if (!(level >= LOG_LEVEL_DEBUG && level <= LOG_LEVEL_WARNING))
        return fail(L, "Invalid debug level.");
    if (!log || !log_enabled(log, (enum log_level)level)) return 0;
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    for (int i = 2, words = 0; i <= args; i++) {
        if (!lua_isstring(L, i)) continue;
        if (words++) luaL_addchar(&text, ' ');
        lua_pushvalue(L, i);
        luaL_addvalue(&text);
    }
    luaL_pushresult(&text);
    log_write(log, (enum log_level)level, "%s", lua_tostring(L, -1));
    return 0;
}

static int api_setresp(lua_State *L) {
    if (lua_gettop(L) != 1) return fail(L, "redis.setresp() requires one argument.");
    lua_Number resp = lua_tonumber(L, 1);
    if (resp != 2 && resp != 3) return fail(L, "RESP version must be 2 or 3.");
    scripts_of(L)->session.own_reply.resp = (uint8_t)resp;
    return 0;
}

/* Who is told of what follows. */
static int api_set_repl(lua_State *L) {
    if (lua_gettop(L) != 1) return fail(L, "redis.set_repl() requires two arguments.");
    int flags = (int)lua_tonumber(L, 1);
    if (flags & ~REPL_ALL)
        return fail(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or "
                       "REPL_NONE.");
    static_assert(REPL_AOF == 1 << PROPAGATE_AOF && REPL_REPLICA == 1 << PROPAGATE_REPLICAS,
                  "the numbers that scripts know are those bits");
    scripts_of(L)->session.unpropagated = (uint8_t)(REPL_ALL & ~flags);
    return 0;
}

static int api_replicate_commands(lua_State *L) {
    lua_pushboolean(L, 1);
    return 1;
}

static int api_breakpoint(lua_State *L) {
    lua_pushboolean(L, debugger_break(scripts_of(L)));
    return 1;
}

static int api_debug(lua_State *L) {
    debugger_show(L);
    return 0;
}

static void set_numbers(lua_State *L) {
    static const struct {
        const char *name;
        int value;
    } numbers[] = {
        {"LOG_DEBUG", LOG_LEVEL_DEBUG},
        {"LOG_VERBOSE", LOG_LEVEL_VERBOSE},
        {"LOG_NOTICE", LOG_LEVEL_NOTICE},
        {"LOG_WARNING", LOG_LEVEL_WARNING},
        {"REPL_NONE", REPL_NONE},
        {"REPL_AOF", REPL_AOF},
        {"REPL_SLAVE", REPL_REPLICA},
        {"REPL_REPLICA", REPL_REPLICA},
        {"REPL_ALL", REPL_ALL},
        {"REDIS_VERSION_NUM", DREY_REDIS_VERSION_NUM},
        {"SERVER_VERSION_NUM", DREY_VERSION_NUM},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        lua_pushinteger(L, numbers[i].value);
        lua_setfield(L, -2, numbers[i].name);
    }
}

static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

void lua_api_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"call", lua_call_raising},
        {"pcall", lua_call_returning},
        {"acl_check_cmd", lua_call_allowed},
        {"status_reply", api_status_reply},
        {"error_reply", api_error_reply},
        {"sha1hex", api_sha1hex},
        {"log", api_log},
        {"setresp", api_setresp},
        {"set_repl", api_set_repl},
        {"replicate_commands", api_replicate_commands},
        {"breakpoint", api_breakpoint},
        {"debug", api_debug},
        {NULL, NULL},
    };
    lua_newtable(L);
    luaL_register(L, NULL, functions);
    set_numbers(L);
    set_text(L, "REDIS_VERSION", DREY_REDIS_VERSION);
    set_text(L, "SERVER_NAME", "drey");
    set_text(L, "SERVER_VERSION", DREY_VERSION);
    lua_pushvalue(L, -1);
    lua_setglobal(L, "server");
    lua_setglobal(L, "redis");
}
