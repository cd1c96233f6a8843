/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/admission.h"

#include <stdio.h>
#include <string.h>

#include "exec/transaction.h"

enum {
    UNKNOWN_TEXT_MAX = 128, /* Redis shows this much of an unknown command and of its arguments */
};

/* Known. */

static void append_quoted(struct buf *text, struct slice arg, size_t max) {
    size_t len = arg.len < max ? arg.len : max;
    buf_appendf(text, "'%.*s' ", (int)len, arg.ptr);
}

static void reply_unknown(struct session *s, const struct request *r) {
    struct buf args = BUF_INIT;
    for (int i = 1; i < r->argc && args.len < UNKNOWN_TEXT_MAX; i++)
        append_quoted(&args, r->argv[i], UNKNOWN_TEXT_MAX - args.len);
    struct slice name = r->argv[0];
    int len = name.len < UNKNOWN_TEXT_MAX ? (int)name.len : UNKNOWN_TEXT_MAX;
    reply_errorf(s->reply, "ERR unknown command '%.*s', with args beginning with: %s", len,
                 name.ptr, args.data ? args.data : "");
    buf_release(&args);
}

static void reply_unknown_sub(struct session *s, const struct request *r) {
    struct slice name = r->argv[1];
    struct buf upper = BUF_INIT;
    for (const char *at = r->cmd->name; *at; at++)
        buf_append_char(&upper, *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at);
    reply_errorf(s->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.",
                 name.len < UNKNOWN_TEXT_MAX ? (int)name.len : UNKNOWN_TEXT_MAX, name.ptr,
                 upper.data);
    buf_release(&upper);
}

static bool is_unknown_sub(const struct request *r) {
    return r->cmd->row->subcommands && r->argc > 1;
}

static const char *guard_error(struct session *s, const struct command_entry *cmd) {
    return cmd->open || !s->engine->guard ? NULL : s->engine->guard(s, cmd);
}

static bool unguarded_or_reply(struct session *s, const struct request *r) {
    const char *error = guard_error(s, r->cmd);
    if (error) reply_error(s->reply, error);
    return !error;
}

/* An error refuses EXEC in words of its own, and ends the transaction. */
static void reply_refusal(struct session *s, const struct request *r, const char *error) {
    if (r->cmd->flags & CMD_RUNS_QUEUED)
        transaction_refuse(s, error);
    else
        reply_error(s->reply, error);
}

static void reply_wrong_arity(struct session *s, const struct request *r) {
    char error[256];
    snprintf(error, sizeof error, "ERR wrong number of arguments for '%s' command",
             r->cmd->full_name);
    reply_refusal(s, r, error);
}

/* As in Redis what is protected is so even before who isn't authenticated is told so. */
bool admission_known_or_reply(struct session *s, const struct request *r) {
    if (!r->cmd) {
        reply_unknown(s, r);
        return false;
    }
    const struct command *row = r->cmd->row;
    if (is_unknown_sub(r)) {
        reply_unknown_sub(s, r);
        return false;
    }
    if (admission_arity_fits(r->cmd, r->argc)) {
        if (__builtin_expect(r->cmd->open, 1)) return true;
        if (row->run) return unguarded_or_reply(s, r);
    }
    reply_wrong_arity(s, r);
    return false;
}

/* Gates. */

unsigned admission_flags(const struct session *s, const struct request *r) {
    unsigned flags = r->cmd->flags;
    const struct command *row = r->cmd->row;
    if (row->flags_of) return row->flags_of(s->engine, r->argv, r->argc, flags);
    return flags & CMD_RUNS_QUEUED ? transaction_flags(s, flags) : flags;
}

/* As in Redis who asks how the server does learns that it can't save. */
static bool is_ping(const struct request *r) {
    return strcmp(r->cmd->name, "ping") == 0;
}

/* What may be asked by nobody in the session's state: NULL if it may. */
static const char *access_error(const struct session *s, const struct request *r) {
    unsigned gates = s->gates, flags = admission_flags(s, r);
    if ((gates & GATE_AUTH) && !(flags & CMD_NO_AUTH)) return ERR_NOAUTH;
    if ((gates & GATE_MULTI) && (flags & CMD_NO_MULTI))
        return "ERR Command not allowed inside a transaction";
    return NULL;
}

static const char *replica_error(const struct engine *e, unsigned flags) {
    if (e->replica.write_error && (flags & CMD_WRITE)) return e->replica.write_error;
    return flags & CMD_STALE ? NULL : e->replica.stale_error;
}

/* While a data set is loaded beside the one that is there, that one can be read. */
static bool while_loading(const struct engine *e, unsigned flags) {
    return e->loading_aside ? !(flags & CMD_NO_ASYNC_LOADING) : (flags & CMD_LOADING) != 0;
}

/* The user's rights. */
static bool permitted_or_reply(struct session *s, const struct request *r) {
    struct acl_denial denial = acl_ask(s, r);
    if (__builtin_expect(denial.verdict == ACL_ALLOWED, 1)) return true;
    acl_report(s, r, denial, s->gates & GATE_MULTI ? ACL_IN_MULTI : ACL_AT_TOP);
    struct buf text = BUF_INIT;
    buf_append_str(&text, "NOPERM ");
    acl_denial_text(s->user, r, denial, false, &text);
    reply_refusal(s, r, text.data);
    buf_release(&text);
    return false;
}

