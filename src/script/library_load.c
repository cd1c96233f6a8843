/* SPDX-License-Identifier: BSD-3-Clause */
/* All libraries share one read-only table of globals. What it leads to is exchanged for the time of
 * a load: a load runs nothing but the library's text, and no function can start one. */
#include "script/library_load.h"

#include <lauxlib.h>

#include "script/library_api.h"
#include "script/lua_readonly.h"
#include "script/lua_sandbox.h"
#include "script/script_load.h"
#include "script/script_run.h"

#define SOURCE_NAME "@user_function"

enum { LOAD_MS = 500 };

/* --- The first line ------------------------------------------------------------------------------
 */

/* A value may stand in quotes. False: they don't match. */
static bool unquote(struct slice *value) {
    char quote = value->len ? value->ptr[0] : 0;
    if (quote != '"' && quote != '\'') return true;
    if (value->len < 2 || value->ptr[value->len - 1] != quote) return false;
    *value = slice_of(value->ptr + 1, value->len - 2);
    return true;
}

static bool read_option(struct slice option, struct library_source *source, bool *named,
                        struct buf *error) {
    static const size_t prefix = sizeof "name=" - 1;
    if (option.len < prefix || strncasecmp(option.ptr, "name=", prefix) != 0) {
        buf_appendf(error, "Invalid metadata value given: %.*s", (int)option.len, option.ptr);
        return false;
    }
    if (*named) {
        buf_append_str(error, "Invalid metadata value, name argument was given multiple times");
        return false;
    }
    struct slice value = slice_of(option.ptr + prefix, option.len - prefix);
    if (!unquote(&value)) {
        buf_append_str(error, "Invalid library metadata");
        return false;
    }
    buf_append_slice(&source->name, value);
    *named = true;
    return true;
}

static bool read_options(struct shebang *line, struct library_source *source, struct buf *error) {
    struct slice option;
    bool named = false;
    while (shebang_next(&line->options, &option))
        if (!read_option(option, source, &named, error)) return false;
    struct slice engine = slice_of(line->engine.ptr + 2, line->engine.len - 2); /* behind "#!" */
    if (!named)
        buf_append_str(error, "Library name was not given");
    else if (!library_name_is_valid(buf_slice(&source->name)))
        buf_append_str(error, library_name_error);
    else if (!slice_is(engine, "lua"))
        buf_appendf(error, "Engine '%.*s' not found", (int)engine.len, engine.ptr);
    return error->len == 0;
}

bool library_source_read(struct slice text, struct library_source *source, struct buf *error) {
    struct shebang line;
    bool broken;
    *source = (struct library_source){.name = BUF_INIT, .limit_ms = LOAD_MS};
    if (!shebang_read(text, &line, &broken)) {
        buf_append_str(error, "Missing library metadata");
        return false;
    }
    if (broken) {
        buf_append_str(error, "Invalid library metadata");
        return false;
    }
    source->body = line.rest;
    if (read_options(&line, source, error)) return true;
    library_source_release(source);
    return false;
}

void library_source_release(struct library_source *source) {
    buf_release(&source->name);
}

/* --- Running the text ----------------------------------------------------------------------------
 */

struct load {
    struct slice body;
    bool compiled;
};

/* What the libraries' globals lead to from now on. Allocates nothing, so it can't throw. */
static void lead_globals_to(struct script_engine *s, int fields) {
    lua_State *L = s->lua;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->library_env.face);
    lua_pushliteral(L, "__index");
    lua_rawgeti(L, LUA_REGISTRYINDEX, fields);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static int run_text(lua_State *L) {
    struct load *load = lua_touserdata(L, 1);
    if (lua_sandbox_load(L, load->body, SOURCE_NAME)) return lua_error(L);
    load->compiled = true;
    lua_rawgeti(L, LUA_REGISTRYINDEX, scripts_of(L)->library_env.globals);
    lua_setfenv(L, -2);
    lua_call(L, 0, 0);
    return 0;
}

/* Pops the error object. */
static void tell_failure(lua_State *L, const struct load *load, struct buf *error) {
    bool is_table = lua_istable(L, -1);
    if (is_table) {
        lua_pushliteral(L, "err");
        lua_rawget(L, -2);
        lua_remove(L, -2);
    }
    const char *text = lua_tostring(L, -1);
    if (!text) text = "unknown error";
    if (!load->compiled)
        buf_appendf(error, "Error compiling function: %s", text);
    else if (is_table && strcmp(text, "ERR timeout") == 0)
        buf_append_str(error, "Error registering functions: ERR FUNCTION LOAD timeout");
    else
        buf_appendf(error, "Error registering functions: %s%s", is_table ? "" : "ERR ", text);
    lua_pop(L, 1);
}

