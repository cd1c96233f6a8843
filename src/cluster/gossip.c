/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/gossip.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "cluster/bus.h"

enum {
    LEAST = 3, /* nodes told of, if there are as many */
    ONE_OF = 10,
    BAN_MS = 60 * 1000,
    CLOCKS_DIFFER_MS = 500,
};

struct forgotten_node {
    struct forgotten_node *next;
    uint64_t until_ms;
    char name[NODE_NAME_LEN + 1];
};

static uint64_t now_ms(void) {
    return (uint64_t)clock_wall_ms();
}

/* Telling. */

static void tell_of(const struct cluster *c, const struct cluster_node *n, struct buf *message,
                    size_t start) {
    struct message_gossip g = {
        .ping_ms = n->ping_ms,
        .pong_ms = n->pong_ms,
        .port = node_port(n, c->by_tls),
        .other_port = node_port(n, !c->by_tls),
        .bus_port = n->bus_port,
        .flags = (uint16_t)n->flags,
    };
    memcpy(g.name, n->name, sizeof g.name);
    memcpy(g.ip, n->ip, sizeof n->ip);
    message_add_gossip(message, start, &g);
}

/* Those that it can't reach all come, behind the others. */
static bool is_worth_telling(const struct cluster_node *n, const struct cluster_node *to) {
    if (n == to || (n->flags & (NODE_MYSELF | NODE_PFAIL | NODE_HANDSHAKE | NODE_NOADDR)))
        return false;
    return n->link || n->slot_count;
}

void gossip_add(const struct cluster *c, const struct cluster_node *to, struct buf *message,
                size_t start) {
    size_t count = c->nodes.count, wanted = count / ONE_OF;
    struct random *rng = &c->server->engine.keyspace.rng;
    if (wanted < LEAST) wanted = LEAST;
    size_t at = (size_t)random_below(rng, count);
    for (size_t i = 0; i < count && wanted; i++, at = at + 1 == count ? 0 : at + 1) {
        /* Some are passed over, so that neighbours don't always come together. */
        if (!is_worth_telling(c->nodes.all[at], to)) continue;
        if (count - i > 4 * wanted && random_below(rng, 4)) continue;
        tell_of(c, c->nodes.all[at], message, start);
        wanted--;
    }
    for (size_t i = 0; i < count; i++) {
        const struct cluster_node *n = c->nodes.all[i];
        bool fails = (n->flags & NODE_PFAIL) && !(n->flags & (NODE_HANDSHAKE | NODE_NOADDR));
        if (fails) tell_of(c, n, message, start);
    }
}

/* Reports. */

static void report(struct cluster *c, struct cluster_node *n, struct cluster_node *by) {
    struct fail_report *r = n->reports;
    while (r && r->by != by) r = r->next;
    if (!r) {
        r = mem_alloc(sizeof *r);
        *r = (struct fail_report){.next = n->reports, .by = by};
        n->reports = r;
        log_verbose(&c->server->log, "Node %.40s (%s) reported node %.40s (%s) as not reachable.",
                    by->name, by->nodename, n->name, n->nodename);
    }
    r->at_ms = now_ms();
}

/* Drops the reports of a node, or (NULL) those that are too old. True: there was one. */
static bool drop_reports(const struct cluster *c, struct cluster_node *n,
                         const struct cluster_node *by) {
    uint64_t oldest = now_ms() - 2 * (uint64_t)c->config.node_timeout_ms;
    bool any = false;
    for (struct fail_report **at = &n->reports; *at;) {
        struct fail_report *r = *at;
        if (by ? r->by != by : r->at_ms >= oldest) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        mem_free(r);
        any = true;
    }
    return any;
}

unsigned gossip_reports(const struct cluster *c, struct cluster_node *n) {
    unsigned count = 0;
    drop_reports(c, n, NULL);
    for (const struct fail_report *r = n->reports; r; r = r->next) count++;
    return count;
}

void gossip_leave(struct cluster *c, const struct cluster_node *by) {
    for (size_t i = 0; i < c->nodes.count; i++) drop_reports(c, c->nodes.all[i], by);
}

void gossip_judge(struct cluster *c, struct cluster_node *n) {
    unsigned needed = c->size / 2 + 1;
    if (!(n->flags & NODE_PFAIL) || (n->flags & NODE_FAIL)) return;
    if (gossip_reports(c, n) + node_is_primary(c->self) < needed) return;
    log_notice(&c->server->log, "Marking node %.40s (%s) as failing (quorum reached).", n->name,
               n->nodename);
    n->flags = (n->flags & ~(unsigned)NODE_PFAIL) | NODE_FAIL;
    n->fail_ms = now_ms();
    if (node_is_primary(c->self)) bus_broadcast_fail(c, n);
    cluster_note(c, CLUSTER_JUDGE | CLUSTER_SAVE);
}

