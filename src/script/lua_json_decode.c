/* SPDX-License-Identifier: BSD-3-Clause */
/* cjson.decode: a scanner of tokens and a recursive parser, one pass. Depth is bounded by
 * decode_max_depth and by Lua's stack, as when encoding. A zero byte ends the text. */
#include "script/lua_json_decode.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "script/lua_json_int.h"

/* In the order of token_names. */
enum token {
    TOKEN_OBJECT,
    TOKEN_OBJECT_END,
    TOKEN_ARRAY,
    TOKEN_ARRAY_END,
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_BOOLEAN,
    TOKEN_NULL,
    TOKEN_COLON,
    TOKEN_COMMA,
    TOKEN_END,
    TOKEN_ERROR,
};

/* As errors name them. */
static const char *const token_names[] = {
    "T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER",
    "T_BOOLEAN",   "T_NULL",    "T_COLON",     "T_COMMA",   "T_END",
};

struct decoder {
    lua_State *L;
    const struct json_settings *settings;
    struct slice text; /* zero-terminated */
    const char *at;    /* behind the token */
    const char *start; /* of the token, or where it went wrong */
    enum token token;
    int depth;
    union {
        struct slice string; /* in the text, or in the buffer if it had escapes */
        double number;
        bool boolean;
        const char *error;
    };
};

static void parse_value(struct decoder *d);

static void unexpected(struct decoder *d, const char *wanted) {
    const char *found = d->token == TOKEN_ERROR ? d->error : token_names[d->token];
    luaL_error(d->L, "Expected %s but found %s at character %f", wanted, found,
               (double)(d->start - d->text.ptr + 1));
}

static void set_error(struct decoder *d, const char *at, const char *reason) {
    d->token = TOKEN_ERROR;
    d->start = at;
    d->error = reason;
}

/* --- Strings -------------------------------------------------------------------------------------
 */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits, or -1. Stops at the terminator. */
static int hex4(const char *at) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

static size_t to_utf8(char *to, uint32_t code) {
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--, code >>= 6) to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(lead[len] | code);
    return len;
}

/* `at` is behind the backslash of \uXXXX; returns what follows, or NULL. A character beyond 16 bits
 * is two of them: a high surrogate and a low one. */
static const char *read_unicode(struct decoder *d, const char *at) {
    int code = hex4(at + 1);
    if (code < 0) return NULL;
    at += 5;
    if ((code & 0xf800) == 0xd800) {
        if (code & 0x400 || at[0] != '\\' || at[1] != 'u') return NULL;
        int low = hex4(at + 2);
        if (low < 0 || (low & 0xfc00) != 0xdc00) return NULL;
        code = ((code & 0x3ff) << 10 | (low & 0x3ff)) + 0x10000;
        at += 6;
    }
    struct lua_buf *b = d->settings->buf;
    b->len += to_utf8(lua_buf_reserve(d->L, b, 4), (uint32_t)code);
    return at;
}

