/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/receive.h"

#include <stdio.h>

#include "base/clock.h"
#include "cluster/bus.h"
#include "cluster/claims.h"
#include "cluster/debug.h"
#include "cluster/election.h"
#include "cluster/gossip.h"
#include "cluster/replica.h"
#include "cluster/vote.h"
#include "pubsub/pubsub.h"

/* A message and who it's from. */
struct receipt {
    struct cluster *cluster;
    struct cluster_link *link;
    const struct message *m;
    struct cluster_node *sender; /* NULL: not known */
};

static struct cluster_node *find(const struct cluster *c, const char *name) {
    return node_set_find(&c->nodes, slice_of(name, NODE_NAME_LEN));
}

/* Who the sender is. */

/* Of a node that is known only by where it is. */
static bool update_address(const struct receipt *r, struct cluster_node *n) {
    char ip[NODE_IP_MAX] = "";
    if (r->link == n->link) return false; /* that's where it was reached */
    if (*r->m->ip)
        snprintf(ip, sizeof ip, "%.*s", NODE_IP_MAX - 1, r->m->ip);
    else if (!link_peer_ip(r->link, ip))
        return false;
    bool tls = r->cluster->by_tls;
    if (strcmp(n->ip, ip) == 0 && node_port(n, tls) == r->m->port &&
        node_port(n, !tls) == r->m->other_port && n->bus_port == r->m->bus_port)
        return false;
    memcpy(n->ip, ip, sizeof ip);
    node_set_ports(n, tls, r->m->port, r->m->other_port);
    n->bus_port = r->m->bus_port;
    n->flags &= ~(unsigned)NODE_NOADDR;
    link_close(n->link);
    log_warning(&r->cluster->server->log, "Address updated for node %.40s, now %s:%u", n->name,
                n->ip, r->m->port);
    cluster_note(r->cluster, CLUSTER_SAVE);
    return true;
}

/* By the address that it's met at this node learns its own. */
static void learn_own_ip(const struct receipt *r) {
    struct cluster *c = r->cluster;
    char ip[NODE_IP_MAX];
    if (c->config.announce_ip || (r->m->type != MESSAGE_MEET && *c->self->ip)) return;
    if (!link_own_ip(r->link, ip) || strcmp(ip, c->self->ip) == 0) return;
    memcpy(c->self->ip, ip, sizeof ip);
    log_warning(&c->server->log, "IP address for this node updated to %s", ip);
    cluster_note(c, CLUSTER_SAVE);
}

static void meet_back(const struct receipt *r) {
    char ip[NODE_IP_MAX] = "";
    if (*r->m->ip)
        snprintf(ip, sizeof ip, "%.*s", NODE_IP_MAX - 1, r->m->ip);
    else
        link_peer_ip(r->link, ip);
    bus_begin_handshake(r->cluster, ip, r->m->port, r->m->other_port, r->m->bus_port);
}

/* The answer to a first ping tells the name. False: the link is no more. */
static bool end_handshake(struct receipt *r) {
    struct cluster *c = r->cluster;
    struct cluster_node *n = r->link->node;
    if (r->sender) {
        log_verbose(&c->server->log,
                    "Handshake: we already know node %.40s, updating the address if needed.",
                    r->sender->name);
        update_address(r, r->sender);
        cluster_forget(c, n);
        return false;
    }
    node_set_rename(&c->nodes, n, r->m->sender);
    log_debug(&c->server->log, "Handshake with node %.40s completed.", n->name);
    n->flags &= ~(unsigned)(NODE_HANDSHAKE | NODE_MEET);
    n->flags |= r->m->flags & (NODE_PRIMARY | NODE_REPLICA);
    r->sender = n;
    cluster_note(c, CLUSTER_SAVE);
    return true;
}

/* Somebody else is there where the node was. */
static void lose_address(const struct receipt *r) {
    struct cluster_node *n = r->link->node;
    log_debug(&r->cluster->server->log, "PONG contains mismatching sender ID");
    n->flags |= NODE_NOADDR;
    n->ip[0] = '\0';
    n->port = n->tls_port = n->bus_port = 0;
    link_close(r->link);
    cluster_note(r->cluster, CLUSTER_SAVE);
}

static bool is_sender_clear(struct receipt *r) {
    struct cluster_node *n = r->link->outbound ? r->link->node : NULL;
    if (!n) return true;
    if (n->flags & NODE_HANDSHAKE) return end_handshake(r);
    if (memcmp(n->name, r->m->sender, NODE_NAME_LEN) == 0) return true;
    lose_address(r);
    return false;
}

