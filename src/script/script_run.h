/* SPDX-License-Identifier: BSD-3-Clause */
/* Running a compiled function for a command: EVAL's scripts and functions' libraries alike. */
#ifndef DREY_SCRIPT_SCRIPT_RUN_H
#define DREY_SCRIPT_SCRIPT_RUN_H

#include "script/script_engine.h"

/* What a script says of itself: `flags=` of the first line, or of a function's registration. */
enum script_flag {
    SCRIPT_NO_WRITES = 1 << 0,
    SCRIPT_ALLOW_OOM = 1 << 1,
    SCRIPT_ALLOW_STALE = 1 << 2,
    SCRIPT_NO_CLUSTER = 1 << 3,
    SCRIPT_ALLOW_CROSS_SLOT = 1 << 4,
    SCRIPT_UNDECLARED = 1 << 5, /* says nothing: judged by what it does, as before Redis 7 */
};

/* The flag of that name; 0: there's none. */
unsigned script_flag_of(struct slice name);
/* Of one that has a name. */
const char *script_flag_name(unsigned flag);

/* The flags of a command that runs what says this of itself: what it does is known then. */
unsigned script_command_flags(unsigned flags, unsigned script);

/* One run. */
struct script_run {
    struct call *call;   /* the command that runs it */
    const char *name;    /* a script's SHA-1, a function's name: for error texts and the log */
    unsigned flags;      /* of enum script_flag */
    int function;        /* in Lua's registry */
    bool is_function;    /* gets keys and arguments as arguments, not as KEYS and ARGV */
    int first_key, keys; /* of the call's arguments; the others behind them are the script's */

    /* While it runs: */
    int slot;           /* in a cluster: of the keys so far; -1: there were none */
    bool read_only;     /* no writes: it says so, or it's run by a _RO command */
    bool out_of_memory; /* there was no room when it began, and it hasn't written yet */
    bool wrote;         /* it can't be killed any more */
    bool killed;
    bool stopped;        /* the process is to end */
    bool aborted;        /* by who debugs it */
    bool slow;           /* over busy-reply-threshold */
    bool late;           /* over limit_ms */
    uint64_t started_us; /* monotonic */
    uint64_t yielded_us; /* when others were last answered */
    uint64_t limit_ms;   /* of what script_run_protected runs; 0: none */
    struct script_run *outer;
};

/* May it run, as its flags and the command's go? Else that's replied. Sets what the run needs. */
bool script_admit_or_reply(struct script_run *run);

/* Runs it and replies what it returns, or its error. */
void script_run(struct script_run *run);

/* The run that is under way, NULL if none is. */
struct script_run *script_running(const struct engine *e);

/* SCRIPT KILL and FUNCTION KILL: replies what came of it. */
void script_kill(struct call *c, bool function);

/* What others are told while a script is slow. */
const char *script_busy_error(const struct engine *e);

/* Throws an error if the run is to end: for whoever catches errors of scripts, or has run another
 * coroutine, whose hook isn't this one's. */
void script_end_if_asked(lua_State *L);
bool script_is_ending(lua_State *L);

/* Looks at the time that the run takes, as its hook does: others may be answered, or an error
 * thrown that ends it. */
void script_look(lua_State *L);

/* Library functions count what they do beyond a call's common cost, in steps of about 10 ns: then
 * what they do can be interrupted, too. May throw an error. */
enum { SCRIPT_STEPS = 16 * 1024 };
static inline void script_steps(struct script_engine *s, lua_State *L, unsigned steps) {
    s->steps += steps;
    if (__builtin_expect(s->steps >= SCRIPT_STEPS, 0)) script_look(L);
}

/* The run waits for something else than commands: lets others be answered meanwhile once it's slow.
 * Throws an error if it's to end. */
void script_wait(lua_State *L);

/* Runs what only compiles and registers: calls `fn` in a protected call with `ctx` as its one
 * argument, a light userdata. It may throw Lua's errors. Returns 0, or Lua's error code with the
 * error object on top of the state's stack. After `limit_ms` (0: none) it's stopped, with the error
 * {err = "ERR timeout"}. */
int script_run_protected(struct script_engine *s, lua_CFunction fn, void *ctx, uint64_t limit_ms);

#endif
