/* SPDX-License-Identifier: BSD-3-Clause */
/* The server: an engine with sockets around it. One instance per process thread; main() runs one.
 */
#ifndef DREY_SERVER_SERVER_H
#define DREY_SERVER_SERVER_H

#include "base/log.h"
#include "exec/dispatch.h"
#include "exec/engine.h"
#include "io/background.h"
#include "io/loop.h"
#include "resp/request.h"
#include "server/client.h"
#include "server/listener.h"
#include "server/server_config.h"

enum {
    SERVER_READ_SIZE = 64 * 1024, /* bytes read of one client at once: its share of a turn */
    SERVER_BATCH = 64,            /* requests of one client that are prepared together */
};

struct server_stats {
    uint64_t connections, rejected;
    uint64_t net_in, net_out;
    uint64_t query_limit_closes, output_limit_closes, evicted_clients;
};

struct server {
    struct engine engine;
    struct server_config config;
    struct config *registry;
    struct log log;
    struct loop *loop;
    struct background *background;
    struct listeners listeners;
    struct reply_pool reply_pool;
    struct reply muted; /* where replies go that nobody wants */

    struct client *clients, *clients_last; /* oldest first */
    size_t client_count;
    uint64_t next_client_id;
    struct client *to_flush, *to_close;
    struct client *running; /* whose request runs: for the crash report */
    const struct request *running_request;

    char input[SERVER_READ_SIZE]; /* what clients without pending input are read into */
    struct request_args args;     /* of the batch being run */
    struct request batch[SERVER_BATCH];

    struct loop_timer expiry, cron;
    struct server_stats stats;
    uint64_t started_us; /* monotonic */
};

/* Everything but listening: `argv` is the command line. On failure one clear message is on stderr
 * and NULL is returned. */
struct server *server_new(int argc, char **argv);
/* Serves until it's told to stop; returns the exit status. */
int server_run(struct server *s);
void server_free(struct server *s);

/* The server that runs an engine. */
struct server *server_of(const struct engine *e);

#endif
