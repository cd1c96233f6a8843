/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the library `cjson` share: its settings. */
#ifndef DREY_SCRIPT_LUA_JSON_INT_H
#define DREY_SCRIPT_LUA_JSON_INT_H

#include <lua.h>
#include <stdbool.h>

#include "script/lua_buf.h"

enum json_invalid {
    JSON_INVALID_REFUSED,
    JSON_INVALID_TAKEN,
    JSON_INVALID_NULL, /* encoding only: null instead */
};

struct json_settings {
    struct lua_buf *buf; /* held by the functions' second upvalue */
    bool sparse_convert; /* a sparse array becomes an object instead of an error */
    int sparse_ratio;    /* sparse: more slots than `ratio` times elements; 0: never */
    int sparse_safe;     /* not sparse: up to this many slots */
    int encode_max_depth;
    int decode_max_depth;
    int precision; /* significant digits of a number */
    bool keep_buffer;
    enum json_invalid encode_invalid;
    bool decode_invalid;
    bool mark_arrays; /* decoded arrays get the metatable that makes them arrays when empty, too */
};

/* The settings of the function that runs: its first upvalue. */
static inline struct json_settings *json_settings(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* Pushes the metatable of marked arrays; nil while no array was ever to be marked. One slot. */
void json_push_array_mark(lua_State *L);

#endif
