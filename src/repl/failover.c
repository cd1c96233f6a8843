/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/failover.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "repl/link.h"
#include "repl/repl.h"
#include "repl/role.h"
#include "server/client_list.h"

static struct log *log_of(const struct repl *r) {
    return &r->server->log;
}

bool failover_active(const struct repl *r) {
    return r->failover.state != FAILOVER_NONE;
}

const char *failover_state_name(const struct repl *r) {
    static const char *const names[] = {"no-failover", "waiting-for-sync", "failover-in-progress"};
    return names[r->failover.state];
}

/* The end of it, one way or the other. */
static void clear(struct repl *r) {
    mem_free(r->failover.host);
    r->failover = (struct failover){.state = FAILOVER_NONE};
    if (r->link) r->link->taking_over = false;
    client_pause_failover(r->server, false);
}

void failover_release(struct repl *r) {
    mem_free(r->failover.host);
    r->failover.host = NULL;
}

static void call_off(struct repl *r, const char *why) {
    log_warning(log_of(r), "Aborting failover: %s", why);
    bool leads = r->failover.state == FAILOVER_WAITS;
    clear(r);
    if (!leads) role_lead(r);
}

/* The replica. */

static struct replica *find(const struct repl *r, const char *host, int port) {
    char ip[REPLICA_NAME_MAX];
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p)) {
        replica_ip(p, ip);
        if (p->port == port && strcasecmp(ip, host) == 0) return p;
    }
    return NULL;
}

static bool has_all(const struct repl *r, const struct replica *p) {
    return p->state == REPLICA_ONLINE && p->acked == r->offset;
}

/* The one that can take over now; NULL: none can. */
static struct replica *candidate(const struct repl *r) {
    const struct failover *f = &r->failover;
    if (f->host) {
        struct replica *p = find(r, f->host, f->port);
        return p && has_all(r, p) ? p : NULL;
    }
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p))
        if (has_all(r, p)) return p;
    return NULL;
}

static void hand_over(struct repl *r) {
    struct failover *f = &r->failover;
    f->state = FAILOVER_UNDER_WAY;
    char *host = mem_strdup(f->host);
    role_follow(r, host, f->port);
    r->link->taking_over = true;
    mem_free(host);
}

static void time_is_up(struct repl *r) {
    const struct failover *f = &r->failover;
    if (!f->force) {
        call_off(r, "Replica never caught up before timeout");
        return;
    }
    log_notice(log_of(r), "Failover to %s:%d time out exceeded, failing over.", f->host, f->port);
    hand_over(r);
}

void failover_check(struct repl *r) {
    struct failover *f = &r->failover;
    if (f->state != FAILOVER_WAITS) return;
    if (f->ends_us && (uint64_t)clock_mono_us() >= f->ends_us) {
        time_is_up(r);
        return;
    }
    const struct replica *p = candidate(r);
    if (!p) return; /* replicas say where they are once a second */
    if (!f->host) {
        char ip[REPLICA_NAME_MAX];
        replica_ip(p, ip);
        f->host = mem_strdup(ip);
        f->port = (int)p->port;
    }
    log_notice(log_of(r), "Failover target %s:%d is synced, failing over.", f->host, f->port);
    hand_over(r);
}

void failover_answered(struct repl *r, bool accepted) {
    if (accepted)
        clear(r);
    else
        call_off(r, "Failover target rejected psync request");
}

bool failover_take_over_or_reply(struct call *c) {
    struct repl *r = repl_of_engine(c->engine);
    struct slice id = c->argv[1];
    log_warning(log_of(r), "Failover request received for replid %.*s.", (int)id.len, id.ptr);
    if (!r->link) {
        reply_error(c->reply, "ERR PSYNC FAILOVER can't be sent to a master.");
        return false;
    }
    if (!slice_is(id, r->id)) {
        reply_error(c->reply, "ERR PSYNC FAILOVER replid must match my replid.");
        return false;
    }
    struct buf user = BUF_INIT;
    role_lead(r);
    client_describe(client_of(c->session), &user);
    log_notice(log_of(r), "MASTER MODE enabled (failover request from '%s')", user.data);
    buf_release(&user);
    return true;
}

/* The command. */

