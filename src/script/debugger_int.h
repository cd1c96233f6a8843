/* SPDX-License-Identifier: BSD-3-Clause */
/* A session, for the debugger's own files. */
#ifndef DREY_SCRIPT_DEBUGGER_INT_H
#define DREY_SCRIPT_DEBUGGER_INT_H

#include "resp/request.h"
#include "script/debugger.h"
#include "script/script_engine.h"

enum { DEBUGGER_BREAKPOINTS = 64, DEBUGGER_TEXT = 256 };
#define DEBUGGER_SOURCE   "@user_script" /* as Lua knows the script */
#define DEBUGGER_EVAL     "@ldb_eval"    /* and what is evaluated meanwhile */
#define DEBUGGER_TEXT_MAX ((size_t)4 * 1024 * 1024)

struct debugger {
    struct script_engine *scripts;
    struct debugger_wire wire;
    struct buf in; /* received, not yet run */
    struct request_parser parser;
    struct request_args args;
    struct buf out; /* lines of the next message */
    size_t out_lines;
    struct buf text;     /* what is being made of a value or a reply: Lua's errors don't lose it */
    struct slice *lines; /* of the script, the first is 1 */
    int line_count;
    int breakpoints[DEBUGGER_BREAKPOINTS];
    int breakpoint_count;
    int line;            /* that is about to run */
    size_t text_max;     /* longer lines are cut; 0: none is */
    bool step;           /* stop before the next line */
    bool break_next;     /* as the script has asked for it */
    bool tells;          /* the script's commands are shown */
    bool evaluating;     /* what runs isn't the script's */
    bool hinted;         /* that lines are cut */
    uint64_t resumed_us; /* monotonic: it goes on since then */
};

/* Adds a line to the next message. */
void debugger_say(struct debugger *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void debugger_say_slice(struct debugger *d, struct slice text);
/* The same for d->text, cut if it's too long. */
void debugger_say_text(struct debugger *d);
/* Begins d->text with a word. */
struct buf *debugger_text(struct debugger *d, const char *word);
/* How much text is worth making. */
size_t debugger_text_max(const struct debugger *d);

/* Ends the session, and the script with it: doesn't return. */
void debugger_abort(struct debugger *d, lua_State *L);

/* Is there a breakpoint at a line? */
bool debugger_has_breakpoint(const struct debugger *d, int line);

#endif
