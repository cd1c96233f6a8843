/* SPDX-License-Identifier: BSD-3-Clause */
/* A growable run of bytes that lives in a Lua state: what the libraries for scripts build their
 * results in. It's a userdata, so Lua's collector owns it and an error thrown half-way leaks
 * nothing; its bytes come from the state's allocator, so they count as the scripts' memory and obey
 * its limit.
 *
 * One buffer serves all library functions of a state in turn: none of them calls back into Lua
 * while it builds, and a coroutine can't be left inside of a C function. */
#ifndef DREY_SCRIPT_LUA_BUF_H
#define DREY_SCRIPT_LUA_BUF_H

#include <lua.h>
#include <stddef.h>

#include "base/slice.h"

struct lua_buf {
    char *data;
    size_t len;
    size_t cap;
};

/* Makes a buffer and leaves it on the stack: what holds it there (or as an upvalue) keeps it. */
struct lua_buf *lua_buf_push(lua_State *L);

/* Empties it for a new result; what an error left behind is given back if it's much. */
void lua_buf_start(lua_State *L, struct lua_buf *b);

/* Pushes what was built as a string. Memory beyond 64 KB is given back, the rest waits for the next
 * result; with `keep` false all of it is given back. */
void lua_buf_finish(lua_State *L, struct lua_buf *b, bool keep);

/* Makes room for `extra` bytes behind what's there and returns where they go; `len` doesn't change.
 * Throws "not enough memory". Amortised O(1) a byte. */
char *lua_buf_reserve(lua_State *L, struct lua_buf *b, size_t extra);

void lua_buf_append(lua_State *L, struct lua_buf *b, struct slice bytes);

static inline void lua_buf_append_char(lua_State *L, struct lua_buf *b, char c) {
    if (b->len == b->cap) lua_buf_reserve(L, b, 1);
    b->data[b->len++] = c;
}

#endif
