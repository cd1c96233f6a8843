/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_push.h"

#include "base/alloc.h"
#include "server/client_blocked.h"
#include "server/client_limits.h"
#include "server/client_send.h"
#include "server/server.h"

static struct reply *begin(struct session *session) {
    if (!session->is_client) return &session->own_reply;
    struct client *c = client_of(session);
    struct server *s = c->server;
    if (c->closing || c->close_after_reply) return NULL;
    struct reply *r = &session->own_reply;
    if (__builtin_expect(c == s->running, 0)) r = &s->pushes.running;
    if (__builtin_expect(c == s->pushes.answering, 0)) r = &s->pushes.answered;
    r->resp = session->own_reply.resp;
    return r;
}

static void end(struct session *session) {
    if (!session->is_client) return;
    struct client *c = client_of(session);
    client_wants_push(c);
    if (__builtin_expect(session->own_reply.memory > c->server->limits.output_watch, 0))
        client_limits_check_output(c);
}

static bool unwanted(struct session *session) {
    if (!session->is_client) return false;
    struct client *c = client_of(session);
    if (session->reply == &c->server->muted) return true;
    if (session->own_reply.memory > c->server->limits.output_watch) client_limits_check_output(c);
    return c->closing;
}

static void append(struct client *c, struct reply *waiting) {
    if (c->closing)
        reply_release(waiting);
    else
        reply_append(&c->session.own_reply, waiting);
}

void client_push_answering(struct client *c) {
    c->server->pushes.answering = c;
}

/* What was to come behind the reply that is there now, if it is. */
static void append_held(struct client *c) {
    if (!c->held_pushes || client_is_blocked(c)) return;
    append(c, c->held_pushes);
    client_push_drop_held(c);
}

void client_push_drop_held(struct client *c) {
    if (!c->held_pushes) return;
    reply_release(c->held_pushes);
    mem_free_sized(c->held_pushes, sizeof *c->held_pushes);
    c->held_pushes = NULL;
}

void client_push_answered(struct client *c) {
    c->server->pushes.answering = NULL;
    append_held(c);
    append(c, &c->server->pushes.answered);
}

void client_push_deferred(struct client *c) {
    struct reply *waiting = &c->server->pushes.running;
    if (client_is_blocked(c)) {
        c->held_pushes = mem_alloc(sizeof *waiting);
        *c->held_pushes = *waiting;
        reply_init(waiting, &c->server->reply_pool, 2);
        return;
    }
    append(c, waiting);
}

void client_subscribed(struct session *session) {
    struct client *c = client_of(session);
    c->kind = session->subscriber ? CLIENT_PUBSUB : CLIENT_NORMAL;
    client_limits_schedule(c);
}

void client_pushes_init(struct server *s) {
    s->engine.push = (struct push_hooks){begin, end, unwanted};
    reply_init(&s->pushes.running, &s->reply_pool, 2);
    reply_init(&s->pushes.answered, &s->reply_pool, 2);
}

void client_pushes_release(struct server *s) {
    reply_release(&s->pushes.running);
    reply_release(&s->pushes.answered);
}
