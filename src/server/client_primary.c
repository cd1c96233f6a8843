/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_primary.h"

#include "io/conn.h"
#include "server/server.h"

static void on_error(void *ctx, struct slice text) {
    struct client *c = ctx;
    engine_count_error(&c->server->engine, text);
    if (c->server->primary.failed) c->server->primary.failed(c, text);
}

/* While a script of somebody's runs long its requests wait unread: no answer may be BUSY. */
struct client *client_primary_new(struct server *s, int fd, struct tls *tls) {
    struct client *c = client_new(s, fd, tls, false);
    if (!c) return NULL;
    c->kind = CLIENT_PRIMARY;
    c->watch.nested = false;
    c->reply_mode = CLIENT_REPLY_OFF;
    c->session.obeyed = true;
    c->session.can_wait = false;
    session_set_user(&c->session, NULL);
    c->session.gates &= ~(unsigned)GATE_AUTH;
    session_set_user(&c->session, NULL);
    c->session.own_reply.on_error = on_error;
    c->session.own_reply.on_error_ctx = c;
    s->primary.client = c;
    if (conn_pending(tls)) client_wait_for_turn(c);
    return c;
}

void client_primary_closes(struct client *c) {
    c->server->primary.client = NULL;
    c->server->primary.closes(c);
}
