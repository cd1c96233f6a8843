/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading requests and running them, a client's share at a time. Requests that arrive whole never
 * leave the server's one buffer; only what is cut off moves to memory of the client's own, which is
 * kept a little for the next such request and given back when none comes. */
#ifndef DREY_SERVER_CLIENT_INPUT_H
#define DREY_SERVER_CLIENT_INPUT_H

#include "exec/dispatch.h"
#include "resp/request.h"
#include "server/big_args.h"
#include "server/client.h"

/* The beginning of a request, or requests that wait. */
struct client_input {
    struct request_parser parser; /* where it stopped in data */
    char *data;
    size_t len, cap;
    struct request_args args; /* those of the incomplete request */
    struct big_args big;      /* of the same request: they aren't in data */
    size_t peak;              /* most bytes that were in use since the last trim */
    uint64_t trim_at_us;      /* next look at whether all this memory is needed; 0: not needed */
};

/* There's something to read. */
void client_read(struct client *c);

/* Runs what is complete of `input`: what was pending and what was just read. `expected`: the key of
 * its first request may be that; or NULL. */
void client_input_run(struct client *c, struct slice input, const struct expected_key *expected);

/* Nothing is pending; this is now, and waits for the next turn. */
void client_input_put_aside(struct client *c, struct slice input);

/* Is there the beginning of a request? */
bool client_input_pending(const struct client *c);

/* Goes on with input that is there already; then reading may go on, too. */
void client_read_on(struct client *c);

/* Around a command, or the answer of one that waited: in between replies go where CLIENT REPLY
 * says.
 */
void client_reply_begin(struct client *c);
void client_reply_end(struct client *c);

/* Gives memory back that wasn't used since the last time, all of it if nothing is pending. To be
 * called when trim_at_us has come. */
void client_input_trim(struct client *c);

/* Memory that the input takes. */
size_t client_input_memory(const struct client *c);

void client_input_free(struct client *c);

#endif
