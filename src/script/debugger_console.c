/* SPDX-License-Identifier: BSD-3-Clause */
#include "script/debugger_console.h"

#include <lauxlib.h>
#include <limits.h>

#include "base/clock.h"
#include "base/num.h"
#include "script/debugger_text.h"
#include "script/lua_call.h"
#include "script/lua_sandbox.h"
#include "script/script_run.h"

enum { AROUND = 5, TEXT_MIN = 60 };

/* What a command says of whether the script goes on. */
enum outcome { STAYS, GOES_ON };

struct console_command {
    const char *name, *letter; /* "": none */
    int least;                 /* arguments, its own name counted */
    enum outcome (*run)(struct debugger *d, lua_State *L, const struct slice *argv, int argc);
};

/* The script's text. */

void debugger_console_line(struct debugger *d, int line) {
    if (line < 1 || line > d->line_count) return;
    struct slice text = d->lines[line - 1];
    struct buf *shown = debugger_text(d, line == d->line ? "->" : "  ");
    buf_appendf(shown, "%c%-3d ", debugger_has_breakpoint(d, line) ? '#' : ' ', line);
    buf_append_slice(shown, text);
    debugger_say_slice(d, buf_slice(shown));
}

static void show_around(struct debugger *d, int64_t line, int64_t around) {
    int64_t first = line - around, last = line + around;
    if (first < 1) first = 1;
    if (last > d->line_count) last = d->line_count;
    for (int64_t i = first; i <= last; i++) debugger_console_line(d, (int)i);
}

/* An argument as a number from 1 on, or what it's without one. */
static int64_t count_or(const struct slice *argv, int argc, int i, int64_t otherwise) {
    int64_t value;
    if (i >= argc || !num_to_i64(argv[i], &value) || value <= 0) return otherwise;
    return value < INT_MAX ? value : INT_MAX;
}

static enum outcome run_list(struct debugger *d, lua_State *L, const struct slice *argv, int argc) {
    show_around(d, count_or(argv, argc, 1, d->line), count_or(argv, argc, 2, AROUND));
    return STAYS;
}

static enum outcome run_whole(struct debugger *d, lua_State *L, const struct slice *argv,
                              int argc) {
    show_around(d, 1, INT_MAX);
    return STAYS;
}

/* Breakpoints. */

static void show_breakpoints(struct debugger *d) {
    if (!d->breakpoint_count) {
        debugger_say(d, "No breakpoints set. Use 'b <line>' to add one.");
        return;
    }
    debugger_say(d, "%d breakpoints set:", d->breakpoint_count);
    for (int i = 0; i < d->breakpoint_count; i++) debugger_console_line(d, d->breakpoints[i]);
}

static void add_breakpoint(struct debugger *d, int64_t line) {
    if (d->breakpoint_count == DEBUGGER_BREAKPOINTS) {
        debugger_say(d, "Too many breakpoints set.");
    } else if (line > d->line_count || debugger_has_breakpoint(d, (int)line)) {
        debugger_say(d, "Wrong line number.");
    } else {
        d->breakpoints[d->breakpoint_count++] = (int)line;
        show_around(d, line, 1);
    }
}

static void remove_breakpoint(struct debugger *d, int64_t line) {
    for (int i = 0; i < d->breakpoint_count; i++) {
        if (d->breakpoints[i] != line) continue;
        d->breakpoint_count--;
        memmove(d->breakpoints + i, d->breakpoints + i + 1,
                (size_t)(d->breakpoint_count - i) * sizeof *d->breakpoints);
        debugger_say(d, "Breakpoint removed.");
        return;
    }
    debugger_say(d, "No breakpoint in the specified line.");
}

static enum outcome run_break(struct debugger *d, lua_State *L, const struct slice *argv,
                              int argc) {
    if (argc == 1) show_breakpoints(d);
    for (int i = 1; i < argc; i++) {
        int64_t line;
        if (!num_to_i64(argv[i], &line)) {
            struct buf *text = debugger_text(d, "Invalid argument:'");
            buf_append_slice(text, argv[i]);
            buf_append_char(text, '\'');
            debugger_say_slice(d, buf_slice(text));
        } else if (line > 0) {
            add_breakpoint(d, line);
        } else if (line < 0) {
            remove_breakpoint(d, -line);
        } else {
            d->breakpoint_count = 0;
            debugger_say(d, "All breakpoints removed.");
        }
    }
    return STAYS;
}

