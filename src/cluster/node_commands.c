/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/node_commands.h"

#include <stdio.h>

#include "base/random.h"
#include "cluster/bus.h"
#include "cluster/families.h"
#include "cluster/gossip.h"
#include "cluster/nodes_file.h"
#include "cluster/replica.h"
#include "exec/call.h"

/* Epochs. */

static void reply_epoch(struct call *c, const char *word, uint64_t epoch) {
    char text[64];
    snprintf(text, sizeof text, "%s %llu", word, (unsigned long long)epoch);
    reply_status(c->reply, text);
}

void cluster_cmd_bumpepoch(struct call *c) {
    struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    bool bumped = cluster_bump_epoch(cluster);
    reply_epoch(c, bumped ? "BUMPED" : "STILL", cluster->self->config_epoch);
}

void cluster_cmd_set_config_epoch(struct call *c) {
    struct cluster *cluster = cluster_or_reply(c);
    int64_t epoch;
    if (!cluster || !arg_i64_or_reply(c, 2, &epoch)) return;
    if (epoch < 0) {
        reply_errorf(c->reply, "ERR Invalid config epoch specified: %lld", (long long)epoch);
    } else if (cluster->nodes.count > 1) {
        reply_error(c->reply, "ERR The user can assign a config epoch only when the node does not "
                              "know any other node.");
    } else if (cluster->self->config_epoch) {
        reply_error(c->reply, "ERR Node config epoch is already non-zero");
    } else {
        cluster->self->config_epoch = (uint64_t)epoch;
        cluster->current_epoch = cluster_max_epoch(cluster);
        log_warning(&cluster->server->log, "configEpoch set to %lld via CLUSTER SET-CONFIG-EPOCH",
                    (long long)epoch);
        cluster_note(cluster, CLUSTER_SAVE | CLUSTER_JUDGE);
        reply_ok(c->reply);
    }
}

void cluster_cmd_saveconfig(struct call *c) {
    struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    if (nodes_file_try_save(cluster))
        reply_ok(c->reply);
    else
        reply_error(c->reply, "ERR error saving the cluster node config, see the log");
}

/* MEET, FORGET and RESET. */

static bool port_or_reply(struct call *c, int arg, const char *what, int64_t *port) {
    if (num_to_i64(c->argv[arg], port)) return true;
    reply_errorf(c->reply, "ERR Invalid TCP %s port specified: %.*s", what, (int)c->argv[arg].len,
                 c->argv[arg].ptr);
    return false;
}

static bool is_port(int64_t port) {
    return port > 0 && port <= UINT16_MAX;
}

void cluster_cmd_meet(struct call *c) {
    enum { BUS_PORT_ABOVE = 10000 };
    struct cluster *cluster = cluster_or_reply(c);
    int64_t port, bus_port;
    if (!cluster) return;
    if (c->argc > 5) {
        cluster_reply_too_many(c);
        return;
    }
    if (!port_or_reply(c, 3, "base", &port)) return;
    bus_port = port + BUS_PORT_ABOVE;
    if (c->argc == 5 && !port_or_reply(c, 4, "bus", &bus_port)) return;
    char ip[NODE_IP_MAX];
    int len = snprintf(ip, sizeof ip, "%.*s", (int)c->argv[2].len, c->argv[2].ptr);
    bool fits = (size_t)len == c->argv[2].len && (size_t)len < sizeof ip;
    if (fits && is_port(port) && is_port(bus_port) &&
        bus_meet(cluster, ip, (uint16_t)port, (uint16_t)bus_port))
        reply_ok(c->reply);
    else
        reply_errorf(c->reply, "ERR Invalid node address specified: %.*s:%.*s", (int)c->argv[2].len,
                     c->argv[2].ptr, (int)c->argv[3].len, c->argv[3].ptr);
}

void cluster_cmd_forget(struct call *c) {
    struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    struct cluster_node *n = node_set_find(&cluster->nodes, c->argv[2]);
    if (!n) {
        reply_errorf(c->reply, "ERR Unknown node %.*s", (int)c->argv[2].len, c->argv[2].ptr);
    } else if (n == cluster->self) {
        reply_error(c->reply, "ERR I tried hard but I can't forget myself...");
    } else if (n == cluster->self->primary) {
        reply_error(c->reply, "ERR Can't forget my master!");
    } else {
        gossip_ban(cluster, n->name);
        cluster_forget(cluster, n);
        reply_ok(c->reply);
    }
}

static void reset_name(struct cluster *cluster) {
    struct cluster_node *self = cluster->self;
    cluster->current_epoch = cluster->last_vote_epoch = self->config_epoch = 0;
    log_notice(&cluster->server->log, "configEpoch set to 0 via CLUSTER RESET HARD");
    node_set_remove(&cluster->nodes, self);
    random_hex(self->name, NODE_NAME_LEN);
    random_hex(self->shard_id, NODE_NAME_LEN);
    node_set_add(&cluster->nodes, self);
    log_notice(&cluster->server->log, "Node hard reset, now I'm %s", self->name);
}

void cluster_cmd_reset(struct call *c) {
    struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    bool hard = c->argc == 3 && arg_is(c, 2, "hard");
    if (c->argc > 3) {
        cluster_reply_too_many(c);
        return;
    }
    if (c->argc == 3 && !hard && !arg_is(c, 2, "soft")) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    if (cluster->server->persist.loading.on) { /* its primary's data, besides this node's own */
        reply_error(c->reply, ERR_LOADING);
        return;
    }
    if (node_is_primary(cluster->self) && db_count(&c->engine->keyspace.dbs[0])) {
        reply_error(c->reply,
                    "ERR CLUSTER RESET can't be called with master nodes containing keys");
        return;
    }
    if (node_is_replica(cluster->self)) {
        replica_lead(cluster);
        random_hex(cluster->self->shard_id, NODE_NAME_LEN);
        keyspace_flush(&c->engine->keyspace, true);
        propagate_instead(c, 1, &SLICE("FLUSHALL")); /* else the log, too, would bring them back */
    }
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        cluster_give_slot(cluster, slot, NULL);
        cluster->slots->migrating[slot] = cluster->slots->importing[slot] = NULL;
    }
    for (size_t i = cluster->nodes.count; i-- > 0;)
        if (cluster->nodes.all[i] != cluster->self) cluster_forget(cluster, cluster->nodes.all[i]);
    if (hard) reset_name(cluster);
    cluster_note(cluster, CLUSTER_SAVE | CLUSTER_JUDGE);
    reply_ok(c->reply);
}
