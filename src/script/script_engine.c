/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/script_engine.h"

#include <lauxlib.h>
#include <limits.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "script/families.h"
#include "script/library_dump.h"
#include "script/library_load.h"
#include "script/lua_api.h"
#include "script/lua_call.h"
#include "script/lua_libs.h"
#include "script/lua_sandbox.h"
#include "script/script_run.h"
#include "script/script_run_int.h"

#define SCRIPTS "Scripts"

static const struct config_param rows[] = {
    {"busy-reply-threshold", CONFIG_INT(struct script_config, busy_reply_threshold, 0, LONG_MAX),
     "5000", .group = SCRIPTS, .alias = "lua-time-limit",
     .about =
         "Milliseconds after which a script counts as slow, and others are told so; 0: never."},
    {"lua-memory-limit", CONFIG_MEMORY(struct script_config, memory_limit, 0, LONG_MAX), "512mb",
     .group = SCRIPTS,
     .about = "Bytes that all scripts together may take in the interpreter; 0 for no limit."},
};

/* The limit is for scripts: what holds them together may always grow. */
static bool is_over_limit(const struct script_engine *s, size_t more) {
    return s->running && s->config.memory_limit && s->memory + more > s->config.memory_limit;
}

static void *allocate(void *scripts, void *ptr, size_t before, size_t size) {
    struct script_engine *s = scripts;
    if (size == 0) {
        mem_free_sized(ptr, before);
        s->memory -= before;
        return NULL;
    }
    if (size > before && is_over_limit(s, size - before)) return NULL;
    void *moved = ptr ? mem_try_realloc(ptr, size) : mem_try_alloc(size);
    if (moved) s->memory += size - before;
    return moved;
}

struct script_engine *scripts_of(lua_State *L) {
    void *scripts;
    lua_getallocf(L, &scripts);
    return scripts;
}

size_t scripts_memory(const struct engine *e) {
    return e->scripts->memory;
}

void scripts_init(struct engine *e) {
    struct script_engine *s = mem_zalloc(sizeof *s);
    s->engine = e;
    e->scripts = s;
    e->libraries =
        (struct engine_libraries){library_visit_saved, library_load_saved, library_clear_saved};
    config_register(e->config, rows, sizeof rows / sizeof rows[0], &s->config);
    engine_add_families(e, script_families);
}

/* Everything here runs before any script, and within what memory there is at start. */
static void open_state(struct script_engine *s) {
    lua_State *L = s->lua = lua_newstate(allocate, s);
    ASSERT(L);
    lua_sandbox_open(L);
    lua_api_open(L);
    lua_libs_open(L);
    s->readable_globals = lua_sandbox_close(L);
    script_run_open(s);
    library_open(s);
}

void scripts_open(struct engine *e) {
    struct script_engine *s = e->scripts;
    session_init(&s->session, e, &s->pool);
    reply_init(&s->result, &s->pool, 2);
    s->result.on_error = s->session.own_reply.on_error;
    s->result.on_error_ctx = s->session.own_reply.on_error_ctx;
    script_cache_init(&s->cache, &e->keyspace.seed);
    open_state(s);
}

void scripts_release(struct engine *e) {
    struct script_engine *s = e->scripts;
    if (s->lua) {
        lua_close(s->lua);
        library_release(s);
        script_cache_release(&s->cache);
        session_release(&s->session);
        reply_release(&s->result);
        reply_pool_release(&s->pool);
        lua_call_release(s);
    }
    mem_free(s);
    e->scripts = NULL;
}
