/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/show_commands.h"

#include "base/alloc.h"
#include "cluster/bus.h"
#include "cluster/describe.h"
#include "cluster/families.h"
#include "cluster/gossip.h"
#include "cluster/route.h"
#include "exec/call.h"
#include "repl/repl.h"

/* A node of that name; NULL: there's none, and that's replied. */
static struct cluster_node *node_or_reply(struct call *c, const struct cluster *cluster, int arg) {
    struct cluster_node *n = node_set_find(&cluster->nodes, c->argv[arg]);
    if (!n)
        reply_errorf(c->reply, "ERR Unknown node %.*s", (int)c->argv[arg].len, c->argv[arg].ptr);
    return n;
}

/* INFO. */

struct slot_states {
    unsigned assigned, ok, pfail, fail;
};

static struct slot_states count_slots(const struct cluster *c) {
    struct slot_states s = {0};
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        const struct cluster_node *owner = c->slots->owner[slot];
        if (!owner) continue;
        s.assigned++;
        if (owner->flags & NODE_FAIL)
            s.fail++;
        else if (owner->flags & NODE_PFAIL)
            s.pfail++;
        else
            s.ok++;
    }
    return s;
}

static void put_messages(const uint64_t *counts, const char *way, struct buf *to) {
    static const char *const names[] = {
#define MESSAGE_NAME(constant, name) name,
        MESSAGE_TYPES(MESSAGE_NAME)
#undef MESSAGE_NAME
    };
    uint64_t all = 0;
    for (size_t i = 0; i < MESSAGE_TYPE_COUNT; i++) {
        all += counts[i];
        if (!counts[i]) continue;
        buf_appendf(to, "cluster_stats_messages_%s_%s:%llu\r\n", names[i], way,
                    (unsigned long long)counts[i]);
    }
    buf_appendf(to, "cluster_stats_messages_%s:%llu\r\n", way, (unsigned long long)all);
}

void cluster_cmd_info(struct call *c) {
    const struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    struct slot_states slots = count_slots(cluster);
    const struct cluster_node *claim = node_is_replica(cluster->self) && cluster->self->primary
                                           ? cluster->self->primary
                                           : cluster->self;
    struct buf text = BUF_INIT;
    info_str(&text, "cluster_state", cluster->ok ? "ok" : "fail");
    info_u64(&text, "cluster_slots_assigned", slots.assigned);
    info_u64(&text, "cluster_slots_ok", slots.ok);
    info_u64(&text, "cluster_slots_pfail", slots.pfail);
    info_u64(&text, "cluster_slots_fail", slots.fail);
    info_u64(&text, "cluster_known_nodes", cluster->nodes.count);
    info_u64(&text, "cluster_size", cluster->size);
    info_u64(&text, "cluster_current_epoch", cluster->current_epoch);
    info_u64(&text, "cluster_my_epoch", claim->config_epoch);
    put_messages(cluster->bus.sent, "sent", &text);
    put_messages(cluster->bus.received, "received", &text);
    info_u64(&text, "total_cluster_links_buffer_limit_exceeded", cluster->bus.over_limit);
    reply_verbatim(c->reply, buf_slice(&text), "txt");
    buf_release(&text);
}

/* NODES and what says as much. */

void cluster_cmd_nodes(struct call *c) {
    const struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    struct buf text = BUF_INIT;
    describe_nodes(cluster, 0, c->session, &text);
    reply_verbatim(c->reply, buf_slice(&text), "txt");
    buf_release(&text);
}

void cluster_cmd_replicas(struct call *c) {
    const struct cluster *cluster = cluster_or_reply(c);
    const struct cluster_node *n = cluster ? node_or_reply(c, cluster, 2) : NULL;
    if (!n) return;
    if (node_is_replica(n)) {
        reply_error(c->reply, "ERR The specified node is not a master");
        return;
    }
    struct reply_mark mark = reply_begin(c->reply);
    size_t count = 0;
    for (size_t i = 0; i < cluster->nodes.count; i++) {
        if (cluster->nodes.all[i]->primary != n) continue;
        struct buf line = BUF_INIT;
        describe_node(cluster, cluster->nodes.all[i], c->session, &line);
        reply_bulk(c->reply, buf_slice(&line));
        buf_release(&line);
        count++;
    }
    reply_end_array(c->reply, mark, count);
}

void cluster_cmd_count_failure_reports(struct call *c) {
    const struct cluster *cluster = cluster_or_reply(c);
    struct cluster_node *n = cluster ? node_or_reply(c, cluster, 2) : NULL;
    if (n) reply_i64(c->reply, gossip_reports(cluster, n));
}

