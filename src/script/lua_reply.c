/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/lua_reply.h"

#include "base/buf.h"
#include "base/num.h"

enum {
    DEPTH_MAX = 64,   /* no command's reply nests deeper than a few levels */
    STACK_NEEDED = 4, /* of Lua's stack, at each level */
    FORMAT_LEN = 3,   /* of a verbatim string */
};

/* From a reply. */

struct reader {
    const char *at, *end;
    int depth;
};

static bool push_value(lua_State *L, struct reader *r);

/* The line from `at` on, without its end. */
static bool take_line(struct reader *r, struct slice *line) {
    const char *end = memchr(r->at, '\r', (size_t)(r->end - r->at));
    if (!end || r->end - end < 2 || end[1] != '\n') return false;
    *line = slice_of(r->at, (size_t)(end - r->at));
    r->at = end + 2;
    return true;
}

static bool take_number(struct reader *r, int64_t *number) {
    struct slice line;
    return take_line(r, &line) && num_to_i64(line, number);
}

/* -1: null. */
static bool take_bytes(struct reader *r, int64_t len, struct slice *bytes) {
    if (len < 0 || r->end - r->at < 2 || len > r->end - r->at - 2) return false;
    *bytes = slice_of(r->at, (size_t)len);
    r->at += len + 2;
    return r->at[-2] == '\r' && r->at[-1] == '\n';
}

static void push_slice(lua_State *L, struct slice s) {
    lua_pushlstring(L, s.ptr, s.len);
}

/* The field `name` of a new table is the string. */
static void push_field(lua_State *L, const char *name, struct slice value) {
    lua_createtable(L, 0, 1);
    push_slice(L, value);
    lua_setfield(L, -2, name);
}

static bool push_bulk(lua_State *L, struct reader *r) {
    struct slice text;
    int64_t len;
    if (!take_number(r, &len)) return false;
    if (len == -1) {
        lua_pushboolean(L, 0);
        return true;
    }
    if (!take_bytes(r, len, &text)) return false;
    push_slice(L, text);
    return true;
}

static bool push_verbatim(lua_State *L, struct reader *r) {
    struct slice text;
    int64_t len;
    if (!take_number(r, &len) || !take_bytes(r, len, &text) || text.len < FORMAT_LEN + 1)
        return false;
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, 2);
    push_slice(L, slice_of(text.ptr + FORMAT_LEN + 1, text.len - FORMAT_LEN - 1));
    lua_setfield(L, -2, "string");
    push_slice(L, slice_of(text.ptr, FORMAT_LEN));
    lua_setfield(L, -2, "format");
    lua_setfield(L, -2, "verbatim_string");
    return true;
}

static bool push_double(lua_State *L, struct reader *r) {
    struct slice line;
    double value;
    if (!take_line(r, &line)) return false;
    if (slice_is(line, "nan") || slice_is(line, "-nan"))
        value = __builtin_nan("");
    else if (!num_to_double(line, &value))
        return false;
    lua_createtable(L, 0, 1);
    lua_pushnumber(L, value);
    lua_setfield(L, -2, "double");
    return true;
}

/* What can't be there: each element takes three bytes at least. */
static bool take_count(struct reader *r, int64_t *count) {
    return take_number(r, count) && *count <= (r->end - r->at) / 3;
}

static bool push_array(lua_State *L, struct reader *r) {
    int64_t count;
    if (!take_count(r, &count)) return false;
    if (count == -1) {
        lua_pushboolean(L, 0);
        return true;
    }
    if (count < 0) return false;
    lua_createtable(L, (int)count, 0);
    for (int i = 1; i <= count; i++) {
        if (!push_value(L, r)) return false;
        lua_rawseti(L, -2, i);
    }
    return true;
}

/* A nil, which is no key, is left out with its value. */
static void set_pair(lua_State *L) {
    if (lua_isnil(L, -2))
        lua_pop(L, 2);
    else
        lua_rawset(L, -3);
}

static bool push_map(lua_State *L, struct reader *r) {
    int64_t count;
    if (!take_count(r, &count) || count < 0) return false;
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, (int)count);
    for (int64_t i = 0; i < count; i++) {
        if (!push_value(L, r) || !push_value(L, r)) return false;
        set_pair(L);
    }
    lua_setfield(L, -2, "map");
    return true;
}

static bool push_set(lua_State *L, struct reader *r) {
    int64_t count;
    if (!take_count(r, &count) || count < 0) return false;
    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, (int)count);
    for (int64_t i = 0; i < count; i++) {
        if (!push_value(L, r)) return false;
        lua_pushboolean(L, 1);
        set_pair(L);
    }
    lua_setfield(L, -2, "set");
    return true;
}

