/* SPDX-License-Identifier: BSD-3-Clause */
/* MULTI, EXEC, DISCARD, WATCH, UNWATCH. */
#include "exec/transaction.h"

#include "cmd/families.h"
#include "exec/watch.h"

static void cmd_multi(struct call *c) {
    if (c->session->transaction) {
        reply_error(c->reply, "ERR MULTI calls can not be nested");
        return;
    }
    transaction_begin(c->session);
    reply_ok(c->reply);
}

static void cmd_exec(struct call *c) {
    propagate_nothing(c);
    if (c->session->transaction)
        transaction_exec(c->session);
    else
        reply_error(c->reply, "ERR EXEC without MULTI");
}

static void cmd_discard(struct call *c) {
    if (!c->session->transaction) {
        reply_error(c->reply, "ERR DISCARD without MULTI");
        return;
    }
    transaction_discard(c->session);
    reply_ok(c->reply);
}

static void cmd_watch(struct call *c) {
    if (c->session->transaction) {
        reply_error(c->reply, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    /* What has been touched already decides: there's nothing left to find out. */
    for (int i = 1; i < c->argc && !c->session->watch.touched; i++)
        watch_add(c->session, c->argv[i]);
    reply_ok(c->reply);
}

static void cmd_unwatch(struct call *c) {
    watch_clear(c->session);
    reply_ok(c->reply);
}

enum {
    ANYTIME = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_ALLOW_BUSY,
};

const struct command transaction_commands[] = {
    {"multi", cmd_multi, 1, ANYTIME | CMD_UNQUEUED, ACL_TRANSACTION, .group = "transactions",
     .since = "1.2.0", .summary = "Begins a transaction: commands are queued until EXEC.",
     .complexity = "O(1)"},
    {"exec", cmd_exec, 1,
     CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_SKIP_SLOWLOG | CMD_UNQUEUED | CMD_RUNS_QUEUED,
     ACL_TRANSACTION, .group = "transactions", .since = "1.2.0",
     .summary = "Runs the queued commands, unless a watched key has changed.",
     .complexity = "That of the commands"},
    {"discard", cmd_discard, 1, ANYTIME | CMD_UNQUEUED, ACL_TRANSACTION, .group = "transactions",
     .since = "2.0.0", .summary = "Forgets the queued commands and the watched keys.",
     .complexity = "O(N) in queued commands and watched keys."},
    {"watch", cmd_watch, -2, ANYTIME | CMD_UNQUEUED, ACL_TRANSACTION,
     .keys = {KEYS_FROM(1, -1, 1, KEY_RO)}, .group = "transactions", .since = "2.2.0",
     .summary = "Makes the next EXEC depend on the keys not changing before it.",
     .complexity = "O(1) a key.", .syntax = "key ..."},
    {"unwatch", cmd_unwatch, 1, ANYTIME, ACL_TRANSACTION, .group = "transactions", .since = "2.2.0",
     .summary = "Forgets the watched keys.", .complexity = "O(1) a key."},
    {.name = NULL},
};
