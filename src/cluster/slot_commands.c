/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/slot_commands.h"

#include "base/alloc.h"
#include "cluster/bus.h"
#include "cluster/families.h"
#include "cluster/replica.h"
#include "exec/call.h"

/* Giving slots out and taking them back. All of them are looked at before any changes. */

static bool slot_or_reply(struct call *c, int arg, unsigned *slot) {
    int64_t number;
    if (num_to_i64(c->argv[arg], &number) && number >= 0 && number < SLOT_COUNT) {
        *slot = (unsigned)number;
        return true;
    }
    reply_error(c->reply, "ERR Invalid or out of range slot");
    return false;
}

/* Marks a slot that is to be given out, or (`take`) back. */
static bool mark_or_reply(struct call *c, const struct cluster *cluster, unsigned slot, bool take,
                          bool *marked) {
    bool assigned = cluster->slots->owner[slot];
    const char *error = NULL;
    if (take && !assigned) error = "is already unassigned";
    if (!take && assigned) error = "is already busy";
    if (!error && marked[slot]) error = "specified multiple times";
    marked[slot] = true;
    if (error) reply_errorf(c->reply, "ERR Slot %u %s", slot, error);
    return !error;
}

static void apply(struct call *c, struct cluster *cluster, bool take, const bool *marked) {
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (!marked[slot]) continue;
        if (!take) cluster->slots->importing[slot] = NULL;
        cluster_give_slot(cluster, slot, take ? NULL : cluster->self);
    }
    reply_ok(c->reply);
}

static void change_slots(struct call *c, bool take) {
    struct cluster *cluster = cluster_or_reply(c);
    bool marked[SLOT_COUNT] = {false};
    unsigned slot;
    if (!cluster) return;
    for (int i = 2; i < c->argc; i++)
        if (!slot_or_reply(c, i, &slot)) return;
    for (int i = 2; i < c->argc; i++)
        if (!slot_or_reply(c, i, &slot) || !mark_or_reply(c, cluster, slot, take, marked)) return;
    apply(c, cluster, take, marked);
}

static bool range_or_reply(struct call *c, int arg, unsigned *first, unsigned *last) {
    if (!slot_or_reply(c, arg, first) || !slot_or_reply(c, arg + 1, last)) return false;
    if (*first <= *last) return true;
    reply_errorf(c->reply, "ERR start slot number %u is greater than end slot number %u", *first,
                 *last);
    return false;
}

static void change_ranges(struct call *c, bool take) {
    struct cluster *cluster = cluster_or_reply(c);
    bool marked[SLOT_COUNT] = {false};
    unsigned first, last;
    if (!cluster) return;
    if (c->argc % 2) {
        call_reply_wrong_args(c);
        return;
    }
    for (int i = 2; i < c->argc; i += 2) {
        if (!range_or_reply(c, i, &first, &last)) return;
        for (; first <= last; first++)
            if (!mark_or_reply(c, cluster, first, take, marked)) return;
    }
    apply(c, cluster, take, marked);
}

void cluster_cmd_addslots(struct call *c) {
    change_slots(c, false);
}

void cluster_cmd_delslots(struct call *c) {
    change_slots(c, true);
}

void cluster_cmd_addslotsrange(struct call *c) {
    change_ranges(c, false);
}

void cluster_cmd_delslotsrange(struct call *c) {
    change_ranges(c, true);
}

void cluster_cmd_flushslots(struct call *c) {
    struct cluster *cluster = cluster_or_reply(c);
    if (!cluster) return;
    if (db_count(&c->engine->keyspace.dbs[0])) {
        reply_error(c->reply, "ERR DB must be empty to perform CLUSTER FLUSHSLOTS.");
        return;
    }
    cluster_take_slots(cluster, cluster->self);
    reply_ok(c->reply);
}

/* SETSLOT. */

struct set_slot {
    struct cluster *cluster;
    unsigned slot;
};

static struct cluster_node *primary_or_reply(struct call *c, const struct cluster *cluster,
                                             const char *unknown) {
    struct slice name = c->argv[4];
    struct cluster_node *n = node_set_find(&cluster->nodes, name);
    if (n && !node_is_replica(n)) return n;
    if (n)
        reply_error(c->reply, "ERR Target node is not a master");
    else
        reply_errorf(c->reply, "ERR %s %.*s", unknown, (int)name.len, name.ptr);
    return NULL;
}

static bool migrating_or_reply(struct call *c, const struct set_slot *s) {
    struct cluster *cluster = s->cluster;
    if (cluster->slots->owner[s->slot] != cluster->self) {
        reply_errorf(c->reply, "ERR I'm not the owner of hash slot %u", s->slot);
        return false;
    }
    struct cluster_node *to = primary_or_reply(c, cluster, "I don't know about node");
    if (to) cluster->slots->migrating[s->slot] = to;
    return to;
}

