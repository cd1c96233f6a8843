/* SPDX-License-Identifier: BSD-3-Clause */
/* SAVE, LASTSAVE. */
#include "exec/call.h"
#include "persist/families.h"
#include "persist/persist.h"

#define ERR_SAVING "ERR Background save already in progress"

static void cmd_save(struct call *c) {
    if (c->engine->persist->saving)
        reply_error(c->reply, ERR_SAVING);
    else if (persist_save(c->engine->persist))
        reply_ok(c->reply);
    else
        reply_error(c->reply, "ERR The snapshot could not be saved, see the log");
}

/* In a transaction it's left to the next moment at which others could begin one, too. */
static void cmd_bgsave(struct call *c) {
    struct persist *p = c->engine->persist;
    bool schedule = c->argc == 2 && arg_is(c, 1, "SCHEDULE");
    if (c->argc > 2 || (c->argc == 2 && !schedule)) {
        reply_error(c->reply, ERR_SYNTAX);
    } else if (p->saving) {
        reply_error(c->reply, ERR_SAVING);
    } else if (persist_busy(p) && !schedule && !c->engine->in_transaction) {
        reply_error(c->reply,
                    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use "
                    "BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.");
    } else if (persist_busy(p) || c->engine->in_transaction) {
        p->scheduled = true;
        reply_status(c->reply, "Background saving scheduled");
    } else if (persist_bgsave(p)) {
        reply_status(c->reply, "Background saving started");
    } else {
        reply_error(c->reply, "ERR The snapshot could not be begun, see the log");
    }
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
        .name = "bgsave",
        .run = cmd_bgsave,
        .arity = -1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING,
        .group = "server",
        .summary = "Writes a snapshot while commands run.",
        .since = "1.0.0",
        .complexity = "O(1); then O(N) in the keys of all databases, in slices.",
        .syntax = "[SCHEDULE]",
        .history = "3.2.2 Takes SCHEDULE.",
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
