/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as a command's reply: a script gets a value or there's no value, and what is made of
 * that value is one whole reply, in both versions of the protocol.
 *
 * An input is a byte of flags and the bytes of the reply. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "script/lua_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_RESP3 = 1, FLAG_SCRIPT_RESP3 = 2, INPUT_MAX = 4096 };

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    abort();
}

static struct buf all_of(const struct reply *r) {
    struct buf bytes = BUF_INIT;
    struct slice pieces[64];
    size_t n = reply_slices(r, pieces, 64);
    for (size_t i = 0; i < n; i++) buf_append_slice(&bytes, pieces[i]);
    return bytes;
}

struct input {
    struct slice bytes;
    int resp, script_resp;
};

/* The value on top, as a reply, must be read again as a whole. Pops it. */
static void there_and_back(lua_State *L, const struct input *in) {
    struct reply r;
    reply_init(&r, NULL, in->resp);
    int top = lua_gettop(L);
    lua_reply_append(L, &r, in->script_resp);
    if (lua_gettop(L) != top - 1) fail("the stack isn't as it was");
    struct buf bytes = all_of(&r);
    if (lua_reply_push(L, buf_slice(&bytes)) != bytes.len) fail("no whole reply was made of it");
    lua_pop(L, 1);
    buf_release(&bytes);
    reply_release(&r);
}

static int convert(lua_State *L) {
    const struct input *in = lua_touserdata(L, 1);
    size_t used = lua_reply_push(L, in->bytes);
    if (used > in->bytes.len) fail("read beyond the end");
    if (lua_gettop(L) != 1 + (used > 0)) fail("there's a value too many or too few");
    if (used) there_and_back(L, in);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > INPUT_MAX) return 0;
    struct input in = {
        .bytes = slice_of(data + 1, size - 1),
        .resp = data[0] & FLAG_RESP3 ? 3 : 2,
        .script_resp = data[0] & FLAG_SCRIPT_RESP3 ? 3 : 2,
    };
    lua_State *L = luaL_newstate();
    if (lua_cpcall(L, convert, &in)) fail(lua_tostring(L, -1));
    lua_close(L);
    return 0;
}
