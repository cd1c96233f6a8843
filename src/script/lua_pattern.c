/* SPDX-License-Identifier: BSD-3-Clause */
/* A pattern is a sequence of items; match_here tries what is left of it at a place of the text, and
 * calls itself where there's a choice, or something to take back: at a repetition, at a capture.
 * All other items are a loop. Nothing is allocated but by Lua's buffers, which an error leaves to
 * the collector.
 *
 * As in Lua, a pattern ends at its first zero byte, while a text may hold any. */
#include "script/lua_pattern.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lualib.h>

#include "base/slice.h"
#include "script/script_engine.h"
#include "script/script_run.h"

enum { ESCAPE = '%', UNFINISHED = -1, POSITION = -2 };

struct capture {
    const char *begin;
    ptrdiff_t len; /* or UNFINISHED, or POSITION */
};

struct matcher {
    lua_State *L;
    struct script_engine *scripts;
    const char *text, *end;
    const char *pattern_end;
    int depth;
    int captures;
    struct capture capture[LUA_MAXCAPTURES];
};

static unsigned char byte_at(const char *p) {
    return (unsigned char)*p;
}

/* Single characters. */

static bool in_class(unsigned char c, unsigned char letter) {
    bool in;
    switch (tolower(letter)) {
    case 'a': in = isalpha(c); break;
    case 'c': in = iscntrl(c); break;
    case 'd': in = isdigit(c); break;
    case 'l': in = islower(c); break;
    case 'p': in = ispunct(c); break;
    case 's': in = isspace(c); break;
    case 'u': in = isupper(c); break;
    case 'w': in = isalnum(c); break;
    case 'x': in = isxdigit(c); break;
    case 'z': in = c == 0; break;
    default: return letter == c;
    }
    return isupper(letter) ? !in : in;
}

/* The end of a set whose '[' is at p: behind its ']'. The first character is never that. */
static const char *set_end(struct matcher *m, const char *p) {
    p += p[1] == '^' ? 2 : 1;
    do {
        if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (missing ']')");
        bool escaped = *p++ == ESCAPE;
        if (escaped && p < m->pattern_end) p++;
    } while (*p != ']');
    return p + 1;
}

/* Where the item for one character that begins at p ends. */
static const char *single_end(struct matcher *m, const char *p) {
    if (*p == '[') return set_end(m, p);
    if (*p != ESCAPE) return p + 1;
    if (p + 1 == m->pattern_end) luaL_error(m->L, "malformed pattern (ends with '%%')");
    return p + 2;
}

/* Is c in the set from '[' at p up to `end`, behind its ']'? */
static bool in_set(unsigned char c, const char *p, const char *end) {
    bool negated = p[1] == '^';
    const char *last = end - 1; /* the ']' */
    for (p += negated ? 2 : 1; p < last; p++) {
        if (*p == ESCAPE) {
            p++;
            if (in_class(c, byte_at(p))) return !negated;
        } else if (p[1] == '-' && p + 2 < last) {
            if (byte_at(p) <= c && c <= byte_at(p + 2)) return !negated;
            p += 2;
        } else if (byte_at(p) == c) {
            return !negated;
        }
    }
    return negated;
}

/* Does the item for one character, from p up to `end`, take the one at s? */
static bool takes(const struct matcher *m, const char *s, const char *p, const char *end) {
    if (s >= m->end) return false;
    switch (*p) {
    case '.': return true;
    case ESCAPE: return in_class(byte_at(s), byte_at(p + 1));
    case '[': return in_set(byte_at(s), p, end);
    default: return *p == *s;
    }
}

/* Items that are more than one character. Each returns where the text goes on, or NULL. */

static const char *match_here(struct matcher *m, const char *s, const char *p);

/* %bxy: from an x to the y that balances it. */
static const char *match_balance(struct matcher *m, const char *s, const char *p) {
    if (m->pattern_end - p < 2) luaL_error(m->L, "unbalanced pattern");
    if (s >= m->end || *s != p[0]) return NULL;
    const char *begin = s;
    int open = 1;
    for (s++; s < m->end && open; s++) {
        if (*s == p[1])
            open--;
        else if (*s == p[0])
            open++;
    }
    script_steps(m->scripts, m->L, (unsigned)((s - begin) / 8));
    return open ? NULL : s;
}

