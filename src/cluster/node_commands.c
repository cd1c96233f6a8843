/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/node_commands.h"

#include <stdio.h>

#include "base/random.h"
#include "cluster/cluster.h"
#include "cluster/families.h"
#include "cluster/nodes_file.h"
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

/* FORGET and RESET. */

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
    if (c->argc > 3 || (c->argc == 3 && !hard && !arg_is(c, 2, "soft"))) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    if (node_is_primary(cluster->self) && db_count(&c->engine->keyspace.dbs[0])) {
        reply_error(c->reply,
                    "ERR CLUSTER RESET can't be called with master nodes containing keys");
        return;
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
