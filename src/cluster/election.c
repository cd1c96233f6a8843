/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/election.h"

#include "base/clock.h"
#include "cluster/bus.h"
#include "cluster/families.h"
#include "cluster/replica.h"
#include "exec/call.h"
#include "repl/link.h"
#include "repl/repl.h"

enum {
    DELAY_MS = 500, /* for the news of the failure to spread; and as much again at random */
    RANK_MS = 1000,
    VOTES_MIN_MS = 2000,
    MANUAL_MS = 5000,
};

static uint64_t now_ms(void) {
    return (uint64_t)clock_wall_ms();
}

/* The replica's own state. */

/* How long its data haven't been its primary's any more. */
static uint64_t data_age_ms(const struct cluster *c) {
    const struct repl_link *link = repl_of(c->server)->link;
    uint64_t timeout = (uint64_t)c->config.node_timeout_ms, age;
    if (!link) return UINT64_MAX;
    if (link->state == LINK_UP)
        age = ((uint64_t)clock_mono_us() - link->heard_us) / 1000;
    else if (!link->down_since_s)
        return UINT64_MAX; /* it never had any */
    else
        age = now_ms() - (uint64_t)link->down_since_s * 1000;
    return age > timeout ? age - timeout : age;
}

static bool is_too_old(const struct cluster *c) {
    uint64_t factor = (uint64_t)c->config.validity_factor;
    uint64_t ping_ms = (uint64_t)repl_of(c->server)->config.ping_period * 1000;
    if (!factor) return false;
    return data_age_ms(c) > ping_ms + factor * (uint64_t)c->config.node_timeout_ms;
}

/* How many of the primary's replicas have more of its data. */
static unsigned rank_of(const struct cluster *c) {
    int64_t mine = repl_of(c->server)->offset;
    unsigned rank = 0;
    for (size_t i = 0; i < c->nodes.count; i++) {
        const struct cluster_node *n = c->nodes.all[i];
        if (n == c->self || n->primary != c->self->primary || (n->flags & NODE_NOFAILOVER))
            continue;
        rank += n->repl_offset > mine;
    }
    return rank;
}

static bool is_manual(const struct election *e) {
    return e->manual_end_ms && e->manual_ready;
}

static bool is_wanted(const struct cluster *c) {
    const struct cluster_node *primary = c->self->primary;
    if (!node_is_replica(c->self) || !primary || !primary->slot_count) return false;
    if (is_manual(&c->election)) return true;
    return (primary->flags & NODE_FAIL) && !c->config.no_failover && !is_too_old(c);
}

/* The election. */

static void schedule(struct cluster *c) {
    struct election *e = &c->election;
    *e = (struct election){.manual_end_ms = e->manual_end_ms,
                           .manual_ready = e->manual_ready,
                           .manual_offset = e->manual_offset};
    e->due_ms = now_ms();
    if (!is_manual(e)) {
        e->rank = rank_of(c);
        e->due_ms += DELAY_MS + random_below(&c->server->engine.keyspace.rng, DELAY_MS) +
                     (uint64_t)e->rank * RANK_MS;
    }
    log_notice(&c->server->log,
               "Start of election delayed for %lld milliseconds (rank #%u, offset %lld).",
               (long long)(e->due_ms - now_ms()), e->rank, (long long)repl_of(c->server)->offset);
    bus_broadcast_pong(c); /* the other replicas are to know how much of the data is here */
}

/* Others turn out to have more of the data. */
static void look_at_rank(struct cluster *c) {
    struct election *e = &c->election;
    unsigned rank = rank_of(c);
    if (e->sent || is_manual(e) || rank <= e->rank) return;
    e->due_ms += (uint64_t)(rank - e->rank) * RANK_MS;
    e->rank = rank;
    log_notice(&c->server->log, "Replica rank updated to #%u, added delay.", rank);
}

static void ask_for_votes(struct cluster *c) {
    struct election *e = &c->election;
    e->epoch = ++c->current_epoch;
    e->sent = true;
    log_notice(&c->server->log, "Starting a failover election for epoch %llu.",
               (unsigned long long)e->epoch);
    bus_ask_votes(c, e->manual_end_ms != 0);
    cluster_note(c, CLUSTER_SAVE | CLUSTER_JUDGE);
}

static void win(struct cluster *c) {
    log_notice(&c->server->log, "Failover election won: I'm the new master.");
    if (c->self->config_epoch < c->election.epoch) c->self->config_epoch = c->election.epoch;
    log_notice(&c->server->log, "configEpoch set to %llu after successful failover",
               (unsigned long long)c->self->config_epoch);
    replica_take_over(c);
}