/* %f[set]: the edge between a character that isn't in the set and one that is. */
static bool at_frontier(const struct matcher *m, const char *s, const char *p, const char *end) {
    unsigned char before = s == m->text ? 0 : byte_at(s - 1);
    unsigned char here = s == m->end ? 0 : byte_at(s);
    return !in_set(before, p, end) && in_set(here, p, end);
}

static int numbered_capture(struct matcher *m, unsigned char digit) {
    int i = digit - '1';
    if (i < 0 || i >= m->captures || m->capture[i].len == UNFINISHED)
        luaL_error(m->L, "invalid capture index");
    return i;
}

/* %1: what was captured, again. */
static const char *match_again(struct matcher *m, const char *s, unsigned char digit) {
    const struct capture *c = &m->capture[numbered_capture(m, digit)];
    size_t len = (size_t)c->len;
    if (len > (size_t)(m->end - s) || memcmp(c->begin, s, len)) return NULL;
    script_steps(m->scripts, m->L, (unsigned)(len / 64));
    return s + len;
}

static const char *begin_capture(struct matcher *m, const char *s, const char *p, int what) {
    if (m->captures >= LUA_MAXCAPTURES) luaL_error(m->L, "too many captures");
    m->capture[m->captures++] = (struct capture){s, what};
    const char *found = match_here(m, s, p);
    if (!found) m->captures--;
    return found;
}

static const char *end_capture(struct matcher *m, const char *s, const char *p) {
    int i = m->captures - 1;
    while (i >= 0 && m->capture[i].len != UNFINISHED) i--;
    if (i < 0) luaL_error(m->L, "invalid pattern capture");
    m->capture[i].len = s - m->capture[i].begin;
    const char *found = match_here(m, s, p);
    if (!found) m->capture[i].len = UNFINISHED;
    return found;
}

/* As many as there are, then ever fewer. */
static const char *match_most(struct matcher *m, const char *s, const char *p, const char *end) {
    ptrdiff_t count = 0;
    while (takes(m, s + count, p, end)) count++;
    script_steps(m->scripts, m->L, (unsigned)(count / 8));
    for (; count >= 0; count--) {
        const char *found = match_here(m, s + count, end + 1);
        if (found) return found;
    }
    return NULL;
}

/* As few as will do. */
static const char *match_least(struct matcher *m, const char *s, const char *p, const char *end) {
    for (;; s++) {
        const char *found = match_here(m, s, end + 1);
        if (found) return found;
        if (!takes(m, s, p, end)) return NULL;
    }
}

/* The item for one character from p up to `end`, with the repetition that may be there. *done: all
 * that follows has been tried, too; else it's to go on behind the item. */
static const char *match_single(struct matcher *m, const char *s, const char *p, const char *end,
                                bool *done) {
    *done = true;
    switch (end < m->pattern_end ? *end : '\0') {
    case '?':
        if (takes(m, s, p, end)) {
            const char *found = match_here(m, s + 1, end + 1);
            if (found) return found;
        }
        *done = false;
        return s;
    case '*': return match_most(m, s, p, end);
    case '+': return takes(m, s, p, end) ? match_most(m, s + 1, p, end) : NULL;
    case '-': return match_least(m, s, p, end);
    default: *done = false; return takes(m, s, p, end) ? s + 1 : NULL;
    }
}

/* An item that begins with '%' and isn't for one character; *next: the pattern goes on there, NULL:
 * it's no such item. */
