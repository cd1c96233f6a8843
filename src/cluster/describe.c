/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/describe.h"

static void put_flags(unsigned flags, struct buf *to) {
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
#define NODE_FLAG_NAME(constant, bit, name) {NODE_##constant, name},
        NODE_FLAGS(NODE_FLAG_NAME)
#undef NODE_FLAG_NAME
    };
    bool any = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!(flags & names[i].bit)) continue;
        if (any) buf_append_char(to, ',');
        buf_append_str(to, names[i].name);
        any = true;
    }
    if (!any) buf_append_str(to, "noflags");
}

static void put_address(const struct cluster *c, const struct cluster_node *n, struct session *who,
                        struct buf *to) {
    bool tls = c->by_tls;
    unsigned port = who ? cluster_port_for(c, n, who) : node_port(n, tls);
    buf_appendf(to, "%s:%u@%u", n->ip, port, n->bus_port);
    if (*n->hostname || !who) buf_appendf(to, ",%s", n->hostname);
    if (who) return;
    buf_appendf(to, ",shard-id=%s", n->shard_id);
    if (*n->nodename) buf_appendf(to, ",nodename=%s", n->nodename);
    buf_appendf(to, ",%s-port=%u", tls ? "tcp" : "tls", node_port(n, !tls));
}

static void put_slots(const struct cluster_node *n, struct buf *to) {
    unsigned first, last;
    for (unsigned from = 0; node_slot_range(n, from, &first, &last); from = last + 1) {
        buf_appendf(to, " %u", first);
        if (last > first) buf_appendf(to, "-%u", last);
    }
}

static void put_moving(const struct slot_map *slots, struct buf *to) {
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (slots->migrating[slot])
            buf_appendf(to, " [%u->-%s]", slot, slots->migrating[slot]->name);
        else if (slots->importing[slot])
            buf_appendf(to, " [%u-<-%s]", slot, slots->importing[slot]->name);
    }
}

void describe_node(const struct cluster *c, const struct cluster_node *n, struct session *who,
                   struct buf *to) {
    buf_appendf(to, "%s ", n->name);
    put_address(c, n, who, to);
    buf_append_char(to, ' ');
    put_flags(n->flags, to);
    buf_appendf(to, " %s %llu %llu %llu %s", n->primary ? n->primary->name : "-",
                (unsigned long long)n->ping_ms, (unsigned long long)n->pong_ms,
                (unsigned long long)n->config_epoch,
                n->link || (n->flags & NODE_MYSELF) ? "connected" : "disconnected");
    put_slots(n, to);
    if (n->flags & NODE_MYSELF) put_moving(c->slots, to);
}

void describe_nodes(const struct cluster *c, unsigned without, struct session *who,
                    struct buf *to) {
    for (size_t i = 0; i < c->nodes.count; i++) {
        if (c->nodes.all[i]->flags & without) continue;
        describe_node(c, c->nodes.all[i], who, to);
        buf_append_char(to, '\n');
    }
}
