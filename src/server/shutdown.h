/* SPDX-License-Identifier: BSD-3-Clause */
/* Ending the server: at once, or when replicas have what was written. While it waits for them
 * (shutdown-timeout) nobody writes, who has asked for it waits, and SHUTDOWN ABORT takes it back.
 */
#ifndef DREY_SERVER_SHUTDOWN_H
#define DREY_SERVER_SHUTDOWN_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct server;
struct shutdown_waiter;

struct shutdown {
    bool on;         /* it waits */
    unsigned how;    /* of enum server_shutdown */
    uint64_t due_us; /* monotonic: until then at most */
    struct shutdown_waiter *waiters;
};

enum shutdown_outcome {
    SHUTDOWN_ENDS,   /* the loop ends with this turn */
    SHUTDOWN_FAILED, /* something couldn't be saved: the server goes on */
    SHUTDOWN_WAITS,
};

enum shutdown_outcome shutdown_begin(struct server *s, unsigned how);

/* False: none is under way. */
bool shutdown_abort(struct server *s);

/* Whoever calls waits for the outcome: the end, or an error. */
void shutdown_wait(struct call *c);

/* Looks whether the wait is over. */
void shutdown_cron(struct server *s);

/* Milliseconds that it will wait at most. */
uint64_t shutdown_left_ms(const struct server *s);

#endif
