/* SPDX-License-Identifier: BSD-3-Clause */
/* cmsgpack.pack and the library's table; lua_msgpack_unpack.c reads. */
#include "script/lua_msgpack.h"

#include <endian.h>
#include <lauxlib.h>
#include <math.h>
#include <stdint.h>

#include "script/lua_buf.h"
#include "script/lua_msgpack_unpack.h"

enum { NESTING_MAX = 16 }; /* tables in tables; a table that holds itself ends there, too */

struct packer {
    lua_State *L;
    struct lua_buf *out;
};

static void pack_value(struct packer *p, int depth);

/* A first byte and the lowest `size` bytes of a number, the highest first. */
static void put(struct packer *p, uint8_t first, uint64_t number, size_t size) {
    char *to = lua_buf_reserve(p->L, p->out, 1 + sizeof number);
    to[0] = (char)first;
    uint64_t big_endian = htobe64(number);
    memcpy(to + 1, (char *)&big_endian + sizeof number - size, size);
    p->out->len += 1 + size;
}

/* --- Numbers -------------------------------------------------------------------------------------
 */

static void pack_unsigned(struct packer *p, uint64_t value) {
    if (value < 0x80)
        put(p, (uint8_t)value, 0, 0);
    else if (value <= UINT8_MAX)
        put(p, 0xcc, value, 1);
    else if (value <= UINT16_MAX)
        put(p, 0xcd, value, 2);
    else if (value <= UINT32_MAX)
        put(p, 0xce, value, 4);
    else
        put(p, 0xcf, value, 8);
}

static void pack_negative(struct packer *p, int64_t value) {
    if (value >= -32)
        put(p, (uint8_t)value, 0, 0);
    else if (value >= INT8_MIN)
        put(p, 0xd0, (uint64_t)value, 1);
    else if (value >= INT16_MIN)
        put(p, 0xd1, (uint64_t)value, 2);
    else if (value >= INT32_MIN)
        put(p, 0xd2, (uint64_t)value, 4);
    else
        put(p, 0xd3, (uint64_t)value, 8);
}

static void pack_floating(struct packer *p, double value) {
    float narrow = fabs(value) <= (double)__FLT_MAX__ || isinf(value) ? (float)value : 0;
    if ((double)narrow == value) {
        uint32_t bits;
        memcpy(&bits, &narrow, sizeof bits);
        put(p, 0xca, bits, 4);
    } else {
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        put(p, 0xcb, bits, 8);
    }
}

static void pack_number(struct packer *p, double value) {
    const double beyond = 9223372036854775808.0; /* 2^63 */
    if (value < -beyond || value >= beyond || value != floor(value))
        pack_floating(p, value);
    else if (value >= 0)
        pack_unsigned(p, (uint64_t)value);
    else
        pack_negative(p, (int64_t)value);
}

/* --- Strings and tables --------------------------------------------------------------------------
 */

static void pack_string(struct packer *p) {
    struct slice text;
    text.ptr = lua_tolstring(p->L, -1, &text.len);
    if (text.len < 32)
        put(p, (uint8_t)(0xa0 | text.len), 0, 0);
    else if (text.len <= UINT8_MAX)
        put(p, 0xd9, text.len, 1);
    else if (text.len <= UINT16_MAX)
        put(p, 0xda, text.len, 2);
    else if (text.len <= UINT32_MAX)
        put(p, 0xdb, text.len, 4);
    else
        luaL_error(p->L, "string too long for MessagePack");
    lua_buf_append(p->L, p->out, text);
}

/* How many elements the table on top has, and if they're at 1 to that many. */
static size_t count_elements(lua_State *L, bool *is_array) {
    size_t count = 0;
    double last = 0;
    *is_array = true;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), count++) {
        double key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
        if (key < 1 || key != floor(key)) *is_array = false;
        if (key > last) last = key;
    }
    if (last != (double)count) *is_array = false;
    return count;
}

static void pack_array(struct packer *p, size_t count, int depth) {
    if (count < 16)
        put(p, (uint8_t)(0x90 | count), 0, 0);
    else if (count <= UINT16_MAX)
        put(p, 0xdc, count, 2);
    else
        put(p, 0xdd, count, 4);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(p->L, -1, (int)i);
        pack_value(p, depth);
    }
}

static void pack_map(struct packer *p, size_t count, int depth) {
    if (count < 16)
        put(p, (uint8_t)(0x80 | count), 0, 0);
    else if (count <= UINT16_MAX)
        put(p, 0xde, count, 2);
    else
        put(p, 0xdf, count, 4);
    for (lua_pushnil(p->L); lua_next(p->L, -2);) {
        lua_pushvalue(p->L, -2);
        pack_value(p, depth);
        pack_value(p, depth);
    }
}

static void pack_table(struct packer *p, int depth) {
    if (depth > NESTING_MAX) {
        put(p, 0xc0, 0, 0);
        return;
    }
    luaL_checkstack(p->L, 4, "in function mp_encode_lua_table");
    bool is_array;
    size_t count = count_elements(p->L, &is_array);
    if (count > INT32_MAX) luaL_error(p->L, "table too large for MessagePack");
    if (is_array)
        pack_array(p, count, depth);
    else
        pack_map(p, count, depth);
}

/* Packs the value on top, which has `depth` tables around it, and pops it. */
static void pack_value(struct packer *p, int depth) {
    switch (lua_type(p->L, -1)) {
    case LUA_TSTRING: pack_string(p); break;
    case LUA_TBOOLEAN: put(p, lua_toboolean(p->L, -1) ? 0xc3 : 0xc2, 0, 0); break;
    case LUA_TNUMBER: pack_number(p, lua_tonumber(p->L, -1)); break;
    case LUA_TTABLE: pack_table(p, depth + 1); break;
    default: put(p, 0xc0, 0, 0); break;
    }
    lua_pop(p->L, 1);
}

static int msgpack_pack(lua_State *L) {
    int values = lua_gettop(L);
    luaL_argcheck(L, values > 0, 0, "MessagePack pack needs input.");
    luaL_checkstack(L, values, "Too many arguments for MessagePack pack.");
    struct packer p = {L, lua_touserdata(L, lua_upvalueindex(1))};
    lua_buf_start(L, p.out);
    for (int i = 1; i <= values; i++) {
        lua_pushvalue(L, i);
        pack_value(&p, 0);
    }
    lua_buf_finish(L, p.out, true);
    return 1;
}

/* --- The table of functions ----------------------------------------------------------------------
 */

static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

void lua_msgpack_push(lua_State *L, int buf) {
    static const luaL_Reg functions[] = {
        {"unpack", msgpack_unpack},
        {"unpack_one", msgpack_unpack_one},
        {"unpack_limit", msgpack_unpack_limit},
        {NULL, NULL},
    };
    lua_newtable(L);
    luaL_register(L, NULL, functions);
    lua_pushvalue(L, buf);
    lua_pushcclosure(L, msgpack_pack, 1);
    lua_setfield(L, -2, "pack");
    set_text(L, "_NAME", "cmsgpack");
    set_text(L, "_VERSION", "lua-cmsgpack 0.4.0");
    set_text(L, "_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo");
    set_text(L, "_DESCRIPTION", "MessagePack C implementation for Lua");
}
