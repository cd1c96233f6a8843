/* SPDX-License-Identifier: BSD-3-Clause */
/* The interpreter of an engine, and what all that runs in it shares. One Lua state serves EVAL's
 * scripts and functions' libraries: they can't get at each other, since what they share is
 * read-only (lua_sandbox.h).
 *
 * Memory: all that Lua takes is counted and limited (lua-memory-limit): a script that wants more
 * gets Lua's "not enough memory", the server goes on. The limit holds while scripts run or are
 * compiled.
 *
 * No Lua function that can fail is called outside a protected call, so a lack of memory never ends
 * the process. */
#ifndef DREY_SCRIPT_SCRIPT_ENGINE_H
#define DREY_SCRIPT_SCRIPT_ENGINE_H

#include <lua.h>

#include "base/buf.h"
#include "exec/dispatch.h"
#include "script/debugger.h"
#include "script/library.h"
#include "script/lua_random.h"
#include "script/script_cache.h"

struct script_run;

struct script_config {
    int64_t busy_reply_threshold; /* milliseconds; 0 or less: never */
    uint64_t memory_limit;        /* bytes; 0: none */
};

/* Arguments of the command that a script runs: they borrow Lua's strings. */
struct script_args {
    struct slice *v;
    size_t cap;
    struct buf numbers; /* the text of arguments that are numbers */
};

/* The globals of libraries' functions, all in the registry; see library_load.c. */
struct library_env {
    int globals, face;                /* the table, and its metatable */
    int while_loading, while_running; /* what it leads to */
};

struct script_engine {
    struct engine *engine;
    lua_State *lua;
    struct script_config config;
    size_t memory;          /* bytes that Lua has */
    struct session session; /* what scripts' commands run on */
    struct reply result;    /* where tables that scripts return become replies */
    struct reply_pool pool;
    struct script_args args;
    struct buf flat;            /* a reply of several chunks, in one piece */
    struct script_run *running; /* NULL: none */
    unsigned resuming;          /* coroutines that resumed each other */
    unsigned steps;             /* of library functions since a script's time was last looked at */
    int hook_every;             /* instructions from one look to the next */
    uint64_t looked_us;         /* monotonic */
    bool any_command;           /* DEBUG SET-DISABLE-DENY-SCRIPTS: also what's not for scripts */
    struct lua_random random;
    struct script_cache cache;
    struct library_store libraries;
    struct library *loading; /* what FUNCTION LOAD's text registers functions in; NULL: none */
    struct library_env library_env;
    struct debugger_hooks debugging;
    struct debugger *debugger; /* of the session under way; NULL: none is */
    int readable_globals;      /* registry: the globals behind the read-only ones */
    int runner;                /* registry: script_run.c's */
};

/* Makes the engine's interpreter and registers its parameters, commands and hooks. `e` is
 * initialised, not yet open. */
void scripts_init(struct engine *e);
/* Once the engine is open. */
void scripts_open(struct engine *e);
void scripts_release(struct engine *e);

/* Of a state made by scripts_open, or of a coroutine of it. O(1). */
struct script_engine *scripts_of(lua_State *L);

/* Bytes that Lua has taken. */
size_t scripts_memory(const struct engine *e);

#endif
