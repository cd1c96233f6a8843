/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_tls.h"

#include "base/clock.h"
#include "server/client_addr.h"
#include "server/client_input.h"
#include "server/client_limits.h"
#include "server/listener.h"
#include "server/server.h"

enum {
    TURN_NS = 1000 * 1000,          /* of handshakes in one turn, but for the last one's step */
    PATIENCE_US = 10 * 1000 * 1000, /* from the connection to the end of its handshake */
};

static struct client_handshakes *handshakes_of(const struct client *c) {
    return &c->server->handshakes;
}

/* The budget. */

static bool spent(struct client_handshakes *h, const struct loop *loop) {
    uint64_t now_us = loop_now_us(loop);
    if (h->turn_us != now_us) h->spent_ns = 0;
    h->turn_us = now_us;
    return h->spent_ns >= TURN_NS;
}

static void wait_in_line(struct client *c) {
    struct client_handshakes *h = handshakes_of(c);
    c->handshake = CLIENT_HANDSHAKE_WAITS;
    client_queue_push(&h->waiting, &c->queued);
    loop_watch_change(c->server->loop, &c->watch, 0);
    if (!loop_timer_running(&h->timer)) loop_timer_start(c->server->loop, &h->timer, 0);
}

/* Handshakes. */

static void failed(struct client *c) {
    char addr[CLIENT_ADDR_MAX], local[CLIENT_ADDR_MAX];
    client_addr(c, addr);
    client_local_addr(c, local);
    log_warning(&c->server->log, "Error accepting a client connection: %s (addr=%s laddr=%s)",
                tls_error(c->tls), addr, local);
    client_close_soon(c);
}

/* What came behind the handshake may have been read with it. */
static void finished(struct client *c) {
    c->handshake = CLIENT_HANDSHAKE_NONE;
    client_limits_schedule(c);
    listener_welcome(c);
    client_watch(c);
    if (tls_pending(c->tls) && !c->close_after_reply) client_read(c);
}

static void step(struct client *c) {
    struct client_handshakes *h = handshakes_of(c);
    uint64_t start_ns = (uint64_t)clock_mono_ns();
    c->handshake = CLIENT_HANDSHAKE_RUNS;
    enum tls_progress progress = tls_handshake(c->tls);
    h->spent_ns += (uint64_t)clock_mono_ns() - start_ns;
    if (progress == TLS_DONE)
        finished(c);
    else if (progress == TLS_FAILED)
        failed(c);
    else
        client_watch(c);
}

static void on_turn(struct loop_timer *timer) {
    struct client_handshakes *h =
        (struct client_handshakes *)((char *)timer - offsetof(struct client_handshakes, timer));
    struct client_link *first;
    while ((first = client_queue_first(&h->waiting))) {
        struct client *c = (struct client *)((char *)first - offsetof(struct client, queued));
        struct loop *loop = c->server->loop;
        if (spent(h, loop)) {
            loop_timer_start(loop, timer, 0);
            return;
        }
        client_queue_remove(&h->waiting, first);
        step(c);
    }
}

void client_tls_init(struct server *s) {
    client_queue_init(&s->handshakes.waiting);
    s->handshakes.timer.on_due = on_turn;
}

void client_tls_begin(struct client *c) {
    c->handshake = CLIENT_HANDSHAKE_RUNS;
    client_limits_schedule(c);
}

void client_tls_stop(struct client *c) {
    if (c->handshake == CLIENT_HANDSHAKE_WAITS)
        client_queue_remove(&handshakes_of(c)->waiting, &c->queued);
    c->handshake = CLIENT_HANDSHAKE_NONE;
}

uint64_t client_tls_deadline_us(const struct client *c) {
    return c->handshake == CLIENT_HANDSHAKE_NONE ? UINT64_MAX : c->created_us + PATIENCE_US;
}

/* Events. */

unsigned client_tls_ready(struct client *c, unsigned ready) {
    struct client_handshakes *h = handshakes_of(c);
    if (c->handshake == CLIENT_HANDSHAKE_NONE) {
        bool reads = c->watch.interest & LOOP_READ;
        return reads && (ready & tls_wants(c->tls)) ? ready | LOOP_READ : ready;
    }
    if (h->waiting.count || spent(h, c->server->loop))
        wait_in_line(c);
    else
        step(c);
    return 0;
}

unsigned client_tls_interest(const struct client *c, unsigned interest) {
    if (c->handshake == CLIENT_HANDSHAKE_WAITS) return 0;
    if (c->handshake == CLIENT_HANDSHAKE_RUNS) return tls_wants(c->tls);
    return interest & LOOP_READ ? interest | tls_wants(c->tls) : interest;
}