static void step(struct cluster *c) {
    struct election *e = &c->election;
    uint64_t now = now_ms(), patience = 2 * (uint64_t)c->config.node_timeout_ms;
    if (patience < VOTES_MIN_MS) patience = VOTES_MIN_MS;
    bool overdue = now > e->due_ms + 2 * patience;
    if (!e->due_ms || overdue) {
        schedule(c);
        return;
    }
    look_at_rank(c);
    if (now < e->due_ms || now > e->due_ms + patience) return;
    if (!e->sent)
        ask_for_votes(c);
    else if (e->votes >= c->size / 2 + 1)
        win(c);
}

void election_voted(struct cluster *c, const struct cluster_node *by, const struct message *m) {
    struct election *e = &c->election;
    if (!node_is_primary(by) || !by->slot_count || !e->sent || m->current_epoch < e->epoch) return;
    e->votes++;
    election_step(c);
}

/* By hand. */

void election_end_manual(struct cluster *c) {
    struct election *e = &c->election;
    if (!e->manual_end_ms) return;
    if (e->manual_replica) client_pause_failover(c->server, false);
    e->manual_end_ms = 0;
    e->manual_ready = false;
    e->manual_replica = NULL;
    e->manual_offset = -1;
}

/* A primary is asked to let its place be taken. */
void election_start_manual(struct cluster *c, struct cluster_node *by) {
    if (by->primary != c->self) return;
    election_end_manual(c);
    c->election.manual_end_ms = now_ms() + MANUAL_MS;
    c->election.manual_replica = by;
    client_pause_failover(c->server, true);
    log_warning(&c->server->log, "Manual failover requested by replica %.40s.", by->name);
    bus_send_ping(by->link, MESSAGE_PING);
}

void election_heard_primary(struct cluster *c, const struct message *m) {
    struct election *e = &c->election;
    if (!e->manual_end_ms || e->manual_offset >= 0 || !(m->marks & MESSAGE_PAUSED)) return;
    e->manual_offset = (int64_t)m->offset;
    log_warning(&c->server->log,
                "Received replication offset for paused master manual failover: %lld",
                (long long)e->manual_offset);
    election_step(c);
}

static void step_manual(struct cluster *c) {
    struct election *e = &c->election;
    if (!e->manual_end_ms) return;
    if (e->manual_end_ms < now_ms()) {
        log_warning(&c->server->log, "Manual failover timed out.");
        election_end_manual(c);
    } else if (!e->manual_ready && e->manual_offset >= 0 &&
               repl_of(c->server)->offset >= e->manual_offset) { /* pings may follow */
        e->manual_ready = true;
        e->due_ms = 0;
        log_warning(&c->server->log,
                    "All master replication stream processed, manual failover can start.");
    }
}

void election_step(struct cluster *c) {
    step_manual(c);
    if (is_wanted(c)) step(c);
}

static const char *failover_error(const struct cluster *c, bool force) {
    const struct cluster_node *primary = c->self->primary;
    if (node_is_primary(c->self)) return "ERR You should send CLUSTER FAILOVER to a replica";
    if (!primary) return "ERR I'm a replica but my master is unknown to me";
    if (!force && ((primary->flags & NODE_FAIL) || !primary->link))
        return "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE";
    return NULL;
}

void cluster_cmd_failover(struct call *c) {
    struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    struct election *e = &cluster->election;
    struct log *log = &cluster->server->log;
    bool takeover = c->argc == 3 && arg_is(c, 2, "takeover");
    bool force = takeover || (c->argc == 3 && arg_is(c, 2, "force"));
    if (c->argc > 3) {
        cluster_reply_too_many(c);
        return;
    }
    if (c->argc == 3 && !force) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    const char *error = failover_error(cluster, force);
    if (error) {
        reply_error(c->reply, error);
        return;
    }
    election_end_manual(cluster);
    e->manual_end_ms = now_ms() + MANUAL_MS;
    e->manual_offset = -1;
    e->due_ms = 0;
    if (takeover) {
        log_notice(log, "Taking over the master (user request).");
        cluster_bump_epoch(cluster);
        replica_take_over(cluster);
    } else if (force) {
        log_notice(log, "Forced failover user request accepted.");
        e->manual_ready = true;
    } else {
        log_notice(log, "Manual failover user request accepted.");
        bus_ask_manual(cluster->self->primary);
    }
    reply_ok(c->reply);
}
