/* SPDX-License-Identifier: BSD-3-Clause */
/* The primary's stream. A byte of it counts (repl.offset) once the command or transaction that it
 * belongs to is over: if the connection is lost in the middle of one, it comes again as a whole. */
#include "repl/link_stream.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "repl/link.h"
#include "repl/role.h"
#include "server/client_send.h"

static struct repl_link *link_of(const struct client *c) {
    return c->server->repl->link;
}

static void ran(struct client *c, struct slice text, size_t over) {
    struct repl_link *l = link_of(c);
    if (c != c->server->primary.client) return; /* by what it said it's followed no more */
    l->repl->db = c->session.db->id;
    if (over) {
        if (l->open.len) repl_append_raw(l->repl, buf_slice(&l->open));
        buf_clear(&l->open);
        repl_append_raw(l->repl, slice_of(text.ptr, over));
    }
    if (text.len > over) buf_append(&l->open, text.ptr + over, text.len - over);
}

/* The client goes: what it takes to go on later is kept. */
static void leave(struct repl_link *l, const struct client *c) {
    l->db = (uint32_t)(c->session.db - c->session.engine->keyspace.dbs);
    l->down_since_s = clock_wall_us() / 1000000;
    if (c->close_after_reply) l->resumable = false; /* what it sent makes no sense */
    buf_clear(&l->open);
    l->ack_asked = false;
    l->state = LINK_WAITING;
}

static void closes(struct client *c) {
    struct repl_link *l = link_of(c);
    struct log *log = &c->server->log;
    leave(l, c);
    log_notice(log, "Connection with master lost.");
    role_apply(l->repl);
    if (l->resumable) log_notice(log, "Caching the disconnected master state.");
    if (loop_stopping(c->server->loop)) return;
    log_notice(log, "Reconnecting to MASTER %s:%d", l->host, l->port);
    link_connect(l);
}

void link_stream_end(struct repl_link *l) {
    struct server *s = l->repl->server;
    struct client *c = s->primary.client;
    if (!c) return;
    leave(l, c);
    s->primary.client = NULL; /* nobody is told of its end */
    client_close_soon(c);
}

/* Errors. */

/* A replica that only repeats what its primary does should never fail at it. */
static void failed(struct client *c, struct slice error) {
    const struct link_config *config = &c->server->repl->link_config;
    const char *name = c->last_command ? c->last_command->full_name : "<unknown>";
    log_warning(&c->server->log,
                "== CRITICAL == This replica is sending an error to its master: '%.*s' after "
                "processing the command '%s'",
                (int)error.len, error.ptr, name);
    c->server->stats.unexpected_errors++;
    if (config->on_error == LINK_ERROR_IGNORED || !config->read_only) return;
    log_warning(&c->server->log,
                "This replica panicked sending an error to its master after processing the command "
                "'%s'",
                name);
    abort();
}

void link_stream_init(struct server *s) {
    s->primary.ran = ran;
    s->primary.closes = closes;
    s->primary.failed = failed;
}

/* Acknowledging. */

/* What of it is on disk is said, too, if anything is: see synced.h. */
void link_acknowledge(struct repl_link *l) {
    struct client *c = l->repl->server->primary.client;
    struct reply *to = &c->session.own_reply;
    int64_t synced = l->repl->synced.offset;
    l->acked_us = (uint64_t)clock_mono_us();
    l->ack_asked = false;
    reply_array(to, synced < 0 ? 3 : 5);
    reply_bulk_str(to, "REPLCONF");
    reply_bulk_str(to, "ACK");
    reply_bulk_i64(to, l->repl->offset);
    if (synced >= 0) {
        reply_bulk_str(to, "FACK");
        reply_bulk_i64(to, synced);
    }
    client_wants_flush(c);
}
