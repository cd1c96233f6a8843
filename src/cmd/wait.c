/* SPDX-License-Identifier: BSD-3-Clause */
/* WAIT and WAITAOF on an instance that has neither replicas nor an append-only file: the counts
 * that they wait for are 0 and can't grow, so they are told at once, whatever the timeout. */
#include "base/num.h"
#include "cmd/families.h"
#include "exec/call.h"

static bool timeout_or_reply(struct call *c, int i) {
    int64_t ms;
    if (!num_to_i64(c->argv[i], &ms)) {
        reply_error(c->reply, "ERR timeout is not an integer or out of range");
        return false;
    }
    if (ms < 0) reply_error(c->reply, "ERR timeout is negative");
    return ms >= 0;
}

static void cmd_wait(struct call *c) {
    int64_t replicas;
    if (!arg_i64_or_reply(c, 1, &replicas) || !timeout_or_reply(c, 2)) return;
    reply_i64(c->reply, 0);
}

static void cmd_waitaof(struct call *c) {
    int64_t local, replicas;
    if (!arg_i64_in_or_reply(c, 1, 0, 1, NULL, &local)) return;
    if (!arg_i64_in_or_reply(c, 2, 0, INT64_MAX, NULL, &replicas)) return;
    if (!timeout_or_reply(c, 3)) return;
    if (local) {
        reply_error(c->reply, "ERR WAITAOF cannot be used when numlocal is set but appendonly is "
                              "disabled.");
        return;
    }
    reply_array(c->reply, 2);
    reply_i64(c->reply, 0);
    reply_i64(c->reply, 0);
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