static bool push_after_attribute(lua_State *L, struct reader *r) {
    int64_t count;
    if (!take_count(r, &count) || count < 0) return false;
    for (int64_t i = 0; i < 2 * count; i++) {
        if (!push_value(L, r)) return false;
        lua_pop(L, 1);
    }
    return push_value(L, r);
}

static bool push_line(lua_State *L, struct reader *r, const char *field) {
    struct slice line;
    if (!take_line(r, &line)) return false;
    push_field(L, field, line);
    return true;
}

static bool push_number(lua_State *L, struct reader *r) {
    int64_t number;
    if (!take_number(r, &number)) return false;
    lua_pushnumber(L, (lua_Number)number);
    return true;
}

static bool push_word(lua_State *L, struct reader *r, char type) {
    struct slice line;
    if (!take_line(r, &line)) return false;
    if (type == '_')
        lua_pushnil(L);
    else
        lua_pushboolean(L, line.len && line.ptr[0] == 't');
    return true;
}

static bool push_of_type(lua_State *L, struct reader *r, char type) {
    switch (type) {
    case '$': return push_bulk(L, r);
    case ':': return push_number(L, r);
    case '*':
    case '>': return push_array(L, r);
    case '+': return push_line(L, r, "ok");
    case '-': return push_line(L, r, "err");
    case '_':
    case '#': return push_word(L, r, type);
    case ',': return push_double(L, r);
    case '%': return push_map(L, r);
    case '~': return push_set(L, r);
    case '(': return push_line(L, r, "big_number");
    case '=': return push_verbatim(L, r);
    case '|': return push_after_attribute(L, r);
    default: return false;
    }
}

/* False: what was pushed of it is still there. */
static bool push_value(lua_State *L, struct reader *r) {
    if (r->at == r->end || r->depth == DEPTH_MAX || !lua_checkstack(L, STACK_NEEDED)) return false;
    r->depth++;
    char type = *r->at++;
    bool fine = push_of_type(L, r, type);
    r->depth--;
    return fine;
}

size_t lua_reply_push(lua_State *L, struct slice bytes) {
    struct reader r = {bytes.ptr, bytes.ptr + bytes.len, 0};
    int top = lua_gettop(L);
    if (push_value(L, &r)) return (size_t)(r.at - bytes.ptr);
    lua_settop(L, top);
    return 0;
}

/* To a reply. */

struct writer {
    lua_State *L;
    struct reply *to;
    int resp; /* the script's */
};

static void append_value(struct writer *w);

/* As a C cast does on x86-64. */
static int64_t whole(double number) {
    bool fits = number >= -9223372036854775808.0 && number < 9223372036854775808.0;
    return fits ? (int64_t)number : INT64_MIN;
}

/* Pushes the field `name` of the table on top if it's of the type (and no number taken for a
 * string), else nothing. */
static bool push_field_of(lua_State *L, const char *name, int type) {
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    if (lua_type(L, -1) == type) return true;
    lua_pop(L, 1);
    return false;
}

static struct slice string_on_top(lua_State *L) {
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    return slice_of(text, len);
}

/* Line breaks would end it. */
static void append_line(struct reply *to, char type, struct slice text) {
    char *at = reply_reserve(to, text.len + 3);
    *at++ = type;
    for (size_t i = 0; i < text.len; i++)
        *at++ = text.ptr[i] == '\r' || text.ptr[i] == '\n' ? ' ' : text.ptr[i];
    memcpy(at, "\r\n", 2);
    to->pos = at + 2;
}

/* The error counts unless it was a command's, which has been counted. */
static void append_error(struct writer *w) {
    struct slice text = string_on_top(w->L);
    lua_pushliteral(w->L, "ignore_error_stats_update");
    lua_rawget(w->L, -3);
    bool counted = lua_toboolean(w->L, -1);
    lua_pop(w->L, 1);
    reply_error_text(w->to, text, counted);
}

static void append_status(struct writer *w) {
    append_line(w->to, '+', string_on_top(w->L));
}

static void append_double(struct writer *w) {
    reply_double(w->to, lua_tonumber(w->L, -1));
}

