/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of replication, of a primary or of both sides; those of replicas alone are
 * link_config.h's. */
#ifndef DREY_REPL_REPL_CONFIG_H
#define DREY_REPL_REPL_CONFIG_H

#include "exec/config.h"

struct repl_config {
    int64_t timeout;      /* seconds of silence after which the other side is gone */
    int64_t ping_period;  /* seconds */
    bool disable_nodelay; /* repl-disable-tcp-nodelay */
    uint64_t backlog_size;
    int64_t backlog_ttl; /* seconds; 0: for ever */
    bool diskless;
    int64_t diskless_delay;        /* seconds */
    int64_t diskless_max_replicas; /* 0: any number */
    int64_t min_replicas;          /* min-replicas-to-write */
    int64_t max_lag;               /* seconds */
    bool del_sync_files;
    /* After a change; NULL: nobody cares. */
    void (*on_change)(struct repl_config *config);
};

void repl_config_register(struct config *config, struct repl_config *to);

#endif
