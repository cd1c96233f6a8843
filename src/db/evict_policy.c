/* SPDX-License-Identifier: BSD-3-Clause */
#include "db/evict_policy.h"

#include <math.h>
#include <string.h>

#include "type/type.h"

enum {
    SAMPLES_MAX = 256, /* more take longer than they're worth */
    SPARSE_TRIES = 4,  /* places looked at before a search goes where deadlines are */
};

static bool only_volatile(int policy) {
    return policy == DB_POLICY_VOLATILE_LRU || policy == DB_POLICY_VOLATILE_LFU ||
           policy == DB_POLICY_VOLATILE_RANDOM || policy == DB_POLICY_VOLATILE_TTL ||
           policy == DB_POLICY_VOLATILE_LRFU;
}

static bool is_random(int policy) {
    return policy == DB_POLICY_VOLATILE_RANDOM || policy == DB_POLICY_ALLKEYS_RANDOM;
}

static bool may_go(const struct entry *e, int policy) {
    return (e->flags & ENTRY_DEADLINE) || !only_volatile(policy);
}

/* Uses per byte: what is large has to be used more. Both are logarithms, so it's a difference; ages
 * are exact, unlike the counter's. Of those that count the same the oldest goes; where keys come
 * round in turn that would be the one needed next, so it's the youngest. */
static uint64_t weigh_lrfu(const struct keyspace *ks, const struct entry *e) {
    enum { SCALE = ACCESS_UNIT_TICKS, BASE = 1 << 20, SAMPLES = 1 };
    unsigned counter = e->access & 0xff;
    unsigned ticks = (uint16_t)(ks->access.clock - (e->access >> 8));
    unsigned size = (unsigned)(log2((double)type_memory(e, SAMPLES)) * ACCESS_DOUBLING * SCALE);
    int64_t age = ks->history.cyclic ? -(int64_t)ticks : ticks;
    return (uint64_t)(BASE + age) + size - (uint64_t)counter * SCALE;
}

/* Random weights make random choices, whatever the pool does. */
static uint64_t weigh(struct keyspace *ks, const struct entry *e, int policy) {
    if (is_random(policy)) return random_u64(&ks->rng);
    if (policy == DB_POLICY_VOLATILE_TTL) return UINT64_MAX - entry_deadline(e);
    if (db_policy_is_lrfu(policy)) return weigh_lrfu(ks, e);
    if (db_policy_is_lfu(policy)) return 255 - access_frequency(&ks->access, e->access, ks->now_ms);
    return access_idle_seconds(e->access, ks->now_ms);
}

static uint64_t allowed_in(const struct db *db, int policy) {
    return only_volatile(policy) ? db->deadlines : db_count(db);
}

uint64_t evict_allowed(const struct keyspace *ks, int policy) {
    uint64_t allowed = 0;
    if (policy == DB_POLICY_NOEVICTION) return 0;
    for (uint32_t i = 0; i < ks->count; i++) allowed += allowed_in(&ks->dbs[i], policy);
    return allowed;
}

static struct db *random_db(struct keyspace *ks, int policy, uint64_t allowed) {
    uint64_t at = random_below(&ks->rng, allowed);
    struct db *db = ks->dbs;
    for (; at >= allowed_in(db, policy); db++) at -= allowed_in(db, policy);
    return db;
}

static void pool_remove(struct evict_pool *pool, size_t at) {
    pool->len--;
    memmove(pool->best + at, pool->best + at + 1, (pool->len - at) * sizeof *pool->best);
}

/* The entry joins the pool if that has room or holds a lighter one, which leaves. */
static void pool_add(struct evict_pool *pool, struct db *db, const struct entry *e) {
    uint64_t weight = weigh(db->keyspace, e, pool->policy);
    struct evict_candidate *best = pool->best;
    if (pool->len == EVICT_POOL && weight <= best[0].weight) return;
    for (size_t i = 0; i < pool->len; i++)
        if (best[i].entry == e) return;
    if (pool->len == EVICT_POOL) pool_remove(pool, 0);
    size_t at = pool->len++;
    for (; at > 0 && best[at - 1].weight > weight; at--) best[at] = best[at - 1];
    best[at] = (struct evict_candidate){e, db, db_key(db, entry_key(e)).hash, weight};
}

static size_t pool_add_all(struct evict_pool *pool, struct db *db, void *const *entries, size_t n) {
    size_t added = 0;
    for (size_t i = 0; i < n; i++) {
        if (!may_go(entries[i], pool->policy)) continue;
        pool_add(pool, db, entries[i]);
        added++;
    }
    return added;
}

/* Looks through a whole segment that has, or had, deadlines, and says anew when the nearest is. */
static void sample_sparse(struct evict_pool *pool, struct db *db) {
    void *entries[TABLE_SEGMENT_MAX];
    uint64_t first, nearest = TABLE_NEVER;
    size_t n = table_due_take_random(&db->table, &db->keyspace->rng, entries, &first);
    for (size_t i = 0; i < n; i++) table_touch(entries[i]);
    for (size_t i = 0; i < n; i++) {
        uint64_t due = type_next_due(entries[i]); /* fields of hashes have deadlines, too */
        if (due < nearest) nearest = due;
    }
    if (nearest != TABLE_NEVER) table_due_note(&db->table, first, nearest);
    pool_add_all(pool, db, entries, n);
}

/* All entries of a place count: they're in the cache. */
static void sample(struct evict_pool *pool, struct db *db, uint64_t samples) {
    if (samples > SAMPLES_MAX) samples = SAMPLES_MAX;
    void *entries[TABLE_SLOTS];
    size_t found = 0;
    for (uint64_t tries = 0; found < samples; tries++) {
        if (tries == SPARSE_TRIES && found == 0) {
            sample_sparse(pool, db);
            return;
        }
        if (tries >= samples + SPARSE_TRIES) return;
        size_t n = table_sample(&db->table, &db->keyspace->rng, entries);
        for (size_t i = 0; i < n; i++) table_touch(entries[i]);
        found += pool_add_all(pool, db, entries, n);
    }
}

/* Is the candidate still there, and no worse than when it was sampled? It may have been used, or be
 * another entry by now. */
static bool still_good(const struct evict_candidate *c, int policy) {
    if (!table_holds(&c->db->table, c->hash, c->entry) || !may_go(c->entry, policy)) return false;
    return is_random(policy) || weigh(c->db->keyspace, c->entry, policy) >= c->weight;
}

const struct entry *evict_choose(struct evict_pool *pool, struct keyspace *ks,
                                 const struct db_config *cfg, struct db **db) {
    int policy = cfg->maxmemory_policy;
    uint64_t allowed = evict_allowed(ks, policy);
    if (allowed == 0) return NULL;
    if (pool->policy != policy) *pool = (struct evict_pool){.policy = policy};
    sample(pool, random_db(ks, policy, allowed), (uint64_t)cfg->samples);
    while (pool->len) {
        const struct evict_candidate *best = &pool->best[--pool->len];
        *db = best->db;
        if (still_good(best, policy)) return best->entry;
    }
    return NULL;
}