static const char *match_escape(struct matcher *m, const char *s, const char *p,
                                const char **next) {
    unsigned char letter = byte_at(p + 1); /* at the end that's the zero behind the pattern */
    *next = NULL;
    if (letter == 'b') {
        *next = p + 4;
        return match_balance(m, s, p + 2);
    }
    if (letter == 'f') {
        if (p[2] != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
        *next = set_end(m, p + 2);
        return at_frontier(m, s, p + 2, *next) ? s : NULL;
    }
    if (isdigit(letter)) {
        *next = p + 2;
        return match_again(m, s, letter);
    }
    return s;
}

static const char *match_items(struct matcher *m, const char *s, const char *p) {
    while (s && p < m->pattern_end) {
        const char *next = NULL;
        script_steps(m->scripts, m->L, 1);
        if (*p == '(')
            return p[1] == ')' ? begin_capture(m, s, p + 2, POSITION)
                               : begin_capture(m, s, p + 1, UNFINISHED);
        if (*p == ')') return end_capture(m, s, p + 1);
        if (*p == '$' && p + 1 == m->pattern_end) return s == m->end ? s : NULL;
        if (*p == ESCAPE) s = match_escape(m, s, p, &next);
        if (!next) {
            bool done;
            const char *end = single_end(m, p);
            s = match_single(m, s, p, end, &done);
            if (done) return s;
            next = end < m->pattern_end && *end == '?' ? end + 1 : end;
        }
        p = next;
    }
    return s;
}

/* Where the text that the pattern from p on takes ends, if it begins at s; else NULL. */
static const char *match_here(struct matcher *m, const char *s, const char *p) {
    if (++m->depth > LUA_PATTERN_DEPTH) luaL_error(m->L, "pattern too complex");
    const char *found = match_items(m, s, p);
    m->depth--;
    return found;
}

static void matcher_init(struct matcher *m, lua_State *L, struct slice text, const char *pattern) {
    m->L = L;
    m->scripts = scripts_of(L);
    m->text = text.ptr;
    m->end = text.ptr + text.len;
    m->pattern_end = pattern + strlen(pattern);
    m->depth = m->captures = 0;
}

static const char *match_at(struct matcher *m, const char *s, const char *pattern) {
    m->captures = 0;
    return match_here(m, s, pattern);
}

/* Results. */

/* Pushes capture i of what was found from `begin` to `end`, which is capture 0 if there's none. */
static void push_capture(struct matcher *m, int i, const char *begin, const char *end) {
    if (i >= m->captures && i) luaL_error(m->L, "invalid capture index");
    if (i >= m->captures) {
        lua_pushlstring(m->L, begin, (size_t)(end - begin));
        return;
    }
    const struct capture *c = &m->capture[i];
    if (c->len == UNFINISHED) luaL_error(m->L, "unfinished capture");
    if (c->len == POSITION)
        lua_pushinteger(m->L, c->begin - m->text + 1);
    else
        lua_pushlstring(m->L, c->begin, (size_t)c->len);
}

static int push_captures(struct matcher *m, const char *begin, const char *end) {
    int count = m->captures || !begin ? m->captures : 1;
    luaL_checkstack(m->L, count, "too many captures");
    for (int i = 0; i < count; i++) push_capture(m, i, begin, end);
    return count;
}

/* find and match. */

static struct slice check_text(lua_State *L, int arg) {
    struct slice text;
    text.ptr = luaL_checklstring(L, arg, &text.len);
    return text;
}

/* Where argument 3 says that the search begins: from 1, or from the end if it's negative. */
static size_t start_of(lua_State *L, size_t len) {
    ptrdiff_t at = luaL_optinteger(L, 3, 1);
    if (at < 0) at += (ptrdiff_t)len + 1;
    if (at < 1) return 0;
    return (size_t)at - 1 < len ? (size_t)at - 1 : len;
}

static int find_plain(lua_State *L, struct slice text, struct slice word, size_t from) {
    const char *found = memmem(text.ptr + from, text.len - from, word.ptr, word.len);
    if (!found) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, found - text.ptr + 1);
    lua_pushinteger(L, found - text.ptr + (ptrdiff_t)word.len);
    return 2;
}

static int search(lua_State *L, bool find) {
    struct slice text = check_text(L, 1), word = check_text(L, 2);
    size_t from = start_of(L, text.len);
    if (find && (lua_toboolean(L, 4) || !strpbrk(word.ptr, "^$*+?.([%-")))
        return find_plain(L, text, word, from);
    struct matcher m;
    const char *pattern = word.ptr, *s = text.ptr + from;
    matcher_init(&m, L, text, pattern);
    bool anchored = *pattern == '^';
    do {
        const char *end = match_at(&m, s, pattern + anchored);
        if (!end) continue;
        if (!find) return push_captures(&m, s, end);
        lua_pushinteger(L, s - m.text + 1);
        lua_pushinteger(L, end - m.text);
        return push_captures(&m, NULL, NULL) + 2;
    } while (s++ < m.end && !anchored);
    lua_pushnil(L);
    return 1;
}

