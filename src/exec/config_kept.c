/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/config_kept.h"

#include <limits.h>
#include <string.h>

#include "exec/config_int.h"

#define SNAPSHOTS   "Snapshots (kept, without effect)"
#define AOF         "Append-only file (kept, without effect)"
#define REPLICATION "Replication (kept, without effect)"
#define CLUSTER     "Cluster (kept, without effect)"
#define STRUCTURES  "Encodings of old (kept, without effect)"
#define SCRIPTS     "Scripts (kept, without effect)"
#define THREADS     "Threads and background work (kept, without effect)"
#define MEMORY      "Defragmentation (kept, without effect)"
#define DEBUGGING   "Debugging and log form (kept, without effect)"

static const struct config_word sanitize_words[] = {
    {"no", 0}, {"yes", 1}, {"clients", 2}, {NULL, 0}};
static const struct config_word log_format_words[] = {{"legacy", 0}, {"logfmt", 1}, {NULL, 0}};
static const struct config_word log_time_words[] = {
    {"legacy", 0}, {"iso8601", 1}, {"milliseconds", 2}, {NULL, 0}};

static const struct config_param rows[] = {
    {"rdb-save-incremental-fsync", CONFIG_KEPT_BOOL, "yes", .group = SNAPSHOTS,
     .flags = CONFIG_KEPT, .about = "Sync a snapshot in steps while it is written."},
    {"sanitize-dump-payload", CONFIG_KEPT_ENUM(sanitize_words), "no", .group = SNAPSHOTS,
     .flags = CONFIG_KEPT, .about = "Check values from snapshots and RESTORE deeply."},
    {"bgsave-cpulist", CONFIG_KEPT_STRING, NULL, .group = SNAPSHOTS,
     .flags = CONFIG_KEPT | CONFIG_IMMUTABLE | CONFIG_EMPTY_IS_NULL, .alias = "bgsave_cpulist",
     .about = "CPUs for writing snapshots."},

    {"aof-rewrite-incremental-fsync", CONFIG_KEPT_BOOL, "yes", .group = AOF, .flags = CONFIG_KEPT,
     .about = "Sync a rewrite in steps while it is written."},
    {"aof-rewrite-cpulist", CONFIG_KEPT_STRING, NULL, .group = AOF,
     .flags = CONFIG_KEPT | CONFIG_IMMUTABLE | CONFIG_EMPTY_IS_NULL, .alias = "aof_rewrite_cpulist",
     .about = "CPUs for rewriting."},

    {"dual-channel-replication-enabled", CONFIG_KEPT_BOOL, "no", .group = REPLICATION,
     .flags = CONFIG_KEPT, .about = "Send snapshot and changes on two connections."},

    {"cluster-announce-client-ipv4", CONFIG_KEPT_STRING, NULL, .group = CLUSTER,
     .flags = CONFIG_KEPT | CONFIG_EMPTY_IS_NULL, .about = "IPv4 address to tell clients."},
    {"cluster-announce-client-ipv6", CONFIG_KEPT_STRING, NULL, .group = CLUSTER,
     .flags = CONFIG_KEPT | CONFIG_EMPTY_IS_NULL, .about = "IPv6 address to tell clients."},
    {"cluster-slot-stats-enabled", CONFIG_KEPT_BOOL, "no", .group = CLUSTER, .flags = CONFIG_KEPT,
     .about = "Count work by slot."},

    {"list-max-ziplist-entries", CONFIG_KEPT_LINES(1, 1), NULL, .group = STRUCTURES,
     .flags = CONFIG_KEPT | CONFIG_FILE_ONLY | CONFIG_NO_REWRITE,
     .about = "Of old files, without effect."},
    {"list-max-ziplist-value", CONFIG_KEPT_LINES(1, 1), NULL, .group = STRUCTURES,
     .flags = CONFIG_KEPT | CONFIG_FILE_ONLY | CONFIG_NO_REWRITE,
     .about = "Of old files, without effect."},

    {"lua-enable-deprecated-api", CONFIG_KEPT_BOOL, "no", .group = SCRIPTS,
     .flags = CONFIG_KEPT | CONFIG_IMMUTABLE | CONFIG_HIDDEN,
     .about = "Give scripts what newer versions took away."},
    {"locale-collate", CONFIG_KEPT_STRING, "", .group = SCRIPTS, .flags = CONFIG_KEPT,
     .about = "Locale by which SORT orders text; empty for that of the environment."},

    {"io-threads", CONFIG_KEPT_INT(1, 128), "1", .group = THREADS,
     .flags = CONFIG_KEPT | CONFIG_IMMUTABLE, .about = "Threads for reading and writing."},
    {"io-threads-do-reads", CONFIG_KEPT_BOOL, "no", .group = THREADS,
     .flags = CONFIG_KEPT | CONFIG_IMMUTABLE, .about = "Let them read, too."},
    {"events-per-io-thread", CONFIG_KEPT_INT(0, INT_MAX), "2", .group = THREADS,
     .flags = CONFIG_KEPT | CONFIG_HIDDEN, .about = "Events for which one of them is woken."},
    {"prefetch-batch-max-size", CONFIG_KEPT_INT(0, 128), "16", .group = THREADS,
     .flags = CONFIG_KEPT, .about = "Keys to fetch from memory ahead."},
    {"server-cpulist", CONFIG_KEPT_STRING, NULL, .group = THREADS,
     .flags = CONFIG_KEPT | CONFIG_IMMUTABLE | CONFIG_EMPTY_IS_NULL, .alias = "server_cpulist",
     .about = "CPUs for the main thread."},
    {"bio-cpulist", CONFIG_KEPT_STRING, NULL, .group = THREADS,
     .flags = CONFIG_KEPT | CONFIG_IMMUTABLE | CONFIG_EMPTY_IS_NULL, .alias = "bio_cpulist",
     .about = "CPUs for threads in the background."},
    {"dynamic-hz", CONFIG_KEPT_BOOL, "yes", .group = THREADS, .flags = CONFIG_KEPT,
     .about = "More rounds of background work with more clients."},
    {"max-new-connections-per-cycle", CONFIG_KEPT_INT(1, 1000), "10", .group = THREADS,
     .flags = CONFIG_KEPT, .about = "Connections to accept in one turn."},
    {"max-new-tls-connections-per-cycle", CONFIG_KEPT_INT(1, 1000), "1", .group = THREADS,
     .flags = CONFIG_KEPT, .about = "TLS connections to accept in one turn."},

    {"activerehashing", CONFIG_KEPT_BOOL, "yes", .group = MEMORY, .flags = CONFIG_KEPT,
     .about = "Grow tables in idle time."},

    {"ignore-warnings", CONFIG_KEPT_STRING, "", .group = DEBUGGING, .flags = CONFIG_KEPT,
     .about = "Warnings at start to leave out."},
    {"crash-memcheck-enabled", CONFIG_KEPT_BOOL, "yes", .group = DEBUGGING, .flags = CONFIG_KEPT,
     .about = "Test the memory after a crash."},
    {"use-exit-on-panic", CONFIG_KEPT_BOOL, "no", .group = DEBUGGING,
     .flags = CONFIG_KEPT | CONFIG_HIDDEN, .about = "Leave with exit() instead of a core dump."},
    {"enable-debug-assert", CONFIG_KEPT_BOOL, "no", .group = DEBUGGING,
     .flags = CONFIG_KEPT | CONFIG_IMMUTABLE | CONFIG_HIDDEN, .about = "Costly checks."},
    {"log-format", CONFIG_KEPT_ENUM(log_format_words), "legacy", .group = DEBUGGING,
     .flags = CONFIG_KEPT, .about = "Form of log lines."},
    {"log-timestamp-format", CONFIG_KEPT_ENUM(log_time_words), "legacy", .group = DEBUGGING,
     .flags = CONFIG_KEPT, .about = "Form of the time in log lines."},
};

void config_register_kept(struct config *cfg) {
    config_register(cfg, rows, sizeof(rows) / sizeof(rows[0]), NULL);
}

void config_kept_in_use(struct config *cfg, struct buf *out) {
    for (size_t i = 0; i < cfg->n; i++) {
        const struct config_entry *entry = &cfg->entries[i];
        if (!(entry->param->flags & CONFIG_KEPT) || config_is_default(entry)) continue;
        if (out->len) buf_append_str(out, ", ");
        buf_append_str(out, entry->param->name);
    }
}
