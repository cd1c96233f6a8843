/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/link_config.h"

#include <limits.h>
#include <stdio.h>

#include "base/num.h"

#define REPLICATION "Replication"

static const struct config_word diskless_load_words[] = {
    {"disabled", LINK_TO_FILE},
    {"on-empty-db", LINK_DISKLESS_IF_EMPTY},
    {"swapdb", LINK_DISKLESS_ASIDE},
    {NULL, 0},
};
static const struct config_word on_error_words[] = {
    {"ignore", LINK_ERROR_IGNORED},
    {"panic", LINK_ERROR_PANIC},
    {"panic-on-replicas", LINK_ERROR_PANIC_REPLICA},
    {NULL, 0},
};

/* --- replicaof --- */

static bool refuse(const struct config_input *in, const char *reason) {
    buf_append_str(in->why, reason);
    return false;
}

static bool replicaof_parse(const struct config_input *in, void *value) {
    int64_t port;
    if (in->n != 2) return refuse(in, "wrong number of arguments");
    bool none = slice_is(in->words[0], "no") && slice_is(in->words[1], "one");
    if (!none && (!num_to_i64(in->words[1], &port) || port < 0 || port > 65535))
        return refuse(in, "Invalid master port");
    config_list_copy(value, in->words, none ? 0 : 2);
    return true;
}

static void replicaof_rewrite(const struct config_param *param, const void *value,
                              struct buf *lines) {
    const struct config_list *list = value;
    if (!list->n) return;
    buf_append_str(lines, param->name);
    for (size_t i = 0; i < list->n; i++) config_append_word(lines, slice_str(list->items[i]));
    buf_append_char(lines, '\n');
}

static const struct config_type replicaof_type = {.size = sizeof(struct config_list),
                                                  .parse = replicaof_parse,
                                                  .format = config_list_format,
                                                  .release = config_list_release,
                                                  .rewrite = replicaof_rewrite};

void link_config_follow(struct link_config *config, const char *host, int port) {
    char digits[16];
    int len = snprintf(digits, sizeof digits, "%d", port);
    const struct slice words[] = {slice_str(host), slice_of(digits, (size_t)len)};
    struct config_list before = config->replicaof;
    config_list_copy(&config->replicaof, words, port ? 2 : 0);
    config_list_release(&before);
}

/* --- Rows --- */

static bool apply(const struct config_change *change) {
    struct link_config *config = change->owner;
    if (config->on_change) config->on_change(config);
    return true;
}

static const struct config_param rows[] = {
    {"replicaof", CONFIG_OTHER(struct link_config, replicaof, replicaof_type), NULL,
     .group = REPLICATION, .flags = CONFIG_IMMUTABLE | CONFIG_MULTI_ARG, .alias = "slaveof",
     .about = "Host and port of the primary to follow."},
    {"masterauth", CONFIG_SECRET(struct link_config, auth), NULL, .group = REPLICATION,
     .flags = CONFIG_SENSITIVE, .alias = "primaryauth", .about = "Password for the primary."},
    {"masteruser", CONFIG_STRING(struct link_config, user), NULL, .group = REPLICATION,
     .flags = CONFIG_SENSITIVE | CONFIG_EMPTY_IS_NULL, .alias = "primaryuser",
     .about = "User for the primary."},
    {"replica-serve-stale-data", CONFIG_BOOL(struct link_config, serve_stale), "yes",
     .group = REPLICATION, .alias = "slave-serve-stale-data", .apply = apply,
     .about = "Answer while the primary is out of reach."},
    {"replica-read-only", CONFIG_BOOL(struct link_config, read_only), "yes", .group = REPLICATION,
     .alias = "slave-read-only", .apply = apply,
     .about = "Refuse writes from clients on a replica."},
    {"replica-priority", CONFIG_INT(struct link_config, priority, 0, INT_MAX), "100",
     .group = REPLICATION, .alias = "slave-priority",
     .about = "Rank in a failover, lowest first; 0 for never."},
    {"replica-announced", CONFIG_BOOL(struct link_config, announced), "yes", .group = REPLICATION,
     .about = "Let sentinels report this replica."},
    {"replica-announce-ip", CONFIG_STRING(struct link_config, announce_ip), NULL,
     .group = REPLICATION, .flags = CONFIG_EMPTY_IS_NULL, .alias = "slave-announce-ip",
     .about = "Address to announce to the primary."},
    {"replica-announce-port", CONFIG_INT(struct link_config, announce_port, 0, 65535), "0",
     .group = REPLICATION, .alias = "slave-announce-port",
     .about = "Port to announce to the primary; 0 for the one it listens to."},
    {"replica-ignore-maxmemory", CONFIG_BOOL(struct link_config, ignore_maxmemory), "yes",
     .group = REPLICATION, .alias = "slave-ignore-maxmemory", .apply = apply,
     .about = "Leave eviction to the primary."},
    {"replica-ignore-disk-write-errors", CONFIG_BOOL(struct link_config, ignore_disk_errors), "no",
     .group = REPLICATION, .about = "Go on replicating when the disk fails."},
    {"replica-lazy-flush", CONFIG_BOOL(struct link_config, lazy_flush), "no", .group = REPLICATION,
     .alias = "slave-lazy-flush", .about = "Free the old data in the background on a full sync."},
    {"repl-diskless-load", CONFIG_ENUM(struct link_config, diskless_load, diskless_load_words),
     "disabled", .group = REPLICATION, .flags = CONFIG_NOT_LOADING,
     .about = "Load a snapshot right from the connection."},
    {"propagation-error-behavior", CONFIG_ENUM(struct link_config, on_error, on_error_words),
     "ignore", .group = REPLICATION, .about = "What to do when a replicated command fails."},
};

void link_config_register(struct config *config, struct link_config *to) {
    config_register(config, rows, sizeof rows / sizeof *rows, to);
}