/* What it says of itself. */

static void hear_epochs(struct receipt *r) {
    struct cluster *c = r->cluster;
    if (r->m->current_epoch > c->current_epoch) c->current_epoch = r->m->current_epoch;
    if (r->m->config_epoch > r->sender->config_epoch) {
        r->sender->config_epoch = r->m->config_epoch;
        cluster_note(c, CLUSTER_SAVE);
    }
    r->sender->repl_offset = (int64_t)r->m->offset;
}

static void become_primary(struct cluster *c, struct cluster_node *n) {
    if (node_is_primary(n)) return;
    cluster_set_primary(c, n, NULL);
    n->adopts = true;
    n->flags = (n->flags & ~(unsigned)NODE_REPLICA) | NODE_PRIMARY;
    cluster_note(c, CLUSTER_SAVE | CLUSTER_JUDGE);
}

static void become_replica(struct cluster *c, struct cluster_node *n,
                           struct cluster_node *primary) {
    if (node_is_primary(n)) {
        cluster_take_slots(c, n);
        n->flags = (n->flags & ~(unsigned)NODE_PRIMARY) | NODE_REPLICA;
        cluster_note(c, CLUSTER_SAVE | CLUSTER_JUDGE);
    }
    if (!primary || n->primary == primary) return;
    cluster_set_primary(c, n, primary);
    memcpy(n->shard_id, primary->shard_id, sizeof n->shard_id);
    cluster_note(c, CLUSTER_SAVE);
}

/* Its primary has become a replica itself: it follows whom that follows. */
static void follow_further(struct cluster *c, const struct cluster_node *n) {
    struct cluster_node *further = n->primary;
    if (n != c->self->primary || !further || further == c->self || !node_is_primary(further))
        return;
    log_notice(&c->server->log, "I'm a sub-replica! Reconfiguring myself from %.40s to %.40s",
               n->name, further->name);
    replica_follow(c, further);
}

static void hear_role(struct receipt *r) {
    struct cluster_node *n = r->sender;
    struct cluster_node *primary = *r->m->primary ? find(r->cluster, r->m->primary) : NULL;
    n->flags = (n->flags & ~(unsigned)NODE_NOFAILOVER) | (r->m->flags & NODE_NOFAILOVER);
    if (r->m->marks & MESSAGE_EXTENDED) n->flags |= NODE_EXTENDED;
    if (!*r->m->primary)
        become_primary(r->cluster, n);
    else if (primary != n)
        become_replica(r->cluster, n, primary);
    follow_further(r->cluster, n);
}

static void hear_claims(struct receipt *r) {
    struct cluster *c = r->cluster;
    struct cluster_node *n = r->sender, *claimer = node_is_primary(n) ? n : n->primary;
    if (!claimer || memcmp(claimer->slots, r->m->slots, MESSAGE_SLOTS) == 0) return;
    if (node_is_primary(n)) claims_hear(c, n, r->m->config_epoch, r->m->slots);
    struct cluster_node *newer = claims_newer(c, n, r->m->config_epoch, r->m->slots);
    if (newer) bus_send_update(r->link, newer);
}

static void hear_extensions(struct receipt *r) {
    struct cluster_node *n = r->sender;
    struct message_extension x;
    char hostname[256] = "", nodename[256] = "";
    for (size_t at = 0; message_next_extension(r->m, &at, &x);) {
        if (x.type == EXTENSION_HOSTNAME)
            snprintf(hostname, sizeof hostname, "%.*s", (int)x.data.len, x.data.ptr);
        else if (x.type == EXTENSION_NODENAME)
            snprintf(nodename, sizeof nodename, "%.*s", (int)x.data.len, x.data.ptr);
        else if (x.type == EXTENSION_SHARD_ID && !n->primary)
            memcpy(n->shard_id, x.data.ptr, NODE_NAME_LEN);
    }
    if (strcmp(n->hostname, hostname) != 0 || strcmp(n->nodename, nodename) != 0)
        cluster_note(r->cluster, CLUSTER_SAVE);
    node_set_text(&n->hostname, hostname);
    node_set_text(&n->nodename, nodename);
}

static void hear_pong(struct receipt *r) {
    struct cluster_node *n = r->link->node;
    n->pong_ms = (uint64_t)clock_wall_ms();
    n->ping_ms = 0;
    gossip_reached(r->cluster, n);
}