/* Variables. */

/* Shows the value on top, behind a word and perhaps a name, and pops it. */
static void show_value(struct debugger *d, lua_State *L, const char *word, const char *name) {
    struct buf *text = debugger_text(d, word);
    if (name) buf_appendf(text, "%s = ", name);
    debugger_text_value(L, -1, text, debugger_text_max(d));
    lua_pop(L, 1);
    debugger_say_text(d);
}

static void show_locals(struct debugger *d, lua_State *L) {
    lua_Debug frame;
    const char *name;
    bool any = false;
    for (int i = 1; lua_getstack(L, 0, &frame) && (name = lua_getlocal(L, &frame, i)); i++) {
        if (strcmp(name, "(*temporary)") == 0) {
            lua_pop(L, 1);
            continue;
        }
        show_value(d, L, "<value> ", name);
        any = true;
    }
    if (!any) debugger_say(d, "No local variables in the current context.");
}

/* Pushes a local variable of the nearest frame that has one of that name: there the last one that
 * is in scope. False: there's none. */
static bool find_local(lua_State *L, struct slice wanted) {
    lua_Debug frame;
    for (int level = 0; lua_getstack(L, level, &frame); level++) {
        int found = 0;
        const char *name;
        for (int i = 1; (name = lua_getlocal(L, &frame, i)); i++) {
            lua_pop(L, 1);
            if (slice_eq(slice_str(name), wanted)) found = i;
        }
        if (!found) continue;
        lua_getlocal(L, &frame, found);
        return true;
    }
    return false;
}

static bool find_global(struct debugger *d, lua_State *L, struct slice wanted) {
    if (!slice_eq(wanted, SLICE("KEYS")) && !slice_eq(wanted, SLICE("ARGV"))) return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, d->scripts->readable_globals);
    lua_pushlstring(L, wanted.ptr, wanted.len);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    return true;
}

static enum outcome run_print(struct debugger *d, lua_State *L, const struct slice *argv,
                              int argc) {
    if (argc != 2)
        show_locals(d, L);
    else if (find_local(L, argv[1]) || find_global(d, L, argv[1]))
        show_value(d, L, "<value> ", NULL);
    else
        debugger_say(d, "No such variable.");
    return STAYS;
}

static enum outcome run_trace(struct debugger *d, lua_State *L, const struct slice *argv,
                              int argc) {
    lua_Debug frame;
    const char *where = "In";
    for (int level = 0; lua_getstack(L, level, &frame); level++) {
        lua_getinfo(L, "Snl", &frame);
        if (strcmp(frame.source, DEBUGGER_SOURCE)) continue;
        debugger_say(d, "%s %s:", where, frame.name ? frame.name : "top level");
        debugger_console_line(d, frame.currentline);
        where = "From";
    }
    return STAYS;
}

/* Running something else. */

/* Compiles the words, as an expression if that's what they are; else pushes why not. */
static bool compile(lua_State *L, const struct slice *argv, int argc) {
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    luaL_addstring(&text, "return ");
    for (int i = 1; i < argc; i++) {
        if (i > 1) luaL_addchar(&text, ' ');
        luaL_addlstring(&text, argv[i].ptr, argv[i].len);
    }
    luaL_pushresult(&text);
    size_t len, before = sizeof "return " - 1;
    const char *code = lua_tolstring(L, -1, &len);
    bool fine = !lua_sandbox_load(L, slice_of(code, len), DEBUGGER_EVAL);
    if (!fine) {
        lua_pop(L, 1);
        fine = !lua_sandbox_load(L, slice_of(code + before, len - before), DEBUGGER_EVAL);
    }
    lua_remove(L, -2); /* the text */
    return fine;
}

/* Shows the error on top, a text or a table with one, and pops it. */
static void show_error(struct debugger *d, lua_State *L) {
    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "err");
        lua_rawget(L, -2);
        lua_remove(L, -2);
    }
    size_t len;
    const char *error = lua_tolstring(L, -1, &len);
    struct buf *text = debugger_text(d, "<error> ");
    buf_append_slice(text, error ? slice_of(error, len) : SLICE("unknown error"));
    debugger_say_slice(d, buf_slice(text));
    lua_pop(L, 1);
}

