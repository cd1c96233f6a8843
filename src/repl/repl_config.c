/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/repl_config.h"

#include <limits.h>

#define REPLICATION "Replication"

static bool apply(const struct config_change *change) {
    struct repl_config *config = change->owner;
    if (config->on_change) config->on_change(config);
    return true;
}

static const struct config_param rows[] = {
    {"repl-timeout", CONFIG_INT(struct repl_config, timeout, 1, INT_MAX), "60",
     .group = REPLICATION, .about = "Seconds of silence after which the other side is gone."},
    {"repl-ping-replica-period", CONFIG_INT(struct repl_config, ping_period, 1, INT_MAX), "10",
     .group = REPLICATION, .alias = "repl-ping-slave-period",
     .about = "Seconds between two pings to replicas."},
    {"repl-disable-tcp-nodelay", CONFIG_BOOL(struct repl_config, disable_nodelay), "no",
     .group = REPLICATION, .about = "Send to replicas in fewer, larger packets, later."},
    {"repl-backlog-size", CONFIG_MEMORY(struct repl_config, backlog_size, 1, LLONG_MAX), "1mb",
     .group = REPLICATION, .apply = apply,
     .about = "Bytes of history for replicas that come back."},
    {"repl-backlog-ttl", CONFIG_INT(struct repl_config, backlog_ttl, 0, LONG_MAX), "3600",
     .group = REPLICATION, .about = "Seconds to keep it without replicas; 0 for ever."},
    {"repl-diskless-sync", CONFIG_BOOL(struct repl_config, diskless), "yes", .group = REPLICATION,
     .about = "Send snapshots to replicas without a file."},
    {"repl-diskless-sync-delay", CONFIG_INT(struct repl_config, diskless_delay, 0, INT_MAX), "5",
     .group = REPLICATION, .about = "Seconds to wait for more replicas before sending."},
    {"repl-diskless-sync-max-replicas",
     CONFIG_INT(struct repl_config, diskless_max_replicas, 0, INT_MAX), "0", .group = REPLICATION,
     .about = "Replicas at which not to wait any longer; 0 for any number."},
    {"min-replicas-to-write", CONFIG_INT(struct repl_config, min_replicas, 0, INT_MAX), "0",
     .group = REPLICATION, .alias = "min-slaves-to-write", .apply = apply,
     .about = "Replicas that must be there for writes to be accepted."},
    {"min-replicas-max-lag", CONFIG_INT(struct repl_config, max_lag, 0, INT_MAX), "10",
     .group = REPLICATION, .alias = "min-slaves-max-lag", .apply = apply,
     .about = "Seconds that they may lag."},
    {"rdb-del-sync-files", CONFIG_BOOL(struct repl_config, del_sync_files), "no",
     .group = REPLICATION, .about = "Delete snapshots that only replication needed."},
};

void repl_config_register(struct config *config, struct repl_config *to) {
    config_register(config, rows, sizeof rows / sizeof *rows, to);
}
