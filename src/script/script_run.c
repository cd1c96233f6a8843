/* SPDX-License-Identifier: BSD-3-Clause */
/* A run is two protected calls in each other: the outer one is ours, for what may run out of memory
 * around the script (its arguments, its result); the inner one is the script.
 *
 * A hook looks at the time every HOOK_EVERY instructions, or more often where they take long: a
 * script can make strings whose hashes collide, so that each takes milliseconds. Over the threshold
 * it lets the engine's owner answer others (engine.yield), and does what they decided: from when a
 * script is to end, the hook raises an error at each instruction, so that no pcall of the script's
 * holds it up. */
#include "script/script_run.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdlib.h>

#include "base/clock.h"
#include "script/lua_api.h"
#include "script/lua_reply.h"
#include "script/script_run_int.h"

enum {
    HOOK_EVERY = 10 * 1000, /* instructions: about 100 us of Lua */
    LOOK_US = 1000,         /* what should lie between two looks at most, and between yields */
    COPY_MAX = 1024,        /* longer results change hands as they are */
    STACK_NEEDED = 32,
    COLLECT_FROM = 4 * 1024 * 1024, /* bytes from which a run is followed by a step of collecting */
    COLLECT_STEP = 256,             /* KB of garbage for which that pays */
};

/* In the order of their bits. */
static const char *const flag_names[] = {"no-writes", "allow-oom", "allow-stale", "no-cluster",
                                         "allow-cross-slot-keys"};
static_assert(1 << (sizeof flag_names / sizeof flag_names[0]) == SCRIPT_UNDECLARED,
              "each flag but the last has a name");

unsigned script_flag_of(struct slice name) {
    for (size_t i = 0; i < sizeof flag_names / sizeof flag_names[0]; i++)
        if (slice_eq(name, slice_str(flag_names[i]))) return 1u << i;
    return 0;
}

const char *script_flag_name(unsigned flag) {
    return flag_names[__builtin_ctz(flag)];
}

unsigned script_command_flags(unsigned flags, unsigned script) {
    if (script & SCRIPT_UNDECLARED) return flags & ~(unsigned)CMD_STALE;
    flags &= ~(unsigned)(CMD_MAY_REPLICATE | CMD_WRITE | CMD_DENYOOM | CMD_STALE);
    if (!(script & SCRIPT_NO_WRITES)) flags |= CMD_WRITE;
    if (!(script & (SCRIPT_NO_WRITES | SCRIPT_ALLOW_OOM))) flags |= CMD_DENYOOM;
    return script & SCRIPT_ALLOW_STALE ? flags | CMD_STALE : flags;
}

struct script_run *script_running(const struct engine *e) {
    return e->scripts->running;
}

/* Admission. */

bool script_admit_or_reply(struct script_run *run) {
    struct call *c = run->call;
    struct engine *e = c->engine;
    bool by_reading = (c->cmd->flags & CMD_READONLY) != 0;
    bool says = !(run->flags & SCRIPT_UNDECLARED), writes = !(run->flags & SCRIPT_NO_WRITES);
    run->read_only = by_reading || !writes;
    if (e->gates & GATE_MEMORY) run->out_of_memory = dispatch_make_room(e, true) == EVICT_NOTHING;
    if (run->flags & SCRIPT_ALLOW_OOM) run->out_of_memory = false;
    run->slot = run->keys && call_in_cluster(c) ? (int)slot_of(c->argv[run->first_key]) : -1;
    if ((run->flags & SCRIPT_NO_CLUSTER) && call_in_cluster(c)) {
        reply_error(c->reply, "ERR Can not run script on cluster, 'no-cluster' flag is set.");
        return false;
    }
    bool fits = !says || !writes || !by_reading;
    if (!fits)
        reply_error(c->reply, "ERR Can not execute a script with write flag using *_ro command.");
    return fits;
}

/* Slow scripts. */

const char *script_busy_error(const struct engine *e) {
    return script_running(e)->is_function
               ? "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN "
                 "NOSAVE."
               : "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN "
                 "NOSAVE.";
}

void script_kill(struct call *c, bool function) {
    struct script_run *run = script_running(c->engine);
    if (!run || !run->call) {
        reply_error(c->reply, "NOTBUSY No scripts in execution right now.");
    } else if (run->wrote) {
        reply_error(c->reply, "UNKILLABLE Sorry the script already executed write commands against "
                              "the dataset. You can either wait the script termination or kill the "
                              "server in a hard way using the SHUTDOWN NOSAVE command.");
    } else if (run->is_function != function) {
        reply_error(c->reply, script_busy_error(c->engine));
    } else {
        run->killed = true;
        reply_ok(c->reply);
    }
}

