/* SPDX-License-Identifier: BSD-3-Clause */
/* What replicas ask of their primary: PSYNC, SYNC, REPLCONF. And ROLE. */
#include <netdb.h>
#include <string.h>

#include "base/alloc.h"
#include "base/words.h"
#include "exec/call.h"
#include "persist/persist.h"
#include "repl/families.h"
#include "repl/link.h"
#include "repl/repl_info.h"

enum { IP_MAX = 46 };

static struct repl *repl_of_call(const struct call *c) {
    return repl_of_engine(c->engine);
}

/* Partial syncs. */

static bool same_id(struct slice asked, const char *id) {
    return asked.len == REPL_ID_LEN && slice_is(asked, id);
}

/* Is what it asks for part of this history? If not, the log says why. */
static bool knows_history(const struct repl *r, const struct replica *p, struct slice id,
                          int64_t offset) {
    struct log *log = &r->server->log;
    char name[REPLICA_NAME_MAX];
    bool second = same_id(id, r->id2);
    if (same_id(id, r->id) || (second && offset <= r->second_offset)) return true;
    if (slice_eq(id, SLICE("?")))
        log_notice(log, "Full resync requested by replica %s", replica_name(p, name));
    else if (second)
        log_notice(log,
                   "Partial resynchronization not accepted: Requested offset for second ID was "
                   "%lld, but I can reply up to %lld",
                   (long long)offset, (long long)r->second_offset);
    else
        log_notice(log,
                   "Partial resynchronization not accepted: Replication ID mismatch (Replica asked "
                   "for '%.*s', my replication IDs are '%s' and '%s')",
                   (int)id.len, id.ptr, r->id, r->id2);
    return false;
}

/* The byte at `offset` is the first that it wants. */
static bool has_bytes(const struct repl *r, const struct replica *p, int64_t offset) {
    struct log *log = &r->server->log;
    char name[REPLICA_NAME_MAX];
    if (offset > 0 && backlog_has(&r->backlog, offset - 1)) return true;
    log_notice(log,
               "Unable to partial resync with replica %s for lack of backlog (Replica request was: "
               "%lld).",
               replica_name(p, name), (long long)offset);
    if (offset > r->offset)
        log_warning(log,
                    "Warning: replica %s tried to PSYNC with an offset that is greater than the "
                    "master replication offset.",
                    replica_name(p, name));
    return false;
}

static bool continue_partially(struct repl *r, struct replica *p, struct slice id, int64_t offset) {
    char name[REPLICA_NAME_MAX];
    if (!knows_history(r, p, id, offset) || !has_bytes(r, p, offset)) return false;
    replica_enter(p);
    replica_continue(p, offset - 1);
    log_notice(&r->server->log,
               "Partial resynchronization request from %s accepted. Sending %llu bytes of backlog "
               "starting from offset %lld.",
               replica_name(p, name), (unsigned long long)replica_lag(p), (long long)offset);
    return true;
}

/* Full syncs. */

/* A primary that nobody followed begins a history with its first replica. */
static void begin_history(struct repl *r) {
    if (backlog_is_there(&r->backlog)) return;
    if (!repl_is_replica(r)) repl_new_history(r);
    repl_begin_backlog(r);
    log_notice(&r->server->log,
               "Replication backlog created, my new replication IDs are '%s' and '%s'", r->id,
               r->id2);
}

static void begin_fully(struct repl *r, struct replica *p) {
    r->server->stats.sync_full++;
    begin_history(r);
    replica_wait(p);
    full_sync_join(r, p);
}

static bool may_sync_or_reply(struct call *c, const struct repl *r, const struct replica *p) {
    const char *error = NULL;
    if (r->link && r->link->state != LINK_UP)
        error = "NOMASTERLINK Can't SYNC while not connected with my master";
    else if (reply_len(&c->session->own_reply))
        error = "ERR SYNC and PSYNC are invalid with pending output";
    else if (p->omit && !p->takes_eof)
        error = "ERR Filtered replica requires EOF capability";
    if (error) reply_error(c->reply, error);
    return !error;
}

/* Who is one already doesn't become one again, nor does the primary. */
static bool may_become_one(const struct call *c) {
    enum client_kind kind = (enum client_kind)client_of(c->session)->kind;
    return kind != CLIENT_REPLICA && kind != CLIENT_PRIMARY;
}

/* Whoever wants to be a replica; NULL if that's refused. */
static struct replica *candidate(struct call *c) {
    struct repl *r = repl_of_call(c);
    struct client *client = client_of(c->session);
    char name[REPLICA_NAME_MAX];
    struct replica *p = replica_of_or_new(r, client);
    if (!p || !may_sync_or_reply(c, r, p)) return NULL;
    log_notice(&r->server->log, "Replica %s asks for synchronization", replica_name(p, name));
    return p;
}

static void cmd_sync(struct call *c) {
    struct replica *p = may_become_one(c) ? candidate(c) : NULL;
    if (!p) return;
    p->by_sync = true;
    begin_fully(p->repl, p);
}

/* PSYNC id offset [FAILOVER] */
static void cmd_psync(struct call *c) {
    if (!may_become_one(c)) return;
    if (c->argc > 3 && arg_is(c, 3, "failover") && !failover_take_over_or_reply(c)) return;
    struct replica *p = candidate(c);
    char name[REPLICA_NAME_MAX];
    int64_t offset;
    if (!p) return;
    struct repl *r = p->repl;
    if (!num_to_i64(c->argv[2], &offset)) {
        log_warning(&r->server->log, "Replica %s asks for synchronization but with a wrong offset",
                    replica_name(p, name));
        reply_error(c->reply, ERR_NOT_INTEGER);
        return;
    }
    if (continue_partially(r, p, c->argv[1], offset)) {
        r->server->stats.sync_partial_ok++;
        return;
    }
    if (!slice_eq(c->argv[1], SLICE("?"))) r->server->stats.sync_partial_err++;
    begin_fully(r, p);
}

