/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/session.h"

#include "exec/transaction.h"

static void count_error(void *ctx, struct slice text) {
    engine_count_error(ctx, text);
}

void session_init(struct session *s, struct engine *engine, struct reply_pool *pool) {
    *s = (struct session){.engine = engine, .db = &engine->keyspace.dbs[0]};
    reply_init(&s->own_reply, pool, 2);
    s->own_reply.on_error = count_error;
    s->own_reply.on_error_ctx = engine;
    s->reply = &s->own_reply;
}

void session_release(struct session *s) {
    transaction_discard(s);
    acl_user_unref(s->user);
    reply_release(&s->own_reply);
}

void session_heed_rights(struct session *s) {
    bool restricted = s->user && s->user->restricted;
    s->gates = restricted ? s->gates | GATE_RESTRICTED : s->gates & ~(unsigned)GATE_RESTRICTED;
}

void session_set_user(struct session *s, struct acl_user *user) {
    acl_user_ref(user);
    acl_user_unref(s->user);
    s->user = user;
    session_heed_rights(s);
}

bool session_select(struct session *s, int64_t id) {
    struct keyspace *ks = &s->engine->keyspace;
    if (id < 0 || id >= ks->count) return false;
    s->db = &ks->dbs[id];
    return true;
}
