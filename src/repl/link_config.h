/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of replicas. */
#ifndef DREY_REPL_LINK_CONFIG_H
#define DREY_REPL_LINK_CONFIG_H

#include "exec/config.h"

/* repl-diskless-load */
enum link_diskless { LINK_TO_FILE, LINK_DISKLESS_IF_EMPTY, LINK_DISKLESS_ASIDE };
/* propagation-error-behavior */
enum link_on_error { LINK_ERROR_IGNORED, LINK_ERROR_PANIC, LINK_ERROR_PANIC_REPLICA };

struct link_config {
    struct config_list replicaof; /* host and port; none: a primary */
    struct config_secret auth;    /* for the primary */
    char *user;                   /* the same; NULL: none */
    bool serve_stale;
    bool read_only;
    int64_t priority;
    bool announced;
    char *announce_ip; /* NULL: the one that the primary sees */
    int64_t announce_port;
    bool ignore_maxmemory;
    bool ignore_disk_errors;
    bool lazy_flush;
    int diskless_load; /* enum link_diskless */
    int on_error;      /* enum link_on_error */
    /* After a change; NULL: nobody cares. */
    void (*on_change)(struct link_config *config);
};

void link_config_register(struct config *config, struct link_config *to);

/* replicaof becomes this; port 0: none. */
void link_config_follow(struct link_config *config, const char *host, int port);

#endif
