/* SPDX-License-Identifier: BSD-3-Clause */
/* What of the configuration the keyspace works by: memory limit, eviction, expiry, how values are
 * freed. Plain fields; the rows that fill them are in exec/exec_config.c. */
#ifndef DREY_DB_DB_CONFIG_H
#define DREY_DB_DB_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

enum db_policy {
    DB_POLICY_NOEVICTION,
    DB_POLICY_VOLATILE_LRU,
    DB_POLICY_VOLATILE_LFU,
    DB_POLICY_VOLATILE_RANDOM,
    DB_POLICY_VOLATILE_TTL,
    DB_POLICY_ALLKEYS_LRU,
    DB_POLICY_ALLKEYS_LFU,
    DB_POLICY_ALLKEYS_RANDOM,
    DB_POLICY_VOLATILE_LRFU,
    DB_POLICY_ALLKEYS_LRFU,
};

struct db_config {
    uint64_t maxmemory;     /* bytes; 0: no limit */
    int maxmemory_policy;   /* enum db_policy */
    int64_t samples;        /* maxmemory-samples */
    int64_t tenacity;       /* maxmemory-eviction-tenacity, 0..100 */
    int64_t lfu_log_factor; /* uses that it takes for the counter to go up, roughly */
    int64_t lfu_decay_time; /* minutes for which an idle key's counter keeps its value */
    int64_t expire_effort;  /* active-expire-effort, 1..10 */
    bool unlimited;         /* no parameter: maxmemory is another server's business (on replicas) */
    bool lazy_eviction;     /* lazyfree-lazy-*: free in the background what ... evicts */
    bool lazy_expire;
    bool lazy_server_del;
    bool lazy_user_del;
    bool lazy_user_flush;
};

static inline bool db_policy_is_lfu(int policy) {
    return policy == DB_POLICY_VOLATILE_LFU || policy == DB_POLICY_ALLKEYS_LFU;
}

static inline bool db_policy_is_lrfu(int policy) {
    return policy == DB_POLICY_VOLATILE_LRFU || policy == DB_POLICY_ALLKEYS_LRFU;
}

static inline bool db_policy_is_lru(int policy) {
    return policy == DB_POLICY_VOLATILE_LRU || policy == DB_POLICY_ALLKEYS_LRU;
}

#endif
