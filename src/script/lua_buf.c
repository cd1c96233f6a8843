/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/lua_buf.h"

#include <lauxlib.h>
#include <stdint.h>

enum {
    FIRST_CAP = 256,
    KEPT_MAX = 64 * 1024, /* more than this isn't held between results */
};

static void give_back(lua_State *L, struct lua_buf *b) {
    if (!b->data) return;
    void *context;
    lua_Alloc alloc = lua_getallocf(L, &context);
    alloc(context, b->data, b->cap, 0);
    *b = (struct lua_buf){0};
}

static int collect(lua_State *L) {
    give_back(L, lua_touserdata(L, 1));
    return 0;
}

struct lua_buf *lua_buf_push(lua_State *L) {
    struct lua_buf *b = lua_newuserdata(L, sizeof *b);
    *b = (struct lua_buf){0};
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return b;
}

void lua_buf_start(lua_State *L, struct lua_buf *b) {
    b->len = 0;
    if (b->cap > KEPT_MAX) give_back(L, b);
}

void lua_buf_finish(lua_State *L, struct lua_buf *b, bool keep) {
    lua_pushlstring(L, b->len ? b->data : "", b->len);
    if (!keep || b->cap > KEPT_MAX) give_back(L, b);
}

static size_t next_cap(size_t cap, size_t needed) {
    size_t doubled = cap <= SIZE_MAX / 2 ? cap * 2 : SIZE_MAX;
    size_t grown = doubled > needed ? doubled : needed;
    return grown < FIRST_CAP ? FIRST_CAP : grown;
}

char *lua_buf_reserve(lua_State *L, struct lua_buf *b, size_t extra) {
    if (b->data && b->cap - b->len >= extra) return b->data + b->len;
    if (extra > SIZE_MAX - b->len) luaL_error(L, "not enough memory");
    void *context;
    lua_Alloc alloc = lua_getallocf(L, &context);
    size_t cap = next_cap(b->cap, b->len + extra);
    char *grown = alloc(context, b->data, b->cap, cap);
    if (!grown) luaL_error(L, "not enough memory");
    b->data = grown;
    b->cap = cap;
    return b->data + b->len;
}

void lua_buf_append(lua_State *L, struct lua_buf *b, struct slice bytes) {
    slice_put(lua_buf_reserve(L, b, bytes.len), bytes);
    b->len += bytes.len;
}
