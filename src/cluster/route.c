/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/route.h"

#include "base/alloc.h"
#include "cluster/bus.h"
#include "exec/admission.h"
#include "exec/transaction.h"

enum { USES_HERE = 64 }; /* arguments for which there's room on the stack */

/* What the keys of a request, or of all that EXEC will run, come to. */
struct keys_seen {
    struct cluster *cluster;
    struct route route;
    struct slice first;
    bool shard; /* they're shard channels */
    bool leaves, comes;
    bool several; /* different ones */
    bool there, missing;
};

static void look_for(struct keys_seen *seen, struct slice name) {
    struct db *db = &seen->cluster->server->engine.keyspace.dbs[0];
    const struct entry *e = db_look_up(db, db_key(db, name), NULL);
    if (e && !db_expired(db, e))
        seen->there = true;
    else
        seen->missing = true;
}

/* False: what comes of it is decided. */
static bool see_key(struct keys_seen *seen, struct slice name, bool shard) {
    const struct slot_map *slots = seen->cluster->slots;
    unsigned slot = slot_of(name);
    struct route *route = &seen->route;
    if (route->slot < 0) {
        route->slot = (int)slot;
        route->node = slots->owner[slot];
        seen->first = name;
        seen->shard = shard;
        if (!route->node) route->result = ROUTE_UNSERVED;
        seen->leaves = route->node == seen->cluster->self && slots->migrating[slot];
        seen->comes = !seen->leaves && slots->importing[slot];
    } else if ((int)slot != route->slot) {
        route->result = ROUTE_CROSS_SLOT;
    } else {
        seen->several |= !slice_eq(seen->first, name);
    }
    if ((seen->leaves || seen->comes) && !shard) look_for(seen, name);
    return route->result == ROUTE_HERE;
}

static bool see_request(struct keys_seen *seen, const struct request *r) {
    if (!r->cmd->row->keys[0].kind && !r->cmd->row->keys_of) return true;
    struct key_use here[USES_HERE], *uses = here;
    if (r->argc > USES_HERE) uses = mem_alloc((size_t)r->argc * sizeof *uses);
    int count = command_keys(r->cmd, r->argv, r->argc, uses);
    bool goes_on = true;
    for (int i = 0; i < count && goes_on; i++) {
        bool shard = (uses[i].flags & KEY_NOT_KEY) && (r->cmd->flags & CMD_PUBSUB);
        goes_on = see_key(seen, r->argv[uses[i].arg], shard);
    }
    if (uses != here) mem_free(uses);
    return goes_on;
}

static enum route_result down(const struct cluster *c, bool shard, unsigned flags) {
    if (c->ok) return ROUTE_HERE;
    if (shard) return c->config.allow_shard_channels_when_down ? ROUTE_HERE : ROUTE_DOWN;
    if (!c->config.allow_reads_when_down) return ROUTE_DOWN;
    return flags & CMD_WRITE ? ROUTE_DOWN_FOR_WRITE : ROUTE_HERE;
}

static bool is_migrate(const struct request *r) {
    return r->cmd->row->run && strcmp(r->cmd->row->name, "migrate") == 0;
}

/* Of a slot that's on its way. ROUTE_MOVED: that makes no difference. */
static enum route_result on_the_way(const struct keys_seen *seen, const struct session *s,
                                    const struct request *r, unsigned flags) {
    if ((seen->leaves || seen->comes) && is_migrate(r)) return ROUTE_HERE;
    if (seen->leaves && seen->missing) return seen->there ? ROUTE_UNSTABLE : ROUTE_ASK;
    if (!seen->comes || !(s->asking || (flags & CMD_ASKING))) return ROUTE_MOVED;
    return seen->several && seen->missing ? ROUTE_UNSTABLE : ROUTE_HERE;
}

/* A replica's own copy will do, if the client says so. */
static bool may_read_here(const struct keys_seen *seen, const struct session *s, unsigned flags) {
    const struct cluster_node *self = seen->cluster->self;
    if (!node_is_replica(self) || (flags & CMD_WRITE) || self->primary != seen->route.node)
        return false;
    return (s->gates & GATE_READONLY) || seen->shard;
}

static void decide(struct keys_seen *seen, const struct session *s, const struct request *r,
                   unsigned flags) {
    struct cluster *c = seen->cluster;
    struct route *route = &seen->route;
    route->result = down(c, seen->shard, flags);
    if (route->result != ROUTE_HERE) return;
    route->result = on_the_way(seen, s, r, flags);
    if (route->result == ROUTE_ASK) route->node = c->slots->migrating[route->slot];
    if (route->result != ROUTE_MOVED) return;
    if (route->node == c->self || may_read_here(seen, s, flags)) route->result = ROUTE_HERE;
}

