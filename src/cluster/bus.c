/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/bus.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "cluster/gossip.h"
#include "repl/repl.h"

enum {
    HANDSHAKE_MIN_MS = 1000,
    PING_PICKS = 5, /* nodes of which the one not heard of for longest is pinged */
    CRON_MS = 100,
};

static uint64_t now_ms(void) {
    return (uint64_t)clock_wall_ms();
}

/* This node. */

void bus_update_self(struct cluster *c) {
    c->by_tls = c->server->tls.cluster;
    struct cluster_node *self = c->self;
    const struct cluster_config *config = &c->config;
    const char *hostname = config->announce_hostname ? config->announce_hostname : "";
    const char *nodename = config->announce_nodename ? config->announce_nodename : "";
    unsigned flags = config->no_failover ? self->flags | NODE_NOFAILOVER
                                         : self->flags & ~(unsigned)NODE_NOFAILOVER;
    uint16_t port =
        (uint16_t)(config->announce_port ? config->announce_port : c->server->config.port);
    uint16_t tls_port =
        (uint16_t)(config->announce_tls_port ? config->announce_tls_port : c->server->tls.port);
    uint16_t bus_port =
        config->announce_bus_port ? (uint16_t)config->announce_bus_port : cluster_bus_port(c);
    bool same = strcmp(self->hostname, hostname) == 0 && strcmp(self->nodename, nodename) == 0 &&
                self->port == port && self->tls_port == tls_port && self->bus_port == bus_port &&
                self->flags == flags;
    if (config->announce_ip && strcmp(self->ip, config->announce_ip) != 0) {
        snprintf(self->ip, sizeof self->ip, "%s", config->announce_ip);
        same = false;
    }
    if (same) return;
    node_set_text(&self->hostname, hostname);
    node_set_text(&self->nodename, nodename);
    self->flags = flags;
    self->port = port;
    self->tls_port = tls_port;
    self->bus_port = bus_port;
    cluster_note(c, CLUSTER_SAVE);
}

/* Sending. */

/* A replica speaks of its primary's slots and epoch. */
static struct message head_of(const struct cluster *c, enum message_type type) {
    const struct cluster_node *self = c->self;
    const struct cluster_node *claim =
        node_is_replica(self) && self->primary ? self->primary : self;
    struct message m = {
        .type = type,
        .current_epoch = c->current_epoch,
        .config_epoch = claim->config_epoch,
        .offset = (uint64_t)repl_of(c->server)->offset,
        .slots = claim->slots,
        .port = node_port(self, c->by_tls),
        .other_port = node_port(self, !c->by_tls),
        .bus_port = self->bus_port,
        .flags = (uint16_t)self->flags,
        .down = !c->ok,
        .marks = MESSAGE_EXTENDED,
    };
    memcpy(m.sender, self->name, sizeof m.sender);
    if (c->election.manual_replica) m.marks |= MESSAGE_PAUSED;
    if (self->primary) memcpy(m.primary, self->primary->name, sizeof m.primary);
    if (c->config.announce_ip) snprintf(m.ip, sizeof m.ip, "%s", c->config.announce_ip);
    return m;
}

static bool is_over_limit(struct cluster_link *l) {
    struct cluster *c = l->cluster;
    if (!c->config.link_limit || l->out.len - l->sent <= c->config.link_limit) return false;
    log_warning(&c->server->log,
                "Freeing %s cluster link %s node %.40s, exceeding output buffer memory limit.",
                l->outbound ? "outbound" : "inbound", l->outbound ? "to" : "from",
                l->node ? l->node->name : "");
    c->bus.over_limit++;
    link_close(l);
    return true;
}

static void sent(struct cluster_link *l, enum message_type type) {
    l->cluster->bus.sent[type]++;
    if (!is_over_limit(l)) link_wants_send(l);
}

static bool can_send(const struct cluster_link *l) {
    return l && !l->closing && !l->connecting;
}

static void add_extensions(struct cluster_link *l, size_t start) {
    const struct cluster_node *self = l->cluster->self;
    bool known = l->node && (l->node->flags & NODE_EXTENDED);
    if (*self->hostname)
        message_add_extension(
            &l->out, start,
            &(struct message_extension){EXTENSION_HOSTNAME, slice_str(self->hostname)}, true);
    if (!known) return;
    if (*self->nodename)
        message_add_extension(
            &l->out, start,
            &(struct message_extension){EXTENSION_NODENAME, slice_str(self->nodename)}, true);
    message_add_extension(
        &l->out, start, &(struct message_extension){EXTENSION_SHARD_ID, slice_str(self->shard_id)},
        false);
}

