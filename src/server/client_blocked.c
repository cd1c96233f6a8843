/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_blocked.h"

#include "server/client_input.h"
#include "server/client_send.h"
#include "server/server.h"

static void on_started(struct session *s) {
    struct client *c = client_of(s);
    client_watch(c);
    client_limits_schedule(c);
    client_memory_count(c);
}

static void on_replying(struct session *s) {
    struct client *c = client_of(s);
    client_reply_begin(c);
    client_push_answering(c);
}

static void on_stayed(struct session *s) {
    struct client *c = client_of(s);
    client_reply_end(c);
    client_push_answered(c);
}

static void on_ended(struct session *s) {
    struct client *c = client_of(s);
    client_reply_end(c);
    client_push_answered(c);
    c->session.commands++;
    if (reply_len(&s->own_reply)) client_wants_flush(c);
    client_wait_for_turn(c);
    client_limits_schedule(c);
    client_memory_count(c);
}

static void on_grew(struct session *s) {
    struct client *c = client_of(s);
    client_memory_count(c);
    client_limits_check_output(c);
}

void client_blocked_init(struct server *s) {
    s->engine.blocking.hooks = (struct blocking_hooks){
        .started = on_started,
        .replying = on_replying,
        .stayed = on_stayed,
        .ended = on_ended,
        .grew = on_grew,
    };
}

uint64_t client_blocked_until_us(const struct client *c) {
    return client_is_blocked(c) ? c->session.blocked->due_us : BLOCKING_NEVER;
}
