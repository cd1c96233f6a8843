/* SPDX-License-Identifier: BSD-3-Clause */
/* Running requests. */
#ifndef DREY_EXEC_DISPATCH_H
#define DREY_EXEC_DISPATCH_H

#include "exec/call.h"

/* A request as it was read. dispatch_prepare_all fills in what can be known before it runs. */
struct request {
    const struct slice *argv; /* borrowed */
    int argc;
    bool same_name; /* surely the first argument is the same as that of the request before */
    /* Filled in: */
    struct command_entry *cmd; /* NULL: unknown; of an unknown subcommand, the container */
    int hashed_arg;            /* as in struct call */
    bool same_key; /* that argument is the same as that of the request before in the batch */
    uint64_t hash;
    struct entry *entry;          /* looked up ahead, */
    uint64_t placing;             /* at this state of the database: see db_look_ahead */
    const struct table *elements; /* the table in which the row's element_arg will be looked up */
    uint64_t element_hash;
};

enum { DISPATCH_BATCH = 64 }; /* requests that are prepared together, at most */

/* For each of a batch of requests: looks up the handler, hashes the first key, and brings what it
 * will find into the cache. */
void dispatch_prepare_all(const struct session *s, struct request *requests, size_t count);

/* The key that a request will probably ask for, before it's parsed. */
struct expected_key {
    const struct db *db;
    struct slice name; /* borrowed; empty: none is expected */
    /* dispatch_expect fills in: */
    uint64_t hash;
    struct entry *entry;
    uint64_t placing;
};

/* Brings what is behind the keys, of up to DISPATCH_BATCH requests that will be prepared one by
 * one, into the cache: those of many clients who send one request at a time. */
void dispatch_expect(struct expected_key *const *keys, size_t count);

/* dispatch_prepare_all for requests of which the first may ask for what was expected. */
void dispatch_prepare_expected(const struct session *s, struct request *requests, size_t count,
                               const struct expected_key *expected);

/* Runs a prepared request: exactly one reply goes to s->reply (unless the command says otherwise,
 * or waits: then it comes later, see blocking.h). Statistics of quick commands may wait for
 * dispatch_settle. */
void dispatch_run(struct session *s, const struct request *r);

/* Runs a prepared request inside another one (EXEC, a script), of this session or of one for which
 * that runs commands, and asks nothing: whether it may run is the outer one's business. Nobody who
 * waits is served before the outer one is over. */
void dispatch_run_nested(struct session *s, const struct request *r);

/* Runs a prepared request that was written to a file once: asks nothing, and counts and shows
 * nothing. */
void dispatch_replay(struct session *s, const struct request *r);

/* engine_make_room; the time that takes is part of the client's share of the turn, but not the
 * command's. */
enum evict_result dispatch_make_room(struct engine *e, bool for_command);

/* Accounts for what ran since the last reading of the clock: at the end of each batch. */
void dispatch_settle(struct engine *e);

/* Counts a command that ran to its end. */
void dispatch_count(struct engine *e, struct command_entry *cmd, uint64_t ns, bool failed);

#endif