struct request_of_failover {
    bool abort, force, timed;
    struct slice host; /* ptr NULL: any */
    int64_t port, timeout_ms;
};

static bool parse_or_reply(struct call *c, struct request_of_failover *f) {
    bool alone = c->argc == 2;
    *f = (struct request_of_failover){.timeout_ms = 0};
    for (int i = 1; i < c->argc; i++) {
        int left = c->argc - 1 - i;
        if (arg_is(c, i, "timeout") && left >= 1 && !f->timed) {
            if (!arg_i64_or_reply(c, ++i, &f->timeout_ms)) return false;
            f->timed = true;
            if (f->timeout_ms > 0) continue;
            reply_error(c->reply, "ERR FAILOVER timeout must be greater than 0");
            return false;
        }
        if (arg_is(c, i, "abort") && alone) {
            f->abort = true;
        } else if (arg_is(c, i, "to") && left >= 2 && !f->host.ptr) {
            f->host = c->argv[i + 1];
            if (!arg_i64_or_reply(c, i + 2, &f->port)) return false;
            i += 2;
        } else if (arg_is(c, i, "force") && !f->force) {
            f->force = true;
        } else {
            reply_error(c->reply, ERR_SYNTAX);
            return false;
        }
    }
    return true;
}

static const char *refusal(const struct repl *r, const struct request_of_failover *f) {
    if (failover_active(r)) return "ERR FAILOVER already in progress.";
    if (r->link) return "ERR FAILOVER is not valid when server is a replica.";
    if (!replicas_first(r)) return "ERR FAILOVER requires connected replicas.";
    if (f->force && (!f->timed || !f->host.ptr))
        return "ERR FAILOVER with force option requires both a timeout and target HOST and IP.";
    return NULL;
}

/* The host's text, to be freed, if it's that of a replica which is online; else NULL is replied. */
static char *target_or_reply(struct call *c, const struct repl *r,
                             const struct request_of_failover *f) {
    char *host = mem_alloc(f->host.len + 1);
    slice_put(host, f->host);
    host[f->host.len] = '\0';
    const struct replica *p = find(r, host, (int)f->port);
    if (p && p->state == REPLICA_ONLINE) return host;
    reply_error(c->reply, p ? "ERR FAILOVER target replica is not online."
                            : "ERR FAILOVER target HOST and PORT is not a replica.");
    mem_free(host);
    return NULL;
}

static void abort_or_reply(struct call *c, struct repl *r) {
    if (!failover_active(r)) {
        reply_error(c->reply, "ERR No failover in progress.");
        return;
    }
    call_off(r, "Failover manually aborted");
    reply_ok(c->reply);
}

static void cmd_failover(struct call *c) {
    struct repl *r = repl_of_engine(c->engine);
    struct request_of_failover f;
    if (c->engine->gates & GATE_CLUSTER) {
        reply_error(c->reply, "ERR FAILOVER not allowed in cluster mode.");
        return;
    }
    if (!parse_or_reply(c, &f)) return;
    if (f.abort) {
        abort_or_reply(c, r);
        return;
    }
    const char *error = refusal(r, &f);
    if (error) {
        reply_error(c->reply, error);
        return;
    }
    char *host = f.host.ptr ? target_or_reply(c, r, &f) : NULL;
    if (f.host.ptr && !host) return;
    if (host)
        log_notice(log_of(r), "FAILOVER requested to %s:%d.", host, (int)f.port);
    else
        log_notice(log_of(r), "FAILOVER requested.");
    r->failover = (struct failover){
        .state = FAILOVER_WAITS,
        .host = host,
        .port = (int)f.port,
        .force = f.force,
        .ends_us = f.timed ? (uint64_t)clock_mono_us() + (uint64_t)f.timeout_ms * 1000 : 0,
    };
    client_pause_failover(r->server, true);
    reply_ok(c->reply);
}

const struct command failover_commands[] = {
    {
        .name = "failover",
        .run = cmd_failover,
        .arity = -1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE,
        .group = "server",
        .summary = "Changes places with a replica once that has all data.",
        .since = "6.2.0",
        .complexity = "O(1)",
        .syntax = "[TO host port:integer [FORCE]] [ABORT] [TIMEOUT milliseconds]",
    },
    {.name = NULL},
};
