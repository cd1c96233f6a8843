/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/script_load.h"

#include <lauxlib.h>

#include "script/lua_sandbox.h"
#include "script/script_run.h"

#define SOURCE_NAME "@user_script"

/* The first line. */

static bool starts_with(struct slice text, struct slice with) {
    return text.len >= with.len && memcmp(text.ptr, with.ptr, with.len) == 0;
}

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool shebang_next(struct slice *options, struct slice *word) {
    const char *at = options->ptr, *end = at + options->len;
    while (at < end && is_blank(*at)) at++;
    const char *begin = at;
    while (at < end && !is_blank(*at)) at++;
    *word = slice_of(begin, (size_t)(at - begin));
    *options = slice_of(at, (size_t)(end - at));
    return word->len > 0;
}

bool shebang_read(struct slice text, struct shebang *line, bool *broken) {
    *broken = false;
    if (!starts_with(text, SLICE("#!"))) return false;
    const char *end = memchr(text.ptr, '\n', text.len);
    *broken = !end;
    if (!end) return true;
    line->options = slice_of(text.ptr, (size_t)(end - text.ptr));
    line->rest = slice_of(end, text.len - line->options.len);
    shebang_next(&line->options, &line->engine);
    return true;
}

bool script_flags_parse(struct slice list, unsigned *flags, struct slice *unknown) {
    const char *at = list.ptr, *end = at + list.len;
    while (list.len) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        struct slice name = slice_of(at, (size_t)((comma ? comma : end) - at));
        unsigned flag = script_flag_of(name);
        if (!flag) {
            *unknown = name;
            return false;
        }
        *flags |= flag;
        if (!comma) break;
        at = comma + 1;
    }
    return true;
}

/* False, with the error's text, if the option is none. */
static bool option_parse(struct slice option, unsigned *flags, struct buf *error) {
    static const struct slice flags_are = {"flags=", 6};
    struct slice unknown;
    if (!starts_with(option, flags_are)) {
        buf_appendf(error, "ERR Unknown lua shebang option: %.*s", (int)option.len, option.ptr);
        return false;
    }
    struct slice list = slice_of(option.ptr + flags_are.len, option.len - flags_are.len);
    if (script_flags_parse(list, flags, &unknown)) return true;
    buf_appendf(error, "ERR Unexpected flag in script shebang: %.*s", (int)unknown.len,
                unknown.ptr);
    return false;
}

/* Takes the line off the text; false, with the error's text, if it's wrong. */
static bool first_line_parse(struct slice *text, unsigned *flags, struct buf *error) {
    struct shebang line;
    bool broken;
    *flags = SCRIPT_UNDECLARED;
    if (!shebang_read(*text, &line, &broken)) return true;
    if (broken) {
        buf_append_str(error, "ERR Invalid script shebang");
        return false;
    }
    if (!slice_eq(line.engine, SLICE("#!lua"))) {
        buf_appendf(error, "ERR Unexpected engine in script shebang: %.*s", (int)line.engine.len,
                    line.engine.ptr);
        return false;
    }
    *flags = 0;
    struct slice option;
    while (shebang_next(&line.options, &option))
        if (!option_parse(option, flags, error)) return false;
    *text = line.rest;
    return true;
}

static bool first_line_or_reply(struct call *c, struct slice *text, unsigned *flags) {
    struct buf error = BUF_INIT;
    bool fine = first_line_parse(text, flags, &error);
    if (!fine) reply_error(c->reply, error.data);
    buf_release(&error);
    return fine;
}

unsigned script_text_flags(struct slice text) {
    struct buf error = BUF_INIT;
    unsigned flags;
    bool fine = first_line_parse(&text, &flags, &error);
    buf_release(&error);
    return fine ? flags : SCRIPT_UNDECLARED;
}

/* Compiling. */

struct compilation {
    struct slice text;
    int function;
};

static int compile(lua_State *L) {
    struct compilation *comp = lua_touserdata(L, 1);
    if (lua_sandbox_load(L, comp->text, SOURCE_NAME)) return lua_error(L);
    comp->function = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static bool compile_or_reply(struct call *c, struct slice text, int *function) {
    struct script_engine *s = c->engine->scripts;
    struct compilation comp = {.text = text};
    if (script_run_protected(s, compile, &comp, 0)) {
        reply_errorf(c->reply, "ERR Error compiling script (new function): %s",
                     lua_tostring(s->lua, -1));
        lua_pop(s->lua, 1);
        return false;
    }
    *function = comp.function;
    return true;
}

static void forget(struct script_engine *s, struct script *script) {
    luaL_unref(s->lua, LUA_REGISTRYINDEX, script->function);
    script_free(script);
}

static struct script *add(struct script_engine *s, struct slice text, int function,
                          unsigned flags) {
    char sha[SHA1_HEX];
    sha1_hex(text, sha);
    struct script *script = script_cache_add(&s->cache, text, sha);
    script->function = function;
    script->flags = flags;
    struct script *old = script_cache_evict(&s->cache);
    if (old) forget(s, old);
    return script;
}

struct script *script_load_or_reply(struct call *c, struct slice text) {
    struct script_engine *s = c->engine->scripts;
    struct script *known = script_cache_find_text(&s->cache, text);
    if (known) return known;
    struct slice body = text;
    unsigned flags;
    int function;
    if (!first_line_or_reply(c, &body, &flags)) return NULL;
    if (!compile_or_reply(c, body, &function)) return NULL;
    return add(s, text, function, flags);
}

void script_flush(struct script_engine *s) {
    struct script *script;
    while ((script = script_cache_take_any(&s->cache))) forget(s, script);
}
