/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/exec_config.h"

#include <limits.h>

#define MEMORY    "Memory and eviction"
#define EXPIRY    "Expiry and freeing"
#define LIMITS    "Limits of values"
#define ENCODINGS "Encodings"
#define KEYS      "Hot keys and big keys"

static const struct config_word policies[] = {{"volatile-lru", DB_POLICY_VOLATILE_LRU},
                                              {"volatile-lfu", DB_POLICY_VOLATILE_LFU},
                                              {"volatile-random", DB_POLICY_VOLATILE_RANDOM},
                                              {"volatile-ttl", DB_POLICY_VOLATILE_TTL},
                                              {"allkeys-lru", DB_POLICY_ALLKEYS_LRU},
                                              {"allkeys-lfu", DB_POLICY_ALLKEYS_LFU},
                                              {"allkeys-random", DB_POLICY_ALLKEYS_RANDOM},
                                              {"volatile-lrfu", DB_POLICY_VOLATILE_LRFU},
                                              {"allkeys-lrfu", DB_POLICY_ALLKEYS_LRFU},
                                              {"noeviction", DB_POLICY_NOEVICTION},
                                              {NULL, 0}};

static bool memory_changed(const struct config_change *change) {
    const struct exec_config *exec = change->owner;
    if (exec->hooks.memory_changed) exec->hooks.memory_changed(exec->hooks.ctx);
    return true;
}

static bool hotkeys_changed(const struct config_change *change) {
    const struct exec_config *exec = change->owner;
    if (exec->hooks.hotkeys_changed) exec->hooks.hotkeys_changed(exec->hooks.ctx);
    return true;
}

static bool bigkeys_changed(const struct config_change *change) {
    const struct exec_config *exec = change->owner;
    if (exec->hooks.bigkeys_changed) exec->hooks.bigkeys_changed(exec->hooks.ctx);
    return true;
}