static bool importing_or_reply(struct call *c, const struct set_slot *s) {
    struct cluster *cluster = s->cluster;
    if (cluster->slots->owner[s->slot] == cluster->self) {
        reply_errorf(c->reply, "ERR I'm already the owner of hash slot %u", s->slot);
        return false;
    }
    struct cluster_node *from = primary_or_reply(c, cluster, "I don't know about node");
    if (from) cluster->slots->importing[s->slot] = from;
    return from;
}

static bool stable(struct call *c, const struct set_slot *s) {
    s->cluster->slots->migrating[s->slot] = NULL;
    s->cluster->slots->importing[s->slot] = NULL;
    return true;
}

/* The new owner's claim has to win against the old one's, so it gets an epoch of its own. */
static void finish_import(struct cluster *cluster, unsigned slot) {
    cluster->slots->importing[slot] = NULL;
    if (cluster_bump_epoch(cluster))
        log_warning(&cluster->server->log, "configEpoch updated after importing slot %u", slot);
    bus_broadcast_pong(cluster);
}

static bool node_or_reply(struct call *c, const struct set_slot *s) {
    struct cluster *cluster = s->cluster;
    struct slot_map *slots = cluster->slots;
    struct cluster_node *to = primary_or_reply(c, cluster, "Unknown node");
    if (!to) return false;
    bool has_keys = slot_index_count(c->engine->keyspace.slots, s->slot) != 0;
    if (slots->owner[s->slot] == cluster->self && to != cluster->self && has_keys) {
        reply_errorf(c->reply,
                     "ERR Can't assign hashslot %u to a different node while I still hold keys for "
                     "this hash slot.",
                     s->slot);
        return false;
    }
    if (!has_keys) slots->migrating[s->slot] = NULL;
    bool was_mine = slots->owner[s->slot] == cluster->self;
    cluster_give_slot(cluster, s->slot, to);
    if (was_mine && to != cluster->self && !cluster->self->slot_count &&
        cluster->config.replica_migration) {
        log_notice(&cluster->server->log,
                   "Configuration change detected. Reconfiguring myself as a replica of %.40s",
                   to->name);
        replica_follow(cluster, to);
    }
    if (to == cluster->self && slots->importing[s->slot]) finish_import(cluster, s->slot);
    return true;
}

void cluster_cmd_setslot(struct call *c) {
    static const struct {
        const char *name;
        int argc;
        bool (*run)(struct call *c, const struct set_slot *s);
    } actions[] = {
        {"migrating", 5, migrating_or_reply},
        {"importing", 5, importing_or_reply},
        {"stable", 4, stable},
        {"node", 5, node_or_reply},
    };
    struct set_slot s = {.cluster = cluster_or_reply(c)};
    if (!s.cluster) return;
    if (node_is_replica(s.cluster->self)) {
        reply_error(c->reply, "ERR You can use SETSLOT only with masters.");
        return;
    }
    if (!slot_or_reply(c, 2, &s.slot)) return;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (!arg_is(c, 3, actions[i].name) || c->argc != actions[i].argc) continue;
        if (!actions[i].run(c, &s)) return;
        cluster_note(s.cluster, CLUSTER_SAVE | CLUSTER_JUDGE);
        reply_ok(c->reply);
        return;
    }
    reply_error(c->reply, "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER "
                          "HELP");
}

/* Keys. */

void cluster_cmd_keyslot(struct call *c) {
    if (cluster_or_reply(c)) reply_i64(c->reply, slot_of(c->argv[2]));
}

void cluster_cmd_countkeysinslot(struct call *c) {
    int64_t slot;
    if (!cluster_or_reply(c) || !arg_i64_or_reply(c, 2, &slot)) return;
    if (slot < 0 || slot >= SLOT_COUNT)
        reply_error(c->reply, "ERR Invalid slot");
    else
        reply_i64(c->reply, (int64_t)slot_index_count(c->engine->keyspace.slots, (unsigned)slot));
}

void cluster_cmd_getkeysinslot(struct call *c) {
    const struct keyspace *ks = &c->engine->keyspace;
    int64_t slot, wanted;
    if (!cluster_or_reply(c) || !arg_i64_or_reply(c, 2, &slot) || !arg_i64_or_reply(c, 3, &wanted))
        return;
    if (slot < 0 || slot >= SLOT_COUNT || wanted < 0) {
        reply_error(c->reply, "ERR Invalid slot or number of keys");
        return;
    }
    size_t max = slot_index_count(ks->slots, (unsigned)slot);
    if ((uint64_t)wanted < max) max = (size_t)wanted;
    struct entry **entries = mem_alloc(max * sizeof *entries + 1);
    size_t count = keyspace_slot_entries(ks, (unsigned)slot, entries, max);
    reply_array(c->reply, count);
    for (size_t i = 0; i < count; i++) reply_bulk(c->reply, entry_key(entries[i]));
    mem_free(entries);
}
