/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/lua_libs.h"

#include "script/lua_bit.h"
#include "script/lua_buf.h"
#include "script/lua_json.h"
#include "script/lua_msgpack.h"
#include "script/lua_struct.h"

void lua_libs_open(lua_State *L) {
    int top = lua_gettop(L);
    lua_buf_push(L);
    lua_json_push(L, top + 1);
    lua_setglobal(L, "cjson");
    lua_msgpack_push(L, top + 1);
    lua_setglobal(L, "cmsgpack");
    lua_struct_push(L, top + 1);
    lua_setglobal(L, "struct");
    lua_bit_push(L);
    lua_setglobal(L, "bit");
    lua_settop(L, top);
}
