/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands on whole databases. */
#include <limits.h>

#include "base/alloc.h"
#include "cmd/families.h"
#include "exec/blocking.h"
#include "exec/call.h"
#include "io/background.h"

static void cmd_select(struct call *c) {
    int64_t id;
    if (!arg_i64_in_or_reply(c, 1, INT_MIN, INT_MAX, NULL, &id)) return;
    if (id && call_in_cluster(c)) {
        reply_error(c->reply, "ERR SELECT is not allowed in cluster mode");
        return;
    }
    if (session_select(c->session, id))
        reply_ok(c->reply);
    else
        reply_error(c->reply, ERR_DB_INDEX);
}

static void cmd_swapdb(struct call *c) {
    struct keyspace *ks = &c->engine->keyspace;
    int64_t a, b;
    if (call_in_cluster(c)) {
        reply_error(c->reply, "ERR SWAPDB is not allowed in cluster mode");
        return;
    }
    if (!arg_i64_in_or_reply(c, 1, INT_MIN, INT_MAX, "ERR invalid first DB index", &a)) return;
    if (!arg_i64_in_or_reply(c, 2, INT_MIN, INT_MAX, "ERR invalid second DB index", &b)) return;
    if (a < 0 || b < 0 || a >= ks->count || b >= ks->count) {
        reply_error(c->reply, ERR_DB_INDEX);
        return;
    }
    db_swap(ks, (uint32_t)a, (uint32_t)b);
    reply_ok(c->reply);
}

static void cmd_dbsize(struct call *c) {
    reply_i64(c->reply, (int64_t)db_count(c->db));
}

/* Flushing. The helper thread frees the tables. SYNC, which is also the default, replies when
 * that's done; nobody else waits. */

struct flush_wait {
    struct background_job job;
    struct session *session; /* NULL: gone */
};

/* The helper's jobs run in order: when this one does, the tables are free. */
static void flush_freed(struct background_job *job) {}

static void flush_done(struct background_job *job) {
    struct flush_wait *wait = (struct flush_wait *)job;
    if (wait->session) {
        reply_ok(blocking_reply(wait->session));
        blocking_end(wait->session);
    }
    mem_free(wait);
}

static void flush_forget(void *state) {
    struct flush_wait *wait = state;
    wait->session = NULL;
}

static void flush_wait(struct call *c) {
    static const struct block_kind kind = {.release = flush_forget};
    struct flush_wait *wait = mem_alloc(sizeof *wait);
    *wait = (struct flush_wait){
        .job = {.run = flush_freed, .done = flush_done},
        .session = c->session,
    };
    blocking_start(c, &kind, wait, 0);
    background_add(c->engine->background, BACKGROUND_FREE, &wait->job);
}

static bool flush_mode_or_reply(struct call *c, bool *async) {
    *async = c->engine->settings.db.lazy_user_flush;
    if (c->argc == 1) return true;
    *async = arg_is(c, 1, "ASYNC");
    if (c->argc == 2 && (*async || arg_is(c, 1, "SYNC"))) return true;
    reply_error(c->reply, ERR_SYNTAX);
    return false;
}

static void flush(struct call *c, bool all) {
    bool async, waits = c->session->can_wait && c->engine->background;
    if (!flush_mode_or_reply(c, &async)) return;
    propagate_as_it_was(c);
    if (all) {
        keyspace_flush(&c->engine->keyspace, async || waits);
        if (c->engine->flushed_all) c->engine->flushed_all(c->engine);
    } else {
        db_flush(c->db, async || waits);
    }
    if (waits && !async && background_pending(c->engine->background, BACKGROUND_FREE))
        flush_wait(c);
    else
        reply_ok(c->reply);
}

static void cmd_flushdb(struct call *c) {
    flush(c, false);
}

static void cmd_flushall(struct call *c) {
    flush(c, true);
}

#define FLUSH_COMPLEXITY "O(N) in the keys deleted, with ASYNC O(1); other clients never wait."
#define FLUSH_SYNTAX     "[flush-type:(ASYNC | SYNC)]"
#define FLUSH_HISTORY    "4.0.0 Takes ASYNC.\n6.2.0 Takes SYNC."
#define FLUSH_TIPS       "request_policy:all_shards\nresponse_policy:all_succeeded"

const struct command database_commands[] = {
    {
        .name = "select",
        .run = cmd_select,
        .arity = 2,
        .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
        .categories = ACL_CONNECTION,
        .group = "connection",
        .summary = "Chooses the database that this connection's commands work on.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .syntax = "index",
    },
    {
        .name = "swapdb",
        .run = cmd_swapdb,
        .arity = 3,
        .flags = CMD_WRITE | CMD_FAST,
        .categories = ACL_KEYSPACE | ACL_DANGEROUS,
        .group = "server",
        .summary = "Exchanges the contents of two databases.",
        .since = "4.0.0",
        .complexity = "O(1)",
        .syntax = "index1:integer index2:integer",
    },
    {
        .name = "dbsize",
        .run = cmd_dbsize,
        .arity = 1,
        .flags = CMD_READONLY | CMD_FAST,
        .categories = ACL_KEYSPACE,
        .group = "server",
        .summary = "Counts the keys of the database.",
        .since = "1.0.0",
        .complexity = "O(1)",
        .tips = "request_policy:all_shards\nresponse_policy:agg_sum",
    },
    {
        .name = "flushdb",
        .run = cmd_flushdb,
        .arity = -1,
        .flags = CMD_WRITE,
        .categories = ACL_KEYSPACE | ACL_DANGEROUS,
        .group = "server",
        .summary = "Deletes all keys of the database.",
        .since = "1.0.0",
        .complexity = FLUSH_COMPLEXITY,
        .syntax = FLUSH_SYNTAX,
        .history = FLUSH_HISTORY,
        .tips = FLUSH_TIPS,
    },
    {
        .name = "flushall",
        .run = cmd_flushall,
        .arity = -1,
        .flags = CMD_WRITE,
        .categories = ACL_KEYSPACE | ACL_DANGEROUS,
        .group = "server",
        .summary = "Deletes all keys of all databases.",
        .since = "1.0.0",
        .complexity = FLUSH_COMPLEXITY,
        .syntax = FLUSH_SYNTAX,
        .history = FLUSH_HISTORY,
        .tips = FLUSH_TIPS,
    },
    {.name = NULL},
};
