/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/shutdown.h"

#include "base/alloc.h"
#include "exec/blocking.h"
#include "server/busy.h"
#include "server/server.h"

struct shutdown_waiter {
    struct shutdown_waiter *prev, *next;
    struct server *server;
    struct session *session;
};

/* Those who have asked for it. */

static void release(void *state) {
    struct shutdown_waiter *w = state;
    *(w->prev ? &w->prev->next : &w->server->shutdown.waiters) = w->next;
    if (w->next) w->next->prev = w->prev;
    mem_free(w);
}

void shutdown_wait(struct call *c) {
    static const struct block_kind kind = {.release = release};
    struct server *s = server_of(c->engine);
    struct shutdown_waiter *w = mem_alloc(sizeof *w);
    *w = (struct shutdown_waiter){.next = s->shutdown.waiters, .server = s, .session = c->session};
    if (w->next) w->next->prev = w;
    s->shutdown.waiters = w;
    blocking_start(c, &kind, w, 0);
}

/* It has come to nothing. */
static void answer_waiters(struct server *s) {
    while (s->shutdown.waiters) {
        struct session *session = s->shutdown.waiters->session;
        reply_error(blocking_reply(session), "ERR Errors trying to SHUTDOWN. Check logs.");
        blocking_end(session);
    }
}

/* The end. */

static void stop_waiting(struct server *s) {
    s->shutdown.on = false;
    client_pause_ending(s, false);
}

static enum shutdown_outcome finish(struct server *s) {
    SERVER_EXTEND(s, before_end);
    if (server_shutdown(s, s->shutdown.how)) return SHUTDOWN_ENDS;
    log_warning(&s->log, "Errors trying to shut down the server. Check the logs for more "
                         "information.");
    stop_waiting(s);
    server_shutdown_failed();
    answer_waiters(s);
    return SHUTDOWN_FAILED;
}

static bool must_wait(struct server *s) {
    if ((s->shutdown.how & SERVER_SHUTDOWN_NOW) || !s->config.shutdown_timeout) return false;
    if (busy_serving(s) || s->persist.loading.on) return false; /* nothing goes on meanwhile */
    return server_extend_holds_end(s);
}

enum shutdown_outcome shutdown_begin(struct server *s, unsigned how) {
    struct shutdown *shutdown = &s->shutdown;
    if (shutdown->on && !(how & SERVER_SHUTDOWN_NOW)) return SHUTDOWN_WAITS;
    shutdown->how = how;
    log_notice(&s->log, "User requested shutdown...");
    if (!must_wait(s)) return finish(s);
    log_notice(&s->log, "Waiting for replicas before shutting down.");
    shutdown->on = true;
    shutdown->due_us = loop_now_us(s->loop) + (uint64_t)s->config.shutdown_timeout * 1000000;
    client_pause_ending(s, true);
    return SHUTDOWN_WAITS;
}

bool shutdown_abort(struct server *s) {
    if (!s->shutdown.on) return server_abort_shutdown(s);
    stop_waiting(s);
    server_shutdown_failed();
    answer_waiters(s);
    log_notice(&s->log, "Shutdown manually aborted.");
    return true;
}

void shutdown_cron(struct server *s) {
    if (!s->shutdown.on || loop_stopping(s->loop)) return;
    if (loop_now_us(s->loop) >= s->shutdown.due_us || !server_extend_holds_end(s)) finish(s);
}

uint64_t shutdown_left_ms(const struct server *s) {
    uint64_t now_us = loop_now_us(s->loop);
    return s->shutdown.due_us > now_us ? (s->shutdown.due_us - now_us) / 1000 : 0;
}
