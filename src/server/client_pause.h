/* SPDX-License-Identifier: BSD-3-Clause */
/* CLIENT PAUSE: commands of clients wait, all of them or those that may write, for a time or until
 * CLIENT UNPAUSE. And those wait that would change what a snapshot has to write before (see
 * persist/snapshot.h), write to keys that MIGRATE is sending away (migrate.h), or take memory while
 * there's too much in use that's about to be freed (engine_tick). A client that
 * waits keeps its input and isn't read from; those that waited go on in the order in which they
 * came to wait. What wouldn't run anyway (unknown commands, bad arity, no authentication) is still
 * refused at once, as in Redis. */
#ifndef DREY_SERVER_CLIENT_PAUSE_H
#define DREY_SERVER_CLIENT_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "exec/dispatch.h"
#include "server/client.h"

/* Why requests wait. */
enum client_pause_why {
    CLIENT_PAUSE_WRITES = 1,     /* CLIENT PAUSE of those that may write */
    CLIENT_PAUSE_EVERYTHING = 2, /* CLIENT PAUSE of all */
    CLIENT_PAUSE_FAILOVER = 4,   /* those that may write wait for another server to lead */
    CLIENT_PAUSE_ENDING = 8, /* the server is about to end, and waits for replicas: nobody writes */
    /* Of some requests: */
    CLIENT_PAUSE_MOVING = 16, /* keys are on their way to another server */
    CLIENT_PAUSE_MEMORY = 32, /* memory has to be freed first */

    CLIENT_PAUSE_BY_COMMAND = CLIENT_PAUSE_WRITES | CLIENT_PAUSE_EVERYTHING,
    CLIENT_PAUSE_OF_SOME = CLIENT_PAUSE_MOVING | CLIENT_PAUSE_MEMORY,
};

struct client_pause {
    unsigned why; /* of enum client_pause_why */
    struct loop_timer end;
    struct loop_timer memory; /* looks whether there's enough now */
    struct client_queue held;
};

void client_pause_init(struct server *s);

static inline bool client_pause_on(const struct client_pause *p) {
    return p->why & ~CLIENT_PAUSE_OF_SOME;
}

/* May a request have to wait? */
static inline bool client_pause_holds(const struct client_pause *p) {
    return p->why;
}

/* For one of CLIENT_PAUSE_BY_COMMAND. A pause in force is only ever extended: the
 * later end and the wider kind hold. */
void client_pause_start(struct server *s, uint64_t ms, enum client_pause_why why);
void client_pause_stop(struct server *s);

/* Writes wait, whatever else is paused, until this is called with false. */
void client_pause_failover(struct server *s, bool on);

/* Those who waited for a snapshot look again. */
void client_pause_snapshot_moved(struct persist *p);

/* Keys are on their way to another server, or fewer than before, or none any more. */
void client_pause_moving(struct server *s, bool some);

/* The engine's `overdue` has been seen: those who take memory wait until it's over. */
void client_pause_memory(struct server *s);

/* The server waits for its end, or doesn't any more. */
void client_pause_ending(struct server *s, bool on);

/* Must this request wait? Then the client is held. To be asked while one may have to, or there's a
 * snapshot. */
bool client_pause_hold(struct client *c, const struct request *r);

#endif
