/* SPDX-License-Identifier: BSD-3-Clause */
/* Whom this server follows, and what follows from that. */
#ifndef DREY_REPL_ROLE_H
#define DREY_REPL_ROLE_H

#include "repl/repl.h"

/* Begins to follow that primary, in place of who is followed now if anybody is. Commands that wait
 * end with UNBLOCKED if this server was a primary itself. */
void role_follow(struct repl *r, const char *host, int port);
/* Becomes a primary. */
void role_lead(struct repl *r);

/* Makes engine and server do as role, link and configuration say: to be called when one of them has
 * changed. */
void role_apply(struct repl *r);

/* The configuration has been loaded, and later the data set. */
void role_open(struct repl *r);
void role_begin(struct repl *r);

/* REPLICAOF, SLAVEOF. */
extern const struct command role_commands[];

#endif