struct route route_of(struct cluster *c, struct session *s, const struct request *r,
                      unsigned flags) {
    struct keys_seen seen = {.cluster = c, .route = {.slot = -1}};
    bool decided = !see_request(&seen, r);
    if (r->cmd->flags & CMD_RUNS_QUEUED)
        for (int i = 0; !decided && i < transaction_count(s); i++)
            decided = !see_request(&seen, transaction_request(s, (size_t)i));
    if (!decided && seen.route.slot >= 0) decide(&seen, s, r, flags);
    return seen.route;
}

/* Telling. */

const char *route_endpoint(const struct cluster *c, const struct cluster_node *n) {
    if (c->config.endpoint == CLUSTER_ENDPOINT_IP) return n->ip;
    if (c->config.endpoint == CLUSTER_ENDPOINT_UNKNOWN) return NULL;
    return *n->hostname ? n->hostname : "?";
}

static const char *const errors[] = {
    [ROUTE_CROSS_SLOT] = "CROSSSLOT Keys in request don't hash to the same slot",
    [ROUTE_UNSTABLE] = "TRYAGAIN Multiple keys request during rehashing of slot",
    [ROUTE_DOWN] = "CLUSTERDOWN The cluster is down",
    [ROUTE_DOWN_FOR_WRITE] = "CLUSTERDOWN The cluster is down and only accepts read commands",
    [ROUTE_UNSERVED] = "CLUSTERDOWN Hash slot not served",
};

static void reply_route(struct reply *to, const struct cluster *c, struct session *s,
                        const struct route *route) {
    if (route->result != ROUTE_MOVED && route->result != ROUTE_ASK) {
        reply_error(to, errors[route->result]);
        return;
    }
    const char *endpoint = route_endpoint(c, route->node);
    reply_errorf(to, "%s %d %s:%u", route->result == ROUTE_ASK ? "ASK" : "MOVED", route->slot,
                 endpoint ? endpoint : "", cluster_port_for(c, route->node, s));
}

static bool has_keys(const struct command_entry *cmd) {
    return cmd->row->keys[0].kind || cmd->row->keys_of || (cmd->flags & CMD_RUNS_QUEUED);
}

static bool admits(struct session *s, const struct request *r) {
    if (!has_keys(r->cmd)) return true;
    struct cluster *c = cluster_of(s->engine);
    struct route route = route_of(c, s, r, admission_flags(s, r));
    if (route.result != ROUTE_HERE) reply_route(s->reply, c, s, &route);
    return route.result == ROUTE_HERE;
}

/* Keys on their way here come, those on their way elsewhere may come back. */
static bool waits_in_vain(struct cluster *c, struct session *s, struct route *route) {
    const struct blocked *b = s->blocked;
    if (!b || !b->argv || !b->kind->timed_out) return false;
    struct request r = {.argv = b->argv, .argc = b->argc, .cmd = b->cmd};
    if (!has_keys(b->cmd)) return false;
    *route = route_of(c, s, &r, admission_flags(s, &r));
    if (route->result == ROUTE_MOVED) return !c->slots->importing[route->slot];
    return route->result >= ROUTE_DOWN;
}

void route_waiting(struct cluster *c) {
    struct server *s = c->server;
    struct route route;
    c->due &= ~(unsigned)CLUSTER_ROUTE;
    if (!s->engine.blocking.count) return;
    for (struct client *client = s->clients; client; client = client->next) {
        struct session *session = &client->session;
        if (client->closing || session->obeyed || !waits_in_vain(c, session, &route)) continue;
        reply_route(blocking_reply(session), c, session, &route);
        blocking_end(session);
    }
}

static const char *refusal(struct session *caller, const struct request *r, int *slot) {
    *slot = -1;
    if (!has_keys(r->cmd)) return NULL;
    struct route route = route_of(cluster_of(caller->engine), caller, r, r->cmd->flags);
    *slot = route.slot;
    switch (route.result) {
    case ROUTE_HERE: return NULL;
    case ROUTE_DOWN: return "ERR Script attempted to execute a command while the cluster is down";
    case ROUTE_DOWN_FOR_WRITE:
        return "ERR Script attempted to execute a write command while the cluster is down and "
               "readonly";
    default: return "ERR Script attempted to access a non local key in a cluster node";
    }
}

static void published(struct engine *e, bool shard, struct slice channel, struct slice text) {
    bus_publish(cluster_of(e), shard, channel, text);
}

void route_start(struct engine *e) {
    e->cluster =
        (struct engine_cluster){.admits = admits, .refusal = refusal, .published = published};
    e->gates |= GATE_CLUSTER;
}
