/* SPDX-License-Identifier: BSD-3-Clause */
/* Any format and any data to struct.unpack: an error, or values that struct.pack takes, as far as
 * their number goes. An input is a format, a zero byte, and data; the length of the data decides
 * where unpacking starts. */
#include <stdint.h>
#include <string.h>

#include "lua_calls.h"
#include "script/lua_libs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int call(lua_State *L, const char *name, int args) {
    return call_library(L, "struct", name, args);
}

static void unpack(lua_State *L, const char *format, size_t format_len, const char *bytes,
                   size_t size) {
    lua_Integer start = size % 3 + 1;
    lua_settop(L, 0);
    lua_pushlstring(L, format, format_len);
    lua_pushlstring(L, bytes, size);
    lua_pushinteger(L, start);
    int values = call(L, "unpack", 3);
    if (values < 1) return;
    lua_Integer next = lua_tointeger(L, values);
    must(next >= start && next <= (lua_Integer)size + 1);
    lua_pop(L, 1);
    lua_pushlstring(L, format, format_len);
    lua_insert(L, 1);
    if (values <= 100) call(L, "pack", values);
}

static void tell_size(lua_State *L, const char *format, size_t len) {
    lua_settop(L, 0);
    lua_pushlstring(L, format, len);
    if (call(L, "size", 1) == 1) must(lua_tointeger(L, 1) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lua_State *L;
    if (!L) {
        L = luaL_newstate();
        lua_libs_open(L);
    }
    const char *format = (const char *)data;
    const char *end = size ? memchr(format, '\0', size) : NULL;
    if (!end) return 0;
    size_t len = (size_t)(end - format);
    unpack(L, format, len, end + 1, size - len - 1);
    tell_size(L, format, len);
    lua_settop(L, 0);
    return 0;
}
