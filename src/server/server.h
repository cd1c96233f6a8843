/* SPDX-License-Identifier: BSD-3-Clause */
/* The server: an engine with sockets around it. One instance per process thread; main() runs one.
 */
#ifndef DREY_SERVER_SERVER_H
#define DREY_SERVER_SERVER_H

#include "base/log.h"
#include "ds/table.h"
#include "exec/dispatch.h"
#include "exec/engine.h"
#include "io/background.h"
#include "io/loop.h"
#include "persist/persist.h"
#include "resp/request.h"
#include "server/chores.h"
#include "server/client.h"
#include "server/client_arrivals.h"
#include "server/client_limits.h"
#include "server/client_memory.h"
#include "server/client_pause.h"
#include "server/client_primary.h"
#include "server/client_push.h"
#include "server/client_send.h"
#include "server/client_tls.h"
#include "server/command_log.h"
#include "server/crash.h"
#include "server/debug_restart.h"
#include "server/defrag.h"
#include "server/extension.h"
#include "server/latency_monitor.h"
#include "server/listener.h"
#include "server/metrics.h"
#include "server/migrate.h"
#include "server/monitor.h"
#include "server/process.h"
#include "server/script_sessions.h"
#include "server/server_config.h"
#include "server/server_tls.h"
#include "server/shutdown.h"
#include "server/tracking.h"

enum {
    SERVER_READ_SIZE = 64 * 1024, /* bytes read of one client at once: its share of a turn */
    ARRIVALS_BYTES = 192 * 1024,  /* read of several clients before the first of them runs */
    SERVER_PEAK_RESET_US = 5000 * 1000,
    SERVER_CRON_US = 100 * 1000, /* from one round of the cron to the next */
};

struct server_stats {
    uint64_t connections, rejected;
    uint64_t net_in, net_out; /* bytes */
    uint64_t reads, writes;   /* system calls */
    uint64_t query_limit_closes, output_limit_closes, evicted_clients;
    uint64_t net_repl_in, net_repl_out; /* bytes from a primary, and to replicas */
    uint64_t own_expiries;              /* keys of a writable replica that expire by themselves */
    uint64_t unexpected_errors;         /* where another server's commands must not fail */
    uint64_t sync_full, sync_partial_ok, sync_partial_err;
};

/* What DEBUG switches for tests. */
struct server_debug {
    bool no_active_expiry; /* only look-ups delete what has expired */
    bool no_cron;
    uint64_t peak_reset_us; /* for how long a client's peak of replies counts */
};

/* Where requests are read to and parsed. */
struct server_reading {
    char input[ARRIVALS_BYTES + SERVER_READ_SIZE]; /* what clients without pending input are read
                                                      into: first what hasn't run yet */
    size_t input_used;                             /* by that */
    struct request_args args;                      /* of the batch being run */
    struct request batch[DISPATCH_BATCH];
    struct server_reading *when_busy; /* while a request is interrupted; NULL until it's needed */
};

struct cluster;
struct repl;

struct server {
    struct engine engine;
    struct persist persist;
    struct server_config config;
    struct config *registry;
    struct log log;
    struct loop *loop;
    struct background *background;
    struct listeners listeners;
    struct server_tls tls;
    struct reply_pool reply_pool;
    struct reply muted; /* where replies go that nobody wants */

    struct client *clients, *clients_last; /* oldest first */
    struct table clients_by_id;
    size_t client_count;
    size_t replica_count; /* those of them that are replicas */
    uint64_t next_client_id;
    struct client *to_close;
    struct client_sends sends;
    struct client_turns turns;
    struct client_handshakes handshakes;
    struct client_limits limits;
    struct client_memory memory;
    struct client_pause pause;
    struct migrate migrate;
    struct tracking tracking;
    struct monitor monitor;
    struct client_pushes pushes;
    struct script_sessions script_sessions;
    struct client_primary primary;
    struct client *running; /* whose request runs: for the crash report */
    const struct request *running_request;

    struct server_reading *reading, first_reading;
    struct interruption *interruption; /* busy.h; the innermost, NULL: none */
    struct client_arrivals arrivals;

    struct chores chores;
    struct defrag defrag;
    struct loop_timer eviction, cron;
    uint64_t eviction_limit; /* maxmemory at the end of the last turn */
    struct server_stats stats;
    struct metrics metrics;
    struct command_log command_log[COMMAND_LOGS];
    struct latency_monitor latency;
    size_t large_request; /* bytes of a request that is logged */
    size_t watching_step; /* of replies from one close look to the next */
    uint64_t started_us;  /* monotonic */
    struct server_debug debug;
    struct restart restart;
    const struct server_extension *const *extensions; /* ends with NULL */
    struct repl *repl;                                /* repl/repl.h */
    struct cluster *cluster;                          /* cluster/cluster.h; NULL: there's none */
    size_t cluster_links;                             /* bytes of the cluster's links, lately */

    char *executable; /* absolute path, owned */
    struct process_title title;
    struct process_oom oom;
    enum process_supervision supervision;
    uint64_t alive_interval_us, alive_due_us; /* for systemd's watchdog; 0: it has none */
    int starter; /* for process_daemon_started; -1: not started as a daemon */
    struct crash crash;
    struct shutdown shutdown;
    int exit_status;
};

/* Makes a server as the command line says, up to the point where it listens, with these extensions
 * (a list that ends with NULL). On failure one clear message is on stderr and NULL is returned. */
struct server *server_new(int argc, char **argv, const struct server_extension *const *extensions);

/* Serves until it's told to stop; returns the exit status. */
int server_run(struct server *s);
void server_free(struct server *s);
/* Instead of server_free for a process that's about to end: helper threads finish what they have to
 * do, memory is left to the system (freeing takes half a second for 5 million keys). */
void server_leave(struct server *s);

/* Ends server_run after this turn. What must be done before (saving, if `how` or else the
 * configuration says so) is done here; false if it failed and the server goes on. `how`: of enum
 * server_shutdown. See shutdown.h for who asks for it. */
bool server_shutdown(struct server *s, unsigned how);
/* It came to nothing, so a signal may ask again. */
void server_shutdown_failed(void);

/* A signal has asked for a shutdown that hasn't begun: it won't. False: there's none. */
bool server_abort_shutdown(struct server *s);

/* The start takes long (there's much to load): who waits for it in the foreground waits no longer.
 */
void server_release_starter(struct server *s);

/* Shuts down if a signal has asked for that. */
void server_heed_signals(struct server *s);

/* Tells systemd's watchdog, if the unit has one, that all is well. `now_us`: monotonic. */
void server_tell_alive(struct server *s, uint64_t now_us);

/* The port that stands for the server where only one can: the plain one, or if there's none that
 * for TLS. */
int64_t server_main_port(const struct server *s);

/* The server that runs an engine. */
struct server *server_of(const struct engine *e);

#endif
