/* SPDX-License-Identifier: BSD-3-Clause */
/* BGREWRITEAOF. */
#include "exec/call.h"
#include "persist/aof_rewrite.h"
#include "persist/families.h"
#include "persist/persist.h"

static void cmd_bgrewriteaof(struct call *c) {
    struct aof *a = &c->engine->persist->aof;
    if (a->rewrite.running) {
        reply_error(c->reply, "ERR Background append only file rewriting already in progress");
    } else if (aof_rewrite_must_wait(a)) {
        /* Whoever asks for it may have waited long enough. */
        a->rewrite.failures = 0;
        aof_rewrite_schedule(a);
        reply_status(c->reply, "Background append only file rewriting scheduled");
    } else if (aof_rewrite_begin(a)) {
        reply_status(c->reply, "Background append only file rewriting started");
    } else {
        reply_error(c->reply, "ERR Can't execute an AOF background rewriting. Please check the "
                              "server logs for more information.");
    }
}

const struct command aof_commands[] = {
    {
        .name = "bgrewriteaof",
        .run = cmd_bgrewriteaof,
        .arity = 1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING,
        .group = "server",
        .summary = "Replaces the append-only log by a shorter one, in the background.",
        .since = "1.0.0",
        .complexity = "O(1), and O(N) in the keys of all databases in the background.",
    },
    {.name = NULL},
};
