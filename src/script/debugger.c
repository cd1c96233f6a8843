/* SPDX-License-Identifier: BSD-3-Clause */
/* The session's state lives on the C stack of debugger_eval, below all of Lua's frames: an error
 * that Lua throws in a command of the debugger passes it by and finds nothing of its own to free.
 *
 * While the script stands still, it's a script that takes long: over busy-reply-threshold others
 * are told so, and can end it. */
#include "script/debugger.h"

#include <lauxlib.h>
#include <stdarg.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "script/debugger_console.h"
#include "script/debugger_int.h"
#include "script/debugger_text.h"
#include "script/script_run.h"
#include "script/script_run_int.h"

enum {
    HOOK_EVERY = 100 * 1000, /* instructions: about a millisecond of Lua */
    WAIT_MS = 20,            /* from one look at others to the next */
    ARGS_MAX = 1024,
    BULK_MAX = 1024 * 1024,
};

/* Messages. */

static void end_line(struct debugger *d, size_t from) {
    for (size_t i = from; i < d->out.len; i++)
        if (d->out.data[i] == '\r' || d->out.data[i] == '\n') d->out.data[i] = ' ';
    buf_append_str(&d->out, "\r\n");
    d->out_lines++;
}

void debugger_say_slice(struct debugger *d, struct slice text) {
    buf_append_char(&d->out, '+');
    size_t from = d->out.len;
    buf_append_slice(&d->out, text);
    end_line(d, from);
}

void debugger_say(struct debugger *d, const char *format, ...) {
    va_list args;
    buf_append_char(&d->out, '+');
    size_t from = d->out.len;
    va_start(args, format);
    buf_vappendf(&d->out, format, args);
    va_end(args);
    end_line(d, from);
}

struct buf *debugger_text(struct debugger *d, const char *word) {
    buf_clear(&d->text);
    buf_append_str(&d->text, word);
    return &d->text;
}

size_t debugger_text_max(const struct debugger *d) {
    return d->text_max ? d->text_max + 1 : DEBUGGER_TEXT_MAX;
}

void debugger_say_text(struct debugger *d) {
    bool cut = d->text_max && d->text.len > d->text_max;
    if (cut) {
        d->text.len = d->text_max;
        buf_append_str(&d->text, " ...");
    }
    debugger_say_slice(d, buf_slice(&d->text));
    if (!cut || d->hinted) return;
    d->hinted = true;
    debugger_say(d, "<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.");
}

/* Sends the lines said; false: the connection is lost. */
static bool send_message(struct debugger *d) {
    struct buf head = BUF_INIT;
    buf_appendf(&head, "*%zu\r\n", d->out_lines);
    bool sent = d->wire.send(d->wire.ctx, buf_slice(&head)) &&
                d->wire.send(d->wire.ctx, buf_slice(&d->out));
    buf_release(&head);
    buf_clear(&d->out);
    d->out_lines = 0;
    return sent;
}

/* Commands. */

void debugger_abort(struct debugger *d, lua_State *L) {
    d->scripts->running->aborted = true;
    script_end_if_asked(L);
}

/* What has been run is dropped; what is parsed of the next command, none of it yet, begins there.
 */
static void drop_done(struct debugger *d) {
    memmove(d->in.data, d->in.data + d->parser.pos, d->in.len - d->parser.pos);
    d->in.len -= d->parser.pos;
    d->parser.pos = 0;
    d->args.count = 0;
}

/* A parse that ran out of input begins anew with more of it: commands are short. */
static enum request_status parse(struct debugger *d) {
    static const struct request_limits limits = {ARGS_MAX, BULK_MAX, BULK_MAX, true};
    if (!d->in.len) return REQUEST_MORE;
    if (d->in.data[0] != '*') return REQUEST_BAD;
    d->args.count = 0;
    request_parser_release(&d->parser);
    enum request_status status =
        request_parse(&d->parser, d->in.data, d->in.len, &limits, &d->args);
    return status == REQUEST_READY && !d->args.count ? REQUEST_BAD : status;
}

/* Waits for a whole command. Others are served meanwhile, who may end the script. */
static void await_command(struct debugger *d, lua_State *L) {
    enum request_status status;
    while ((status = parse(d)) == REQUEST_MORE) {
        int got = d->wire.receive(d->wire.ctx, &d->in, WAIT_MS);
        if (got < 0) debugger_abort(d, L);
        if (got == 0) script_wait(L);
    }
    if (status == REQUEST_READY) return;
    lua_pushliteral(L, "protocol error");
    d->scripts->running->aborted = true;
    lua_error(L);
}

/* Stopping. */

bool debugger_has_breakpoint(const struct debugger *d, int line) {
    for (int i = 0; i < d->breakpoint_count; i++)
        if (d->breakpoints[i] == line) return true;
    return false;
}

static void resume(struct debugger *d) {
    d->tells = d->step;
    d->resumed_us = (uint64_t)clock_mono_us();
}

static void stop(struct debugger *d, lua_State *L, const char *reason) {
    d->step = d->break_next = d->tells = false;
    debugger_say(d, "* Stopped at %d, stop reason = %s", d->line, reason);
    debugger_console_line(d, d->line);
    bool stopped = true;
    while (stopped) {
        if (!send_message(d)) debugger_abort(d, L);
        await_command(d, L);
        stopped = debugger_console_run(d, L, d->args.v, (int)d->args.count);
        drop_done(d);
    }
    resume(d);
}

