/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeping memory within maxmemory: when keys are evicted, and for how long at a time. Which keys is
 * evict_policy's part.
 *
 * What counts is mem_used(): all that the process has allocated, tables, clients' buffers and
 * requests included; but for what is kept for files and replicas (see keyspace_uncount).
 *
 * Eviction goes in slices, so that a full database whose limit was lowered goes on serving: the
 * caller sees to the next slice while there's more to do. */
#ifndef DREY_DB_EVICT_H
#define DREY_DB_EVICT_H

#include "base/alloc.h"
#include "db/evict_policy.h"

enum evict_result {
    EVICT_ROOM,    /* memory is within its limit */
    EVICT_MORE,    /* not yet, but more can be evicted */
    EVICT_NOTHING, /* not, and nothing may be evicted */
};

/* What helper threads have to free is as good as free. */
static inline bool evict_wanted_above(const struct keyspace *ks, const struct db_config *cfg,
                                      size_t limit) {
    size_t spared = ks->uncounted + atomic_load_explicit(&ks->leaving, memory_order_relaxed);
    return cfg->maxmemory && mem_used() > limit + spared && !cfg->unlimited;
}

static inline bool evict_wanted(const struct keyspace *ks, const struct db_config *cfg) {
    return evict_wanted_above(ks, cfg, cfg->maxmemory);
}

/* Evicts until memory is within `limit` bytes (maxmemory or more), for the time that
 * maxmemory-eviction-tenacity allows: 25 us for each of the first 10 (the default: 250 us), 15 %
 * more for each further one, no limit with 100; it's looked at every few keys. About 1.5 us a key
 * in a large table. */
enum evict_result evict_run(struct evict_pool *pool, struct keyspace *ks,
                            const struct db_config *cfg, size_t limit);

#endif
