/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes to cmsgpack.unpack: an error, or values that pack, and unpack again to what packs to
 * as many bytes.
 * A table that holds itself can't come of that, nor one of more elements than there were bytes. */
#include <stdint.h>
#include <string.h>

#include "lua_calls.h"
#include "script/lua_libs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int call(lua_State *L, const char *name, int args) {
    return call_library(L, "cmsgpack", name, args);
}

static void read_one_by_one(lua_State *L, const uint8_t *data, size_t size) {
    lua_Integer offset = 0;
    while (offset >= 0) {
        lua_settop(L, 0);
        lua_pushlstring(L, (const char *)data, size);
        lua_pushinteger(L, offset);
        if (call(L, "unpack_one", 2) < 1) return;
        lua_Integer next = lua_tointeger(L, 1);
        must(next == -1 || (next > offset && next < (lua_Integer)size));
        offset = next;
    }
}

/* Unpacks the string on top and packs the values again; false if there are none, or many. */
static bool repack(lua_State *L) {
    int values = call(L, "unpack", 1);
    if (values < 1 || values > 100) return false;
    must(call(L, "pack", values) == 1);
    return true;
}

/* Packed the first time, what is nested too deeply becomes nil. As a key that's an error the next
 * time, and as a value it's gone; from then on it's only the order of a map's elements that may
 * change. */
static void pack_and_unpack(lua_State *L, const uint8_t *data, size_t size) {
    lua_settop(L, 0);
    lua_pushlstring(L, (const char *)data, size);
    if (!repack(L) || !repack(L)) return;
    size_t len = lua_objlen(L, 1);
    must(repack(L));
    must(lua_objlen(L, 1) == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lua_State *L;
    if (!L) {
        L = luaL_newstate();
        lua_libs_open(L);
    }
    read_one_by_one(L, data, size);
    pack_and_unpack(L, data, size);
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT, 0); /* garbage would be looked at as a leak, for 0.1 s each time */
    return 0;
}
