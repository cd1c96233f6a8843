/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/lua_json.h"

#include <lauxlib.h>
#include <limits.h>

#include "script/lua_json_decode.h"
#include "script/lua_json_encode.h"
#include "script/lua_json_int.h"

static const struct json_settings defaults = {
    .sparse_ratio = 2,
    .sparse_safe = 10,
    .encode_max_depth = 1000,
    .decode_max_depth = 1000,
    .precision = 14,
    .keep_buffer = true,
    .decode_invalid = true,
};

/* Its address is the mark's key in the registry. */
static const char array_mark_key;

void json_push_array_mark(lua_State *L) {
    lua_pushlightuserdata(L, (void *)&array_mark_key);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

/* Scripts can neither see nor change it. */
static void make_array_mark(lua_State *L) {
    json_push_array_mark(L);
    bool made = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (made) return;
    lua_pushlightuserdata(L, (void *)&array_mark_key);
    lua_createtable(L, 0, 1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_rawset(L, LUA_REGISTRYINDEX);
}

/* --- Settings: each function sets what it's given and returns what holds -------------------------
 */

/* All arguments up to `most` exist after this, as nil where none was given. */
static struct json_settings *settings_call(lua_State *L, int most) {
    luaL_argcheck(L, lua_gettop(L) <= most, most + 1, "found too many arguments");
    lua_settop(L, most);
    return json_settings(L);
}

static void integer_setting(lua_State *L, int arg, int *value, int min, int max) {
    if (!lua_isnil(L, arg)) {
        int given = (int)luaL_checkinteger(L, arg);
        /* The original blames the first argument, whichever it was. */
        if (given < min || given > max)
            luaL_argerror(L, 1, lua_pushfstring(L, "expected integer between %d and %d", min, max));
        *value = given;
    }
    lua_pushinteger(L, *value);
}

/* `choices` starts with "off", "on"; those are pushed as booleans. */
static void choice_setting(lua_State *L, int arg, int *value, const char *const *choices) {
    if (lua_isboolean(L, arg))
        *value = lua_toboolean(L, arg);
    else if (!lua_isnil(L, arg))
        *value = luaL_checkoption(L, arg, NULL, choices);
    if (*value > 1)
        lua_pushstring(L, choices[*value]);
    else
        lua_pushboolean(L, *value);
}

static void bool_setting(lua_State *L, int arg, bool *value) {
    static const char *const choices[] = {"off", "on", NULL};
    int number = *value;
    choice_setting(L, arg, &number, choices);
    *value = number;
}

static int set_sparse_array(lua_State *L) {
    struct json_settings *s = settings_call(L, 3);
    bool_setting(L, 1, &s->sparse_convert);
    integer_setting(L, 2, &s->sparse_ratio, 0, INT_MAX);
    integer_setting(L, 3, &s->sparse_safe, 0, INT_MAX);
    return 3;
}

static int set_encode_max_depth(lua_State *L) {
    integer_setting(L, 1, &settings_call(L, 1)->encode_max_depth, 1, INT_MAX);
    return 1;
}

static int set_decode_max_depth(lua_State *L) {
    integer_setting(L, 1, &settings_call(L, 1)->decode_max_depth, 1, INT_MAX);
    return 1;
}

static int set_number_precision(lua_State *L) {
    integer_setting(L, 1, &settings_call(L, 1)->precision, 1, 14);
    return 1;
}

static int set_keep_buffer(lua_State *L) {
    bool_setting(L, 1, &settings_call(L, 1)->keep_buffer);
    return 1;
}

static int set_encode_invalid_numbers(lua_State *L) {
    static const char *const choices[] = {"off", "on", "null", NULL};
    struct json_settings *s = settings_call(L, 1);
    int value = (int)s->encode_invalid;
    choice_setting(L, 1, &value, choices);
    s->encode_invalid = (enum json_invalid)value;
    return 1;
}

static int set_decode_invalid_numbers(lua_State *L) {
    bool_setting(L, 1, &settings_call(L, 1)->decode_invalid);
    return 1;
}

static int set_mark_arrays(lua_State *L) {
    struct json_settings *s = settings_call(L, 1);
    make_array_mark(L);
    bool_setting(L, 1, &s->mark_arrays);
    return 1;
}

/* --- The table of functions ----------------------------------------------------------------------
 */

static int json_new(lua_State *L) {
    lua_json_push(L, lua_upvalueindex(2));
    return 1;
}

static const luaL_Reg functions[] = {
    {"encode", json_encode},
    {"decode", json_decode},
    {"encode_sparse_array", set_sparse_array},
    {"encode_max_depth", set_encode_max_depth},
    {"decode_max_depth", set_decode_max_depth},
    {"encode_number_precision", set_number_precision},
    {"encode_keep_buffer", set_keep_buffer},
    {"encode_invalid_numbers", set_encode_invalid_numbers},
    {"decode_invalid_numbers", set_decode_invalid_numbers},
    {"decode_array_with_array_mt", set_mark_arrays},
    {"new", json_new},
};

void lua_json_push(lua_State *L, int buf) {
    lua_newtable(L);
    struct json_settings *s = lua_newuserdata(L, sizeof *s);
    *s = defaults;
    s->buf = lua_touserdata(L, buf);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        lua_pushvalue(L, -1);
        lua_pushvalue(L, buf);
        lua_pushcclosure(L, functions[i].func, 2);
        lua_setfield(L, -3, functions[i].name);
    }
    lua_pop(L, 1);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_pushliteral(L, "cjson");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "2.1.0");
    lua_setfield(L, -2, "_VERSION");
}
