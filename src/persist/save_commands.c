/* SPDX-License-Identifier: BSD-3-Clause */
/* SAVE, LASTSAVE. */
#include "exec/call.h"
#include "persist/families.h"
#include "persist/persist.h"

static void cmd_save(struct call *c) {
    if (persist_save(c->engine->persist))
        reply_ok(c->reply);
    else
        reply_error(c->reply, "ERR The snapshot could not be saved, see the log");
}

static void cmd_lastsave(struct call *c) {
    reply_i64(c->reply, (int64_t)c->engine->persist->saved_s);
}

const struct command save_commands[] = {
    {
        .name = "save",
        .run = cmd_save,
        .arity = 1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI,
        .group = "server",
        .summary = "Writes a snapshot, and serves nobody until that's done.",
        .since = "1.0.0",
        .complexity = "O(N) in the keys of all databases.",
    },
    {
        .name = "lastsave",
        .run = cmd_lastsave,
        .arity = 1,
        .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
        .categories = ACL_ADMIN | ACL_DANGEROUS,
        .group = "server",
        .summary = "Tells when the last snapshot was written, in Unix seconds.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .tips = "nondeterministic_output",
    },
    {.name = NULL},
};
