/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/repl_wait.h"

#include "base/alloc.h"
#include "exec/blocking.h"
#include "exec/call.h"
#include "repl/families.h"
#include "repl/repl.h"

#define ERR_LOCAL_OFF "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."
#define ERR_REPLICA(name, what)                                                                    \
    "ERR " name " cannot be used with replica instances. Please also note that " what
#define ERR_WAIT_REPLICA                                                                           \
    ERR_REPLICA("WAIT", "since Redis 4.0 if a replica is configured to be writable (which is not " \
                        "the default) writes to replicas are just local and are not propagated.")
#define ERR_WAITAOF_REPLICA                                                                        \
    ERR_REPLICA("WAITAOF", "writes to replicas are just local and are not propagated.")

/* What is waited for. */
struct goal {
    bool on_disk; /* WAITAOF, not WAIT */
    int64_t local, replicas;
    int64_t offset; /* after the session's last write */
    uint64_t fed;   /* the same in the append-only log */
};

struct repl_waiter {
    struct repl_waiter *prev, *next;
    struct repl *repl;
    struct session *session;
    struct goal goal;
};

/* How far it has come. */
struct progress {
    bool local;
    size_t replicas;
};

static struct progress progress_of(const struct repl *r, const struct goal *g) {
    const struct aof *aof = &r->server->persist.aof;
    if (!g->on_disk) return (struct progress){.replicas = replicas_acked(r, g->offset)};
    return (struct progress){.local = aof_has_synced(aof, g->fed),
                             .replicas = replicas_synced(r, g->offset)};
}

static bool reached(const struct goal *g, struct progress p) {
    return p.local >= g->local && p.replicas >= (uint64_t)g->replicas;
}

static void reply_progress(struct session *s, const struct goal *g, struct progress p) {
    if (!g->on_disk) {
        reply_i64(s->reply, (int64_t)p.replicas);
        return;
    }
    reply_array(s->reply, 2);
    reply_i64(s->reply, p.local);
    reply_i64(s->reply, (int64_t)p.replicas);
}

/* Waiting. */

static void release(void *state) {
    struct repl_waiter *w = state;
    struct repl_waits *all = &w->repl->waits;
    *(w->prev ? &w->prev->next : &all->first) = w->next;
    *(w->next ? &w->next->prev : &all->last) = w->prev;
    mem_free(w);
}

static void timed_out(struct session *s, void *state) {
    const struct repl_waiter *w = state;
    reply_progress(s, &w->goal, progress_of(w->repl, &w->goal));
}

static void wait_for(struct call *c, struct repl *r, const struct goal *g, uint64_t timeout_ms) {
    static const struct block_kind kind = {.timed_out = timed_out, .release = release};
    struct repl_waiter *w = mem_alloc(sizeof *w);
    *w = (struct repl_waiter){.prev = r->waits.last, .repl = r, .session = c->session, .goal = *g};
    *(w->prev ? &w->prev->next : &r->waits.first) = w;
    r->waits.last = w;
    blocking_start(c, &kind, w, timeout_ms);
    if (g->replicas && c->session->blocked) r->replicas.want_acks = true;
}

/* Why nothing can come of it any more, or ever could; NULL: something can. */
static const char *why_not(const struct repl *r, const struct goal *g) {
    if (repl_is_replica(r)) return g->on_disk ? ERR_WAITAOF_REPLICA : ERR_WAIT_REPLICA;
    if (g->on_disk && g->local && r->server->persist.aof.state == AOF_OFF) return ERR_LOCAL_OFF;
    return NULL;
}

static void wait_or_reply(struct call *c, struct goal *g, uint64_t timeout_ms) {
    struct repl *r = repl_of_engine(c->engine);
    const struct session *s = c->session->caller ? c->session->caller : c->session;
    const char *error = why_not(r, g);
    g->offset = (int64_t)s->replicated;
    g->fed = s->fed;
    struct progress p = progress_of(r, g);
    if (error)
        reply_error(c->reply, error);
    else if (reached(g, p))
        reply_progress(c->session, g, p);
    else
        wait_for(c, r, g, timeout_ms);
}

/* The server may have become a replica since, or its log been switched off: as in Redis who waits
 * is told so. */
static void answer_if_over(struct repl_waiter *w) {
    struct session *s = w->session;
    const char *error = why_not(w->repl, &w->goal);
    struct progress p = progress_of(w->repl, &w->goal);
    if (!error && !reached(&w->goal, p)) return;
    struct goal goal = w->goal;
    blocking_reply(s);
    if (error)
        reply_error(s->reply, error);
    else
        reply_progress(s, &goal, p);
    blocking_end(s);
}

void repl_waits_turn_end(struct repl *r) {
    struct repl_waiter *next;
    for (struct repl_waiter *w = r->waits.first; w; w = next) {
        next = w->next;
        answer_if_over(w);
    }
}

/* The commands. */

static void cmd_wait(struct call *c) {
    struct goal g = {0};
    uint64_t timeout_ms;
    if (!arg_i64_or_reply(c, 1, &g.replicas) || !arg_timeout_or_reply(c, 2, &timeout_ms)) return;
    if (g.replicas < 0) g.replicas = 0;
    wait_or_reply(c, &g, timeout_ms);
}

static void cmd_waitaof(struct call *c) {
    struct goal g = {.on_disk = true};
    uint64_t timeout_ms;
    if (!arg_i64_in_or_reply(c, 1, 0, 1, NULL, &g.local)) return;
    if (!arg_i64_in_or_reply(c, 2, 0, INT64_MAX, NULL, &g.replicas)) return;
    if (!arg_timeout_or_reply(c, 3, &timeout_ms)) return;
    wait_or_reply(c, &g, timeout_ms);
}

const struct command wait_commands[] = {
    {
        .name = "wait",
        .run = cmd_wait,
        .arity = 3,
        .categories = ACL_CONNECTION,
        .group = "generic",
        .summary = "Waits until replicas have this connection's writes.",
        .since = "3.0.0",
        .complexity = "O(1)",
        .syntax = "numreplicas:integer timeout",
        .tips = "request_policy:all_shards\nresponse_policy:agg_min",
    },
    {
        .name = "waitaof",
        .run = cmd_waitaof,
        .arity = 4,
        .categories = ACL_CONNECTION,
        .group = "generic",
        .summary = "Waits until this connection's writes are on disk, here and on replicas.",
        .since = "7.2.0",
        .complexity = "O(1)",
        .syntax = "numlocal:integer numreplicas:integer timeout",
        .tips = "request_policy:all_shards\nresponse_policy:agg_min",
    },
    {.name = NULL},
};
