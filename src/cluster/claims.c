/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/claims.h"

#include "cluster/replica.h"
#include "exec/propagate.h"

static bool has_bit(const uint8_t *slots, unsigned slot) {
    return slots[slot / 8] >> (slot % 8) & 1;
}

static void set_bit(uint8_t *slots, unsigned slot, bool on) {
    uint8_t bit = (uint8_t)(1 << slot % 8);
    slots[slot / 8] = (uint8_t)(on ? slots[slot / 8] | bit : slots[slot / 8] & ~bit);
}

size_t claims_delete_keys(struct cluster *c, unsigned slot) {
    enum { AT_ONCE = 64 };
    struct keyspace *ks = &c->server->engine.keyspace;
    struct entry *entries[AT_ONCE];
    size_t all = 0, count;
    while ((count = keyspace_slot_entries(ks, slot, entries, AT_ONCE)))
        for (size_t i = 0; i < count; i++, all++) {
            struct key k = db_key(&ks->dbs[0], entry_key(entries[i]));
            propagate_removal(&c->server->engine, &ks->dbs[0], k.name, true);
            db_delete(&ks->dbs[0], k, true, EVENT_DEL);
        }
    return all;
}

/* Of what a claim changes for this node. */
struct losses {
    unsigned claimed, lost;
    bool dirty[SLOT_COUNT]; /* lost with keys in them */
};

static void hear_slot(struct cluster *c, struct cluster_node *by, uint64_t epoch, unsigned slot,
                      struct losses *losses) {
    struct slot_map *slots = c->slots;
    struct cluster_node *owner = slots->owner[slot],
                        *mine = node_is_primary(c->self) ? c->self : c->self->primary;
    losses->claimed++;
    if (owner == by) {
        set_bit(slots->unclaimed, slot, false);
        return;
    }
    bool free = !owner || has_bit(slots->unclaimed, slot);
    if (slots->importing[slot] || !(free || owner->config_epoch < epoch)) return;
    losses->dirty[slot] =
        owner == c->self && slot_index_count(c->server->engine.keyspace.slots, slot);
    losses->lost += mine && owner == mine;
    set_bit(slots->unclaimed, slot, false);
    if (owner == c->self) slots->migrating[slot] = NULL;
    cluster_give_slot(c, slot, by);
}

static void delete_lost(struct cluster *c, const struct losses *losses) {
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (!losses->dirty[slot]) continue;
        log_notice(&c->server->log,
                   "Deleting keys in dirty slot %u on node %.40s after migration "
                   "to %.40s",
                   slot, c->self->name, c->slots->owner[slot]->name);
        claims_delete_keys(c, slot);
    }
}

/* Who has lost its (primary's) last slot follows whoever has them now. */
static bool follows(struct cluster *c, struct cluster_node *by, const struct losses *losses) {
    const struct cluster_node *mine = node_is_primary(c->self) ? c->self : c->self->primary;
    if (!losses->lost || !mine || mine->slot_count) return false;
    if (!c->config.replica_migration && losses->lost != losses->claimed) return false;
    log_notice(&c->server->log,
               "Configuration change detected. Reconfiguring myself as a replica of %.40s",
               by->name);
    return true;
}

void claims_hear(struct cluster *c, struct cluster_node *by, uint64_t epoch, const uint8_t *slots) {
    struct losses losses = {0};
    if (by == c->self) {
        log_notice(&c->server->log, "Discarding UPDATE message about myself.");
        return;
    }
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        if (has_bit(slots, slot))
            hear_slot(c, by, epoch, slot, &losses);
        else if (c->slots->owner[slot] == by)
            set_bit(c->slots->unclaimed, slot, true);
    }
    if (follows(c, by, &losses))
        replica_follow(c, by);
    else
        delete_lost(c, &losses);
}

struct cluster_node *claims_newer(const struct cluster *c, const struct cluster_node *by,
                                  uint64_t epoch, const uint8_t *slots) {
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        struct cluster_node *owner = c->slots->owner[slot];
        if (!has_bit(slots, slot) || !owner || owner == by) continue;
        if (owner->config_epoch > epoch && !has_bit(c->slots->unclaimed, slot)) return owner;
    }
    return NULL;
}

bool claims_outdated(const struct cluster *c, uint64_t epoch, const uint8_t *slots) {
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        const struct cluster_node *owner = c->slots->owner[slot];
        if (has_bit(slots, slot) && owner && owner->config_epoch > epoch) return true;
    }
    return false;
}

/* The one with the lower name, so that both don't. */
void claims_same_epoch(struct cluster *c, const struct cluster_node *other) {
    struct cluster_node *self = c->self;
    if (!node_is_primary(other) || !node_is_primary(self)) return;
    if (other->config_epoch != self->config_epoch) return;
    if (memcmp(other->name, self->name, NODE_NAME_LEN) <= 0) return;
    self->config_epoch = ++c->current_epoch;
    cluster_note(c, CLUSTER_SAVE);
    log_debug(&c->server->log,
              "WARNING: configEpoch collision with node %.40s. configEpoch set to %llu",
              other->name, (unsigned long long)self->config_epoch);
}