/* A primary whose slots somebody may be about to take over counts as failed for a while. */
void gossip_reached(struct cluster *c, struct cluster_node *n) {
    bool has_slots = node_is_primary(n) && n->slot_count;
    if (n->flags & NODE_PFAIL) cluster_note(c, CLUSTER_JUDGE | CLUSTER_SAVE);
    n->flags &= ~(unsigned)NODE_PFAIL;
    if (!(n->flags & NODE_FAIL)) return;
    if (has_slots && now_ms() - n->fail_ms <= 2 * (uint64_t)c->config.node_timeout_ms) return;
    log_notice(&c->server->log, "Clear FAIL state for node %.40s (%s): %s", n->name, n->nodename,
               !has_slots ? "it is reachable again."
                          : "is reachable again and nobody is serving its slots after some time.");
    n->flags &= ~(unsigned)NODE_FAIL;
    cluster_note(c, CLUSTER_JUDGE | CLUSTER_SAVE);
}

/* Bans. */

void gossip_ban(struct cluster *c, const char *name) {
    struct forgotten_node *f = mem_alloc(sizeof *f);
    *f = (struct forgotten_node){.next = c->bus.forgotten, .until_ms = now_ms() + BAN_MS};
    memcpy(f->name, name, sizeof f->name);
    c->bus.forgotten = f;
}

bool gossip_banned(struct cluster *c, const char *name) {
    uint64_t now = now_ms();
    for (struct forgotten_node **at = &c->bus.forgotten; *at;) {
        struct forgotten_node *f = *at;
        if (f->until_ms >= now) {
            if (memcmp(f->name, name, NODE_NAME_LEN) == 0) return true;
            at = &f->next;
            continue;
        }
        *at = f->next;
        mem_free(f);
    }
    return false;
}

void gossip_release(struct cluster *c) {
    while (c->bus.forgotten) {
        struct forgotten_node *f = c->bus.forgotten;
        c->bus.forgotten = f->next;
        mem_free(f);
    }
}

/* Hearing. */

static void hear_of_failure(struct cluster *c, struct cluster_node *n, struct cluster_node *by,
                            const struct message_gossip *g) {
    if (g->flags & (NODE_FAIL | NODE_PFAIL)) {
        report(c, n, by);
        gossip_judge(c, n);
    } else if (drop_reports(c, n, by)) {
        log_verbose(&c->server->log, "Node %.40s (%s) reported node %.40s (%s) is back online.",
                    by->name, by->nodename, n->name, n->nodename);
    }
}

/* One that can't be reached where it was is elsewhere, as others know. */
static void hear_of_address(struct cluster *c, struct cluster_node *n,
                            const struct message_gossip *g) {
    bool tls = c->by_tls;
    bool same =
        strcmp(n->ip, g->ip) == 0 && node_port(n, tls) == g->port && n->bus_port == g->bus_port;
    if (same || !(n->flags & (NODE_FAIL | NODE_PFAIL))) return;
    if (g->flags & (NODE_NOADDR | NODE_FAIL | NODE_PFAIL)) return;
    link_close(n->link);
    memcpy(n->ip, g->ip, sizeof n->ip);
    node_set_ports(n, tls, g->port, g->other_port);
    n->bus_port = g->bus_port;
    n->flags &= ~(unsigned)NODE_NOADDR;
    cluster_note(c, CLUSTER_SAVE);
}

static void hear_of_known(struct cluster *c, struct cluster_node *n, struct cluster_node *by,
                          const struct message_gossip *g) {
    if (by && node_is_primary(by) && n != c->self) hear_of_failure(c, n, by, g);
    bool well = !(g->flags & (NODE_FAIL | NODE_PFAIL)) && !n->ping_ms && !gossip_reports(c, n);
    bool newer = g->pong_ms > n->pong_ms && g->pong_ms <= now_ms() + CLOCKS_DIFFER_MS;
    if (well && newer) n->pong_ms = g->pong_ms;
    hear_of_address(c, n, g);
}

static void hear_of_unknown(struct cluster *c, const struct message_gossip *g) {
    if ((g->flags & NODE_NOADDR) || !*g->ip || gossip_banned(c, g->name)) return;
    struct cluster_node *n =
        node_new(g->name, g->flags & (NODE_PRIMARY | NODE_REPLICA | NODE_NOFAILOVER));
    memcpy(n->ip, g->ip, sizeof n->ip);
    node_set_ports(n, c->by_tls, g->port, g->other_port);
    n->bus_port = g->bus_port;
    node_set_add(&c->nodes, n);
    cluster_note(c, CLUSTER_SAVE);
}

void gossip_hear(struct cluster *c, struct cluster_node *by, const struct message *m) {
    for (unsigned i = 0; i < m->gossip; i++) {
        struct message_gossip g;
        message_gossip_at(m, i, &g);
        struct cluster_node *n = node_set_find(&c->nodes, slice_of(g.name, NODE_NAME_LEN));
        if (n)
            hear_of_known(c, n, by, &g);
        else if (by)
            hear_of_unknown(c, &g);
    }
}