static const char *command_to_kill(const struct script_run *run) {
    return run->is_function ? "FUNCTION KILL" : "SCRIPT KILL";
}

/* It's slow from now on: others may be answered. */
static void become_slow(struct script_engine *s, uint64_t elapsed_us) {
    struct script_run *run = s->running;
    run->slow = true;
    s->engine->gates |= GATE_BUSY;
    s->engine->busy_error = script_busy_error(s->engine);
    if (!s->engine->log) return;
    log_warning(s->engine->log,
                "Slow script detected: still in execution after %llu milliseconds. You can try "
                "killing the script using the %s command. Script name is: %s.",
                (unsigned long long)(elapsed_us / 1000), command_to_kill(run), run->name);
}

/* Lets others be answered; false if the script is to end. */
static bool goes_on(struct script_engine *s, uint64_t elapsed_us) {
    struct script_run *run = s->running;
    int64_t threshold_ms = s->config.busy_reply_threshold;
    if (!run->call || !threshold_ms || elapsed_us / 1000 < (uint64_t)threshold_ms) return true;
    if (!run->slow) become_slow(s, elapsed_us);
    uint64_t now_us = run->started_us + elapsed_us;
    if (now_us - run->yielded_us < LOOK_US) return true;
    run->yielded_us = now_us;
    if (s->engine->yield && !s->engine->yield(s->engine)) run->stopped = true;
    if (run->killed && s->engine->log)
        log_notice(s->engine->log, "Lua script killed by user with %s.", command_to_kill(run));
    return !run->killed && !run->stopped;
}

static void push_end(lua_State *L, const struct script_run *run) {
    if (run->killed)
        lua_push_error(L, run->is_function ? "Script killed by user with FUNCTION KILL..."
                                           : "Script killed by user with SCRIPT KILL...");
    else if (run->aborted)
        lua_push_error(L, "script aborted for user request");
    else
        lua_push_error(L, run->stopped ? "Script ended as the server does" : "timeout");
}

static void on_count(lua_State *L, lua_Debug *at);

static bool is_ending(const struct script_run *run) {
    return run->killed || run->stopped || run->late || run->aborted;
}

/* From now on each instruction is an error. */
static void end_now(lua_State *L, const struct script_run *run) {
    lua_sethook(L, on_count, LUA_MASKCOUNT | LUA_MASKLINE, 1);
    push_end(L, run);
    lua_error(L);
}

bool script_is_ending(lua_State *L) {
    const struct script_run *run = scripts_of(L)->running;
    return run && is_ending(run);
}

void script_end_if_asked(lua_State *L) {
    if (script_is_ending(L)) end_now(L, scripts_of(L)->running);
}

void script_wait(lua_State *L) {
    struct script_engine *s = scripts_of(L);
    uint64_t elapsed_us = (uint64_t)clock_mono_us() - s->running->started_us;
    if (s->engine->yield && !goes_on(s, elapsed_us)) end_now(L, s->running);
}

void script_look(lua_State *L) {
    struct script_engine *s = scripts_of(L);
    struct script_run *run = s->running;
    s->steps = 0;
    if (!run) return;
    if (!is_ending(run)) {
        uint64_t elapsed_us = (uint64_t)clock_mono_us() - run->started_us;
        run->late = run->limit_ms && elapsed_us / 1000 > run->limit_ms;
        if (!run->late && goes_on(s, elapsed_us)) return;
    }
    end_now(L, run);
}

/* Looks come more often if it was long since the last, and go back to what's usual. */
static void adapt(lua_State *L, struct script_engine *s, uint64_t since_us) {
    int every = s->hook_every;
    if (since_us > LOOK_US)
        every = (uint64_t)every > since_us / LOOK_US ? every / (int)(since_us / LOOK_US) : 1;
    else if (since_us < LOOK_US / 4 && every < HOOK_EVERY)
        every = 2 * every < HOOK_EVERY ? 2 * every : HOOK_EVERY;
    if (every == s->hook_every) return;
    s->hook_every = every;
    lua_sethook(L, on_count, LUA_MASKCOUNT, every);
}

