/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/role.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/num.h"
#include "repl/failover.h"
#include "repl/link.h"
#include "repl/link_stream.h"
#include "server/client_blocked.h"
#include "server/client_list.h"

#define READONLY_ERROR "READONLY You can't write against a read only replica."
#define STALE_ERROR                                                                                \
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."

/* A replica must not go where its primary's data can't be made to last, unless it's told to. */
static void unwritten(struct engine *e) {
    const struct repl *r = repl_of_engine(e);
    if (r->link_config.ignore_disk_errors) return;
    log_warning(&r->server->log, "Replica was unable to write command to disk.");
    abort();
}

void role_apply(struct repl *r) {
    struct engine *e = &r->server->engine;
    const struct link_config *config = &r->link_config;
    bool stale = r->link && r->link->state != LINK_UP && !config->serve_stale;
    e->gates = r->link ? e->gates | GATE_REPLICA : e->gates & ~(unsigned)GATE_REPLICA;
    e->replica = (struct engine_replica){
        .read_only = config->read_only,
        .write_error = config->read_only ? READONLY_ERROR : NULL,
        .stale_error = stale ? STALE_ERROR : NULL,
        .unwritten = unwritten,
    };
    e->settings.db.unlimited = r->link && config->ignore_maxmemory;
    own_expiry_switch(&r->own_expiry, r->link && !config->read_only);
    if (!r->link) e->keyspace.keep_expired = false;
}

static void config_changed(struct link_config *config) {
    struct repl *r = (struct repl *)((char *)config - offsetof(struct repl, link_config));
    if (r->server->loop) role_apply(r);
}

/* What waits for a write of somebody's won't see one, or the wrong one. */
static void end_waits(struct server *s) {
    for (struct client *c = s->clients; c; c = c->next) {
        if (c->closing || !client_is_blocked(c) || !c->session.blocked->kind->timed_out) continue;
        reply_error(blocking_reply(&c->session),
                    "UNBLOCKED force unblock from blocking operation, instance state changed "
                    "(master -> replica?)");
        blocking_end(&c->session);
        client_close_after_reply(c);
    }
}

/* The database that's selected in the primary's stream, as far as it has come. */
static uint32_t stream_db(const struct repl *r) {
    const struct client *primary = r->server->primary.client;
    return primary ? primary->session.db->id : r->link->db;
}

void role_follow(struct repl *r, const char *host, int port) {
    bool led = !r->link;
    uint32_t db = led ? 0 : stream_db(r);
    bool resumable = led || link_end(r);
    link_start(r, host, port, resumable);
    r->link->db = db; /* where the stream goes on it doesn't say again which is selected */
    link_config_follow(&r->link_config, host, port);
    if (led) {
        log_notice(&r->server->log,
                   "Before turning into a replica, using my own master parameters to synthesize a "
                   "cached master: I may be able to synchronize with the new master with just a "
                   "partial transfer.");
        end_waits(r->server);
        repl_role_changed(r);
    }
    role_apply(r);
    log_notice(&r->server->log, "Connecting to MASTER %s:%d", host, port);
    link_connect(r->link);
}

void role_lead(struct repl *r) {
    if (!r->link) return;
    link_end(r);
    log_notice(&r->server->log, "Discarding previously cached master state.");
    repl_branch_history(r);
    link_config_follow(&r->link_config, "", 0);
    repl_role_changed(r);
    role_apply(r);
}

/* Start. */

/* For snapshots. What a replica has is in its primary's history as long as it could go on there. */
static bool tell_history(const struct engine *e, struct engine_history *at) {
    const struct repl *r = repl_of_engine(e);
    const struct repl_link *l = r->link;
    if (l ? l->state != LINK_UP && !l->resumable : !backlog_is_there(&r->backlog)) return false;
    uint32_t db = l && l->state != LINK_UP ? l->db : r->db;
    *at = (struct engine_history){.offset = r->offset, .db = db == PROPAGATE_ANY_DB ? 0 : db};
    memcpy(at->id, r->id, sizeof at->id);
    return true;
}

void role_open(struct repl *r) {
    r->server->engine.history = tell_history;
    r->link_config.on_change = config_changed;
    own_expiry_init(&r->own_expiry, &r->server->engine);
    link_stream_init(r->server);
    const struct config_list *primary = &r->link_config.replicaof;
    if (primary->n == 2) link_start(r, primary->items[0], atoi(primary->items[1]), false);
    role_apply(r);
}

