/* SPDX-License-Identifier: BSD-3-Clause */
/* The debugger of scripts (SCRIPT DEBUG), that redis-cli --ldb talks to.
 *
 * A session lasts for one EVAL, whose connection it has to itself; the connection ends with it. The
 * script stops before its first line. Whenever it stops, and behind each command of the debugger,
 * there's a message: an array of status replies, one for each line of text. Commands are arrays of
 * bulk strings, as any request (see debugger_console.h). The last message ends with the line
 * "<endsession>", and behind it stands EVAL's reply.
 *
 * How a connection is had is for the layer above to say (struct debugger_hooks): either the server
 * stands still meanwhile, or the session runs in a process of its own, and what the script changes
 * ends with it.
 *
 * What happens where: a hook of Lua's sees each line of the script, stops there or goes on. With
 * nobody debugging none of this costs anything. */
#ifndef DREY_SCRIPT_DEBUGGER_H
#define DREY_SCRIPT_DEBUGGER_H

#include <lua.h>

#include "base/buf.h"
#include "exec/call.h"

struct debugger;
struct script_engine;

/* A connection that a session has to itself. */
struct debugger_wire {
    void *ctx;
    /* Appends what has come, waiting up to wait_ms for it: 1; 0: nothing came; -1: it's lost. */
    int (*receive)(void *ctx, struct buf *to, int wait_ms);
    /* Sends all of it; false: it's lost. */
    bool (*send)(void *ctx, struct slice bytes);
    /* Has the other end gone? Doesn't wait. */
    bool (*lost)(void *ctx);
};

enum debugger_place {
    DEBUGGER_NOWHERE,   /* it can't be: an error was replied */
    DEBUGGER_HERE,      /* in this process */
    DEBUGGER_ELSEWHERE, /* in another one: nothing is left to do */
};

/* Of the layer that has connections; NULL: there are none, and so no debugger. */
struct debugger_hooks {
    /* Takes the connection of who calls. With `forked` the process becomes two, and returns twice:
     * DEBUGGER_HERE is the one for the session. */
    enum debugger_place (*take)(struct call *c, bool forked, struct debugger_wire *wire);
    /* The session is over and the reply made: it goes out, then the connection ends. Doesn't return
     * in a process of the session's own. */
    void (*give_back)(struct call *c, bool forked);
};

/* Runs EVAL, whose handler without a debugger is `eval`, in a session. */
void debugger_eval(struct call *c, bool forked, void (*eval)(struct call *c));

/* redis.breakpoint: the script is to stop before its next line. False: nobody debugs it. */
bool debugger_break(const struct script_engine *s);

/* redis.debug: shows the values on the stack. */
void debugger_show(lua_State *L);

/* A script's command, what it's refused for, its reply: shown to who goes step by step. */
void debugger_note_command(struct debugger *d, const struct slice *argv, int argc);
void debugger_note_refused(struct debugger *d, const char *error);
void debugger_note_reply(struct debugger *d, struct slice bytes);

#endif
