/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/debug.h"

#include "cluster/cluster.h"
#include "cluster/families.h"
#include "exec/call.h"

bool debug_drops(struct cluster_link *l, unsigned type) {
    const struct bus *bus = &l->cluster->bus;
    if (!bus->drops || (!bus->drops_all && bus->dropped != type)) return false;
    if (bus->drop_closes) link_close(l);
    return true;
}

static void drop(struct call *c, struct bus *bus) {
    enum { NONE = -1, ALL = -2 };
    int64_t type;
    if (!arg_i64_or_reply(c, 2, &type)) return;
    bus->drops = type != NONE;
    bus->drops_all = type == ALL;
    bus->dropped = (unsigned)type;
    reply_ok(c->reply);
}

static void drop_closes(struct call *c, struct bus *bus) {
    int64_t on;
    if (!arg_i64_or_reply(c, 2, &on)) return;
    bus->drop_closes = on;
    reply_ok(c->reply);
}

static void kill_links(struct call *c, struct cluster *cluster) {
    bool all = arg_is(c, 3, "all"), to = all || arg_is(c, 3, "to");
    bool from = all || arg_is(c, 3, "from");
    struct cluster_node *n = node_set_find(&cluster->nodes, c->argv[4]);
    if (!n) {
        reply_errorf(c->reply, "ERR Unknown node %.*s", (int)c->argv[4].len, c->argv[4].ptr);
    } else if (!to && !from) {
        reply_errorf(c->reply, "ERR Unknown direction %.*s", (int)c->argv[3].len, c->argv[3].ptr);
    } else {
        if (to) link_close(n->link);
        if (from) link_close(n->inbound);
        reply_ok(c->reply);
    }
}

bool debug_run(struct call *c) {
    bool drops = c->argc == 3 && arg_is(c, 1, "drop-cluster-packet-filter");
    bool closes = c->argc == 3 && arg_is(c, 1, "close-cluster-link-on-packet-drop");
    bool kills = c->argc == 5 && arg_is(c, 1, "clusterlink") && arg_is(c, 2, "kill");
    if (!drops && !closes && !kills) return false;
    struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return true;
    if (drops) drop(c, &cluster->bus);
    if (closes) drop_closes(c, &cluster->bus);
    if (kills) kill_links(c, cluster);
    return true;
}
