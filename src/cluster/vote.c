/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/vote.h"

#include "base/clock.h"
#include "cluster/bus.h"
#include "cluster/claims.h"
#include "cluster/nodes_file.h"

/* Why the vote isn't given; NULL: it is. */
static const char *refusal(const struct cluster *c, const struct cluster_node *by,
                           const struct message *m, uint64_t now) {
    const struct cluster_node *primary = by->primary;
    if (m->current_epoch < c->current_epoch) return "its epoch is older than the current one";
    if (c->last_vote_epoch == c->current_epoch) return "already voted for this epoch";
    if (node_is_primary(by) || !primary) return "it is a master node, or its master isn't known";
    if (!(primary->flags & NODE_FAIL) && !(m->marks & MESSAGE_FORCE_VOTE))
        return "its master is up";
    if (now - primary->voted_ms < 2 * (uint64_t)c->config.node_timeout_ms)
        return "can't vote about this master again so soon";
    /* The slots may have gone to others than its primary since. */
    if (claims_outdated(c, m->config_epoch, m->slots))
        return "a slot that it claims has a newer epoch";
    return NULL;
}

void vote_asked(struct cluster *c, struct cluster_node *by, const struct message *m) {
    uint64_t now = (uint64_t)clock_wall_ms();
    if (node_is_replica(c->self) || !c->self->slot_count) return;
    const char *why_not = refusal(c, by, m, now);
    if (why_not) {
        log_warning(&c->server->log, "Failover auth denied to %.40s: %s", by->name, why_not);
        return;
    }
    by->primary->voted_ms = now;
    c->last_vote_epoch = c->current_epoch;
    nodes_file_save(c);
    bus_send_vote(by);
    log_notice(&c->server->log, "Failover auth granted to %.40s for epoch %llu", by->name,
               (unsigned long long)c->current_epoch);
}
