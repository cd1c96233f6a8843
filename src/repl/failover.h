/* SPDX-License-Identifier: BSD-3-Clause */
/* FAILOVER: this primary and one of its replicas change places, and nothing is lost. Clients'
 * writes wait; as soon as a replica (or the one that's named) has all of the history it's told to
 * lead (PSYNC ... FAILOVER), and this server follows it. Meanwhile it can be called off. */
#ifndef DREY_REPL_FAILOVER_H
#define DREY_REPL_FAILOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "exec/command.h"

struct call;

struct repl;

enum failover_state { FAILOVER_NONE, FAILOVER_WAITS, FAILOVER_UNDER_WAY };

struct failover {
    enum failover_state state;
    char *host; /* of the replica that's to lead; NULL: whichever has all first */
    int port;
    bool force;       /* when time is up it's told to lead anyway */
    uint64_t ends_us; /* monotonic; 0: it may take any time */
};

bool failover_active(const struct repl *r);
/* In INFO. */
const char *failover_state_name(const struct repl *r);

/* Looks whether a replica can take over: some times a second, and when one has acknowledged. */
void failover_check(struct repl *r);
/* The replica that's to lead has accepted that, or refused it: then this server is the primary
 * again. */
void failover_answered(struct repl *r, bool accepted);
void failover_release(struct repl *r);

/* PSYNC ... FAILOVER: this server is to lead. False: it doesn't, and that's replied. */
bool failover_take_over_or_reply(struct call *c);

/* FAILOVER. */
extern const struct command failover_commands[];

#endif