/* The history that the loaded snapshot is part of goes on here: a replica asks for what follows, a
 * primary has it as its second. */
static void restore_history(struct repl *r) {
    const struct loading *loading = &r->server->persist.loading;
    if (strlen(loading->history) != REPL_ID_LEN) return;
    if (loading->history_offset < 0 || loading->history_offset > REPL_OFFSET_MAX) return;
    if (aof_enabled(&r->server->persist.aof)) return;
    repl_adopt_history(r, loading->history, loading->history_offset);
    if (!r->link) {
        repl_branch_history(r);
        return;
    }
    r->link->resumable = true;
    if (loading->history_db > 0) r->link->db = (uint32_t)loading->history_db;
}

void role_begin(struct repl *r) {
    restore_history(r);
    if (!r->link) return;
    log_notice(&r->server->log, "Connecting to MASTER %s:%d", r->link->host, r->link->port);
    link_connect(r->link);
}

/* Commands. */

static void append_user(const struct call *c, struct buf *to) {
    if (c->session->is_client) client_describe(client_of(c->session), to);
}

static void lead(struct call *c, struct repl *r) {
    struct buf user = BUF_INIT;
    if (r->link) {
        role_lead(r);
        append_user(c, &user);
        log_notice(&r->server->log, "MASTER MODE enabled (user request from '%s')",
                   user.data ? user.data : "");
    }
    buf_release(&user);
    reply_ok(c->reply);
}

static bool follows_already(const struct repl *r, const char *host, int64_t port) {
    return r->link && strcasecmp(r->link->host, host) == 0 && r->link->port == port;
}

static void follow(struct call *c, struct repl *r) {
    int64_t port;
    struct log *log = &r->server->log;
    if (!num_to_i64(c->argv[2], &port) || port < 0 || port > 65535) {
        reply_error(c->reply, "ERR Invalid master port");
        return;
    }
    char *host = mem_alloc(c->argv[1].len + 1);
    slice_put(host, c->argv[1]);
    host[c->argv[1].len] = '\0';
    if (follows_already(r, host, port)) {
        log_notice(log,
                   "REPLICAOF would result into synchronization with the master we are already "
                   "connected with. No operation performed.");
        reply_status(c->reply, "OK Already connected to specified master");
    } else {
        struct buf user = BUF_INIT;
        role_follow(r, host, (int)port);
        append_user(c, &user);
        log_notice(log, "REPLICAOF %s:%d enabled (user request from '%s')", host, (int)port,
                   user.data ? user.data : "");
        buf_release(&user);
        reply_ok(c->reply);
    }
    mem_free(host);
}

static void cmd_replicaof(struct call *c) {
    struct repl *r = repl_of_engine(c->engine);
    if (call_in_cluster(c)) {
        reply_error(c->reply, "ERR REPLICAOF not allowed in cluster mode.");
    } else if (failover_active(r)) {
        reply_error(c->reply, "ERR REPLICAOF not allowed while failing over.");
    } else if (c->session->obeyed) {
        reply_error(c->reply, "ERR REPLICAOF isn't for a primary to say.");
    } else if (c->session->is_client && client_of(c->session)->kind == CLIENT_REPLICA) {
        reply_error(c->reply, "ERR Command is not valid when client is a replica.");
    } else if (arg_is(c, 1, "no") && arg_is(c, 2, "one")) {
        lead(c, r);
    } else {
        follow(c, r);
    }
}

enum { FOLLOWS = CMD_ADMIN | CMD_NOSCRIPT | CMD_STALE | CMD_NO_ASYNC_LOADING };

const struct command role_commands[] = {
    {"replicaof", cmd_replicaof, 3, FOLLOWS, 0, .group = "server",
     .summary = "Makes the server follow a primary, or lead by itself.", .since = "5.0.0",
     .complexity = "O(1)", .syntax = "(host port:integer | NO ONE)"},
    {"slaveof", cmd_replicaof, 3, FOLLOWS, 0, .group = "server",
     .summary = "Older name of REPLICAOF.", .since = "1.0.0", .complexity = "O(1)",
     .syntax = "(host port:integer | NO ONE)"},
    {0},
};
