/* SPDX-License-Identifier: BSD-3-Clause */
/* BGREWRITEAOF, WAITAOF. */
#include "base/alloc.h"
#include "exec/blocking.h"
#include "exec/call.h"
#include "persist/aof_rewrite.h"
#include "persist/aof_wait.h"
#include "persist/families.h"
#include "persist/persist.h"

static void cmd_bgrewriteaof(struct call *c) {
    struct aof *a = &c->engine->persist->aof;
    if (a->rewrite.running) {
        reply_error(c->reply, "ERR Background append only file rewriting already in progress");
    } else if (aof_rewrite_must_wait(a)) {
        /* Whoever asks for it may have waited long enough. */
        a->rewrite.failures = 0;
        aof_rewrite_schedule(a);
        reply_status(c->reply, "Background append only file rewriting scheduled");
    } else if (aof_rewrite_begin(a)) {
        reply_status(c->reply, "Background append only file rewriting started");
    } else {
        reply_error(c->reply, "ERR Can't execute an AOF background rewriting. Please check the "
                              "server logs for more information.");
    }
}

/* WAITAOF. */

#define ERR_WAIT_OFF "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."

struct aof_waiter {
    struct aof_waiter *next;
    struct aof *aof;
    struct session *session;
    uint64_t fed; /* it waits until so much is synced */
    bool local, replicas;
};

static void reply_counts(struct session *s, bool local) {
    reply_array(s->reply, 2);
    reply_i64(s->reply, local);
    reply_i64(s->reply, 0);
}

static bool is_synced(const struct aof *a, uint64_t fed) {
    return a->state != AOF_OFF && fed <= a->log.synced;
}

static void waiter_release(void *state) {
    struct aof_waiter *w = state, **at = &w->aof->waiting;
    while (*at != w) at = &(*at)->next;
    *at = w->next;
    mem_free(w);
}

static void wait_timed_out(struct session *s, void *state) {
    const struct aof_waiter *w = state;
    const struct aof *a = &s->engine->persist->aof;
    reply_counts(s, is_synced(a, w ? w->fed : s->fed));
}

/* Does the log have an answer? */
static bool is_ready(const struct aof *a, const struct aof_waiter *w) {
    if (a->state == AOF_OFF) return w->local;
    return !w->replicas && is_synced(a, w->fed);
}

static void answer(struct aof_waiter *w) {
    struct session *s = w->session;
    bool off = w->aof->state == AOF_OFF;
    blocking_reply(s);
    if (off)
        reply_error(s->reply, ERR_WAIT_OFF);
    else
        reply_counts(s, true);
    blocking_end(s);
}

/* Who is answered may have waited for others to be: the list is looked through anew. */
void aof_wait_serve(struct aof *a) {
    struct aof_waiter *w;
    do {
        for (w = a->waiting; w && !is_ready(a, w); w = w->next) continue;
        if (w) answer(w);
    } while (w);
}

static void wait_for(struct call *c, bool local, bool replicas, uint64_t timeout_ms) {
    static const struct block_kind kind = {.timed_out = wait_timed_out, .release = waiter_release};
    struct aof *a = &c->engine->persist->aof;
    struct aof_waiter *w = mem_alloc(sizeof *w);
    *w = (struct aof_waiter){.next = a->waiting,
                             .aof = a,
                             .session = c->session,
                             .fed = c->session->fed,
                             .local = local,
                             .replicas = replicas};
    a->waiting = w;
    blocking_start(c, &kind, w, timeout_ms);
}

/* There are no replicas, so who waits for some does so until time is up. */
static void cmd_waitaof(struct call *c) {
    const struct aof *a = &c->engine->persist->aof;
    int64_t local, replicas;
    uint64_t timeout_ms;
    if (!arg_i64_in_or_reply(c, 1, 0, 1, NULL, &local)) return;
    if (!arg_i64_in_or_reply(c, 2, 0, INT64_MAX, NULL, &replicas)) return;
    if (!arg_timeout_or_reply(c, 3, &timeout_ms)) return;
    bool synced = is_synced(a, c->session->fed);
    if (local && a->state == AOF_OFF)
        reply_error(c->reply, ERR_WAIT_OFF);
    else if (replicas == 0 && (!local || synced))
        reply_counts(c->session, synced);
    else
        wait_for(c, local, replicas > 0, timeout_ms);
}

const struct command aof_commands[] = {
    {
        .name = "bgrewriteaof",
        .run = cmd_bgrewriteaof,
        .arity = 1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING,
        .group = "server",
        .summary = "Replaces the append-only log by a shorter one, in the background.",
        .since = "1.0.0",
        .complexity = "O(1), and O(N) in the keys of all databases in the background.",
    },
    {
        .name = "waitaof",
        .run = cmd_waitaof,
        .arity = 4,
        .flags = CMD_NOSCRIPT,
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
