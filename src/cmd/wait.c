/* SPDX-License-Identifier: BSD-3-Clause */
/* WAIT on an instance that has no replicas: the count that it waits for is 0 and can't grow, so
 * whoever asks for more gets that when time is up. */
#include "cmd/families.h"
#include "exec/blocking.h"
#include "exec/call.h"

static void reply_none(struct session *s, void *state) {
    reply_i64(s->reply, 0);
}

static void cmd_wait(struct call *c) {
    static const struct block_kind kind = {.timed_out = reply_none};
    int64_t replicas;
    uint64_t timeout_ms;
    if (!arg_i64_or_reply(c, 1, &replicas) || !arg_timeout_or_reply(c, 2, &timeout_ms)) return;
    if (replicas > 0)
        blocking_start(c, &kind, NULL, timeout_ms);
    else
        reply_none(c->session, NULL);
}

const struct command wait_commands[] = {
    {
        .name = "wait",
        .run = cmd_wait,
        .arity = 3,
        .categories = ACL_CONNECTION,
        .group = "generic",
        .summary = "Waits until replicas have this connection's writes.",
        .since = "3.0.0",
        .complexity = "O(1)",
        .syntax = "numreplicas:integer timeout",
        .tips = "request_policy:all_shards\nresponse_policy:agg_min",
    },
    {.name = NULL},
};
