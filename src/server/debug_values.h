/* SPDX-License-Identifier: BSD-3-Clause */
/* What DEBUG says of how things lie in memory: subcommands LISTPACK, QUICKLIST, SDSLEN, STRUCTSIZE,
 * CLIENT-EVICTION and CHECK. Structures are Drey's own; the words are Redis's where a tool may look
 * for them. */
#ifndef DREY_SERVER_DEBUG_VALUES_H
#define DREY_SERVER_DEBUG_VALUES_H

#include "exec/call.h"

/* Print a value that is stored so: what it takes, and what it holds as JSON. */
void debug_listpack(struct call *c);
/* The contents only with a second argument, 1. */
void debug_quicklist(struct call *c);

/* Lengths of a key and a string, and the bytes that the entry and what lies outside of it take. */
void debug_sdslen(struct call *c);

/* Sizes of structs. */
void debug_structsize(struct call *c);

/* Looks through all structures, which ends the process if anything is wrong; replies how many keys
 * there are, and the bytes that they and their tables take. */
void debug_check(struct call *c);

/* How many clients there are of which size, of those that maxmemory-clients may close. */
void debug_client_eviction(struct call *c);

#endif