/* In a coroutine: where a hook runs, as here, no other is called that could end it. */
static enum outcome run_eval(struct debugger *d, lua_State *L, const struct slice *argv, int argc) {
    luaL_checkstack(L, 1, "debugger");
    lua_State *co = lua_newthread(L);
    d->evaluating = true;
    d->resumed_us = (uint64_t)clock_mono_us();
    bool fine = compile(co, argv, argc) && lua_pcall(co, 0, 1, 0) == 0;
    d->evaluating = false;
    script_end_if_asked(L);
    if (fine)
        show_value(d, co, "<retval> ", NULL);
    else
        show_error(d, co);
    lua_pop(L, 1);
    return STAYS;
}

static enum outcome run_redis(struct debugger *d, lua_State *L, const struct slice *argv,
                              int argc) {
    luaL_checkstack(L, argc + 1, "debugger");
    lua_pushcfunction(L, lua_call_returning);
    for (int i = 1; i < argc; i++) lua_pushlstring(L, argv[i].ptr, argv[i].len);
    d->tells = true;
    lua_call(L, argc - 1, 0);
    d->tells = false;
    return STAYS;
}

/* The rest. */

static enum outcome run_step(struct debugger *d, lua_State *L, const struct slice *argv, int argc) {
    d->step = true;
    return GOES_ON;
}

static enum outcome run_continue(struct debugger *d, lua_State *L, const struct slice *argv,
                                 int argc) {
    return GOES_ON;
}

static enum outcome run_abort(struct debugger *d, lua_State *L, const struct slice *argv,
                              int argc) {
    debugger_abort(d, L);
    return GOES_ON;
}

static enum outcome run_maxlen(struct debugger *d, lua_State *L, const struct slice *argv,
                               int argc) {
    if (argc == 2) {
        int64_t max = count_or(argv, argc, 1, 0);
        d->text_max = max && max < TEXT_MIN ? TEXT_MIN : (size_t)max;
        d->hinted = true; /* who asks for it knows */
    }
    if (d->text_max)
        debugger_say(d, "<value> replies are truncated at %zu bytes.", d->text_max);
    else
        debugger_say(d, "<value> replies are unlimited.");
    return STAYS;
}

static enum outcome run_help(struct debugger *d, lua_State *L, const struct slice *argv, int argc) {
    static const char *const lines[] = {
        "Commands of the script debugger; the first letter is enough:",
        "step                  Run this line, stop at the next.",
        "next                  The same.",
        "continue              Run on, up to a breakpoint or the end.",
        "list [line] [count]   Show the script round a line (this), so many lines each way (5).",
        "whole                 Show the whole script.",
        "print [name]          Show a variable, KEYS or ARGV; else all variables of the function.",
        "break [line ...]      Set breakpoints; -line takes one away, 0 all; else show them.",
        "trace                 Show which function is called from where.",
        "eval code             Run Lua, which doesn't see the script's variables.",
        "redis command ...     Run a command as the script would.",
        "maxlen [bytes]        Cut values and replies that are longer; 0: never.",
        "abort                 End the script. In sync mode what it changed stays.",
        "",
        "For scripts: redis.breakpoint() stops before the next line, redis.debug(value, ...)",
        "shows values here.",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) debugger_say(d, "%s", lines[i]);
    return STAYS;
}

static const struct console_command commands[] = {
    {"step", "s", 1, run_step},   {"next", "n", 1, run_step},   {"continue", "c", 1, run_continue},
    {"list", "l", 1, run_list},   {"whole", "w", 1, run_whole}, {"print", "p", 1, run_print},
    {"break", "b", 1, run_break}, {"trace", "t", 1, run_trace}, {"eval", "e", 2, run_eval},
    {"redis", "r", 2, run_redis}, {"server", "", 2, run_redis}, {"maxlen", "m", 1, run_maxlen},
    {"abort", "a", 1, run_abort}, {"help", "h", 1, run_help},
};

bool debugger_console_run(struct debugger *d, lua_State *L, const struct slice *argv, int argc) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct console_command *cmd = &commands[i];
        if (argc < cmd->least) continue;
        if (slice_is(argv[0], cmd->name) || (*cmd->letter && slice_is(argv[0], cmd->letter)))
            return cmd->run(d, L, argv, argc) == STAYS;
    }
    debugger_say(d, "<error> Unknown Redis Lua debugger command or wrong number of arguments.");
    return true;
}