/* REPLCONF. */

static bool conf_port(struct call *c, int i, struct replica *p) {
    return arg_i64_or_reply(c, i + 1, &p->port);
}

static bool conf_ip(struct call *c, int i, struct replica *p) {
    struct slice ip = c->argv[i + 1];
    if (ip.len >= IP_MAX) {
        reply_errorf(c->reply,
                     "ERR REPLCONF ip-address provided by replica instance is too long: %zu bytes",
                     ip.len);
        return false;
    }
    mem_free(p->ip);
    p->ip = NULL;
    if (ip.len) {
        p->ip = mem_alloc(ip.len + 1);
        memcpy(p->ip, ip.ptr, ip.len);
        p->ip[ip.len] = '\0';
    }
    return true;
}

static bool conf_capa(struct call *c, int i, struct replica *p) {
    if (arg_is(c, i + 1, "eof")) p->takes_eof = true;
    if (arg_is(c, i + 1, "psync2")) p->takes_psync2 = true;
    return true;
}

static bool conf_version(struct call *c, int i, struct replica *p) {
    return true;
}

static bool conf_rdb_only(struct call *c, int i, struct replica *p) {
    int64_t on;
    if (!arg_i64_in_or_reply(c, i + 1, 0, 1,
                             "ERR value is out of range, value must between 0 and 1", &on))
        return false;
    p->rdb_only = on;
    return true;
}

/* What it names it wants; without a name nothing. */
static bool conf_filter(struct call *c, int i, struct replica *p) {
    struct words words;
    if (!words_split(c->argv[i + 1], &words)) {
        reply_error(c->reply, "ERR Missing rdb-filter-only values");
        return false;
    }
    p->omit = PERSIST_NO_KEYS | PERSIST_NO_FUNCTIONS;
    bool known = true;
    for (size_t w = 0; known && w < words.count; w++) {
        known = slice_is(words.items[w], "functions");
        if (known)
            p->omit &= ~(unsigned)PERSIST_NO_FUNCTIONS;
        else
            reply_errorf(c->reply, "ERR Unsupported rdb-filter-only option: %.*s",
                         (int)words.items[w].len, words.items[w].ptr);
    }
    words_release(&words);
    return known;
}

static const struct {
    const char *name;
    bool (*take)(struct call *c, int i, struct replica *p);
} options[] = {
    {"listening-port", conf_port}, {"ip-address", conf_ip},     {"capa", conf_capa},
    {"version", conf_version},     {"rdb-only", conf_rdb_only}, {"rdb-filter-only", conf_filter},
};

static bool take_option(struct call *c, int i, struct replica *p) {
    for (size_t o = 0; o < sizeof options / sizeof *options; o++)
        if (arg_is(c, i, options[o].name)) return options[o].take(c, i, p);
    reply_errorf(c->reply, "ERR Unrecognized REPLCONF option: %.*s", (int)c->argv[i].len,
                 c->argv[i].ptr);
    return false;
}

/* As in Redis never answered, whoever it comes from. */
static void acknowledge(struct call *c, int i) {
    struct client *client = client_of(c->session);
    struct replica *p = client->kind == CLIENT_REPLICA ? replica_of(client) : NULL;
    int64_t offset, synced = -1;
    if (!p || !num_to_i64(c->argv[i + 1], &offset)) return;
    if (c->argc > i + 3 && arg_is(c, i + 2, "fack") && !num_to_i64(c->argv[i + 3], &synced)) return;
    replica_acked(p, offset, synced);
}

/* What primaries ask for is answered by the link. */
static void cmd_replconf(struct call *c) {
    if (c->argc % 2 == 0) {
        reply_error(c->reply, ERR_SYNTAX);
        return;
    }
    for (int i = 1; i < c->argc; i += 2) {
        if (arg_is(c, i, "ack")) {
            acknowledge(c, i);
            return;
        }
        if (arg_is(c, i, "getack")) {
            if (c->session->obeyed) repl_of_call(c)->link->ack_asked = true;
            return;
        }
        struct replica *p = replica_of_or_new(repl_of_call(c), client_of(c->session));
        if (!p || !take_option(c, i, p)) return;
    }
    reply_ok(c->reply);
}

static void cmd_role(struct call *c) {
    repl_info_reply_role(repl_of_call(c), c->reply);
}

const struct command repl_commands[] = {
    {
        .name = "psync",
        .run = cmd_psync,
        .arity = -3,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI,
        .group = "server",
        .summary = "Makes this connection a replica's, from an offset in a history on.",
        .since = "2.8.0",
        .syntax = "replicationid:string offset:integer",
    },
    {
        .name = "replconf",
        .run = cmd_replconf,
        .arity = -1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_ALLOW_BUSY | CMD_INTERNAL,
        .group = "server",
        .summary = "What primaries and replicas tell each other.",
        .since = "3.0.0",
        .complexity = "O(1)",
    },
    {
        .name = "role",
        .run = cmd_role,
        .arity = 1,
        .flags = CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST,
        .categories = ACL_ADMIN | ACL_DANGEROUS,
        .group = "server",
        .summary = "Tells the server's part in replication.",
        .since = "2.8.12",
        .complexity = "O(1)",
    },
    {
        .name = "sync",
        .run = cmd_sync,
        .arity = 1,
        .flags = CMD_ADMIN | CMD_NOSCRIPT | CMD_NO_ASYNC_LOADING | CMD_NO_MULTI,
        .group = "server",
        .summary = "Makes this connection a replica's, with all data first.",
        .since = "1.0.0",
    },
    {.name = NULL},
};