void bus_send_ping(struct cluster_link *l, enum message_type type) {
    if (!can_send(l)) return;
    struct message m = head_of(l->cluster, type);
    size_t start = message_begin(&l->out, &m);
    gossip_add(l->cluster, l->node, &l->out, start);
    add_extensions(l, start);
    if (l->outbound && l->node && type != MESSAGE_PONG && !l->node->ping_ms)
        l->node->ping_ms = now_ms();
    sent(l, type);
}

void bus_broadcast_pong(struct cluster *c) {
    for (size_t i = 0; i < c->nodes.count; i++) {
        struct cluster_node *n = c->nodes.all[i];
        if (n != c->self && !(n->flags & NODE_HANDSHAKE)) bus_send_ping(n->link, MESSAGE_PONG);
    }
}

void bus_send_update(struct cluster_link *l, const struct cluster_node *n) {
    if (!can_send(l)) return;
    struct message m = head_of(l->cluster, MESSAGE_UPDATE);
    struct message_update u = {.config_epoch = n->config_epoch, .slots = n->slots};
    memcpy(u.name, n->name, sizeof u.name);
    message_add_update(&l->out, message_begin(&l->out, &m), &u);
    sent(l, MESSAGE_UPDATE);
}

void bus_send_vote(struct cluster_node *n) {
    if (!can_send(n->link)) return;
    struct message m = head_of(n->link->cluster, MESSAGE_AUTH_ACK);
    message_begin(&n->link->out, &m);
    sent(n->link, MESSAGE_AUTH_ACK);
}

void bus_ask_votes(struct cluster *c, bool force) {
    struct message m = head_of(c, MESSAGE_AUTH_REQUEST);
    if (force) m.marks |= MESSAGE_FORCE_VOTE;
    for (size_t i = 0; i < c->nodes.count; i++) {
        struct cluster_link *l = c->nodes.all[i]->link;
        if (!can_send(l) || (l->node->flags & NODE_HANDSHAKE)) continue;
        message_begin(&l->out, &m);
        sent(l, MESSAGE_AUTH_REQUEST);
    }
}

void bus_ask_manual(struct cluster_node *primary) {
    if (!can_send(primary->link)) return;
    struct message m = head_of(primary->link->cluster, MESSAGE_MFSTART);
    message_begin(&primary->link->out, &m);
    sent(primary->link, MESSAGE_MFSTART);
}

void bus_broadcast_fail(struct cluster *c, const struct cluster_node *n) {
    struct message m = head_of(c, MESSAGE_FAIL);
    for (size_t i = 0; i < c->nodes.count; i++) {
        struct cluster_link *l = c->nodes.all[i]->link;
        if (!can_send(l) || (l->node->flags & NODE_HANDSHAKE)) continue;
        message_add_name(&l->out, message_begin(&l->out, &m), n->name);
        sent(l, MESSAGE_FAIL);
    }
}

static bool is_of_shard(const struct cluster *c, const struct cluster_node *n) {
    const struct cluster_node *self = c->self;
    return n->primary == self || n == self->primary || (n->primary && n->primary == self->primary);
}

void bus_publish(struct cluster *c, bool shard, struct slice channel, struct slice text) {
    enum message_type type = shard ? MESSAGE_PUBLISHSHARD : MESSAGE_PUBLISH;
    struct message m = head_of(c, type);
    for (size_t i = 0; i < c->nodes.count; i++) {
        struct cluster_link *l = c->nodes.all[i]->link;
        if (!can_send(l) || (l->node->flags & NODE_HANDSHAKE)) continue;
        if (shard && !is_of_shard(c, l->node)) continue;
        message_add_publish(&l->out, message_begin(&l->out, &m), channel, text);
        sent(l, type);
    }
}

/* Meeting. */

struct cluster_node *bus_begin_handshake(struct cluster *c, const char *ip, uint16_t port,
                                         uint16_t other_port, uint16_t bus_port) {
    for (size_t i = 0; i < c->nodes.count; i++) {
        const struct cluster_node *n = c->nodes.all[i];
        if ((n->flags & NODE_HANDSHAKE) && strcmp(n->ip, ip) == 0 && n->bus_port == bus_port)
            return NULL;
    }
    struct cluster_node *n = node_new(NULL, NODE_HANDSHAKE);
    snprintf(n->ip, sizeof n->ip, "%s", ip);
    node_set_ports(n, c->by_tls, port, other_port);
    n->bus_port = bus_port;
    node_set_add(&c->nodes, n);
    return n;
}

