/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_acl.h"

#include "pubsub/pubsub.h"
#include "server/client_list.h"
#include "server/server.h"

void client_be_default_user(struct client *c) {
    const struct acl *acl = &c->server->engine.acl;
    session_set_user(&c->session, acl->default_user);
    if (!acl_is_open(acl)) c->session.gates |= GATE_AUTH;
}

/* The one whose request runs is closed once it has its reply. */
static void end(struct client *c) {
    if (c->closing) return;
    if (c->server->running == c) {
        client_close_after_reply(c);
        return;
    }
    client_close_soon(c);
    pubsub_leave(&c->session);
}

struct listening {
    const struct acl_rights *rights;
    bool literal, allowed;
};

static void look_at(void *ctx, struct slice name) {
    struct listening *l = ctx;
    l->allowed &= acl_check_channel(l->rights, name, l->literal);
}

static bool may_listen(const struct session *s) {
    struct listening l = {.rights = &s->user->rights, .allowed = true};
    for (int kind = 0; kind < PUBSUB_KINDS; kind++) {
        l.literal = kind == PUBSUB_PATTERN;
        pubsub_each_of(s, (enum pubsub_kind)kind, look_at, &l);
    }
    return l.allowed;
}

/* Sessions that are this user: most changes are of users who aren't connected, or hardly. */
static size_t sessions_of(const struct acl_user *user) {
    return user->refs - 1;
}

static void on_changed(struct engine *e, struct acl_user *user, bool less_channels) {
    struct server *s = server_of(e);
    bool let_in = user == e->acl.default_user && acl_is_open(&e->acl);
    size_t left = sessions_of(user);
    for (struct client *c = s->clients; c && (left || let_in); c = c->next) {
        if (let_in) c->session.gates &= ~(unsigned)GATE_AUTH;
        if (c->session.user != user) continue;
        left--;
        session_heed_rights(&c->session);
        if (less_channels && c->session.subscriber && !may_listen(&c->session)) end(c);
    }
}

static void on_removed(struct engine *e, struct acl_user *user) {
    size_t left = sessions_of(user);
    for (struct client *c = server_of(e)->clients; c && left; c = c->next) {
        if (c->session.user != user) continue;
        left--;
        end(c);
    }
}

static void describe(struct session *s, struct buf *to) {
    if (s->is_client) client_describe(client_of(s), to);
}

void client_acl_init(struct server *s) {
    s->engine.acl.hooks = (struct acl_hooks){on_changed, on_removed, describe};
}
