/* SPDX-License-Identifier: BSD-3-Clause */
/* Running requests. */
#ifndef DREY_EXEC_DISPATCH_H
#define DREY_EXEC_DISPATCH_H

#include "exec/call.h"

/* A request as it was read. dispatch_prepare fills in what can be known before it runs. */
struct request {
    const struct slice *argv; /* borrowed */
    int argc;
    struct command_entry *cmd; /* NULL: unknown (or an unknown subcommand) */
    int hashed_arg;            /* as in struct call */
    uint64_t hash;
};

/* Looks up the handler and hashes the first key, and asks for its bucket. */
void dispatch_prepare(const struct session *s, struct request *r);

/* Would the request run, and not be refused for what it's called or who calls it? */
bool dispatch_accepts(const struct session *s, const struct request *r);

/* Runs a prepared request: exactly one reply goes to s->reply (unless the command says otherwise).
 */
void dispatch_run(struct session *s, const struct request *r);

#endif
