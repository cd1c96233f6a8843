/* SPDX-License-Identifier: BSD-3-Clause */
/* cjson.encode. Recursion is bounded twice: by encode_max_depth, and, when a script has raised
 * that, by the slots a C function has on Lua's stack (8,000), of which each level takes one (an
 * array) or two (an object). Tables are read raw: no metamethod runs. */
#include "script/lua_json_encode.h"

#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "script/lua_json_int.h"

struct encoder {
    lua_State *L;
    const struct json_settings *settings;
    struct lua_buf *out;
};

static void append_value(struct encoder *e, int depth);

static void append_text(struct encoder *e, struct slice text) {
    lua_buf_append(e->L, e->out, text);
}

/* What becomes of a byte in a string: 0 as it is, 'u' a \u00XX, else the letter behind a backslash.
 */
static const char escapes[256] = {
    [0 ... 7] = 'u', ['\b'] = 'b',      ['\t'] = 't', ['\n'] = 'n', [11] = 'u',    ['\f'] = 'f',
    ['\r'] = 'r',    [14 ... 31] = 'u', ['"'] = '"',  ['/'] = '/',  ['\\'] = '\\', [127] = 'u',
};

static void append_escape(struct encoder *e, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    char *to = lua_buf_reserve(e->L, e->out, 6);
    to[0] = '\\';
    to[1] = escapes[c];
    if (escapes[c] != 'u') {
        e->out->len += 2;
        return;
    }
    to[2] = to[3] = '0';
    to[4] = hex[c >> 4];
    to[5] = hex[c & 15];
    e->out->len += 6;
}

static void append_string(struct encoder *e, int index) {
    struct slice text;
    text.ptr = lua_tolstring(e->L, index, &text.len);
    lua_buf_reserve(e->L, e->out, text.len + 2);
    lua_buf_append_char(e->L, e->out, '"');
    size_t plain = 0; /* from here on nothing needs an escape */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (!escapes[c]) continue;
        append_text(e, slice_of(text.ptr + plain, i - plain));
        append_escape(e, c);
        plain = i + 1;
    }
    append_text(e, slice_of(text.ptr + plain, text.len - plain));
    lua_buf_append_char(e->L, e->out, '"');
}

static void fail(struct encoder *e, int index, const char *reason) {
    lua_buf_start(e->L, e->out);
    luaL_error(e->L, "Cannot serialise %s: %s", lua_typename(e->L, lua_type(e->L, index)), reason);
}

static void append_invalid_number(struct encoder *e, double value, int index) {
    if (e->settings->encode_invalid == JSON_INVALID_REFUSED)
        fail(e, index, "must not be NaN or Inf");
    else if (e->settings->encode_invalid == JSON_INVALID_NULL)
        append_text(e, SLICE("null"));
    else if (isnan(value))
        append_text(e, SLICE("nan"));
    else
        append_text(e, value < 0 ? SLICE("-inf") : SLICE("inf"));
}

/* Whole numbers of up to 14 digits, the usual ones, are spared printf: 20 ns instead of 200. */
static void append_number(struct encoder *e, int index) {
    double value = lua_tonumber(e->L, index);
    if (!isfinite(value)) {
        append_invalid_number(e, value, index);
        return;
    }
    char *to = lua_buf_reserve(e->L, e->out, 32);
    bool plain = e->settings->precision == 14 && fabs(value) < 1e14 && value == trunc(value) &&
                 !(value == 0 && signbit(value));
    if (plain)
        e->out->len += num_from_i64(to, (int64_t)value);
    else
        e->out->len += (size_t)snprintf(to, 32, "%.*g", e->settings->precision, value);
}

/* --- Tables --------------------------------------------------------------------------------------
 */

/* A key beyond an int makes the count of slots start anew, as the original's conversion does on
 * x86-64: depending on what follows, the table becomes an object. */
static int slot_of(double key) {
    return key <= INT_MAX ? (int)key : INT_MIN;
}

static bool is_sparse(const struct json_settings *s, int slots, int64_t elements) {
    return s->sparse_ratio > 0 && slots > elements * s->sparse_ratio && slots > s->sparse_safe;
}

/* The number of slots if the table on top is to become an array, 0 if an object. */
static int array_slots(struct encoder *e) {
    lua_State *L = e->L;
    int slots = 0;
    int64_t elements = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), elements++) {
        double key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
        if (key < 1 || key != floor(key)) {
            lua_pop(L, 2);
            return 0;
        }
        if (key > slots) slots = slot_of(key);
    }
    if (!is_sparse(e->settings, slots, elements)) return slots;
    if (!e->settings->sparse_convert) fail(e, -1, "excessively sparse array");
    return 0;
}

static void append_array(struct encoder *e, int slots, int depth) {
    lua_buf_append_char(e->L, e->out, '[');
    for (int i = 1; i <= slots; i++) {
        if (i > 1) lua_buf_append_char(e->L, e->out, ',');
        lua_rawgeti(e->L, -1, i);
        append_value(e, depth);
        lua_pop(e->L, 1);
    }
    lua_buf_append_char(e->L, e->out, ']');
}

static void append_key(struct encoder *e) {
    int type = lua_type(e->L, -2);
    if (type == LUA_TSTRING) {
        append_string(e, -2);
    } else if (type == LUA_TNUMBER) {
        lua_buf_append_char(e->L, e->out, '"');
        append_number(e, -2);
        lua_buf_append_char(e->L, e->out, '"');
    } else {
        fail(e, -2, "table key must be a number or string");
    }
    lua_buf_append_char(e->L, e->out, ':');
}

static void append_object(struct encoder *e, int depth) {
    lua_State *L = e->L;
    bool first = true;
    lua_buf_append_char(L, e->out, '{');
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (!first) lua_buf_append_char(L, e->out, ',');
        first = false;
        append_key(e);
        append_value(e, depth);
    }
    lua_buf_append_char(L, e->out, '}');
}

static bool is_marked_array(lua_State *L) {
    if (!lua_getmetatable(L, -1)) return false;
    json_push_array_mark(L);
    bool marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return marked;
}

static void append_table(struct encoder *e, int depth) {
    if (depth > e->settings->encode_max_depth || !lua_checkstack(e->L, 3)) {
        lua_buf_start(e->L, e->out);
        luaL_error(e->L, "Cannot serialise, excessive nesting (%d)", depth);
    }
    int slots = array_slots(e);
    if (slots > 0)
        append_array(e, slots, depth);
    else if (is_marked_array(e->L))
        append_array(e, (int)lua_objlen(e->L, -1), depth);
    else
        append_object(e, depth);
}

/* The value on top, `depth` tables around it. */
static void append_value(struct encoder *e, int depth) {
    lua_State *L = e->L;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: append_string(e, -1); return;
    case LUA_TNUMBER: append_number(e, -1); return;
    case LUA_TBOOLEAN:
        append_text(e, lua_toboolean(L, -1) ? SLICE("true") : SLICE("false"));
        return;
    case LUA_TTABLE: append_table(e, depth + 1); return;
    case LUA_TNIL: append_text(e, SLICE("null")); return;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, -1) == NULL) {
            append_text(e, SLICE("null"));
            return;
        }
        break;
    default: break;
    }
    fail(e, -1, "type not supported");
}

int json_encode(lua_State *L) {
    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    const struct json_settings *s = json_settings(L);
    struct encoder e = {L, s, s->buf};
    lua_buf_start(L, e.out);
    append_value(&e, 0);
    lua_buf_finish(L, e.out, s->keep_buffer);
    return 1;
}
