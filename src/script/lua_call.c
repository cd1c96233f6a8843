/* SPDX-License-Identifier: BSD-3-Clause */
/* A command's arguments are slices of Lua's strings, which stay on Lua's stack meanwhile; its reply
 * is read where it was written. Neither is copied, and what's needed for it belongs to the script
 * engine, so that an error that Lua throws leaves nothing behind. */
#include "script/lua_call.h"

#include "base/alloc.h"
#include "base/num.h"
#include "script/lua_api.h"
#include "script/lua_reply.h"
#include "script/script_run.h"

enum { ARGS_MIN = 16, ARGS_KEPT = 4096, FLAT_KEPT = 64 * 1024, REPLY_PIECES = 16 };

/* Arguments. */

static void make_room(struct script_args *args, size_t count) {
    if (args->cap >= count) return;
    args->cap = count < ARGS_MIN ? ARGS_MIN : count;
    args->v = mem_realloc(args->v, args->cap * sizeof *args->v);
}

/* The text of a number, which later ones don't move. */
static struct slice number_text(struct script_args *args, double number, size_t count) {
    if (!args->numbers.len) buf_reserve(&args->numbers, count * NUM_DOUBLE_MAX);
    char *to = args->numbers.data + args->numbers.len;
    size_t len = num_from_double(to, number);
    args->numbers.len += len;
    return slice_of(to, len);
}

/* False: not all are strings or numbers. */
static bool take_args(lua_State *L, struct script_engine *s, int count) {
    struct script_args *args = &s->args;
    make_room(args, (size_t)count);
    args->numbers.len = 0;
    for (int i = 0; i < count; i++) {
        int type = lua_type(L, i + 1);
        if (type == LUA_TSTRING) {
            size_t len;
            const char *text = lua_tolstring(L, i + 1, &len);
            args->v[i] = slice_of(text, len);
        } else if (type == LUA_TNUMBER) {
            args->v[i] = number_text(args, lua_tonumber(L, i + 1), (size_t)count);
        } else {
            return false;
        }
    }
    return true;
}

static void trim(struct script_engine *s) {
    if (s->args.cap > ARGS_KEPT) {
        mem_free(s->args.v);
        s->args.v = NULL;
        s->args.cap = 0;
    }
    if (s->args.numbers.cap > FLAT_KEPT) buf_release(&s->args.numbers);
    if (s->flat.cap > FLAT_KEPT) buf_release(&s->flat);
}

void lua_call_release(struct script_engine *s) {
    mem_free(s->args.v);
    buf_release(&s->args.numbers);
    buf_release(&s->flat);
}

static const char *bad_args(lua_State *L, struct script_engine *s, int count) {
    if (count == 0) return "Please specify at least one argument for this redis lib call";
    if (!take_args(L, s, count))
        return "Lua redis lib command arguments must be strings or integers";
    return NULL;
}

/* What may run. */

static bool is_unknown(const struct request *r) {
    return !r->cmd || (r->cmd->sub_count && r->argc > 1);
}

static const char *unknown_or_misused(const struct request *r) {
    if (is_unknown(r)) return "ERR Unknown Redis command called from script";
    int arity = r->cmd->row->arity;
    bool fits = arity >= 0 ? r->argc == arity : r->argc >= -arity;
    return fits && r->cmd->row->run ? NULL
                                    : "ERR Wrong number of args calling Redis command from script";
}

/* A script in a script is never let: they'd share what a run needs. */
static const char *not_for_scripts(const struct script_engine *s, const struct request *r) {
    const struct command_entry *cmd = r->cmd;
    bool refused = (cmd->flags & CMD_NOSCRIPT) != 0;
    if (refused && s->any_command) refused = (cmd->categories & ACL_SCRIPTING) != 0;
    if (refused) return "ERR This Redis command is not allowed from script";
    const struct engine *e = s->engine;
    return cmd->open || !e->guard ? NULL : e->guard(s->running->call->session, cmd);
}

/* By the rights of who runs the script; the error is counted as a reply's. */
static bool permitted_or_reply(struct script_engine *s, const struct request *r) {
    struct session *caller = s->running->call->session;
    if (!(caller->gates & GATE_RESTRICTED)) return true;
    struct acl_denial denial = acl_ask(caller, r);
    if (denial.verdict == ACL_ALLOWED) return true;
    acl_report(caller, r, denial, ACL_IN_SCRIPT);
    struct buf text = BUF_INIT;
    buf_append_str(&text, "NOPERM ACL failure in script: ");
    acl_denial_text(caller->user, r, denial, false, &text);
    reply_error(&s->session.own_reply, text.data);
    buf_release(&text);
    return false;
}

/* As before Redis 7 what begins while there's no room may go on until it writes. One that has
 * written goes on, whatever has become of disk and replicas: half of it would be worse. */
static const char *no_writes(const struct script_run *run, const struct request *r) {
    const struct engine *e = run->call->engine;
    bool obeyed = run->call->session->obeyed;
    if (run->read_only && (r->cmd->flags & (CMD_WRITE | CMD_MAY_REPLICATE)))
        return "ERR Write commands are not allowed from read-only scripts.";
    if (obeyed) return NULL;
    if ((e->gates & GATE_REPLICA) && e->replica.stale_error && !(r->cmd->flags & CMD_STALE))
        return "ERR Can not execute the command on a stale replica";
    if (!(r->cmd->flags & CMD_WRITE) || run->wrote) return NULL;
    if ((e->gates & GATE_REPLICA) && e->replica.write_error) return e->replica.write_error;
    const char *error = e->gates & GATE_DISK ? e->disk_error(e) : NULL;
    if (error) return error;
    if (e->gates & GATE_REPLICAS) return ERR_NOREPLICAS;
    bool needs_room = (r->cmd->flags & CMD_DENYOOM) != 0;
    if (needs_room && run->out_of_memory) return ERR_OOM;
    return NULL;
}

