/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/lua_bit.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

/* Adding 2^52 + 2^51 makes a double's lowest mantissa bits the integer's, rounded to even, modulo
 * 2^32: the conversion that defines LuaBitOp's results for fractions and large numbers, too. */
static uint32_t arg(lua_State *L, int index) {
    double shifted = luaL_checknumber(L, index) + 0x1.8p52;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return (uint32_t)bits;
}

static int result(lua_State *L, uint32_t value) {
    lua_pushnumber(L, (double)(int32_t)value);
    return 1;
}

static int bit_tobit(lua_State *L) {
    return result(L, arg(L, 1));
}

static int bit_bnot(lua_State *L) {
    return result(L, ~arg(L, 1));
}

static int bit_bswap(lua_State *L) {
    return result(L, __builtin_bswap32(arg(L, 1)));
}

/* From the last argument to the first: the order in which wrong ones are found. */

static int bit_band(lua_State *L) {
    uint32_t value = arg(L, 1);
    for (int i = lua_gettop(L); i > 1; i--) value &= arg(L, i);
    return result(L, value);
}

static int bit_bor(lua_State *L) {
    uint32_t value = arg(L, 1);
    for (int i = lua_gettop(L); i > 1; i--) value |= arg(L, i);
    return result(L, value);
}

static int bit_bxor(lua_State *L) {
    uint32_t value = arg(L, 1);
    for (int i = lua_gettop(L); i > 1; i--) value ^= arg(L, i);
    return result(L, value);
}

static int bit_lshift(lua_State *L) {
    uint32_t value = arg(L, 1);
    return result(L, value << (arg(L, 2) & 31));
}

static int bit_rshift(lua_State *L) {
    uint32_t value = arg(L, 1);
    return result(L, value >> (arg(L, 2) & 31));
}

static int bit_arshift(lua_State *L) {
    int32_t value = (int32_t)arg(L, 1);
    return result(L, (uint32_t)(value >> (arg(L, 2) & 31)));
}

static uint32_t rotated(uint32_t value, uint32_t left) {
    return value << (left & 31) | value >> (-left & 31);
}

static int bit_rol(lua_State *L) {
    uint32_t value = arg(L, 1);
    return result(L, rotated(value, arg(L, 2)));
}

static int bit_ror(lua_State *L) {
    uint32_t value = arg(L, 1);
    return result(L, rotated(value, -arg(L, 2)));
}

/* The lowest digits, 8 unless told, upper case for a negative count. The count's magnitude is taken
 * in 64 bits: -2^31 has none in 32, which made the original write far outside of its text. */
static int bit_tohex(lua_State *L) {
    uint32_t value = arg(L, 1);
    int64_t count = lua_isnone(L, 2) ? 8 : (int32_t)arg(L, 2);
    const char *digits = count < 0 ? "0123456789ABCDEF" : "0123456789abcdef";
    if (count < 0) count = -count;
    if (count > 8) count = 8;
    char text[8];
    for (int64_t i = count; i > 0; i--, value >>= 4) text[i - 1] = digits[value & 15];
    lua_pushlstring(L, text, (size_t)count);
    return 1;
}

void lua_bit_push(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"tobit", bit_tobit},   {"bnot", bit_bnot},       {"band", bit_band},
        {"bor", bit_bor},       {"bxor", bit_bxor},       {"lshift", bit_lshift},
        {"rshift", bit_rshift}, {"arshift", bit_arshift}, {"rol", bit_rol},
        {"ror", bit_ror},       {"bswap", bit_bswap},     {"tohex", bit_tohex},
        {NULL, NULL},
    };
    lua_newtable(L);
    luaL_register(L, NULL, functions);
}