/* `at` is a backslash; returns what follows the escape, or NULL with the error set. */
static const char *read_escape(struct decoder *d, const char *at) {
    static const char letters[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    if (at[1] == 'u') {
        const char *next = read_unicode(d, at + 1);
        if (!next) set_error(d, at, "invalid unicode escape code");
        return next;
    }
    const char *letter = at[1] ? strchr(letters, at[1]) : NULL;
    if (!letter) {
        set_error(d, at, "invalid escape code");
        return NULL;
    }
    lua_buf_append_char(d->L, d->settings->buf, bytes[letter - letters]);
    return at + 2;
}

static const char *plain_end(const char *at) {
    while (*at != '"' && *at != '\\' && *at != '\0') at++;
    return at;
}

static void scan_string(struct decoder *d) {
    struct lua_buf *b = d->settings->buf;
    const char *from = d->at + 1;
    const char *to = plain_end(from);
    bool escaped = *to == '\\';
    b->len = 0;
    while (*to == '\\') {
        lua_buf_append(d->L, b, slice_of(from, (size_t)(to - from)));
        from = read_escape(d, to);
        if (!from) return;
        to = plain_end(from);
    }
    if (*to == '\0') {
        set_error(d, to, "unexpected end of string");
        return;
    }
    d->string = slice_of(from, (size_t)(to - from));
    if (escaped) {
        lua_buf_append(d->L, b, d->string);
        d->string = slice_of(b->data, b->len);
    }
    d->token = TOKEN_STRING;
    d->at = to + 1;
}

/* --- Numbers and words ---------------------------------------------------------------------------
 */

/* What C's strtod takes but JSON has not: a plus, leading zeros, hexadecimal, inf and nan. */
static bool is_beyond_json(const char *at) {
    if (*at == '+') return true;
    if (*at == '-') at++;
    if (*at == '0') return (at[1] | 0x20) == 'x' || (at[1] >= '0' && at[1] <= '9');
    return strncasecmp(at, "inf", 3) == 0 || strncasecmp(at, "nan", 3) == 0;
}

/* Up to 15 digits and nothing that strtod would take behind them: NULL if it isn't that. */
static const char *small_integer(const char *at, double *value) {
    bool negative = *at == '-';
    const char *first = at + negative;
    int64_t sum = 0;
    for (at = first; *at >= '0' && *at <= '9' && at - first < 16; at++)
        sum = sum * 10 + (*at - '0');
    if (at == first || at - first > 15 || *at == '.' || (*at | 0x20) == 'e' || (*at | 0x20) == 'x')
        return NULL;
    *value = negative ? -(double)sum : (double)sum;
    return at;
}

static void scan_number(struct decoder *d) {
    const char *end = small_integer(d->at, &d->number);
    if (!end) {
        char *parsed;
        d->number = strtod(d->at, &parsed);
        end = parsed;
    }
    if (end == d->at) {
        set_error(d, d->at, "invalid number");
        return;
    }
    d->token = TOKEN_NUMBER;
    d->at = end;
}

static bool word_is(struct decoder *d, const char *word, enum token token) {
    size_t len = strlen(word);
    if (strncmp(d->at, word, len) != 0) return false;
    d->at += len;
    d->token = token;
    return true;
}

static void scan_word(struct decoder *d) {
    if (word_is(d, "true", TOKEN_BOOLEAN))
        d->boolean = true;
    else if (word_is(d, "false", TOKEN_BOOLEAN))
        d->boolean = false;
    else if (word_is(d, "null", TOKEN_NULL))
        return;
    else if (d->settings->decode_invalid && is_beyond_json(d->at))
        scan_number(d);
    else
        set_error(d, d->at, "invalid token");
}

/* --- Tokens --------------------------------------------------------------------------------------
 */

static void set_token(struct decoder *d, enum token token) {
    d->token = token;
    d->at++;
}

static void next_token(struct decoder *d) {
    while (*d->at == ' ' || *d->at == '\n' || *d->at == '\t' || *d->at == '\r') d->at++;
    d->start = d->at;
    switch (*d->at) {
    case '{': set_token(d, TOKEN_OBJECT); return;
    case '}': set_token(d, TOKEN_OBJECT_END); return;
    case '[': set_token(d, TOKEN_ARRAY); return;
    case ']': set_token(d, TOKEN_ARRAY_END); return;
    case ':': set_token(d, TOKEN_COLON); return;
    case ',': set_token(d, TOKEN_COMMA); return;
    case '"': scan_string(d); return;
    case '\0': d->token = TOKEN_END; return;
    default: break;
    }
    if (*d->at != '-' && (*d->at < '0' || *d->at > '9'))
        scan_word(d);
    else if (!d->settings->decode_invalid && is_beyond_json(d->at))
        set_error(d, d->at, "invalid number");
    else
        scan_number(d);
}

/* --- Values --------------------------------------------------------------------------------------
 */

static void descend(struct decoder *d, int slots) {
    if (++d->depth <= d->settings->decode_max_depth && lua_checkstack(d->L, slots)) return;
    luaL_error(d->L, "Found too many nested data structures (%d) at character %f", d->depth,
               (double)(d->at - d->text.ptr));
}

static void parse_member(struct decoder *d) {
    if (d->token != TOKEN_STRING) unexpected(d, "object key string");
    lua_pushlstring(d->L, d->string.ptr, d->string.len);
    next_token(d);
    if (d->token != TOKEN_COLON) unexpected(d, "colon");
    next_token(d);
    parse_value(d);
    lua_rawset(d->L, -3);
    next_token(d);
}

static void parse_object(struct decoder *d) {
    descend(d, 3);
    lua_newtable(d->L);
    next_token(d);
    if (d->token != TOKEN_OBJECT_END) {
        parse_member(d);
        while (d->token == TOKEN_COMMA) {
            next_token(d);
            parse_member(d);
        }
        if (d->token != TOKEN_OBJECT_END) unexpected(d, "comma or object end");
    }
    d->depth--;
}

static void parse_array(struct decoder *d) {
    descend(d, 2);
    lua_newtable(d->L);
    if (d->settings->mark_arrays) {
        json_push_array_mark(d->L);
        lua_setmetatable(d->L, -2);
    }
    next_token(d);
    if (d->token != TOKEN_ARRAY_END) {
        int slot = 1;
        for (;; slot++) {
            parse_value(d);
            lua_rawseti(d->L, -2, slot);
            next_token(d);
            if (d->token != TOKEN_COMMA) break;
            next_token(d);
        }
        if (d->token != TOKEN_ARRAY_END) unexpected(d, "comma or array end");
    }
    d->depth--;
}

static void parse_value(struct decoder *d) {
    switch (d->token) {
    case TOKEN_STRING: lua_pushlstring(d->L, d->string.ptr, d->string.len); return;
    case TOKEN_NUMBER: lua_pushnumber(d->L, d->number); return;
    case TOKEN_BOOLEAN: lua_pushboolean(d->L, d->boolean); return;
    case TOKEN_OBJECT: parse_object(d); return;
    case TOKEN_ARRAY: parse_array(d); return;
    case TOKEN_NULL: lua_pushlightuserdata(d->L, NULL); return;
    default: unexpected(d, "value");
    }
}

int json_decode(lua_State *L) {
    luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
    struct decoder d = {.L = L, .settings = json_settings(L)};
    d.text.ptr = d.at = luaL_checklstring(L, 1, &d.text.len);
    if (d.text.len >= 2 && (!d.text.ptr[0] || !d.text.ptr[1]))
        luaL_error(L, "JSON parser does not support UTF-16 or UTF-32");
    lua_buf_start(L, d.settings->buf);
    next_token(&d);
    parse_value(&d);
    next_token(&d);
    if (d.token != TOKEN_END) unexpected(&d, "the end");
    lua_buf_start(L, d.settings->buf);
    return 1;
}