bool bus_meet(struct cluster *c, const char *ip, uint16_t port, uint16_t bus_port) {
    unsigned char bytes[sizeof(struct in6_addr)];
    char text[NODE_IP_MAX];
    int family = strchr(ip, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, ip, bytes) != 1 || !inet_ntop(family, bytes, text, sizeof text))
        return false;
    struct cluster_node *n = bus_begin_handshake(c, text, port, 0, bus_port);
    if (n) n->flags |= NODE_MEET;
    return true;
}

/* A ping that waits for its answer waits on, so that who accepts and says nothing fails, too. */
void bus_connected(struct cluster_link *l) {
    struct cluster_node *n = l->node;
    uint64_t waiting_since = n->ping_ms;
    bus_send_ping(l, n->flags & NODE_MEET ? MESSAGE_MEET : MESSAGE_PING);
    if (waiting_since) n->ping_ms = waiting_since;
    link_wants_send(l);
}

/* Now and then. */

static bool handshake_failed(const struct cluster *c, const struct cluster_node *n) {
    uint64_t patience = (uint64_t)c->config.node_timeout_ms;
    if (patience < HANDSHAKE_MIN_MS) patience = HANDSHAKE_MIN_MS;
    return (n->flags & NODE_HANDSHAKE) && now_ms() - n->created_ms > patience;
}

static void connect_all(struct cluster *c) {
    for (size_t i = c->nodes.count; i-- > 0;) {
        struct cluster_node *n = c->nodes.all[i];
        if (n->flags & (NODE_MYSELF | NODE_NOADDR)) continue;
        if (handshake_failed(c, n))
            cluster_forget(c, n);
        else if (!n->link && !link_open(c, n) && !n->ping_ms)
            n->ping_ms = now_ms(); /* it doesn't answer */
    }
}

static void ping_one(struct cluster *c) {
    struct random *rng = &c->server->engine.keyspace.rng;
    struct cluster_node *oldest = NULL;
    for (int i = 0; i < PING_PICKS; i++) {
        struct cluster_node *n = c->nodes.all[random_below(rng, c->nodes.count)];
        if (!n->link || n->ping_ms || (n->flags & (NODE_MYSELF | NODE_HANDSHAKE))) continue;
        if (!oldest || n->pong_ms < oldest->pong_ms) oldest = n;
    }
    if (oldest) bus_send_ping(oldest->link, MESSAGE_PING);
}

/* A connection on which nothing comes for so long is worth trying anew, before the node counts as
 * failed. */
static bool is_stuck(const struct cluster *c, const struct cluster_node *n, uint64_t now) {
    uint64_t timeout = (uint64_t)c->config.node_timeout_ms;
    return n->link && now - n->link->created_ms > timeout && n->ping_ms &&
           now - n->ping_ms > timeout / 2 && now - n->data_ms > timeout / 2;
}

static void watch_node(struct cluster *c, struct cluster_node *n) {
    uint64_t now = now_ms(), timeout = (uint64_t)c->config.node_timeout_ms;
    if (is_stuck(c, n, now)) link_close(n->link);
    if (n->link && !n->ping_ms && now - n->pong_ms > timeout / 2)
        bus_send_ping(n->link, MESSAGE_PING);
    if (!n->ping_ms || (n->flags & (NODE_PFAIL | NODE_FAIL))) return;
    uint64_t ping = now - n->ping_ms, data = now - n->data_ms;
    if ((ping < data ? ping : data) <= timeout) return;
    log_debug(&c->server->log, "*** NODE %.40s possibly failing", n->name);
    n->flags |= NODE_PFAIL;
    gossip_judge(c, n);
    cluster_note(c, CLUSTER_JUDGE);
}

void bus_cron(struct cluster *c) {
    links_take_held(c);
    bus_update_self(c);
    links_give_up(c);
    connect_all(c);
    unsigned every = (unsigned)(c->config.ping_interval_ms / CRON_MS);
    if (++c->bus.rounds % (every ? every : 1) == 0 && c->nodes.count > 1) ping_one(c);
    for (size_t i = 0; i < c->nodes.count; i++) {
        struct cluster_node *n = c->nodes.all[i];
        if (!(n->flags & (NODE_MYSELF | NODE_NOADDR | NODE_HANDSHAKE))) watch_node(c, n);
    }
    if (c->election.manual_replica) bus_send_ping(c->election.manual_replica->link, MESSAGE_PING);
}
