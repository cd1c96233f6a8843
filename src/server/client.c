/* SPDX-License-Identifier: BSD-3-Clause */
/* Closing waits for the end of the turn, so that whoever runs meanwhile can hold on to a client. */
#include "server/client.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "io/conn.h"
#include "pubsub/pubsub.h"
#include "server/busy.h"
#include "server/client_acl.h"
#include "server/client_blocked.h"
#include "server/client_input.h"
#include "server/client_list.h"
#include "server/client_send.h"
#include "server/client_stream.h"
#include "server/client_tls.h"
#include "server/server.h"

enum {
    CLOSES_TIMED = 16,        /* closing so many is done between two looks at the clock */
    CLOSE_NS = 500 * 1000,    /* of a turn, if others wait */
    WAITING_NS = 1000 * 1000, /* of a turn, for those whose share of the last one was used up */
};

struct client *client_of(struct session *s) {
    ASSERT(s->is_client);
    return (struct client *)((char *)s - offsetof(struct client, session));
}

/* Birth and death. */

static void on_ready(struct loop_watch *watch, unsigned ready) {
    struct client *c = (struct client *)((char *)watch - offsetof(struct client, watch));
    if (c->closing) return;
    if (__builtin_expect(c->tls != NULL, 0)) ready = client_tls_ready(c, ready);
    if (ready & LOOP_WRITE) {
        c->full = false;
        client_wants_flush(c);
    }
    if (ready & LOOP_HANGUP) client_close_soon(c);
    if (!(ready & LOOP_READ) || c->close_after_reply) return;
    if (client_sends_behind(c)) client_wait_for_turn(c);
    if (c->waiting)
        c->unread = true;
    else
        client_read(c);
}

static struct slice id_of(const void *client) {
    const struct client *c = client;
    return slice_of(&c->id, sizeof c->id);
}

static const struct table_ops by_id = {id_of};

static void list_add(struct server *s, struct client *c) {
    table_insert(&s->clients_by_id, table_hash(&s->clients_by_id, id_of(c)), c);
    c->prev = s->clients_last;
    if (c->prev)
        c->prev->next = c;
    else
        s->clients = c;
    s->clients_last = c;
    s->client_count++;
}

static void list_remove(struct server *s, struct client *c) {
    uint64_t hash = table_hash(&s->clients_by_id, id_of(c));
    struct table_ref ref;
    if (table_find(&s->clients_by_id, hash, id_of(c), &ref))
        table_remove(&s->clients_by_id, hash, ref);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->clients = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        s->clients_last = c->prev;
    s->client_count--;
}

struct client *client_by_id(const struct server *s, uint64_t id) {
    struct slice key = slice_of(&id, sizeof id);
    return table_find(&s->clients_by_id, table_hash(&s->clients_by_id, key), key, NULL);
}

struct client *client_new(struct server *s, int fd, struct tls *tls, bool unix_socket) {
    struct client *c = mem_zalloc(sizeof *c);
    c->watch = (struct loop_watch){.fd = fd, .on_ready = on_ready, .nested = true};
    c->unix_socket = unix_socket;
    /* TLS may wait for either direction, with bytes of its own left; what is read of a Unix socket
     * ends where a descriptor was sent along. */
    c->watch.reads_all = !tls && !unix_socket;
    if (loop_watch_start(s->loop, &c->watch, LOOP_READ) < 0) {
        log_warning(&s->log, "Can't watch a new connection: %s", strerror(errno));
        mem_free_sized(c, sizeof *c);
        conn_close(fd, tls);
        return NULL;
    }
    c->server = s;
    c->tls = tls;
    session_init(&c->session, &s->engine, &s->reply_pool);
    c->session.is_client = c->session.can_wait = true;
    client_be_default_user(c);
    c->id = ++s->next_client_id;
    c->created_us = c->active_us = loop_now_us(s->loop);
    list_add(s, c);
    client_limits_start(c);
    client_memory_count(c);
    return c;
}

static void texts_free(struct client *c) {
    if (!c->texts) return;
    for (size_t i = 0; i < CLIENT_TEXTS; i++) mem_free(c->texts[i]);
    mem_free(c->texts);
    c->texts = NULL;
}

/* It waits for nothing any more. */
static void stop_waiting(struct client *c) {
    struct server *s = c->server;
    if (c->paused) client_queue_remove(&s->pause.held, &c->queued);
    if (c->waiting) client_queue_remove(&s->turns.waiting, &c->queued);
    c->paused = c->waiting = false;
    if (c->tls) client_tls_stop(c);
}

void client_free(struct client *c) {
    struct server *s = c->server;
    if (c == s->primary.client) client_primary_closes(c);
    loop_watch_stop(s->loop, &c->watch);
    stop_waiting(c);
    blocking_cancel(&c->session);
    conn_close(c->watch.fd, c->tls);
    pubsub_leave(&c->session);
    client_memory_forget(c);
    tracking_stop(c);
    monitor_remove(c);
    client_stream_end(c);
    client_push_drop_held(c);
    list_remove(s, c);
    client_input_free(c);
    loop_timer_stop(s->loop, &c->timer); /* whatever goes before may have started it */
    size_t chunks = s->reply_pool.count;
    session_release(&c->session);
    reply_pool_trim(&s->reply_pool, chunks); /* what nobody has read isn't worth keeping room for */
    texts_free(c);
    mem_free_sized(c, sizeof *c);
}

