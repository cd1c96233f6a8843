/* SPDX-License-Identifier: BSD-3-Clause */
/* The parameters of a member of a cluster. */
#ifndef DREY_CLUSTER_CLUSTER_CONFIG_H
#define DREY_CLUSTER_CLUSTER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "exec/config.h"

enum cluster_endpoint { CLUSTER_ENDPOINT_IP, CLUSTER_ENDPOINT_HOSTNAME, CLUSTER_ENDPOINT_UNKNOWN };

struct cluster_config {
    bool enabled;
    char *file;              /* nodes.conf */
    int64_t node_timeout_ms; /* of silence, after which a node may have failed */
    uint64_t link_limit;     /* bytes that may wait to be sent on a link; 0: any */
    int64_t ping_interval_ms;
    int64_t
        validity_factor; /* node timeouts that a replica's data may be old to take over; 0: any */
    bool no_failover;    /* it never does by itself */
    /* A primary follows whoever takes its last slot, if it had more before; a replica goes to a
     * primary that has lost its own, */
    bool replica_migration;
    int64_t migration_barrier; /* if its primary keeps so many */
    int64_t port;              /* of the bus; 0: 10000 above the clients' */
    char *announce_ip, *announce_hostname, *announce_nodename;   /* NULL: none */
    int64_t announce_port, announce_tls_port, announce_bus_port; /* 0: the real one */
    int endpoint;                                                /* enum cluster_endpoint */
    bool require_full_coverage;
    bool allow_reads_when_down;
    bool allow_shard_channels_when_down;
    void (*on_announce)(struct cluster_config *config); /* what others are told has changed */
};

void cluster_config_register(struct config *registry, struct cluster_config *config);

#endif
