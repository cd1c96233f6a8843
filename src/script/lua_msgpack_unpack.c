/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading MessagePack. Lengths are compared with what is left before anything is made of them, and
 * a table isn't made larger than what has been read, so the work is O(input). Depth is bounded by
 * the 8,000 slots a C function has on Lua's stack, of which an array takes two and a map's value
 * three. */
#include "script/lua_msgpack_unpack.h"

#include <endian.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdint.h>

#include "base/slice.h"

struct unpacker {
    lua_State *L;
    const uint8_t *at;
    size_t left;
};

static void unpack_value(struct unpacker *u);

static void must_have(struct unpacker *u, size_t bytes) {
    if (u->left < bytes) luaL_error(u->L, "Missing bytes in input.");
}

static void skip(struct unpacker *u, size_t bytes) {
    u->at += bytes;
    u->left -= bytes;
}

/* The `size` bytes behind the first one, the highest first; both are consumed. */
static uint64_t take(struct unpacker *u, size_t size) {
    must_have(u, 1 + size);
    uint64_t big_endian = 0;
    memcpy((char *)&big_endian + sizeof big_endian - size, u->at + 1, size);
    skip(u, 1 + size);
    return be64toh(big_endian);
}

static int64_t take_signed(struct unpacker *u, size_t size) {
    unsigned unused = (unsigned)(8 - size) * 8;
    return (int64_t)(take(u, size) << unused) >> unused;
}

static void push_float(struct unpacker *u) {
    uint32_t bits = (uint32_t)take(u, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    lua_pushnumber(u->L, (double)value);
}

static void push_double(struct unpacker *u) {
    uint64_t bits = take(u, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    lua_pushnumber(u->L, value);
}

static void push_string(struct unpacker *u, size_t len) {
    must_have(u, len);
    lua_pushlstring(u->L, (const char *)u->at, len);
    skip(u, len);
}

static void push_array(struct unpacker *u, size_t count) {
    lua_State *L = u->L;
    luaL_checkstack(L, 2, "in function mp_decode_to_lua_array");
    lua_newtable(L);
    for (size_t i = 1; i <= count; i++) {
        lua_pushnumber(L, (double)i);
        unpack_value(u);
        lua_rawset(L, -3);
    }
}

static void push_map(struct unpacker *u, size_t count) {
    lua_State *L = u->L;
    luaL_checkstack(L, 1, "in function mp_decode_to_lua_hash");
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        unpack_value(u);
        unpack_value(u);
        lua_rawset(L, -3);
    }
}

static void bad_format(struct unpacker *u) {
    luaL_error(u->L, "Bad data format in input.");
}

/* Formats of one byte and what follows it. */
static void unpack_tagged(struct unpacker *u) {
    lua_State *L = u->L;
    switch (*u->at) {
    case 0xc0: lua_pushnil(L); break;
    case 0xc2: lua_pushboolean(L, 0); break;
    case 0xc3: lua_pushboolean(L, 1); break;
    case 0xca: push_float(u); return;
    case 0xcb: push_double(u); return;
    case 0xcc: lua_pushnumber(L, (double)take(u, 1)); return;
    case 0xcd: lua_pushnumber(L, (double)take(u, 2)); return;
    case 0xce: lua_pushnumber(L, (double)take(u, 4)); return;
    case 0xcf:
    case 0xd3: lua_pushnumber(L, (double)take_signed(u, 8)); return;
    case 0xd0: lua_pushnumber(L, (double)take_signed(u, 1)); return;
    case 0xd1: lua_pushnumber(L, (double)take_signed(u, 2)); return;
    case 0xd2: lua_pushnumber(L, (double)take_signed(u, 4)); return;
    case 0xd9: push_string(u, take(u, 1)); return;
    case 0xda: push_string(u, take(u, 2)); return;
    case 0xdb: push_string(u, take(u, 4)); return;
    case 0xdc: push_array(u, take(u, 2)); return;
    case 0xdd: push_array(u, take(u, 4)); return;
    case 0xde: push_map(u, take(u, 2)); return;
    case 0xdf: push_map(u, take(u, 4)); return;
    default: bad_format(u);
    }
    skip(u, 1);
}

static void unpack_value(struct unpacker *u) {
    must_have(u, 1);
    luaL_checkstack(u->L, 1,
                    "too many return values at once; use unpack_one or unpack_limit instead.");
    uint8_t first = *u->at;
    if (first >= 0xc0 && first < 0xe0) {
        unpack_tagged(u);
        return;
    }
    skip(u, 1);
    if (first < 0x80 || first >= 0xe0)
        lua_pushnumber(u->L, (double)(int8_t)first);
    else if (first < 0x90)
        push_map(u, first & 15);
    else if (first < 0xa0)
        push_array(u, first & 15);
    else
        push_string(u, first & 31);
}

/* Of the data at stack index 1, from `offset` on `limit` values; all of it without an offset. */
static int unpack_some(lua_State *L, lua_Integer limit, lua_Integer offset) {
    size_t len;
    const char *data = luaL_checklstring(L, 1, &len);
    if (offset < 0 || limit < 0)
        luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.", (int)offset,
                   (int)len);
    if ((size_t)offset > len)
        luaL_error(L, "Start offset %d greater than input length %d.", (int)offset, (int)len);
    bool all = limit == 0 && offset == 0;
    struct unpacker u = {L, (const uint8_t *)data + offset, len - (size_t)offset};
    lua_settop(L, 1);
    int count = 0;
    for (; u.left > 0 && (all || count < limit); count++) unpack_value(&u);
    if (all) return count;
    luaL_checkstack(L, 1, "in function mp_unpack_full");
    lua_pushinteger(L, u.left == 0 ? -1 : (lua_Integer)(len - u.left));
    lua_insert(L, 2);
    return count + 1;
}

int msgpack_unpack(lua_State *L) {
    return unpack_some(L, 0, 0);
}

int msgpack_unpack_one(lua_State *L) {
    return unpack_some(L, 1, luaL_optinteger(L, 2, 0));
}

int msgpack_unpack_limit(lua_State *L) {
    lua_Integer limit = luaL_checkinteger(L, 2);
    return unpack_some(L, limit, luaL_optinteger(L, 3, 0));
}