static void on_line(struct debugger *d, lua_State *L, int line) {
    bool asked = d->break_next || debugger_has_breakpoint(d, line);
    d->line = line;
    if (d->break_next)
        stop(d, L, "redis.breakpoint() called");
    else if (asked)
        stop(d, L, "break point");
    else if (d->step)
        stop(d, L, "step over");
}

static bool takes_long(const struct debugger *d) {
    int64_t threshold_ms = d->scripts->config.busy_reply_threshold;
    uint64_t elapsed_us = (uint64_t)clock_mono_us() - d->resumed_us;
    return threshold_ms > 0 && elapsed_us / 1000 >= (uint64_t)threshold_ms;
}

/* It runs without an end, perhaps, or nobody is there any more to wait for that. */
static void on_count(struct debugger *d, lua_State *L) {
    if (d->wire.lost(d->wire.ctx)) debugger_abort(d, L);
    if (!takes_long(d)) return;
    if (d->evaluating) luaL_error(L, "takes too long");
    stop(d, L, "timeout reached, infinite loop?");
}

static void on_hook(lua_State *L, lua_Debug *at) {
    struct debugger *d = scripts_of(L)->debugger;
    script_end_if_asked(L);
    if (!d) return; /* a coroutine of a session that's over */
    if (at->event == LUA_HOOKCOUNT) {
        on_count(d, L);
        return;
    }
    lua_getinfo(L, "S", at);
    if (strcmp(at->source, DEBUGGER_SOURCE) == 0) on_line(d, L, at->currentline);
}

/* What scripts call. */

bool debugger_break(const struct script_engine *s) {
    if (!s->debugger) return false;
    s->debugger->break_next = true;
    return true;
}

void debugger_show(lua_State *L) {
    struct debugger *d = scripts_of(L)->debugger;
    if (!d) return;
    int count = lua_gettop(L);
    struct buf *text = debugger_text(d, "<debug> line ");
    buf_appendf(text, "%d: ", d->line);
    for (int i = 1; i <= count; i++) {
        if (i > 1) buf_append_str(text, ", ");
        debugger_text_value(L, i, text, DEBUGGER_TEXT_MAX);
    }
    debugger_say_slice(d, buf_slice(text));
}

void debugger_note_command(struct debugger *d, const struct slice *argv, int argc) {
    if (!d->tells) return;
    struct buf *text = debugger_text(d, "<redis>");
    for (int i = 0; i < argc; i++) {
        buf_append_char(text, ' ');
        buf_append_slice(text, argv[i]);
    }
    debugger_say_slice(d, buf_slice(text));
}

void debugger_note_refused(struct debugger *d, const char *error) {
    static const char code[] = "ERR ";
    if (!d->tells) return;
    size_t skipped = strncmp(error, code, sizeof code - 1) ? 0 : sizeof code - 1;
    debugger_say(d, "<error> %s", error + skipped);
}

void debugger_note_reply(struct debugger *d, struct slice bytes) {
    if (!d->tells) return;
    struct buf *text = debugger_text(d, "<error> ");
    if (bytes.len && bytes.ptr[0] == '-') {
        const char *end = memchr(bytes.ptr, '\r', bytes.len);
        buf_append(text, bytes.ptr, end ? (size_t)(end - bytes.ptr) : bytes.len);
        debugger_say_slice(d, buf_slice(text));
    }
    text = debugger_text(d, "<reply> ");
    debugger_text_reply(bytes, text);
    debugger_say_text(d);
}

/* Sessions. */

static void split_lines(struct debugger *d, struct slice text) {
    const char *at = text.ptr, *end = at + text.len;
    while (end > at && (end[-1] == '\n' || end[-1] == '\r')) end--;
    for (d->line_count = 0;; at++) {
        const char *line_end = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        if (!line_end) line_end = end;
        if (!(d->line_count & (d->line_count - 1)))
            d->lines = mem_realloc(d->lines, (size_t)(d->line_count ? 2 * d->line_count : 1) *
                                                 sizeof *d->lines);
        d->lines[d->line_count++] = slice_of(at, (size_t)(line_end - at));
        at = line_end;
        if (at == end) return;
    }
}

static void session_begin(struct debugger *d, struct script_engine *s, struct slice text) {
    d->scripts = s;
    d->step = true;
    d->text_max = DEBUGGER_TEXT;
    request_parser_init(&d->parser);
    split_lines(d, text);
    d->resumed_us = (uint64_t)clock_mono_us();
    s->debugger = d;
    lua_sethook(s->lua, on_hook, LUA_MASKLINE | LUA_MASKCOUNT, HOOK_EVERY);
}

static void session_end(struct debugger *d) {
    d->scripts->debugger = NULL;
    script_run_set_hook(d->scripts);
    debugger_say(d, "<endsession>");
    send_message(d);
    request_parser_release(&d->parser);
    request_args_release(&d->args);
    buf_release(&d->in);
    buf_release(&d->out);
    buf_release(&d->text);
    mem_free(d->lines);
}

void debugger_eval(struct call *c, bool forked, void (*eval)(struct call *c)) {
    struct script_engine *s = c->engine->scripts;
    struct debugger d = {.line = 0};
    enum debugger_place place = s->debugging.take(c, forked, &d.wire);
    if (place != DEBUGGER_HERE) {
        propagate_nothing(c);
        return;
    }
    session_begin(&d, s, c->argv[1]);
    eval(c);
    session_end(&d);
    s->debugging.give_back(c, forked);
}