static void on_count(lua_State *L, lua_Debug *at) {
    struct script_engine *s = scripts_of(L);
    adapt(L, s, (uint64_t)clock_mono_us() - s->looked_us);
    script_look(L);
    s->looked_us = (uint64_t)clock_mono_us();
}

void script_run_set_hook(struct script_engine *s) {
    s->hook_every = HOOK_EVERY;
    lua_sethook(s->lua, on_count, LUA_MASKCOUNT, HOOK_EVERY);
}

/* Errors. */

/* The error of a run as a table: {err =, source =, line =}, on top. Scripts' own tables are left
 * alone. Where the error was raised by one of C's functions, its caller is where it happened. */
static int on_error(lua_State *L) {
    lua_Debug at;
    bool known = lua_getstack(L, 1, &at) && lua_getinfo(L, "Sl", &at);
    if (known && at.what[0] == 'C') known = lua_getstack(L, 2, &at) && lua_getinfo(L, "Sl", &at);
    lua_createtable(L, 0, 4);
    if (known) {
        lua_pushstring(L, at.source);
        lua_setfield(L, -2, "source");
        lua_pushinteger(L, at.currentline);
        lua_setfield(L, -2, "line");
    }
    if (lua_istable(L, 1)) {
        static const char *const kept[] = {"err", "ignore_error_stats_update"};
        for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
            lua_pushstring(L, kept[i]);
            lua_pushvalue(L, -1);
            lua_rawget(L, 1);
            lua_rawset(L, -3);
        }
    } else {
        if (lua_isstring(L, 1))
            lua_pushfstring(L, "ERR %s", lua_tostring(L, 1));
        else if (lua_isboolean(L, 1))
            lua_pushfstring(L, "ERR %s", lua_toboolean(L, 1) ? "true" : "false");
        else
            lua_pushfstring(L, "ERR %s", luaL_typename(L, 1));
        lua_setfield(L, -2, "err");
    }
    return 1;
}

static struct slice field(lua_State *L, const char *name) {
    size_t len;
    lua_pushstring(L, name);
    lua_rawget(L, 2);
    const char *text = lua_tolstring(L, -1, &len);
    return text ? slice_of(text, len) : slice_of(NULL, 0);
}

static void reply_with_place(const struct script_run *run, lua_State *L) {
    struct slice err = field(L, "err"), source = field(L, "source"), line = field(L, "line");
    lua_pushliteral(L, "ignore_error_stats_update");
    lua_rawget(L, 2);
    struct buf text = BUF_INIT;
    if (err.ptr)
        buf_append_slice(&text, err);
    else
        buf_append_str(&text, "ERR unknown error");
    if (source.ptr && line.ptr)
        buf_appendf(&text, " script: %s, on %.*s:%.*s.", run->name, (int)source.len, source.ptr,
                    (int)line.len, line.ptr);
    reply_error_text(run->call->reply, buf_slice(&text), lua_toboolean(L, -1));
    buf_release(&text);
}

/* Replies the error object on top: a table of on_error's, or what Lua says when there was no memory
 * for that. */
static void reply_failure(lua_State *L, const struct script_run *run) {
    if (lua_istable(L, -1)) {
        lua_replace(L, 2);
        lua_settop(L, 2);
        reply_with_place(run, L);
    } else {
        const char *text = lua_tostring(L, -1);
        reply_errorf(run->call->reply, "ERR %s script: %s", text ? text : "unknown error",
                     run->name);
    }
}

/* Results. */

/* Replies the value on top. Of a table the reply is made aside: only whole ones are sent. */
static void reply_result(lua_State *L, struct script_engine *s, struct reply *to) {
    struct reply *r = &s->result;
    int resp = s->session.own_reply.resp;
    if (!lua_istable(L, -1)) {
        lua_reply_append(L, to, resp);
        return;
    }
    uint32_t errors = r->errors;
    r->resp = to->resp;
    lua_reply_append(L, r, resp);
    to->errors += r->errors - errors;
    struct slice piece;
    if (reply_len(r) > COPY_MAX) {
        reply_append(to, r);
    } else if (reply_slices(r, &piece, 1)) {
        struct slice all[2];
        size_t count = reply_slices(r, all, 2);
        for (size_t i = 0; i < count; i++) reply_raw(to, all[i]);
        reply_consume(r, reply_len(r));
    }
}

/* The run. */

