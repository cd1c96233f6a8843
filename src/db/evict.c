/* SPDX-License-Identifier: BSD-3-Clause */
#include "db/evict.h"

#include "base/clock.h"

enum {
    CLOCK_STEP = 4, /* keys between two looks at the clock */
    TENACITY_LINEAR = 10,
    TENACITY_MAX = 100,
    LINEAR_US = 25,
};

static uint64_t time_limit_us(int64_t tenacity) {
    if (tenacity >= TENACITY_MAX) return UINT64_MAX;
    if (tenacity <= TENACITY_LINEAR) return (uint64_t)tenacity * LINEAR_US;
    double us = TENACITY_LINEAR * LINEAR_US;
    for (int64_t i = TENACITY_LINEAR; i < tenacity; i++) us *= 1.15;
    return (uint64_t)us;
}

static void note_time(struct evict_pool *pool, uint64_t ns) {
    if (ns > pool->longest_ns) pool->longest_ns = ns;
}

static bool evict_one(struct evict_pool *pool, struct keyspace *ks, const struct db_config *cfg) {
    struct db *db;
    if (ks->access.kind == ACCESS_LRFU) {
        uint64_t keys = evict_allowed(ks, cfg->maxmemory_policy);
        if (keys) history_advance(&ks->history, &ks->access, keys, ks->stats.hits);
    }
    const struct entry *e = evict_choose(pool, ks, cfg, &db);
    if (!e) return false;
    if (ks->access.kind == ACCESS_LRFU)
        history_leave(&ks->history, &ks->access, db_key(db, entry_key(e)).hash, e->access);
    uint64_t start_ns = pool->timed ? (uint64_t)clock_mono_ns() : 0;
    bool live = db_delete(db, db_key(db, entry_key(e)), cfg->lazy_eviction, EVENT_EVICTED);
    if (pool->timed) note_time(pool, (uint64_t)clock_mono_ns() - start_ns);
    ks->stats.evicted += live; /* otherwise it had expired */
    return true;
}

enum evict_result evict_run(struct evict_pool *pool, struct keyspace *ks,
                            const struct db_config *cfg, size_t limit) {
    uint64_t start_us = (uint64_t)clock_mono_us(), most_us = time_limit_us(cfg->tenacity);
    pool->longest_ns = 0;
    for (unsigned n = 1; evict_wanted_above(ks, cfg, limit); n++) {
        bool found = evict_one(pool, ks, cfg);
        if (!found && !evict_allowed(ks, cfg->maxmemory_policy)) return EVICT_NOTHING;
        bool look = !found || n % CLOCK_STEP == 0;
        if (look && (uint64_t)clock_mono_us() - start_us >= most_us) return EVICT_MORE;
    }
    return EVICT_ROOM;
}
