/* SPDX-License-Identifier: BSD-3-Clause */
/* MULTI … EXEC: what a session sends in between is kept as parsed and looked up, and runs at once
 * at the end. Nothing else runs in between, no key expires, and nobody who waits is served before
 * the last of it. */
#ifndef DREY_EXEC_TRANSACTION_H
#define DREY_EXEC_TRANSACTION_H

#include "exec/dispatch.h"

struct transaction;

/* MULTI. The session mustn't have one. */
void transaction_begin(struct session *s);

/* Keeps a copy of the request and replies that it's queued. */
void transaction_queue(struct session *s, const struct request *r);

/* A request was refused: EXEC will be, too. */
void transaction_fail(struct session *s);

/* Runs what was queued, or says why not, and ends the transaction and all watches. */
void transaction_exec(struct session *s);

/* EXEC itself is refused, with the error that anything it would run gets: says so, and ends the
 * transaction and all watches. */
void transaction_refuse(struct session *s, const char *error);

/* Ends the transaction, if there's one, and all watches. Nothing of it runs. */
void transaction_discard(struct session *s);

/* EXEC's flags: `own`, and of what is queued those that any (or, of those that open a gate, all) of
 * it has. */
unsigned transaction_flags(const struct session *s, unsigned own);

/* One that is queued. */
const struct request *transaction_request(const struct session *s, size_t at);

/* Requests queued, -1: there's no transaction; and the memory of that and of watches. */
int transaction_count(const struct session *s);
size_t transaction_memory(const struct session *s);

#endif
