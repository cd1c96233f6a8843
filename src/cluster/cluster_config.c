/* SPDX-License-Identifier: BSD-3-Clause */
#include "cluster/cluster_config.h"

#include <limits.h>
#include <string.h>

#define GROUP          "Cluster"
#define HOSTNAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

static const struct config_word endpoint_words[] = {{"ip", CLUSTER_ENDPOINT_IP},
                                                    {"hostname", CLUSTER_ENDPOINT_HOSTNAME},
                                                    {"unknown-endpoint", CLUSTER_ENDPOINT_UNKNOWN},
                                                    {NULL, 0}};

static const char *text_of(const struct config_change *change) {
    const char *text = *(char *const *)change->value;
    return text ? text : "";
}

static bool only_of(const char *text, const char *allowed) {
    return !text[strspn(text, allowed)];
}

static bool check_hostname(const struct config_change *change) {
    const char *text = text_of(change);
    if (strlen(text) >= 256)
        buf_append_str(change->why, "Hostnames must be less than 256 characters");
    else if (!only_of(text, HOSTNAME_CHARS))
        buf_append_str(change->why,
                       "Hostnames may only contain alphanumeric characters, hyphens or dots");
    return !change->why->len;
}

static bool check_nodename(const struct config_change *change) {
    if (only_of(text_of(change), HOSTNAME_CHARS "_")) return true;
    buf_append_str(change->why, "Announced human node name contained invalid character");
    return false;
}

static bool announce(const struct config_change *change) {
    struct cluster_config *config = change->owner;
    if (config->on_announce) config->on_announce(config);
    return true;
}

#define BOOL(field)        CONFIG_BOOL(struct cluster_config, field)
#define INT(field, lo, hi) CONFIG_INT(struct cluster_config, field, lo, hi)
#define STRING(field)      CONFIG_STRING(struct cluster_config, field)

static const struct config_param rows[] = {
    {"cluster-enabled", BOOL(enabled), "no", .group = GROUP, .flags = CONFIG_IMMUTABLE,
     .about = "Be a member of a cluster."},
    {"cluster-config-file", STRING(file), "nodes.conf", .group = GROUP, .flags = CONFIG_IMMUTABLE,
     .about = "File with the state of the cluster, which the server writes."},
    {"cluster-node-timeout", INT(node_timeout_ms, 0, LLONG_MAX), "15000", .group = GROUP,
     .about = "Milliseconds of silence after which a node may have failed."},
    {"cluster-port", INT(port, 0, 65535), "0", .group = GROUP, .flags = CONFIG_IMMUTABLE,
     .about = "Port of the bus; 0 for 10000 above the other one."},
    {"cluster-announce-ip", STRING(announce_ip), NULL, .group = GROUP,
     .flags = CONFIG_EMPTY_IS_NULL, .apply = announce, .about = "Address to announce."},
    {"cluster-announce-port", INT(announce_port, 0, 65535), "0", .group = GROUP, .apply = announce,
     .about = "Port to announce."},
    {"cluster-announce-tls-port", INT(announce_tls_port, 0, 65535), "0", .group = GROUP,
     .apply = announce, .about = "TLS port to announce."},
    {"cluster-announce-bus-port", INT(announce_bus_port, 0, 65535), "0", .group = GROUP,
     .apply = announce, .about = "Port of the bus to announce."},
    {"cluster-announce-hostname", STRING(announce_hostname), NULL, .group = GROUP,
     .flags = CONFIG_EMPTY_IS_NULL, .check = check_hostname, .apply = announce,
     .about = "Host name to announce."},
    {"cluster-announce-human-nodename", STRING(announce_nodename), NULL, .group = GROUP,
     .flags = CONFIG_EMPTY_IS_NULL, .check = check_nodename, .apply = announce,
     .about = "Name to show in logs."},
    {"cluster-preferred-endpoint-type",
     CONFIG_ENUM(struct cluster_config, endpoint, endpoint_words), "ip", .group = GROUP,
     .about = "What clients are told: ip, hostname, or unknown-endpoint."},
    {"cluster-link-sendbuf-limit", CONFIG_MEMORY(struct cluster_config, link_limit, 0, LLONG_MAX),
     "0", .group = GROUP, .about = "Unsent bytes at which a link is dropped; 0 for no limit."},
    {"cluster-ping-interval", INT(ping_interval_ms, 1, INT_MAX), "1000", .group = GROUP,
     .flags = CONFIG_HIDDEN, .about = "Milliseconds between two pings."},
    {"cluster-replica-validity-factor", INT(validity_factor, 0, INT_MAX), "10", .group = GROUP,
     .alias = "cluster-slave-validity-factor",
     .about = "How old a replica's data may be for it to take over."},
    {"cluster-replica-no-failover", BOOL(no_failover), "no", .group = GROUP,
     .alias = "cluster-slave-no-failover", .apply = announce,
     .about = "Never take over by itself."},
    {"cluster-allow-replica-migration", BOOL(replica_migration), "yes", .group = GROUP,
     .about = "Follow the node that takes the last slot, or one that has lost its replicas."},
    {"cluster-migration-barrier", INT(migration_barrier, 0, INT_MAX), "1", .group = GROUP,
     .about = "Replicas that a primary keeps when giving one away."},
    {"cluster-require-full-coverage", BOOL(require_full_coverage), "yes", .group = GROUP,
     .about = "Stop answering when slots are not covered."},
    {"cluster-allow-reads-when-down", BOOL(allow_reads_when_down), "no", .group = GROUP,
     .about = "Answer reads even then."},
    {"cluster-allow-pubsubshard-when-down", BOOL(allow_shard_channels_when_down), "yes",
     .group = GROUP, .about = "Serve shard channels even then."},
};

void cluster_config_register(struct config *registry, struct cluster_config *config) {
    config_register(registry, rows, sizeof rows / sizeof rows[0], config);
}
