/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/replica.h"

#include "cluster/bus.h"
#include "cluster/election.h"
#include "cluster/families.h"
#include "exec/call.h"
#include "repl/link.h"
#include "repl/repl.h"
#include "repl/role.h"

/* Every node's address is its own; that it has moved is known by the bus. */
void replica_check(struct cluster *c) {
    const struct cluster_node *primary = c->self->primary;
    const struct repl_link *link = repl_of(c->server)->link;
    if (!node_is_replica(c->self) || !primary || !*primary->ip) return;
    uint16_t port = node_port(primary, c->server->tls.replication);
    if (link && strcmp(link->host, primary->ip) == 0 && link->port == port) return;
    role_follow(repl_of(c->server), primary->ip, port);
    /* That's in nodes.conf, and nothing for the configuration's file. */
    link_config_follow(&repl_of(c->server)->link_config, "", 0);
}

void replica_follow(struct cluster *c, struct cluster_node *primary) {
    struct cluster_node *self = c->self;
    self->flags = (self->flags & ~(unsigned)NODE_PRIMARY) | NODE_REPLICA;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        c->slots->migrating[slot] = c->slots->importing[slot] = NULL;
    cluster_set_primary(c, self, primary);
    memcpy(self->shard_id, primary->shard_id, sizeof self->shard_id);
    election_end_manual(c);
    c->election.due_ms = 0;
    replica_check(c);
    bus_broadcast_pong(c); /* the primary is to know whom it gives its place to */
    cluster_note(c, CLUSTER_SAVE | CLUSTER_JUDGE | CLUSTER_ROUTE);
}

void replica_lead(struct cluster *c) {
    struct cluster_node *self = c->self;
    if (node_is_primary(self)) return;
    self->flags = (self->flags & ~(unsigned)NODE_REPLICA) | NODE_PRIMARY;
    cluster_set_primary(c, self, NULL);
    role_lead(repl_of(c->server));
    cluster_note(c, CLUSTER_SAVE | CLUSTER_JUDGE);
}

void replica_take_over(struct cluster *c) {
    struct cluster_node *from = c->self->primary;
    if (node_is_primary(c->self) || !from) return;
    replica_lead(c);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (node_has_slot(from, slot)) cluster_give_slot(c, slot, c->self);
    election_end_manual(c);
    c->election.due_ms = 0;
    cluster_judge(c);
    bus_broadcast_pong(c);
}

void cluster_cmd_replicate(struct call *c) {
    struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    struct cluster_node *n = node_set_find(&cluster->nodes, c->argv[2]);
    bool leads = node_is_primary(cluster->self);
    if (!n) {
        reply_errorf(c->reply, "ERR Unknown node %.*s", (int)c->argv[2].len, c->argv[2].ptr);
    } else if (n == cluster->self) {
        reply_error(c->reply, "ERR Can't replicate myself");
    } else if (node_is_replica(n)) {
        reply_error(c->reply, "ERR I can only replicate a master, not a replica.");
    } else if (leads && (cluster->self->slot_count || db_count(&c->engine->keyspace.dbs[0]))) {
        reply_error(c->reply,
                    "ERR To set a master the node must be empty and without assigned slots.");
    } else {
        replica_follow(cluster, n);
        reply_ok(c->reply);
    }
}
