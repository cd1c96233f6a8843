/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/replicas.h"

#include "repl/repl.h"
#include "server/client_limits.h"
#include "server/client_send.h"

enum { SECOND_US = 1000 * 1000 };

static struct replica *replica_at(const struct client_link *l) {
    return l ? (struct replica *)((char *)l - offsetof(struct replica, linked)) : NULL;
}

struct replica *replicas_first(const struct repl *r) {
    return replica_at(client_queue_first(&r->replicas.all));
}

struct replica *replicas_next(const struct repl *r, const struct replica *p) {
    return replica_at(client_queue_next(&r->replicas.all, &p->linked));
}

void replicas_init(struct repl *r) {
    client_queue_init(&r->replicas.all);
}

static uint64_t now_us(const struct repl *r) {
    return loop_now_us(r->server->loop);
}

/* How far it is behind, in seconds since it was last heard of. */
static bool is_good(const struct repl *r, const struct replica *p) {
    uint64_t lag_us = now_us(r) - p->acked_us;
    return p->state == REPLICA_ONLINE && lag_us / SECOND_US <= (uint64_t)r->config.max_lag;
}

void replicas_count_good(struct repl *r) {
    unsigned *gates = &r->server->engine.gates;
    r->replicas.good = 0;
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p))
        r->replicas.good += is_good(r, p);
    bool few = replicas_are_wanted(&r->config) && !repl_is_replica(r) &&
               r->replicas.good < (size_t)r->config.min_replicas;
    *gates = few ? *gates | GATE_REPLICAS : *gates & ~(unsigned)GATE_REPLICAS;
}

void replicas_add(struct repl *r, struct replica *p) {
    client_queue_push(&r->replicas.all, &p->linked);
    r->server->replica_count++;
}

void replicas_remove(struct repl *r, struct replica *p) {
    client_queue_remove(&r->replicas.all, &p->linked);
    r->server->replica_count--;
    if (!r->replicas.all.count) r->replicas.none_since_us = now_us(r);
    replicas_count_good(r);
    full_sync_left(r, p);
}

void replicas_drop(struct repl *r) {
    struct replica *p;
    while ((p = replicas_first(r))) client_close_soon(p->client);
}

size_t replicas_acked(const struct repl *r, int64_t offset) {
    size_t count = 0;
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p))
        count += p->state == REPLICA_ONLINE && p->acked >= offset;
    return count;
}

size_t replicas_synced(const struct repl *r, int64_t offset) {
    size_t count = 0;
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p))
        count += p->state == REPLICA_ONLINE && p->synced >= offset;
    return count;
}

bool replicas_lag(const struct repl *r) {
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p))
        if (p->acked != r->offset) return true;
    return false;
}

void replicas_log_lag(const struct repl *r) {
    size_t in_sync = 0;
    struct log *log = &r->server->log;
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p)) {
        char name[REPLICA_NAME_MAX];
        bool lags = p->acked != r->offset;
        in_sync += !lags;
        if (!lags) continue;
        log_notice(
            log, "Lagging replica %s reported offset %lld behind master, lag=%llu, state=%s.",
            replica_name(p, name), (long long)(r->offset - p->acked),
            (unsigned long long)((now_us(r) - p->acked_us) / SECOND_US), replica_state_name(p));
    }
    if (r->replicas.all.count)
        log_notice(log, "%zu of %zu replicas are in sync when shutting down.", in_sync,
                   r->replicas.all.count);
}

/* Once a second. */

/* Is it not heard of any more, or takes nothing of its snapshot? Who came with SYNC says nothing.
 */
static const char *why_gone(const struct repl *r, const struct replica *p) {
    uint64_t limit_us = (uint64_t)r->config.timeout * SECOND_US;
    if (p->state == REPLICA_ONLINE && !p->by_sync && now_us(r) - p->acked_us > limit_us)
        return "streaming sync";
    if (p->state == REPLICA_STREAMED && now_us(r) - p->moved_us > limit_us &&
        reply_len(&p->client->session.own_reply))
        return "full sync";
    return NULL;
}

static void close_gone(struct repl *r) {
    struct replica *next;
    for (struct replica *p = replicas_first(r); p; p = next) {
        char name[REPLICA_NAME_MAX];
        const char *why = why_gone(r, p);
        next = replicas_next(r, p);
        if (!why) continue;
        log_warning(&r->server->log, "Disconnecting timedout replica (%s): %s", why,
                    replica_name(p, name));
        client_close_soon(p->client);
    }
}

/* Who waits for a snapshot hears of us by empty lines; a pre-2.8 one, and all that wait for a file
 * understand these. */
static void keep_waiting(struct repl *r) {
    for (struct replica *p = replicas_first(r); p; p = replicas_next(r, p)) {
        if (p->state != REPLICA_WAITS && p->state != REPLICA_ATTACHED) continue;
        reply_raw(&p->client->session.own_reply, SLICE("\n"));
        client_wants_flush(p->client);
    }
}

static void ping(struct repl *r) {
    uint64_t period_us = (uint64_t)r->config.ping_period * SECOND_US;
    if (!r->replicas.all.count) r->replicas.pinged_us = now_us(r); /* the first can wait, too */
    if (!r->replicas.all.count || repl_is_replica(r)) return;
    if (now_us(r) - r->replicas.pinged_us < period_us) return;
    r->replicas.pinged_us = now_us(r);
    repl_say(r, SLICE("*1\r\n$4\r\nPING\r\n"));
}

void replicas_cron(struct repl *r) {
    if (now_us(r) - r->replicas.second_us < SECOND_US) return;
    r->replicas.second_us = now_us(r);
    ping(r);
    keep_waiting(r);
    close_gone(r);
    if (replicas_are_wanted(&r->config)) replicas_count_good(r);
}

/* Sending. */

static void ask_for_acks(struct repl *r) {
    if (!r->replicas.want_acks || client_pause_on(&r->server->pause)) return;
    r->replicas.want_acks = false;
    repl_say(r, SLICE("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"));
}

void replicas_turn_end(struct repl *r) {
    struct replica *next;
    ask_for_acks(r);
    if (r->replicas.flushed == r->offset) return;
    r->replicas.flushed = r->offset;
    for (struct replica *p = replicas_first(r); p; p = next) {
        next = replicas_next(r, p);
        if (p->state == REPLICA_ONLINE && !p->ack_first) client_wants_flush(p->client);
        client_limits_check_output(p->client);
    }
}