/* The first keys that are used decide on the slot if none were declared. */
static const char *not_here(struct script_run *run, const struct request *r) {
    const struct engine *e = run->call->engine;
    int slot;
    if (!(e->gates & GATE_CLUSTER)) return NULL;
    const char *error = e->cluster.refusal(run->call->session, r, &slot);
    if (error || slot < 0 || (run->flags & (SCRIPT_UNDECLARED | SCRIPT_ALLOW_CROSS_SLOT)))
        return error; /* cppcheck-suppress returnDanglingLifetime */
    if (run->slot < 0) run->slot = slot;
    if (run->slot == slot) return NULL;
    return "ERR Script attempted to access keys that do not hash to the same slot";
}

/* Runs it; the reply is in the session's. Else why it may not run. */
static const char *run_command(struct script_engine *s, struct request *r) {
    dispatch_prepare_all(&s->session, r, 1);
    const char *error = unknown_or_misused(r);
    if (!error) error = not_for_scripts(s, r);
    if (!error && !permitted_or_reply(s, r)) {
        r->cmd->stats.rejected++;
        return NULL;
    }
    if (!error) error = no_writes(s->running, r);
    if (!error) error = not_here(s->running, r);
    if (error) {
        if (!is_unknown(r)) r->cmd->stats.rejected++;
        return error;
    }
    if (r->cmd->flags & CMD_WRITE) s->running->wrote = true;
    dispatch_run_nested(&s->session, r);
    dispatch_settle(s->engine); /* the arguments don't outlive this call */
    return NULL;
}

/* The reply. */

static struct slice flatten(struct script_engine *s, const struct slice *pieces, size_t count) {
    const struct reply *r = &s->session.own_reply;
    if (count == 1) return pieces[0];
    s->flat.len = 0;
    buf_reserve(&s->flat, reply_len(r));
    for (size_t i = 0; i < count; i++) buf_append_slice(&s->flat, pieces[i]);
    return buf_slice(&s->flat);
}

/* All of it in one piece. */
static struct slice reply_bytes(struct script_engine *s) {
    struct reply *r = &s->session.own_reply;
    struct slice pieces[REPLY_PIECES];
    size_t count = reply_slices(r, pieces, REPLY_PIECES);
    if (count < REPLY_PIECES) return flatten(s, pieces, count);
    s->flat.len = 0;
    buf_reserve(&s->flat, reply_len(r));
    while ((count = reply_slices(r, pieces, 1))) {
        buf_append_slice(&s->flat, pieces[0]);
        reply_consume(r, pieces[0].len);
    }
    return buf_slice(&s->flat);
}

/* Pushes the reply's value. An error says that it has been counted. `refused`: the command hasn't
 * run. */
static bool push_reply(lua_State *L, struct script_engine *s, bool refused) {
    struct slice bytes = reply_bytes(s);
    if (s->debugger && !refused) debugger_note_reply(s->debugger, bytes);
    lua_settop(L, 0); /* thousands of arguments leave no room */
    bool failed = bytes.len && bytes.ptr[0] == '-';
    if (!bytes.len) {
        lua_pushnil(L);
    } else if (!lua_reply_push(L, bytes)) { /* the command gave up (call_should_stop) */
        lua_push_error(L, "The reply is too large for a script");
        failed = true;
    } else if (failed) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "ignore_error_stats_update");
    }
    reply_consume(&s->session.own_reply, reply_len(&s->session.own_reply));
    return failed;
}

/* Pushes the value or the error; true: it's an error. */
static bool call(lua_State *L) {
    struct script_engine *s = scripts_of(L);
    int count = lua_gettop(L);
    const char *error = bad_args(L, s, count);
    if (!error && !s->running->call)
        error = "redis.call/pcall can only be called inside a script invocation";
    if (error) {
        lua_push_error(L, error);
        return true;
    }
    reply_release(&s->session.own_reply); /* of a call that ended with an error of Lua's */
    struct request r = {.argv = s->args.v, .argc = count};
    if (s->debugger) debugger_note_command(s->debugger, r.argv, r.argc);
    error = run_command(s, &r);
    if (error) reply_error(&s->session.own_reply, error);
    if (error && s->debugger) debugger_note_refused(s->debugger, error);
    bool failed = push_reply(L, s, error != NULL);
    trim(s);
    return failed;
}

int lua_call_raising(lua_State *L) {
    return call(L) ? lua_error(L) : 1;
}

int lua_call_returning(lua_State *L) {
    call(L);
    return 1;
}

/* False: it's no command. */
static bool is_allowed(struct script_engine *s, int argc, bool *allowed) {
    struct request r = {.argv = s->args.v, .argc = argc};
    dispatch_prepare_all(&s->session, &r, 1);
    if (is_unknown(&r)) return false;
    const struct session *caller = s->running->call->session;
    *allowed = !(caller->gates & GATE_RESTRICTED) || acl_ask(caller, &r).verdict == ACL_ALLOWED;
    return true;
}

int lua_call_allowed(lua_State *L) {
    struct script_engine *s = scripts_of(L);
    int count = lua_gettop(L);
    const char *error = bad_args(L, s, count);
    bool allowed = false;
    if (!error && !s->running->call)
        error = "redis.acl_check_cmd can only be called inside a script invocation";
    if (!error && !is_allowed(s, count, &allowed))
        error = "Invalid command passed to redis.acl_check_cmd()";
    trim(s);
    if (error) {
        lua_push_error(L, error);
        return lua_error(L);
    }
    lua_pushboolean(L, allowed);
    return 1;
}
