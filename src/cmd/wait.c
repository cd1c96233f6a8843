/* SPDX-License-Identifier: BSD-3-Clause */
/* WAIT and WAITAOF on an instance that has neither replicas nor an append-only file: the counts
 * that they wait for are 0 and can't grow, so whoever asks for more gets that when time is up. */
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

static void reply_none_of_both(struct session *s, void *state) {
    reply_array(s->reply, 2);
    reply_i64(s->reply, 0);
    reply_i64(s->reply, 0);
}

static void cmd_waitaof(struct call *c) {
    static const struct block_kind kind = {.timed_out = reply_none_of_both};
    int64_t local, replicas;
    uint64_t timeout_ms;
    if (!arg_i64_in_or_reply(c, 1, 0, 1, NULL, &local)) return;
    if (!arg_i64_in_or_reply(c, 2, 0, INT64_MAX, NULL, &replicas)) return;
    if (!arg_timeout_or_reply(c, 3, &timeout_ms)) return;
    if (local)
        reply_error(c->reply, "ERR WAITAOF cannot be used when numlocal is set but appendonly is "
                              "disabled.");
    else if (replicas)
        blocking_start(c, &kind, NULL, timeout_ms);
    else
        reply_none_of_both(c->session, NULL);
}

#define WAIT_TIPS "request_policy:all_shards\nresponse_policy:agg_min"

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
        .tips = WAIT_TIPS,
    },
    {
        .name = "waitaof",
        .run = cmd_waitaof,
        .arity = 4,
        .flags = CMD_NOSCRIPT,
        .categories = ACL_CONNECTION,
        .group = "generic",
        .summary = "Waits until this connection's writes are on disk, here and on replicas.",
        .since = "7.2.0",
        .complexity = "O(1)",
        .syntax = "numlocal:integer numreplicas:integer timeout",
        .tips = WAIT_TIPS,
    },
    {.name = NULL},
};
