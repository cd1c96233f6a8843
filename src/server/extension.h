/* SPDX-License-Identifier: BSD-3-Clause */
/* What main() adds to a server from the layers above it: replication, cluster. An extension is a
 * const table of functions that are called at the stations of the server's life; each may be NULL.
 * What it keeps hangs on a pointer of struct server that has its name. */
#ifndef DREY_SERVER_EXTENSION_H
#define DREY_SERVER_EXTENSION_H

#include <stdbool.h>

struct call;
struct memory_overview;
struct server;

struct server_extension {
    /* The registries are there and nothing else: adds parameters (exec/config.h), commands
     * (engine_add_families) and INFO's sections (info_register), and allocates what it keeps. */
    void (*init)(struct server *s);
    /* The configuration is loaded, and engine, loop and helper threads are there; the data set
     * isn't. False: the server can't start, and the log says why. */
    bool (*open)(struct server *s);
    /* The server has begun to listen: who listens elsewhere does now. False as above. */
    bool (*listen)(struct server *s);
    /* The data set is loaded; the loop runs next. False as above. */
    bool (*begin)(struct server *s);
    /* Ten times a second, unless DEBUG PAUSE-CRON stops that. */
    void (*cron)(struct server *s);
    /* The end of a turn of the loop: the append-only log is written, replies haven't left yet. */
    void (*turn_end)(struct server *s);
    /* Replies have left, and clients that were closed are gone. */
    void (*turn_over)(struct server *s);
    /* Should the end of the server wait a little? And: it doesn't wait any longer. */
    bool (*holds_end)(struct server *s);
    void (*before_end)(struct server *s);
    /* The loop has ended, clients are there still. */
    void (*end)(struct server *s);
    /* Clients and helper threads are gone: frees what init and the rest allocated. */
    void (*release)(struct server *s);
    /* Adds its part to what is known of memory. */
    void (*memory)(const struct server *s, struct memory_overview *m);
    /* A subcommand of DEBUG that the server doesn't know; true if it's one of the extension's, and
     * replied to. */
    bool (*debug)(struct call *c);
};

/* Calls one station of all extensions, in order; those that may fail as long as none does. */
#define SERVER_EXTEND(server, station)                                                             \
    do {                                                                                           \
        for (const struct server_extension *const *at_ = (server)->extensions; *at_; at_++)        \
            if ((*at_)->station) (*at_)->station(server);                                          \
    } while (0)
bool server_extend_open(struct server *s);
bool server_extend_listen(struct server *s);
bool server_extend_begin(struct server *s);
bool server_extend_holds_end(struct server *s);
void server_extend_memory(const struct server *s, struct memory_overview *m);
bool server_extend_debug(struct call *c);

#endif