/* LINKS. */

static void reply_link(struct call *c, const struct cluster_link *l) {
    reply_map(c->reply, 6);
    reply_bulk_str(c->reply, "direction");
    reply_bulk_str(c->reply, l->outbound ? "to" : "from");
    reply_bulk_str(c->reply, "node");
    reply_bulk_str(c->reply, l->node->name);
    reply_bulk_str(c->reply, "create-time");
    reply_i64(c->reply, (int64_t)l->created_ms);
    reply_bulk_str(c->reply, "events");
    reply_bulk_str(c->reply, l->sent < l->out.len ? "rw" : "r");
    reply_bulk_str(c->reply, "send-buffer-allocated");
    reply_i64(c->reply, (int64_t)l->out.cap);
    reply_bulk_str(c->reply, "send-buffer-used");
    reply_i64(c->reply, (int64_t)(l->out.len - l->sent));
}

void cluster_cmd_links(struct call *c) {
    const struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    struct reply_mark mark = reply_begin(c->reply);
    size_t count = 0;
    for (const struct cluster_link *l = cluster->bus.links; l; l = l->next) {
        if (!l->node || l->closing) continue;
        reply_link(c, l);
        count++;
    }
    reply_end_array(c->reply, mark, count);
}

void cluster_cmd_myid(struct call *c) {
    const struct cluster *cluster = cluster_or_reply(c);
    if (cluster) reply_bulk_str(c->reply, cluster->self->name);
}

void cluster_cmd_myshardid(struct call *c) {
    const struct cluster *cluster = cluster_or_reply(c);
    if (cluster) reply_bulk_str(c->reply, cluster->self->shard_id);
}

/* SLOTS. */

static bool is_replica_in_service(const struct cluster_node *n) {
    return !(n->flags & NODE_FAIL) && ((n->flags & NODE_MYSELF) || n->repl_offset);
}

static void reply_endpoint(struct call *c, const struct cluster *cluster,
                           const struct cluster_node *n) {
    const char *endpoint = route_endpoint(cluster, n);
    if (endpoint)
        reply_bulk_str(c->reply, endpoint);
    else
        reply_null(c->reply);
}

/* Endpoint, port, name, and the addresses that the endpoint isn't. */
static void reply_slots_node(struct call *c, const struct cluster *cluster,
                             const struct cluster_node *n) {
    bool ip = cluster->config.endpoint != CLUSTER_ENDPOINT_IP;
    bool hostname = cluster->config.endpoint != CLUSTER_ENDPOINT_HOSTNAME && *n->hostname;
    reply_array(c->reply, 4);
    reply_endpoint(c, cluster, n);
    reply_i64(c->reply, cluster_port_for(cluster, n, c->session));
    reply_bulk_str(c->reply, n->name);
    reply_map(c->reply, (size_t)ip + hostname);
    if (ip) {
        reply_bulk_str(c->reply, "ip");
        reply_bulk_str(c->reply, n->ip);
    }
    if (hostname) {
        reply_bulk_str(c->reply, "hostname");
        reply_bulk_str(c->reply, n->hostname);
    }
}

/* The replica in service whose name comes next; NULL: there's none. */
static const struct cluster_node *
next_replica(const struct cluster *cluster, const struct cluster_node *owner, const char *after) {
    const struct cluster_node *next = NULL;
    for (size_t i = 0; i < cluster->nodes.count; i++) {
        const struct cluster_node *n = cluster->nodes.all[i];
        if (n->primary != owner || !is_replica_in_service(n) || strcmp(n->name, after) <= 0)
            continue;
        if (!next || strcmp(n->name, next->name) < 0) next = n;
    }
    return next;
}

/* A range of slots of a primary, which is the first node; then its replicas, by name: all nodes
 * reply the same. */
static void reply_range(struct call *c, const struct cluster *cluster,
                        const struct cluster_node *owner, unsigned first, unsigned last) {
    struct reply_mark mark = reply_begin(c->reply);
    size_t count = 3;
    reply_i64(c->reply, first);
    reply_i64(c->reply, last);
    reply_slots_node(c, cluster, owner);
    const struct cluster_node *n = next_replica(cluster, owner, "");
    for (; n; n = next_replica(cluster, owner, n->name)) {
        reply_slots_node(c, cluster, n);
        count++;
    }
    reply_end_array(c->reply, mark, count);
}