static void push_args(lua_State *L, const struct call *c, int first, int count) {
    lua_createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        lua_pushlstring(L, c->argv[first + i].ptr, c->argv[first + i].len);
        lua_rawseti(L, -2, i + 1);
    }
}

/* Upvalues of the runner. */
enum { UP_ON_ERROR = 1, UP_GLOBALS, UP_KEYS, UP_ARGV };

/* Keys and arguments, as globals or (then 2 is returned) on the stack. */
static int give_args(lua_State *L, const struct script_run *run) {
    const struct call *c = run->call;
    int rest = run->first_key + run->keys;
    if (run->is_function) {
        push_args(L, c, run->first_key, run->keys);
        push_args(L, c, rest, c->argc - rest);
        return 2;
    }
    lua_pushvalue(L, lua_upvalueindex(UP_KEYS));
    push_args(L, c, run->first_key, run->keys);
    lua_rawset(L, lua_upvalueindex(UP_GLOBALS));
    lua_pushvalue(L, lua_upvalueindex(UP_ARGV));
    push_args(L, c, rest, c->argc - rest);
    lua_rawset(L, lua_upvalueindex(UP_GLOBALS));
    return 0;
}

static int runner(lua_State *L) {
    struct script_run *run = lua_touserdata(L, 1);
    luaL_checkstack(L, STACK_NEEDED, "script");
    lua_pushvalue(L, lua_upvalueindex(UP_ON_ERROR)); /* 2 */
    lua_rawgeti(L, LUA_REGISTRYINDEX, run->function);
    int args = give_args(L, run);
    if (lua_pcall(L, args, 1, 2))
        reply_failure(L, run);
    else
        reply_result(L, scripts_of(L), run->call->reply);
    return 0;
}

void script_run_open(struct script_engine *s) {
    lua_State *L = s->lua;
    script_run_set_hook(s);
    lua_pushcfunction(L, on_error);
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->readable_globals);
    lua_pushliteral(L, "KEYS");
    lua_pushliteral(L, "ARGV");
    lua_pushcclosure(L, runner, 4); /* stays at the bottom of the stack: 1 */
}

/* Commands of the script run as those of the caller would. */
static void borrow_session(struct script_engine *s, const struct call *c) {
    s->session.db = c->session->db;
    s->session.no_touch = c->session->no_touch;
    s->session.own_reply.resp = 2;
    s->session.unpropagated = 0;
    s->session.caller = c->session;
    s->session.user = c->session->user; /* borrowed until the run ends */
    s->session.gates = c->session->gates & GATE_TRACKED;
}

static void begin(struct script_engine *s, struct script_run *run) {
    run->started_us = s->looked_us = (uint64_t)clock_mono_us();
    run->outer = s->running;
    s->running = run;
}

static void end(struct script_engine *s, struct script_run *run) {
    lua_State *L = s->lua;
    s->running = run->outer;
    s->session.user = NULL;
    s->resuming = 0;
    if (run->slow) s->engine->gates &= ~(unsigned)GATE_BUSY;
    if (is_ending(run) || s->hook_every != HOOK_EVERY) script_run_set_hook(s);
    if (s->config.memory_limit && s->memory > s->config.memory_limit / 2)
        lua_gc(L, LUA_GCCOLLECT, 0); /* the next is to have its part, too */
    else if (s->memory > COLLECT_FROM)
        lua_gc(L, LUA_GCSTEP, COLLECT_STEP);
}

void script_run(struct script_run *run) {
    struct script_engine *s = run->call->engine->scripts;
    lua_State *L = s->lua;
    propagate_nothing(run->call);
    borrow_session(s, run->call);
    begin(s, run);
    lua_pushvalue(L, 1);
    lua_pushlightuserdata(L, run);
    int failed = lua_pcall(L, 1, 0, 0);
    if (failed) { /* there was no memory */
        const char *text = lua_tostring(L, -1);
        reply_errorf(run->call->reply, "ERR %s script: %s", text ? text : "unknown error",
                     run->name);
        lua_pop(L, 1);
        reply_release(&s->result);
    }
    end(s, run);
    if (failed) lua_gc(L, LUA_GCCOLLECT, 0);
}

int script_run_protected(struct script_engine *s, lua_CFunction fn, void *ctx, uint64_t limit_ms) {
    struct script_run run = {.name = "", .limit_ms = limit_ms};
    begin(s, &run);
    int failed = lua_cpcall(s->lua, fn, ctx);
    end(s, &run);
    return failed;
}