struct library *library_load(struct script_engine *s, struct slice text,
                             const struct library_source *source, struct buf *error) {
    struct load load = {.body = source->body};
    struct library *library = library_new(buf_slice(&source->name), text);
    s->loading = library;
    lead_globals_to(s, s->library_env.while_loading);
    int failed = script_run_protected(s, run_text, &load, source->limit_ms);
    lead_globals_to(s, s->library_env.while_running);
    s->loading = NULL;
    if (failed)
        tell_failure(s->lua, &load, error);
    else if (library->count == 0)
        buf_append_str(error, "No functions registered");
    if (error->len == 0) return library;
    library_forget(s, library);
    return NULL;
}

/* --- Libraries of the engine ---------------------------------------------------------------------
 */

void library_forget(struct script_engine *s, struct library *library) {
    for (size_t i = 0; i < library->count; i++)
        luaL_unref(s->lua, LUA_REGISTRYINDEX, library->functions[i]->lua);
    library_free(library);
}

void library_forget_all(struct script_engine *s, struct library_store *store) {
    while (store->first) {
        struct library *library = store->first;
        library_take(store, library);
        library_forget(s, library);
    }
}

static void move_all(struct library_store *from, struct library_store *to) {
    while (from->first) {
        struct library *library = from->first;
        library_take(from, library);
        library_put(to, library);
    }
}

/* Moves such that have the name of an incoming one. */
static bool set_aside(struct library_store *from, const struct library_store *incoming,
                      struct library_store *aside, bool may, struct buf *error) {
    for (struct library *new = incoming->first; new; new = new->next) {
        struct library *old = library_find(from, buf_slice(&new->name));
        if (old && !may) {
            buf_appendf(error, "Library %s already exists", old->name.data);
            return false;
        }
        if (!old) continue;
        library_take(from, old);
        library_put(aside, old);
    }
    return true;
}

static bool names_are_free(const struct library_store *store, const struct library_store *incoming,
                           struct buf *error) {
    for (struct library *new = incoming->first; new; new = new->next) {
        const struct function *clash = library_clash(store, new, NULL);
        if (!clash) continue;
        buf_appendf(error, "Function %s already exists", clash->name.data);
        return false;
    }
    return true;
}

bool library_join(struct script_engine *s, struct library_store *incoming, bool replace,
                  struct buf *error) {
    struct library_store aside;
    library_store_init(&aside, s->libraries.seed);
    bool joins = set_aside(&s->libraries, incoming, &aside, replace, error) &&
                 names_are_free(&s->libraries, incoming, error);
    if (joins) {
        library_forget_all(s, &aside);
        move_all(incoming, &s->libraries);
    } else {
        move_all(&aside, &s->libraries);
    }
    library_store_release(&aside);
    return joins;
}

/* --- Opening -------------------------------------------------------------------------------------
 */

/* Pops a table of globals, gives it the metatable of the scripts' and keeps it. */
static int keep_fields(struct script_engine *s) {
    lua_State *L = s->lua;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->readable_globals);
    lua_getmetatable(L, -1);
    lua_setmetatable(L, -3);
    lua_pop(L, 1);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Pushes a copy of the scripts' globals, as they are before any script has run. */
static void push_copy_of_globals(struct script_engine *s) {
    lua_State *L = s->lua;
    lua_newtable(L);
    int copy = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->readable_globals);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_rawset(L, copy);
    }
    lua_pop(L, 1);
}

void library_open(struct script_engine *s) {
    lua_State *L = s->lua;
    library_store_init(&s->libraries, &s->engine->keyspace.seed);
    push_copy_of_globals(s);
    lua_readonly_push(L, lua_gettop(L));
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "_G");
    lua_getmetatable(L, -1);
    s->library_env.face = luaL_ref(L, LUA_REGISTRYINDEX);
    s->library_env.globals = luaL_ref(L, LUA_REGISTRYINDEX);
    s->library_env.while_running = keep_fields(s);
    library_api_push(s);
    s->library_env.while_loading = keep_fields(s);
}

void library_release(struct script_engine *s) {
    while (s->libraries.first) {
        struct library *library = s->libraries.first;
        library_take(&s->libraries, library);
        library_free(library);
    }
    library_store_release(&s->libraries);
}