static int string_find(lua_State *L) {
    return search(L, true);
}

static int string_match(lua_State *L) {
    return search(L, false);
}

/* gmatch: upvalues are text, pattern and where to go on. */

static int next_match(lua_State *L) {
    struct slice text = check_text(L, lua_upvalueindex(1));
    const char *pattern = lua_tostring(L, lua_upvalueindex(2));
    struct matcher m;
    matcher_init(&m, L, text, pattern);
    for (const char *s = m.text + lua_tointeger(L, lua_upvalueindex(3)); s <= m.end; s++) {
        const char *end = match_at(&m, s, pattern);
        if (!end) continue;
        lua_pushinteger(L, end - m.text + (end == s));
        lua_replace(L, lua_upvalueindex(3));
        return push_captures(&m, s, end);
    }
    return 0;
}

static int string_gmatch(lua_State *L) {
    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_settop(L, 2);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_match, 3);
    return 1;
}

/* gsub. */

/* Argument 3, a text, with captures in place of %0 to %9. */
static void add_text(struct matcher *m, luaL_Buffer *to, const char *begin, const char *end) {
    size_t len;
    const char *by = lua_tolstring(m->L, 3, &len);
    for (size_t i = 0; i < len; i++) {
        if (by[i] != ESCAPE) {
            luaL_addchar(to, by[i]);
            continue;
        }
        i++;
        if (!isdigit(byte_at(by + i))) {
            luaL_addchar(to, by[i]);
        } else if (by[i] == '0') {
            luaL_addlstring(to, begin, (size_t)(end - begin));
        } else {
            push_capture(m, by[i] - '1', begin, end);
            luaL_addvalue(to);
        }
    }
}

/* What a table or a function says to what was found; false or nil: it stays. */
static void add_answer(struct matcher *m, luaL_Buffer *to, const char *begin, const char *end) {
    lua_State *L = m->L;
    if (lua_type(L, 3) == LUA_TTABLE) {
        push_capture(m, 0, begin, end);
        lua_gettable(L, 3);
    } else {
        lua_pushvalue(L, 3);
        int count = push_captures(m, begin, end);
        lua_call(L, count, 1);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        lua_pushlstring(L, begin, (size_t)(end - begin));
    } else if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
    luaL_addvalue(to);
}

static int string_gsub(lua_State *L) {
    struct slice text = check_text(L, 1);
    const char *pattern = luaL_checkstring(L, 2), *s = text.ptr;
    int type = lua_type(L, 3), count = 0, most = luaL_optint(L, 4, (int)(text.len + 1));
    luaL_argcheck(L,
                  type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                      type == LUA_TTABLE,
                  3, "string/function/table expected");
    bool by_text = type == LUA_TNUMBER || type == LUA_TSTRING, anchored = *pattern == '^';
    struct matcher m;
    matcher_init(&m, L, text, pattern);
    luaL_Buffer result;
    luaL_buffinit(L, &result);
    while (count < most) {
        const char *end = match_at(&m, s, pattern + anchored);
        if (end) {
            count++;
            (by_text ? add_text : add_answer)(&m, &result, s, end);
        }
        if (end && end > s)
            s = end;
        else if (s < m.end)
            luaL_addchar(&result, *s++);
        else
            break;
        if (anchored) break;
    }
    luaL_addlstring(&result, s, (size_t)(m.end - s));
    luaL_pushresult(&result);
    lua_pushinteger(L, count);
    return 2;
}

void lua_pattern_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"find", string_find},    {"match", string_match}, {"gmatch", string_gmatch},
        {"gfind", string_gmatch}, {"gsub", string_gsub},   {NULL, NULL},
    };
    lua_getglobal(L, LUA_STRLIBNAME);
    luaL_register(L, NULL, functions);
    lua_pop(L, 1);
}
