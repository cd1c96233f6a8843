/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/cluster.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cluster/bus.h"
#include "cluster/channels.h"
#include "cluster/debug.h"
#include "cluster/election.h"
#include "cluster/families.h"
#include "cluster/gossip.h"
#include "cluster/migration.h"
#include "cluster/nodes_file.h"
#include "cluster/replica.h"
#include "cluster/route.h"
#include "repl/repl.h"

enum {
    SETTLE_MS =
        2000, /* after the start a primary waits for news of the cluster before it answers */
    REJOIN_MIN_MS = 500, /* and when it was cut off, for the node timeout within these limits */
    REJOIN_MAX_MS = 5000,
    BUS_PORT_ABOVE = 10000,
};

/* The one that the bus's goes by. */
static int64_t clients_port(const struct cluster *c) {
    return c->by_tls ? c->server->tls.port : c->server->config.port;
}

uint16_t cluster_bus_port(const struct cluster *c) {
    if (c->config.port) return (uint16_t)c->config.port;
    return (uint16_t)(clients_port(c) + BUS_PORT_ABOVE);
}

uint16_t cluster_port_for(const struct cluster *c, const struct cluster_node *n,
                          struct session *s) {
    return node_port(n, s->is_client ? client_of(s)->tls != NULL : c->by_tls);
}

/* Slots. */

void cluster_give_slot(struct cluster *c, unsigned slot, struct cluster_node *to) {
    struct cluster_node *from = c->slots->owner[slot];
    if (from) node_set_slot(from, slot, false);
    if (to) node_set_slot(to, slot, true);
    c->slots->owner[slot] = to;
    c->slots->unclaimed[slot / 8] &= (uint8_t) ~(1 << slot % 8);
    cluster_note(c, CLUSTER_SAVE | CLUSTER_JUDGE | CLUSTER_ROUTE);
}

unsigned cluster_take_slots(struct cluster *c, struct cluster_node *n) {
    unsigned count = n->slot_count;
    for (unsigned slot = 0; n->slot_count; slot++)
        if (node_has_slot(n, slot)) cluster_give_slot(c, slot, NULL);
    return count;
}

static bool has_replica(const struct cluster *c, const struct cluster_node *n) {
    for (size_t i = 0; i < c->nodes.count; i++)
        if (c->nodes.all[i]->primary == n) return true;
    return false;
}

void cluster_set_primary(struct cluster *c, struct cluster_node *n, struct cluster_node *primary) {
    struct cluster_node *before = n->primary;
    n->primary = primary;
    if (before && !has_replica(c, before)) before->adopts = false;
    if (primary) primary->adopts = true;
}

void cluster_forget(struct cluster *c, struct cluster_node *n) {
    cluster_take_slots(c, n);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (c->slots->migrating[slot] == n) c->slots->migrating[slot] = NULL;
        if (c->slots->importing[slot] == n) c->slots->importing[slot] = NULL;
    }
    cluster_set_primary(c, n, NULL);
    for (size_t i = 0; i < c->nodes.count; i++)
        if (c->nodes.all[i]->primary == n) c->nodes.all[i]->primary = NULL;
    if (c->election.manual_replica == n) election_end_manual(c);
    gossip_leave(c, n);
    link_close(n->link);
    link_close(n->inbound);
    node_set_remove(&c->nodes, n);
    node_free(n);
    cluster_note(c, CLUSTER_SAVE | CLUSTER_JUDGE);
}

/* Epochs. */

uint64_t cluster_max_epoch(const struct cluster *c) {
    uint64_t max = c->current_epoch;
    for (size_t i = 0; i < c->nodes.count; i++)
        if (c->nodes.all[i]->config_epoch > max) max = c->nodes.all[i]->config_epoch;
    return max;
}

bool cluster_bump_epoch(struct cluster *c) {
    uint64_t max = cluster_max_epoch(c);
    if (c->self->config_epoch && c->self->config_epoch == max) return false;
    c->self->config_epoch = ++c->current_epoch;
    cluster_note(c, CLUSTER_SAVE);
    return true;
}

/* Can the cluster answer? */

static bool all_covered(const struct cluster *c) {
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        const struct cluster_node *owner = c->slots->owner[slot];
        if (!owner || (owner->flags & NODE_FAIL)) return false;
    }
    return true;
}

/* Counts the primaries that have slots, all and those within reach; true: those are most. */
static bool is_with_majority(struct cluster *c) {
    unsigned reached = 0;
    c->size = 0;
    for (size_t i = 0; i < c->nodes.count; i++) {
        const struct cluster_node *n = c->nodes.all[i];
        if (!node_is_primary(n) || !n->slot_count) continue;
        c->size++;
        reached += !(n->flags & (NODE_FAIL | NODE_PFAIL));
    }
    return reached >= c->size / 2 + 1;
}

static uint64_t rejoin_ms(const struct cluster *c) {
    uint64_t ms = (uint64_t)c->config.node_timeout_ms;
    if (ms < REJOIN_MIN_MS) return REJOIN_MIN_MS;
    return ms > REJOIN_MAX_MS ? REJOIN_MAX_MS : ms;
}

/* A primary that has been away doesn't answer before others could have told it that its slots are
 * somebody else's now. */
static bool is_too_soon(const struct cluster *c, uint64_t now) {
    return node_is_primary(c->self) && now - c->minority_ms < rejoin_ms(c);
}