/* Those who wait for keys must stay in their queues while those are walked through. */
void client_close_soon(struct client *c) {
    if (c->closing) return;
    c->closing = true;
    stop_waiting(c);
    if (!c->server->engine.blocking.serving) blocking_cancel(&c->session);
    client_stream_end(c);
    client_memory_forget(c);
    c->next_to_close = c->server->to_close;
    c->server->to_close = c;
}

void client_close_after_reply(struct client *c) {
    c->close_after_reply = true;
    client_wants_flush(c);
}

void client_watch(struct client *c) {
    unsigned interest = LOOP_READ;
    if (c->paused || client_is_blocked(c)) interest = LOOP_HANGUP;
    if (c->close_after_reply) interest = 0;
    if (reply_len(&c->session.own_reply) || client_stream_ready(c)) interest |= LOOP_WRITE;
    if (__builtin_expect(c->tls != NULL, 0)) interest = client_tls_interest(c, interest);
    loop_watch_change(c->server->loop, &c->watch, interest);
}

/* What it tells of itself. */

const char *client_text(const struct client *c, enum client_text which) {
    return c->texts && c->texts[which] ? c->texts[which] : "";
}

void client_set_text(struct client *c, enum client_text which, struct slice text) {
    if (!c->texts) {
        if (!text.len) return;
        c->texts = mem_zalloc(CLIENT_TEXTS * sizeof *c->texts);
    }
    mem_free(c->texts[which]);
    c->texts[which] = NULL;
    if (text.len) {
        c->texts[which] = mem_alloc(text.len + 1);
        memcpy(c->texts[which], text.ptr, text.len);
        c->texts[which][text.len] = '\0';
    }
    client_memory_count(c);
}

/* Turns. */

void client_wait_for_turn(struct client *c) {
    struct server *s = c->server;
    /* Its command's wait may have ended while its input was run. */
    if (c->waiting || c->closing) return;
    c->waiting = true;
    client_queue_push(&s->turns.waiting, &c->queued);
    if (!loop_timer_running(&s->turns.timer)) loop_timer_start(s->loop, &s->turns.timer, 0);
}

/* Its replies are to go first; or while a request is interrupted it's the primary, or one of those
 * whose requests they are. */
static bool must_wait_on(const struct client *c) {
    if (client_sends_behind(c)) return true;
    return busy_serving(c->server) && (!c->watch.nested || busy_interrupted(c->server, c));
}

void clients_run_waiting(struct server *s) {
    struct client_queue *waiting = &s->turns.waiting;
    uint64_t until_ns = s->engine.busy_ns + WAITING_NS;
    for (size_t left = waiting->count; left && waiting->count; left--) {
        if (s->engine.busy_ns >= until_ns || loop_stopping(s->loop)) break;
        struct client_link *first = client_queue_first(waiting);
        struct client *c = (struct client *)((char *)first - offsetof(struct client, queued));
        client_queue_remove(waiting, first);
        if (must_wait_on(c)) {
            client_queue_push(waiting, first);
        } else {
            c->waiting = false;
            client_read_on(c);
        }
    }
}

static void on_turn(struct loop_timer *timer) {
    struct server *s = (struct server *)((char *)timer - offsetof(struct client_turns, timer) -
                                         offsetof(struct server, turns));
    clients_run_waiting(s);
    if (s->turns.waiting.count && !loop_timer_running(timer)) loop_timer_start(s->loop, timer, 0);
}

void clients_init(struct server *s) {
    table_init(&s->clients_by_id, &by_id, &s->engine.keyspace.seed);
    client_queue_init(&s->turns.waiting);
    s->turns.timer.on_due = on_turn;
    client_blocked_init(s);
    client_pause_init(s);
    client_tls_init(s);
    client_limits_init(s);
    client_memory_init(s);
    tracking_init(s);
    monitor_init(s);
    client_acl_init(s);
    client_pushes_init(s);
}

void clients_release(struct server *s) {
    while (s->clients) client_free(s->clients);
    client_pushes_release(s);
    client_sends_release(&s->sends);
    tracking_release(s);
    table_release(&s->clients_by_id, NULL);
}

/* All but those who run a script still, or stand in the queue for long replies; of thousands that
 * go at once as many as CLOSE_NS lets, and the others in the next turns. */
static void close_all(struct server *s) {
    struct client *kept = NULL;
    uint64_t until_ns = 0;
    for (unsigned n = 1; s->to_close; n++) {
        struct client *c = s->to_close;
        s->to_close = c->next_to_close;
        if (c->to_flush || busy_interrupted(s, c)) {
            c->next_to_close = kept;
            kept = c;
            continue;
        }
        client_log(c, LOG_LEVEL_VERBOSE, "Client closed connection", "");
        client_free(c);
        if (n % CLOSES_TIMED) continue;
        uint64_t now_ns = (uint64_t)clock_mono_ns();
        if (!until_ns) until_ns = now_ns + CLOSE_NS;
        if (now_ns >= until_ns) break;
    }
    if (s->to_close) loop_no_sleep(s->loop);
    while (kept) {
        struct client *c = kept;
        kept = c->next_to_close;
        c->next_to_close = s->to_close;
        s->to_close = c;
    }
}

void clients_poll_end(struct server *s) {
    persist_turn_end(&s->persist);
    clients_send(s);
    close_all(s);
}

void clients_turn_end(struct server *s) {
    tracking_turn_end(s);
    clients_send(s);
    client_memory_keep_limit(s);
    close_all(s);
}