static void hear_state(struct receipt *r) {
    bool meeting = r->m->type == MESSAGE_MEET;
    if (r->m->type != MESSAGE_PONG) {
        learn_own_ip(r);
        if (meeting && !r->sender) {
            meet_back(r);
            gossip_hear(r->cluster, NULL, r->m);
        }
        bus_send_ping(r->link, MESSAGE_PONG);
    }
    if (!is_sender_clear(r)) return;
    if (r->sender && r->m->type == MESSAGE_PING && !(r->sender->flags & NODE_HANDSHAKE))
        update_address(r, r->sender);
    if (r->link->closing) return;
    if (r->link->outbound && r->m->type == MESSAGE_PONG) hear_pong(r);
    if (!r->sender) return;
    hear_role(r);
    hear_claims(r);
    claims_same_epoch(r->cluster, r->sender);
    gossip_hear(r->cluster, r->sender, r->m);
    hear_extensions(r);
}

/* What it says of others. */

static void hear_failure(struct receipt *r) {
    struct cluster_node *n = find(r->cluster, message_failing(r->m).ptr);
    if (!n || (n->flags & (NODE_FAIL | NODE_MYSELF))) return;
    log_notice(&r->cluster->server->log, "FAIL message received from %.40s (%s) about %.40s (%s)",
               r->sender->name, r->sender->nodename, n->name, n->nodename);
    n->flags = (n->flags & ~(unsigned)NODE_PFAIL) | NODE_FAIL;
    n->fail_ms = (uint64_t)clock_wall_ms();
    cluster_note(r->cluster, CLUSTER_SAVE | CLUSTER_JUDGE);
}

static void hear_update(struct receipt *r) {
    struct message_update u;
    message_update(r->m, &u);
    struct cluster_node *n = find(r->cluster, u.name);
    if (!n || n->config_epoch >= u.config_epoch) return;
    if (node_is_replica(n) && n != r->cluster->self) become_primary(r->cluster, n);
    n->config_epoch = u.config_epoch;
    cluster_note(r->cluster, CLUSTER_SAVE);
    claims_hear(r->cluster, n, u.config_epoch, u.slots);
}

static void hear_message(struct receipt *r) {
    struct slice channel, text;
    message_publish(r->m, &channel, &text);
    pubsub_publish(r->cluster->server->engine.pubsub,
                   r->m->type == MESSAGE_PUBLISHSHARD ? PUBSUB_SHARD : PUBSUB_CHANNEL, channel,
                   text);
}

/* A link that comes in is the node's whose messages come by it. */
static void know_inbound(struct receipt *r) {
    struct cluster_link *l = r->link;
    if (l->outbound || !r->sender || r->sender == r->cluster->self || l->node == r->sender) return;
    if (l->node) {
        link_close(l);
        return;
    }
    link_close(r->sender->inbound);
    l->node = r->sender;
    r->sender->inbound = l;
}

void receive_message(struct cluster_link *l, struct slice packet) {
    struct cluster *c = l->cluster;
    struct message m;
    if (!message_read(packet, &m)) {
        log_warning(&c->server->log, "Received an invalid message on the Cluster bus (%zu bytes).",
                    packet.len);
        return;
    }
    if (m.type < MESSAGE_TYPE_COUNT) c->bus.received[m.type]++;
    if (debug_drops(l, m.type)) return;
    struct receipt r = {.cluster = c, .link = l, .m = &m, .sender = find(c, m.sender)};
    if (r.sender == c->self) return;
    if (r.sender) r.sender->data_ms = (uint64_t)clock_wall_ms();
    if (r.sender && !(r.sender->flags & NODE_HANDSHAKE)) hear_epochs(&r);
    if (r.sender && r.sender == c->self->primary) election_heard_primary(c, &m);
    know_inbound(&r);
    if (l->closing) return;
    if (m.type <= MESSAGE_MEET) {
        hear_state(&r);
        return;
    }
    if (!r.sender) return;
    if (m.type == MESSAGE_FAIL) hear_failure(&r);
    if (m.type == MESSAGE_AUTH_REQUEST) vote_asked(c, r.sender, &m);
    if (m.type == MESSAGE_AUTH_ACK) election_voted(c, r.sender, &m);
    if (m.type == MESSAGE_MFSTART) election_start_manual(c, r.sender);
    if (m.type == MESSAGE_UPDATE) hear_update(&r);
    if (m.type == MESSAGE_PUBLISH || m.type == MESSAGE_PUBLISHSHARD) hear_message(&r);
}

void receive_ping(struct cluster_link *l, struct slice packet) {
    struct message m;
    bool asks = message_read(packet, &m) && m.type == MESSAGE_PING && find(l->cluster, m.sender);
    if (asks && !debug_drops(l, m.type)) bus_send_ping(l, MESSAGE_PONG);
}