static const struct config_param rows[] = {
    {"maxmemory", CONFIG_MEMORY(struct exec_config, db.maxmemory, 0, UINT64_MAX), "0",
     .group = MEMORY, .apply = memory_changed,
     .about =
         "Bytes that data may take before keys are evicted or writes refused; 0 for no limit."},
    {"maxmemory-policy", CONFIG_ENUM(struct exec_config, db.maxmemory_policy, policies),
     "noeviction", .group = MEMORY, .apply = memory_changed,
     .about =
         "Which keys go when the limit is reached: all or those with a TTL, by use or by time."},
    {"maxmemory-samples", CONFIG_INT(struct exec_config, db.samples, 1, INT_MAX), "5",
     .group = MEMORY,
     .about = "Keys to compare for each eviction: more is closer to the true order, and slower."},
    {"maxmemory-eviction-tenacity", CONFIG_INT(struct exec_config, db.tenacity, 0, 100), "10",
     .group = MEMORY,
     .about = "How long one turn may evict: 0 keeps latency low, 100 evicts until it's done."},
    {"lfu-log-factor", CONFIG_INT(struct exec_config, db.lfu_log_factor, 0, INT_MAX), "10",
     .group = MEMORY, .apply = memory_changed,
     .about = "How slowly the LFU counter of a key grows with its uses."},
    {"lfu-decay-time", CONFIG_INT(struct exec_config, db.lfu_decay_time, 0, INT_MAX), "1",
     .group = MEMORY, .apply = memory_changed,
     .about = "Minutes without use after which a key's LFU counter falls by one; 0 for never."},

    {"active-expire-effort", CONFIG_INT(struct exec_config, db.expire_effort, 1, 10), "1",
     .group = EXPIRY,
     .about = "Share of CPU time that may go into removing expired keys, from 1 to 10."},
    {"lazyfree-lazy-eviction", CONFIG_BOOL(struct exec_config, db.lazy_eviction), "yes",
     .group = EXPIRY, .about = "Free evicted values in the background."},
    {"lazyfree-lazy-expire", CONFIG_BOOL(struct exec_config, db.lazy_expire), "yes",
     .group = EXPIRY, .about = "Free expired values in the background."},
    {"lazyfree-lazy-server-del", CONFIG_BOOL(struct exec_config, db.lazy_server_del), "no",
     .group = EXPIRY,
     .about = "Tell replicas and log UNLINK, not DEL, where a command deletes a key besides."},
    {"lazyfree-lazy-user-del", CONFIG_BOOL(struct exec_config, db.lazy_user_del), "no",
     .group = EXPIRY, .about = "Let DEL do what UNLINK does."},
    {"lazyfree-lazy-user-flush", CONFIG_BOOL(struct exec_config, db.lazy_user_flush), "no",
     .group = EXPIRY, .about = "Let FLUSHDB and FLUSHALL be ASYNC unless they say SYNC."},

    {"proto-max-bulk-len",
     CONFIG_MEMORY(struct exec_config, proto_max_bulk_len, 1024 * 1024, LONG_MAX), "512mb",
     .group = LIMITS, .about = "Longest single string in a request, and longest value."},
    {"hll-sparse-max-bytes", CONFIG_MEMORY(struct exec_config, hll_sparse_max_bytes, 0, LONG_MAX),
     "3000", .group = LIMITS, .about = "Size from which a HyperLogLog is kept dense."},

    {"hash-max-listpack-entries",
     CONFIG_INT(struct exec_config, types.hash_max_listpack_entries, 0, LONG_MAX), "512",
     .group = ENCODINGS, .alias = "hash-max-ziplist-entries",
     .about = "Fields up to which a hash is one packed block."},
    {"hash-max-listpack-value",
     CONFIG_MEMORY(struct exec_config, types.hash_max_listpack_value, 0, LONG_MAX), "64",
     .group = ENCODINGS, .alias = "hash-max-ziplist-value",
     .about = "Longest field or value in a packed hash."},
    {"list-max-listpack-size",
     CONFIG_INT(struct exec_config, types.list_max_listpack_size, INT_MIN, INT_MAX), "-2",
     .group = ENCODINGS, .alias = "list-max-ziplist-size",
     .about = "Elements of a block of a list, or -1 to -5 for 4 to 64 KB."},
    {"list-compress-depth", CONFIG_INT(struct exec_config, types.list_compress_depth, 0, INT_MAX),
     "0", .group = ENCODINGS,
     .about = "Blocks at each end of a list that are not compressed; 0: none is."},
    {"set-max-intset-entries",
     CONFIG_INT(struct exec_config, types.set_max_intset_entries, 0, LONG_MAX), "512",
     .group = ENCODINGS, .about = "Members up to which a set of integers is packed."},
    {"set-max-listpack-entries",
     CONFIG_INT(struct exec_config, types.set_max_listpack_entries, 0, LONG_MAX), "128",
     .group = ENCODINGS, .about = "Members up to which another set is packed."},
    {"set-max-listpack-value",
     CONFIG_MEMORY(struct exec_config, types.set_max_listpack_value, 0, LONG_MAX), "64",
     .group = ENCODINGS, .about = "Longest member of a packed set."},
    {"zset-max-listpack-entries",
     CONFIG_INT(struct exec_config, types.zset_max_listpack_entries, 0, LONG_MAX), "128",
     .group = ENCODINGS, .alias = "zset-max-ziplist-entries",
     .about = "Members up to which a sorted set is packed."},
    {"zset-max-listpack-value",
     CONFIG_MEMORY(struct exec_config, types.zset_max_listpack_value, 0, LONG_MAX), "64",
     .group = ENCODINGS, .alias = "zset-max-ziplist-value",
     .about = "Longest member of a packed sorted set."},
    {"stream-node-max-bytes",
     CONFIG_MEMORY(struct exec_config, types.stream_node_max_bytes, 0, LONG_MAX), "4096",
     .group = ENCODINGS, .about = "Bytes of a block of a stream; 0 for no limit."},
    {"stream-node-max-entries",
     CONFIG_INT(struct exec_config, types.stream_node_max_entries, 0, LLONG_MAX), "100",
     .group = ENCODINGS, .about = "Entries of a block of a stream; 0 for no limit."},

    {"hotkeys-tracking", CONFIG_BOOL(struct exec_config, hotkeys_tracking), "yes", .group = KEYS,
     .apply = hotkeys_changed, .about = "Watch a sample of the requests, for HOTKEYS."},
    {"hotkeys-window-seconds", CONFIG_INT(struct exec_config, hotkeys_window_seconds, 1, 24 * 3600),
     "60", .group = KEYS, .apply = hotkeys_changed, .about = "How far back HOTKEYS looks."},
    {"bigkeys-tracking", CONFIG_BOOL(struct exec_config, bigkeys_tracking), "yes", .group = KEYS,
     .apply = bigkeys_changed, .about = "Walk over the keys in the background, for BIGKEYS."},
};

void exec_config_register(struct config *cfg, struct exec_config *exec) {
    config_register(cfg, rows, sizeof(rows) / sizeof(rows[0]), exec);
}