/* The error of the gate that is closed to the request; NULL if none is. */
static const char *gate_error(const struct session *s, const struct request *r) {
    unsigned gates = s->engine->gates | s->gates, flags = admission_flags(s, r);
    if (s->obeyed) return NULL;
    if (gates & GATE_REPLICA) {
        const char *error = replica_error(s->engine, flags);
        if (error) return error;
    }
    if ((gates & GATE_LOADING) && !while_loading(s->engine, flags)) return ERR_LOADING;
    if ((gates & GATE_BUSY) && !(flags & CMD_ALLOW_BUSY)) return s->engine->busy_error;
    if ((gates & GATE_KEYLESS) && (flags & (CMD_READONLY | CMD_WRITE | CMD_MAY_REPLICATE)))
        return "ERR Replica can't interact with the keyspace";
    if ((gates & GATE_DISK) && ((flags & CMD_WRITE) || is_ping(r)))
        return s->engine->disk_error(s->engine);
    if ((gates & GATE_REPLICAS) && (flags & CMD_WRITE)) return ERR_NOREPLICAS;
    return NULL;
}

/* Does it need memory: to run, or to be queued? */
static bool takes_memory(const struct session *s, const struct request *r) {
    unsigned flags = admission_flags(s, r);
    return (flags & CMD_DENYOOM) || ((s->gates & GATE_MULTI) && !(flags & CMD_UNQUEUED));
}

bool admission_awaits_memory(const struct session *s, const struct request *r) {
    return s->engine->overdue && !s->obeyed && takes_memory(s, r);
}

/* May the request run as far as memory goes? As in Redis it may while eviction is under way. What
 * needs no memory evicts for a client that caches: it's told what had to go before the reply.
 * No key goes while they're loaded. */
static bool memory_suffices(const struct session *s, const struct request *r) {
    struct engine *e = s->engine;
    if (!(e->gates & GATE_MEMORY) || (e->gates & GATE_LOADING)) return true;
    bool takes = takes_memory(s, r);
    if (!takes && !(s->gates & GATE_TRACKED)) return true;
    e->admitting = true;
    enum evict_result result = dispatch_make_room(e, true);
    e->admitting = false;
    return !takes || result != EVICT_NOTHING || s->obeyed;
}

/* On RESP2 messages can't be told from replies, so who listens to channels may do little else. */
static bool listens_only(const struct session *s, const struct request *r) {
    return (s->gates & GATE_SUBSCRIBED) && s->own_reply.resp < 3 &&
           !(r->cmd->flags & CMD_SUBSCRIBED);
}

/* A transaction whose keys aren't here ends with the redirection. */
static bool is_here_or_reply(struct session *s, const struct request *r) {
    if (!(s->engine->gates & GATE_CLUSTER) || s->obeyed) return true;
    if (s->engine->cluster.admits(s, r)) return true;
    if (r->cmd->flags & CMD_RUNS_QUEUED) transaction_discard(s);
    return false;
}

/* On a replica keys stay until the primary deletes them, but for those that a client's write on it
 * meets. */
static void see_expiry(const struct session *s, const struct request *r) {
    struct engine *e = s->engine;
    bool writes = admission_flags(s, r) & (CMD_WRITE | CMD_MAY_REPLICATE);
    e->keyspace.keep_expired = e->replica.read_only || !writes;
}

static void see_disk(struct session *s, const struct request *r) {
    struct engine *e = s->engine;
    bool writes = admission_flags(s, r) & CMD_WRITE;
    if (writes && e->disk_error(e)) e->replica.unwritten(e);
}

bool admission_still_or_reply(struct session *s, const struct request *r) {
    unsigned gates = s->engine->gates | s->gates;
    if (!gates) return true;
    char text[256];
    if (s->obeyed && (s->engine->gates & GATE_DISK)) see_disk(s, r);
    if (s->engine->gates & GATE_REPLICA) see_expiry(s, r);
    const char *error = access_error(s, r);
    if (!error && (gates & GATE_RESTRICTED) && !permitted_or_reply(s, r)) return false;
    if (!error && gates == GATE_RESTRICTED) return true;
    if (!error && !is_here_or_reply(s, r)) return false;
    if (!error) error = gate_error(s, r);
    if (!error && !memory_suffices(s, r)) error = ERR_OOM;
    if (!error && listens_only(s, r)) {
        snprintf(text, sizeof text,
                 "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                 "RESET are allowed in this context",
                 r->cmd->full_name);
        error = text;
    }
    if (error) reply_refusal(s, r, error);
    return !error;
}

static enum admission refuse(struct session *s, const struct request *r) {
    if (r->cmd && !is_unknown_sub(r)) r->cmd->stats.rejected++;
    if (s->gates & GATE_MULTI) transaction_fail(s);
    return ADMISSION_REFUSED;
}

enum admission admission_ask_slow(struct session *s, const struct request *r) {
    if (s->asking) s->asking--;
    if (!admission_known_or_reply(s, r) || !admission_still_or_reply(s, r)) return refuse(s, r);
    if (!(s->gates & GATE_MULTI) || r->cmd->flags & CMD_UNQUEUED) return ADMISSION_GRANTED;
    transaction_queue(s, r);
    return ADMISSION_DEFERRED;
}

bool admission_likely(struct session *s, const struct request *r) {
    if (!r->cmd || !r->cmd->row->run || is_unknown_sub(r)) return false;
    if (!admission_arity_fits(r->cmd, r->argc) || guard_error(s, r->cmd)) return false;
    bool permitted = !(s->gates & GATE_RESTRICTED) || acl_ask(s, r).verdict == ACL_ALLOWED;
    return permitted && !access_error(s, r) && !gate_error(s, r);
}
