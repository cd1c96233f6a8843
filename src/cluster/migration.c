/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/migration.h"

#include "base/clock.h"
#include "cluster/replica.h"

enum { DELAY_MS = 5000 };

static bool works(const struct cluster_node *n) {
    return !(n->flags & NODE_FAIL);
}

static void count_replicas(const struct cluster *c) {
    for (size_t i = 0; i < c->nodes.count; i++) c->nodes.all[i]->working_replicas = 0;
    for (size_t i = 0; i < c->nodes.count; i++) {
        const struct cluster_node *n = c->nodes.all[i];
        if (n->primary && works(n)) n->primary->working_replicas++;
    }
}

static bool is_orphan(const struct cluster_node *n) {
    return node_is_primary(n) && n->slot_count && works(n) && n->adopts && !n->working_replicas;
}

static bool is_before(const struct cluster_node *a, const struct cluster_node *b) {
    return !b || memcmp(a->name, b->name, NODE_NAME_LEN) < 0;
}

/* Of the primaries that have been without replicas for long enough the one with the lowest name;
 * NULL: there's none. */
static struct cluster_node *find_orphan(const struct cluster *c) {
    uint64_t now = (uint64_t)clock_wall_ms();
    struct cluster_node *found = NULL;
    for (size_t i = 0; i < c->nodes.count; i++) {
        struct cluster_node *n = c->nodes.all[i];
        if (!is_orphan(n))
            n->orphaned_ms = 0;
        else if (!n->orphaned_ms)
            n->orphaned_ms = now;
        else if (now - n->orphaned_ms > DELAY_MS && is_before(n, found))
            found = n;
    }
    return found;
}

static unsigned most_replicas(const struct cluster *c) {
    unsigned most = 0;
    for (size_t i = 0; i < c->nodes.count; i++)
        if (c->nodes.all[i]->working_replicas > most) most = c->nodes.all[i]->working_replicas;
    return most;
}

/* Of the replicas of primaries that have the most. */
static bool is_first(const struct cluster *c, unsigned most) {
    const struct cluster_node *first = NULL;
    for (size_t i = 0; i < c->nodes.count; i++) {
        const struct cluster_node *n = c->nodes.all[i];
        if (!n->primary || !works(n) || n->primary->working_replicas != most) continue;
        if (is_before(n, first)) first = n;
    }
    return first == c->self;
}

void migration_check(struct cluster *c) {
    if (!node_is_replica(c->self) || !c->self->primary || !c->config.replica_migration) return;
    count_replicas(c);
    struct cluster_node *orphan = find_orphan(c);
    if (!orphan || !c->ok) return;
    unsigned most = most_replicas(c);
    if (most < 2 || most <= (uint64_t)c->config.migration_barrier || !is_first(c, most)) return;
    log_notice(&c->server->log, "Migrating to orphaned master %.40s", orphan->name);
    replica_follow(c, orphan);
}
