/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/channels.h"

#include <string.h>

#include "base/buf.h"
#include "db/slot.h"
#include "pubsub/pubsub.h"

/* Names to be closed, each behind its length: while all are visited none may go. */
struct gone {
    const struct cluster *cluster;
    struct buf names;
};

/* Who takes over a primary has its shard: a failover ends nothing. */
static bool is_served(const struct cluster *c, struct slice channel) {
    const struct cluster_node *self = c->self, *owner = c->slots->owner[slot_of(channel)];
    return owner && (owner == self || owner == self->primary || node_same_shard(owner, self));
}

static void note(void *ctx, struct slice channel) {
    struct gone *g = ctx;
    if (is_served(g->cluster, channel)) return;
    buf_append(&g->names, &channel.len, sizeof channel.len);
    buf_append_slice(&g->names, channel);
}

void channels_leave(struct cluster *c) {
    struct pubsub *p = c->server->engine.pubsub;
    struct gone g = {c, BUF_INIT};
    size_t len;
    pubsub_each_topic(p, PUBSUB_SHARD, note, &g);
    for (size_t at = 0; at < g.names.len; at += len) {
        memcpy(&len, g.names.data + at, sizeof len);
        at += sizeof len;
        pubsub_close_shard_channel(p, slice_of(g.names.data + at, len));
    }
    buf_release(&g.names);
}
