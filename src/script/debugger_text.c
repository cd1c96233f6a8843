/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/debugger_text.h"

#include <lauxlib.h>
#include <stdio.h>

#include "base/num.h"
#include "base/words.h"

enum { LEVELS_MAX = 10, REPLY_LEVELS_MAX = 64 };
#define TOO_DEEP "<max recursion level reached! Nested table?>"

/* Values. */

static void append_value(lua_State *L, struct buf *out, size_t max, int level);

/* Are the keys of the table on top 1, 2, 3 and so on, in the order in which they come? */
static bool is_list(lua_State *L) {
    lua_Number next = 1;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TNUMBER || lua_tonumber(L, -1) != next) {
            lua_pop(L, 1);
            return false;
        }
        next++;
    }
    return true;
}

static void append_table(lua_State *L, struct buf *out, size_t max, int level) {
    bool list = is_list(L), first = true;
    buf_append_char(out, '{');
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        if (!first) buf_append_str(out, "; ");
        first = false;
        if (!list) {
            buf_append_char(out, '[');
            lua_pushvalue(L, -2);
            append_value(L, out, max, level + 1);
            lua_pop(L, 1);
            buf_append_str(out, "]=");
        }
        append_value(L, out, max, level + 1);
        lua_pop(L, 1);
        if (out->len < max) continue;
        lua_pop(L, 1);
        return;
    }
    buf_append_char(out, '}');
}

/* The value on top. */
static void append_value(lua_State *L, struct buf *out, size_t max, int level) {
    struct slice text;
    luaL_checkstack(L, 4, "debugger");
    if (level == LEVELS_MAX) {
        buf_append_str(out, TOO_DEEP);
        return;
    }
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        text.ptr = lua_tolstring(L, -1, &text.len);
        words_quote(out, text);
        break;
    case LUA_TNUMBER: buf_appendf(out, LUA_NUMBER_FMT, lua_tonumber(L, -1)); break;
    case LUA_TBOOLEAN: buf_append_str(out, lua_toboolean(L, -1) ? "true" : "false"); break;
    case LUA_TNIL: buf_append_str(out, "nil"); break;
    case LUA_TTABLE: append_table(L, out, max, level); break;
    default: buf_appendf(out, "\"%s@%p\"", luaL_typename(L, -1), lua_topointer(L, -1));
    }
}

void debugger_text_value(lua_State *L, int index, struct buf *out, size_t max) {
    lua_pushvalue(L, index);
    append_value(L, out, max, 0);
    lua_pop(L, 1);
}

/* Replies. */

/* Takes a line off the bytes, its end off the line. */
static struct slice take_line(struct slice *bytes) {
    const char *end = memchr(bytes->ptr, '\r', bytes->len);
    size_t len = end ? (size_t)(end - bytes->ptr) : bytes->len, ended = end ? len + 2 : len;
    struct slice line = slice_of(bytes->ptr, len);
    if (ended > bytes->len) ended = bytes->len;
    *bytes = slice_of(bytes->ptr + ended, bytes->len - ended);
    return line;
}

static int64_t number_of(struct slice line) {
    int64_t value;
    return num_to_i64(slice_of(line.ptr + 1, line.len - 1), &value) ? value : -1;
}

static void append_reply(struct slice *bytes, struct buf *out, int level);

/* What `count` elements are put between, and how. */
struct aggregate {
    char type;
    const char *begin, *end;
    const char *inner; /* between the two of a pair; NULL: there are no pairs */
};

static const struct aggregate aggregates[] = {
    {'*', "[", "]", NULL}, {'>', "[", "]", NULL}, {'~', "~(", ")", NULL}, {'%', "{", "}", " => "}};

static void append_aggregate(const struct aggregate *kind, int64_t count, struct slice *bytes,
                             struct buf *out, int level) {
    buf_append_str(out, kind->begin);
    for (int64_t i = 0; i < count && bytes->len; i++) {
        if (i) buf_append_char(out, ',');
        append_reply(bytes, out, level + 1);
        if (!kind->inner) continue;
        buf_append_str(out, kind->inner);
        append_reply(bytes, out, level + 1);
    }
    buf_append_str(out, kind->end);
}

/* A bulk string, or a verbatim one without its format. */
static void append_bulk(struct slice line, struct slice *bytes, struct buf *out) {
    const size_t format = line.ptr[0] == '=' ? 4 : 0;
    int64_t len = number_of(line);
    if (len < (int64_t)format || (uint64_t)len + 2 > bytes->len) {
        buf_append_str(out, "NULL");
        return;
    }
    words_quote(out, slice_of(bytes->ptr + format, (size_t)len - format));
    *bytes = slice_of(bytes->ptr + len + 2, bytes->len - (size_t)len - 2);
}

/* What stands on one line. */
static void append_simple(struct slice line, struct buf *out) {
    struct slice rest = slice_of(line.ptr + 1, line.len - 1);
    switch (line.ptr[0]) {
    case ':': buf_append_slice(out, rest); break;
    case '_': buf_append_str(out, "(null)"); break;
    case '#': buf_append_str(out, rest.len && rest.ptr[0] == 't' ? "#true" : "#false"); break;
    case ',':
        buf_append_str(out, "(double) ");
        buf_append_slice(out, rest);
        break;
    case '(':
        buf_append_str(out, "(big number) ");
        buf_append_slice(out, rest);
        break;
    default: words_quote(out, line);
    }
}

static void append_reply(struct slice *bytes, struct buf *out, int level) {
    struct slice line = take_line(bytes);
    if (!line.len || level > REPLY_LEVELS_MAX) return;
    if (line.ptr[0] == '|') { /* attributes aren't shown */
        struct buf dropped = BUF_INIT;
        int64_t count = 2 * number_of(line);
        for (int64_t i = 0; i < count && bytes->len; i++) append_reply(bytes, &dropped, level + 1);
        buf_release(&dropped);
        append_reply(bytes, out, level + 1);
        return;
    }
    for (size_t i = 0; i < sizeof aggregates / sizeof *aggregates; i++) {
        if (aggregates[i].type != line.ptr[0]) continue;
        int64_t count = number_of(line);
        if (count < 0)
            buf_append_str(out, "NULL");
        else
            append_aggregate(&aggregates[i], count, bytes, out, level);
        return;
    }
    if (line.ptr[0] == '$' || line.ptr[0] == '=')
        append_bulk(line, bytes, out);
    else
        append_simple(line, out);
}

void debugger_text_reply(struct slice bytes, struct buf *out) {
    append_reply(&bytes, out, 0);
}
