/* SPDX-License-Identifier: BSD-3-Clause */
/* Client-side caching: clients keep copies of what they read, and are told when it changes.
 *
 *   default        the keys that a client reads are remembered (tracked_keys.h); when one changes,
 *                  expires or is evicted, each client that has read it since it was last told gets
 *                  an invalidation message
 *   OPTIN, OPTOUT  only those of commands behind CLIENT CACHING YES, or all but those behind NO
 *   BCAST          nothing is remembered: the client is told of all changes of keys with one of its
 *                  prefixes (tracking_prefixes.h), gathered over a turn of the loop
 *   NOLOOP         changes that the client makes itself aren't told
 *   REDIRECT       another client is told, which with RESP2 has to be a subscriber: it gets what
 *                  looks like a message of channel __redis__:invalidate
 *
 * Messages for a client whose command runs come behind that command's reply; but those for keys
 * that are evicted to let it run come before it. A flush of any database is told to all as one
 * null.
 *
 * While nobody has ever tracked, nothing is listened to and nothing is done for any of this. */
#ifndef DREY_SERVER_TRACKING_H
#define DREY_SERVER_TRACKING_H

#include "exec/dispatch.h"
#include "server/client_queue.h"
#include "server/tracked_keys.h"
#include "server/tracking_prefixes.h"

struct client;
struct server;

struct tracking {
    struct tracked_keys keys;
    struct tracking_prefixes prefixes;
    struct client_queue clients; /* those that track */
    struct loop_timer timer;     /* while there are more keys than there may be */
    struct random rng;
    size_t uncounted; /* in messages about evicted keys: see keyspace_uncount */
};

struct tracking_modes {
    bool bcast, optin, optout, noloop;
    uint64_t redirect; /* the id of who is told instead; 0: itself */
};

/* Of a client that tracks. */
struct client_tracking {
    struct client_link link;
    struct client *client;
    struct tracking_modes modes;
    bool broken;                       /* whom to tell instead was gone */
    struct tracking_prefix **prefixes; /* BCAST: in order of the names */
    size_t prefix_count;
    size_t prefixes_memory; /* of those, as if it were the only client that has them */
};

void tracking_init(struct server *s);
void tracking_release(struct server *s);

/* Starts tracking for the client, or changes its modes; `prefixes`: BCAST's, to be added to those
 * it has (none at all: the empty one). */
void tracking_start(struct client *c, const struct tracking_modes *modes,
                    const struct slice *prefixes, size_t prefix_count);
/* Does nothing if it doesn't track. Keys that were remembered stay until they change. */
void tracking_stop(struct client *c);

/* A command of a client that tracks has run, or one of its transaction or script. */
void tracking_ran(struct server *s, const struct request *r);
/* A client that has called CLIENT CACHING has made a request, this one or another. */
void tracking_requested(struct client *c, const struct request *r);
/* What the engine's observer is told of keys. */
void tracking_changed(struct engine *e, struct slice key, enum db_event event);
void tracking_flushed(struct engine *e);
/* Tells BCAST clients what has changed in this turn. */
void tracking_turn_end(struct server *s);
/* What was said in this turn has left. */
void tracking_turn_over(struct server *s);

/* The memory that tracking takes for the client, without the keys remembered. */
size_t tracking_memory(const struct client *c);

#endif
