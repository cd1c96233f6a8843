/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_arrivals.h"

#include "server/busy.h"
#include "server/client_blocked.h"
#include "server/client_input.h"

enum {
    TURN_NS = 1000 * 1000, /* all of them, but for the last one's share */
    ALIGNMENT = 64,        /* in the buffer: one cache line isn't two clients' */
};

static bool is_plain(const struct client *c) {
    return c->kind != CLIENT_PRIMARY && !c->tls && !c->stream && !(c->session.gates & GATE_AUTH);
}

/* Who has to wait already isn't joined by more who would. */
static bool may_collect(const struct client *c) {
    const struct server *s = c->server;
    return is_plain(c) && !client_input_pending(c) && client_may_run(c) && !busy_serving(s) &&
           !s->turns.waiting.count;
}

bool client_arrivals_add(struct client *c, size_t len) {
    struct server *s = c->server;
    struct client_arrivals *a = &s->arrivals;
    struct server_reading *reading = s->reading;
    if (!may_collect(c)) return false;
    a->v[a->count++] = (struct arrival){
        .client = c,
        .input = slice_of(reading->input + reading->input_used, len),
    };
    reading->input_used += (len + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (a->count == ARRIVALS_MAX || reading->input_used > ARRIVALS_BYTES) client_arrivals_run(s);
    return true;
}

/* One alone would find nothing that its misses could overlap with. */
static void look_ahead(struct client_arrivals *arrivals) {
    struct expected_key *keys[ARRIVALS_MAX];
    size_t n = 0;
    if (arrivals->count < 2) return;
    for (size_t i = 0; i < arrivals->count; i++) {
        struct arrival *a = &arrivals->v[i];
        a->key.db = a->client->session.db;
        a->key.name = request_peek_key(a->input);
        if (a->key.name.len) keys[n++] = &a->key;
    }
    dispatch_expect(keys, n);
}

void client_arrivals_run(struct server *s) {
    struct client_arrivals *arrivals = &s->arrivals;
    uint64_t until_ns = s->engine.busy_ns + TURN_NS;
    if (arrivals->done == 0) look_ahead(arrivals);
    while (arrivals->done < arrivals->count) {
        const struct arrival *a = &arrivals->v[arrivals->done++];
        struct client *c = a->client;
        if (c->closing || c->close_after_reply || loop_stopping(s->loop)) continue;
        if (s->engine.busy_ns < until_ns || busy_serving(s))
            client_input_run(c, a->input, &a->key);
        else
            client_input_put_aside(c, a->input);
    }
    arrivals->count = arrivals->done = 0;
    s->first_reading.input_used = 0;
}
