/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration of the server around the engine: listeners, clients, process, log, slow log,
 * latency. */
#ifndef DREY_SERVER_SERVER_CONFIG_H
#define DREY_SERVER_SERVER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "exec/config.h"
#include "server/command_log.h"

enum server_access { SERVER_ACCESS_NO, SERVER_ACCESS_YES, SERVER_ACCESS_LOCAL };

enum server_supervised {
    SERVER_SUPERVISED_NO,
    SERVER_SUPERVISED_AUTO,
    SERVER_SUPERVISED_SYSTEMD,
    SERVER_SUPERVISED_UPSTART,
};

enum server_loglevel {
    SERVER_LOG_DEBUG,
    SERVER_LOG_VERBOSE,
    SERVER_LOG_NOTICE,
    SERVER_LOG_WARNING,
    SERVER_LOG_NOTHING,
};

/* shutdown-on-sigterm, shutdown-on-sigint: flags or-ed; 0 is "default" (save if there are save
 * points). */
enum server_shutdown {
    SERVER_SHUTDOWN_SAVE = 1,
    SERVER_SHUTDOWN_NOSAVE = 2,
    SERVER_SHUTDOWN_NOW = 4,
    SERVER_SHUTDOWN_FORCE = 8,
};

enum server_oom_adjust { SERVER_OOM_NO, SERVER_OOM_RELATIVE, SERVER_OOM_ABSOLUTE };

/* Classes of clients with output buffer limits of their own. */
enum server_output_class {
    SERVER_OUTPUT_NORMAL,
    SERVER_OUTPUT_REPLICA,
    SERVER_OUTPUT_PUBSUB,
    SERVER_OUTPUT_CLASSES,
};

struct server_output_limit {
    uint64_t hard_bytes; /* closed at once above this; 0: no limit */
    uint64_t soft_bytes; /* closed when above this for soft_seconds; 0: no limit */
    int64_t soft_seconds;
};

struct server_output_limits {
    struct server_output_limit of[SERVER_OUTPUT_CLASSES];
};

/* oom_score_adj of the server, of a replica, of helper processes. */
struct server_oom_values {
    int64_t of[3];
};

/* What a log of commands takes. */
struct server_command_log {
    int64_t threshold; /* microseconds or bytes; below 0: it's off */
    int64_t max_len;   /* entries */
};

struct server_percentiles {
    double *items;
    size_t n;
};

/* What must happen when a value changes, told by CONFIG SET after the fields have their new values;
 * NULL: nothing. `false` with the reason in `why` takes the whole CONFIG SET back, and the hook is
 * called again with the old values in place. */
struct server_config_hooks {
    void *ctx;
    bool (*listen)(void *ctx, struct buf *why);       /* port */
    bool (*bind)(void *ctx, struct buf *why);         /* bind */
    bool (*maxclients)(void *ctx, struct buf *why);   /* descriptors to be had? */
    bool (*timeouts)(void *ctx, struct buf *why);     /* timeout: the idle clients' deadlines */
    bool (*buffers)(void *ctx, struct buf *why);      /* maxmemory-clients, client-*-limit */
    bool (*tracking)(void *ctx, struct buf *why);     /* tracking-table-max-keys */
    bool (*log)(void *ctx, struct buf *why);          /* loglevel, hide-user-data-from-log */
    bool (*crash_log)(void *ctx, struct buf *why);    /* crash-log-enabled */
    bool (*watchdog)(void *ctx, struct buf *why);     /* watchdog-period */
    bool (*proc_title)(void *ctx, struct buf *why);   /* proc-title-template */
    bool (*oom_score)(void *ctx, struct buf *why);    /* oom-score-adj, oom-score-adj-values */
    bool (*command_logs)(void *ctx, struct buf *why); /* slowlog-*, commandlog-* */
    bool (*purging)(void *ctx, struct buf *why);      /* jemalloc-bg-thread */
    bool (*latency)(void *ctx, struct buf *why); /* latency-tracking*, latency-monitor-threshold */
};

struct server_config {
    /* Listeners. */
    int64_t port; /* 0: no TCP */
    struct config_list bind;
    char *unixsocket;       /* NULL: none */
    int64_t unixsocketperm; /* 0: as umask has it */
    char *unixsocketgroup;  /* NULL: the process's */
    int64_t tcp_backlog;
    int64_t socket_mark_id; /* 0: none */
    char *bind_source_addr; /* NULL: none */

    /* Clients. */
    int64_t tcp_keepalive; /* seconds; 0: off */
    int64_t timeout;       /* seconds; 0: never */
    int64_t maxclients;
    bool protected_mode;
    uint64_t client_query_buffer_limit;
    struct server_output_limits client_output_buffer_limit;
    int64_t maxmemory_clients; /* bytes; below 0: percent of maxmemory, negated; 0: no limit */
    int64_t tracking_table_max_keys; /* 0: no limit */
    int enable_debug_command;        /* enum server_access, and the next two */
    int enable_module_command;
    int enable_protected_configs;
    struct config_lines rename_command; /* each: old name, new name ("": gone) */
    bool extended_redis_compatibility;

    /* Process. */
    bool daemonize;
    char *pidfile;  /* NULL: none, but a daemon has one */
    int supervised; /* enum server_supervised */
    char *dir;      /* the working directory, absolute once loaded */
    int64_t databases;
    int64_t hz;
    bool set_proc_title;
    bool purge_in_background;
    char *proc_title_template;
    int oom_score_adj; /* enum server_oom_adjust */
    struct server_oom_values oom_score_adj_values;
    bool disable_thp;
    int shutdown_on_sigterm; /* of enum server_shutdown */
    int shutdown_on_sigint;
    int64_t shutdown_timeout; /* seconds to wait for replicas */

    /* Log. */
    char *logfile; /* "": stdout */
    int loglevel;  /* enum server_loglevel */
    bool syslog_enabled;
    char *syslog_ident;
    int syslog_facility; /* LOG_LOCAL0 ... of syslog.h */
    bool crash_log_enabled;
    int64_t watchdog_period; /* milliseconds; 0: off */
    bool hide_user_data_from_log;
    bool always_show_logo;

    /* Slow log and latency. */
    struct server_command_log command_log[COMMAND_LOGS];
    int64_t latency_monitor_threshold; /* milliseconds; 0: off */
    bool latency_tracking;
    struct server_percentiles latency_percentiles;

    struct server_config_hooks hooks;
};

/* server must outlive the registry. Sets the fields to the defaults, `dir` to the working
 * directory. The hooks are the caller's, before or after. */
void server_config_register(struct config *cfg, struct server_config *server);

#endif
