/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration of the engine: what commands and the keyspace read, with or without a server
 * around them. */
#ifndef DREY_EXEC_EXEC_CONFIG_H
#define DREY_EXEC_EXEC_CONFIG_H

#include "db/db_config.h"
#include "exec/config.h"
#include "type/type_settings.h"

/* What must happen when a value changes; filled by whoever owns the engine, NULL: nothing. */
struct exec_config_hooks {
    void *ctx;
    /* maxmemory, its policy or lfu-*: the keyspaces' access policy and the eviction to look again.
     */
    void (*memory_changed)(void *ctx);
    void (*hotkeys_changed)(void *ctx); /* hotkeys-tracking, hotkeys-window-seconds */
    void (*bigkeys_changed)(void *ctx); /* bigkeys-tracking */
};

struct exec_config {
    struct db_config db;
    struct type_settings types;
    uint64_t hll_sparse_max_bytes; /* a HyperLogLog larger than this becomes dense */
    uint64_t proto_max_bulk_len;   /* bytes of the longest string that may be sent or made */
    bool hotkeys_tracking;
    int64_t hotkeys_window_seconds;
    bool bigkeys_tracking;
    struct exec_config_hooks hooks;
};

/* exec must outlive the registry. Sets the fields to the defaults; the hooks are the caller's,
 * before or after. */
void exec_config_register(struct config *cfg, struct exec_config *exec);

#endif
