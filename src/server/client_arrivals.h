/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrivals: most clients send one small request and wait. What was read in a turn of the loop of up
 * to ARRIVALS_MAX of them is collected before the first of it runs, so that the cache misses of
 * their keys overlap, as those of one client's pipeline do (measured, 50 clients: 5 to 10 % of the
 * CPU of a GET or SET among 1M keys, 12 % among 100,000 values of 10 KB). Each runs in its turn, in
 * the order in which they came, and at the end of the turn at the latest. */
#ifndef DREY_SERVER_CLIENT_ARRIVALS_H
#define DREY_SERVER_CLIENT_ARRIVALS_H

#include <stdbool.h>

#include "exec/dispatch.h"

struct client;
struct server;

enum { ARRIVALS_MAX = 32 };

struct arrival {
    struct client *client;
    struct slice input; /* in server->first_reading */
    struct expected_key key;
};

struct client_arrivals {
    struct arrival v[ARRIVALS_MAX];
    size_t count, done; /* those up to done run or have run */
};

/* `len` bytes of the client's were read to the end of what is used of the server's buffer. False,
 * and nothing is done, if they have to run at once. */
bool client_arrivals_add(struct client *c, size_t len);

/* Runs all. What there's no time for in this turn is put aside for the next one, what comes when
 * the server is to stop isn't run any more. A script that takes long calls it again, for those
 * behind its own client. */
void client_arrivals_run(struct server *s);

#endif