/* Line breaks are blanks in RESP2, too, where they would do no harm. */
static void append_big_number(struct writer *w) {
    struct slice digits = string_on_top(w->L);
    if (w->to->resp > 2) {
        append_line(w->to, '(', digits);
        return;
    }
    struct buf text = BUF_INIT;
    buf_append_slice(&text, digits);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\r' || text.data[i] == '\n') text.data[i] = ' ';
    reply_bulk(w->to, buf_slice(&text));
    buf_release(&text);
}

/* Of `verbatim_string`, on top. False: it's none. */
static bool append_verbatim(struct writer *w) {
    char format[FORMAT_LEN + 1] = "   ";
    if (!push_field_of(w->L, "format", LUA_TSTRING)) return false;
    struct slice given = string_on_top(w->L);
    memcpy(format, given.ptr, given.len < FORMAT_LEN ? given.len : FORMAT_LEN);
    lua_pop(w->L, 1);
    if (!push_field_of(w->L, "string", LUA_TSTRING)) return false;
    reply_verbatim(w->to, string_on_top(w->L), format);
    lua_pop(w->L, 1);
    return true;
}

static size_t count_fields(lua_State *L) {
    size_t count = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) count++;
    return count;
}

static void append_map(struct writer *w) {
    reply_map(w->to, count_fields(w->L));
    for (lua_pushnil(w->L); lua_next(w->L, -2);) {
        lua_pushvalue(w->L, -2);
        append_value(w);
        append_value(w);
    }
}

static void append_set(struct writer *w) {
    reply_set(w->to, count_fields(w->L));
    for (lua_pushnil(w->L); lua_next(w->L, -2);) {
        lua_pop(w->L, 1);
        lua_pushvalue(w->L, -1);
        append_value(w);
    }
}

static void append_array(struct writer *w, int count) {
    reply_array(w->to, (size_t)count);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(w->L, -1, i);
        append_value(w);
    }
}

/* Elements before the first nil of the table on top. */
static int count_elements(lua_State *L) {
    for (int count = 0;; count++) {
        lua_rawgeti(L, -1, count + 1);
        bool end = lua_isnil(L, -1);
        lua_pop(L, 1);
        if (end) return count;
    }
}

/* Has the table on top fields beside its first `count` elements? Most haven't: so none of the names
 * that mean something needs to be looked up. */
static bool has_fields(lua_State *L, int count) {
    if (count)
        lua_pushinteger(L, count);
    else
        lua_pushnil(L);
    if (!lua_next(L, -2)) return false;
    lua_pop(L, 2);
    return true;
}

/* A table with a field that gives it a meaning; false if there's none. In the order in which Redis
 * looks for them. */
static bool append_meaning(struct writer *w) {
    static const struct {
        const char *field;
        int type;
        void (*append)(struct writer *w);
    } meanings[] = {
        {"err", LUA_TSTRING, append_error},     {"ok", LUA_TSTRING, append_status},
        {"double", LUA_TNUMBER, append_double}, {"big_number", LUA_TSTRING, append_big_number},
        {"map", LUA_TTABLE, append_map},        {"set", LUA_TTABLE, append_set},
    };
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (!push_field_of(w->L, meanings[i].field, meanings[i].type)) continue;
        meanings[i].append(w);
        lua_pop(w->L, 1);
        return true;
    }
    int top = lua_gettop(w->L);
    bool verbatim = push_field_of(w->L, "verbatim_string", LUA_TTABLE) && append_verbatim(w);
    lua_settop(w->L, top);
    return verbatim;
}

static void append_table(struct writer *w) {
    if (!lua_checkstack(w->L, STACK_NEEDED)) {
        reply_error(w->to, "ERR reached lua stack limit");
        return;
    }
    int count = count_elements(w->L);
    if (has_fields(w->L, count) && append_meaning(w)) return;
    append_array(w, count);
}

static void append_bool(struct writer *w) {
    bool value = lua_toboolean(w->L, -1);
    if (w->resp > 2)
        reply_bool(w->to, value);
    else if (value)
        reply_i64(w->to, 1);
    else
        reply_null(w->to);
}

/* Pops it. */
static void append_value(struct writer *w) {
    switch (lua_type(w->L, -1)) {
    case LUA_TSTRING: reply_bulk(w->to, string_on_top(w->L)); break;
    case LUA_TNUMBER: reply_i64(w->to, whole(lua_tonumber(w->L, -1))); break;
    case LUA_TBOOLEAN: append_bool(w); break;
    case LUA_TTABLE: append_table(w); break;
    default: reply_null(w->to);
    }
    lua_pop(w->L, 1);
}

void lua_reply_append(lua_State *L, struct reply *to, int resp) {
    struct writer w = {L, to, resp};
    append_value(&w);
}