void cluster_cmd_slots(struct call *c) {
    const struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    struct reply_mark mark = reply_begin(c->reply);
    size_t ranges = 0;
    for (unsigned slot = 0, next; slot < SLOT_COUNT; slot = next) {
        const struct cluster_node *owner = cluster->slots->owner[slot];
        for (next = slot + 1; next < SLOT_COUNT && cluster->slots->owner[next] == owner;) next++;
        if (!owner) continue;
        reply_range(c, cluster, owner, slot, next - 1);
        ranges++;
    }
    reply_end_array(c->reply, mark, ranges);
}

/* SHARDS. */

static const char *health(const struct cluster_node *n) {
    if (n->flags & (NODE_FAIL | NODE_PFAIL)) return "fail";
    return node_is_replica(n) && !is_replica_in_service(n) ? "loading" : "online";
}

static size_t reply_field(struct call *c, const char *name, const char *value) {
    reply_bulk_str(c->reply, name);
    reply_bulk_str(c->reply, value);
    return 1;
}

static size_t reply_port(struct call *c, const char *name, uint16_t port) {
    if (!port) return 0;
    reply_bulk_str(c->reply, name);
    reply_i64(c->reply, port);
    return 1;
}

static int64_t offset_of(const struct cluster *cluster, const struct cluster_node *n) {
    return n == cluster->self ? repl_of(cluster->server)->offset : n->repl_offset;
}

static void reply_shard_node(struct call *c, const struct cluster *cluster,
                             const struct cluster_node *n) {
    struct reply_mark mark = reply_begin(c->reply);
    size_t fields = reply_field(c, "id", n->name);
    fields += reply_port(c, "port", n->port) + reply_port(c, "tls-port", n->tls_port);
    fields += reply_field(c, "ip", n->ip);
    reply_bulk_str(c->reply, "endpoint");
    reply_endpoint(c, cluster, n);
    fields++;
    if (*n->hostname) fields += reply_field(c, "hostname", n->hostname);
    fields += reply_field(c, "role", node_is_primary(n) ? "master" : "replica");
    reply_bulk_str(c->reply, "replication-offset");
    reply_i64(c->reply, offset_of(cluster, n));
    fields += 1 + reply_field(c, "health", health(n));
    reply_end_map(c->reply, mark, fields);
}

static void reply_shard_slots(struct call *c, const struct cluster_node *n) {
    struct reply_mark mark = reply_begin(c->reply);
    size_t count = 0;
    unsigned first, last;
    for (unsigned from = 0; node_slot_range(n, from, &first, &last); from = last + 1) {
        reply_i64(c->reply, first);
        reply_i64(c->reply, last);
        count += 2;
    }
    reply_end_array(c->reply, mark, count);
}

/* Whose slots those of the node's shard are: its primary's, or its own, unless that has lost them
 * to another one of the shard. */
static const struct cluster_node *shard_head(const struct cluster *cluster,
                                             const struct cluster_node *n) {
    const struct cluster_node *head = n->primary ? n->primary : n;
    for (size_t i = 0; !head->slot_count && i < cluster->nodes.count; i++) {
        const struct cluster_node *other = cluster->nodes.all[i];
        if (other->slot_count && node_same_shard(other, head)) return other;
    }
    return head;
}

static void reply_shard(struct call *c, const struct cluster *cluster,
                        const struct cluster_node *head) {
    reply_map(c->reply, 2);
    reply_bulk_str(c->reply, "slots");
    reply_shard_slots(c, head);
    reply_bulk_str(c->reply, "nodes");
    struct reply_mark mark = reply_begin(c->reply);
    size_t count = 0;
    for (size_t i = 0; i < cluster->nodes.count; i++) {
        const struct cluster_node *n = cluster->nodes.all[i];
        if ((n->flags & NODE_HANDSHAKE) || shard_head(cluster, n) != head) continue;
        reply_shard_node(c, cluster, n);
        count++;
    }
    reply_end_array(c->reply, mark, count);
}

void cluster_cmd_shards(struct call *c) {
    const struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    struct reply_mark mark = reply_begin(c->reply);
    size_t count = 0;
    for (size_t i = 0; i < cluster->nodes.count; i++) {
        const struct cluster_node *n = cluster->nodes.all[i];
        if ((n->flags & NODE_HANDSHAKE) || shard_head(cluster, n) != n) continue;
        reply_shard(c, cluster, n);
        count++;
    }
    reply_end_array(c->reply, mark, count);
}