void cluster_judge(struct cluster *c) {
    uint64_t now = (uint64_t)clock_wall_ms();
    c->due &= ~(unsigned)CLUSTER_JUDGE;
    if (!c->first_judged_ms) c->first_judged_ms = now;
    if (node_is_primary(c->self) && !c->ok && now - c->first_judged_ms < SETTLE_MS) return;
    bool ok = !c->config.require_full_coverage || all_covered(c);
    if (!is_with_majority(c)) {
        ok = false;
        if (c->size) c->minority_ms = now;
    }
    if (ok == c->ok || (ok && is_too_soon(c, now))) return;
    log_notice(&c->server->log, "Cluster state changed: %s", ok ? "ok" : "fail");
    c->ok = ok;
    cluster_note(c, CLUSTER_ROUTE);
}

/* The data set may have keys that the cluster's state doesn't know of: written while the file
 * wasn't, or from elsewhere. */
static void claim_slots_of_keys(struct cluster *c) {
    const struct slot_index *keys = c->server->engine.keyspace.slots;
    if (node_is_replica(c->self)) return;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        struct cluster_node *owner = c->slots->owner[slot];
        if (!slot_index_count(keys, slot) || owner == c->self || c->slots->importing[slot])
            continue;
        if (!owner) {
            log_notice(&c->server->log,
                       "I have keys for unassigned slot %u. Taking responsibility for it.", slot);
            cluster_give_slot(c, slot, c->self);
        } else {
            log_notice(&c->server->log,
                       "I have keys for slot %u, but the slot is assigned to another node. Setting "
                       "it to importing state.",
                       slot);
            c->slots->importing[slot] = owner;
            cluster_note(c, CLUSTER_SAVE);
        }
    }
}

/* INFO. */

static void write_info(void *ctx, struct buf *out) {
    const struct cluster *c = ctx;
    info_u64(out, "cluster_enabled", c->config.enabled);
}

/* The extension. */

static void announced(struct cluster_config *config) {
    struct cluster *c = (struct cluster *)((char *)config - offsetof(struct cluster, config));
    if (c->self) bus_update_self(c);
}

static void init(struct server *s) {
    struct cluster *c = mem_zalloc(sizeof *c);
    s->cluster = c;
    c->server = s;
    c->file_fd = -1;
    cluster_config_register(s->registry, &c->config);
    c->config.on_announce = announced;
    engine_add_families(&s->engine, cluster_families);
    info_register(s->engine.info,
                  (struct info_section){"cluster", "Cluster", INFO_DEFAULT, write_info, c});
}

static bool fail(const struct cluster *c, const char *why) {
    log_warning(&c->server->log, "%s", why);
    return false;
}

static bool ports_fit(const struct cluster *c) {
    int64_t port = clients_port(c);
    if (!port) return fail(c, "A member of a cluster needs a port.");
    if (c->config.port || port + BUS_PORT_ABOVE <= 65535) return true;
    return fail(c, "Redis port number too high for cluster mode. It must be 55535 or less, unless "
                   "cluster-port names the bus's.");
}

static bool start(struct cluster *c) {
    struct engine *e = &c->server->engine;
    c->slots = mem_zalloc(sizeof *c->slots);
    node_set_init(&c->nodes);
    c->size = 1;
    if (repl_of(c->server)->link_config.replicaof.n)
        return fail(c, "replicaof directive not allowed in cluster mode");
    c->by_tls = c->server->tls.cluster;
    if (!ports_fit(c) || !nodes_file_open(c)) return false;
    bus_update_self(c);
    keyspace_index_slots(&e->keyspace);
    route_start(e);
    return true;
}

static bool open(struct server *s) {
    return !s->cluster->config.enabled || start(s->cluster);
}

static bool begin(struct server *s) {
    struct cluster *c = s->cluster;
    if (!c->config.enabled) return true;
    for (uint32_t i = 1; i < s->engine.keyspace.count; i++)
        if (db_count(&s->engine.keyspace.dbs[i]))
            return fail(c, "You can't have keys in a DB different than DB 0 when in Cluster mode. "
                           "Exiting.");
    claim_slots_of_keys(c);
    replica_check(c);
    cluster_judge(c);
    return true;
}

static bool open_bus(struct server *s) {
    return !s->cluster->config.enabled || links_listen(s->cluster);
}

static void cron(struct server *s) {
    struct cluster *c = s->cluster;
    if (!c->config.enabled) return;
    bus_cron(c);
    s->cluster_links = links_memory(c);
    replica_check(c);
    election_step(c);
    migration_check(c);
    if (c->due & CLUSTER_ROUTE) {
        channels_leave(c);
        route_waiting(c);
    }
    if (!c->ok) cluster_judge(c);
}

static void turn_end(struct server *s) {
    struct cluster *c = s->cluster;
    if (c->bus.closing) links_sweep(c, false);
    if (!c->due) return;
    if (c->due & CLUSTER_JUDGE) cluster_judge(c);
    if (c->due & CLUSTER_SAVE) nodes_file_save(c);
}

static void end(struct server *s) {
    if (!s->cluster->slots) return;
    links_unlisten(s->cluster);
    links_sweep(s->cluster, true);
    if (s->cluster->due & CLUSTER_SAVE) nodes_file_save(s->cluster);
}

static void release(struct server *s) {
    struct cluster *c = s->cluster;
    if (c->slots) {
        gossip_release(c);
        node_set_release(&c->nodes);
        mem_free(c->slots);
    }
    if (c->file_fd >= 0) close(c->file_fd);
    mem_free(c);
    s->cluster = NULL;
}

const struct server_extension cluster_extension = {
    .init = init,
    .open = open,
    .listen = open_bus,
    .begin = begin,
    .cron = cron,
    .turn_end = turn_end,
    .end = end,
    .debug = debug_run,
    .release = release,
};
