/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_limits.h"

#include "base/clock.h"
#include "base/heap.h"
#include "server/client_blocked.h"
#include "server/client_input.h"
#include "server/client_list.h"
#include "server/client_stream.h"
#include "server/client_tls.h"
#include "server/server.h"

enum {
    SECOND_US = 1000 * 1000,
    UNAUTHENTICATED_OUTPUT = 64 * 1024, /* unread error replies */
    LOGGED_BYTES = 64,                  /* of a request that's too long */
};
static const uint64_t NEVER = UINT64_MAX;

/* Deadlines. */

/* Who waits for something of the server's isn't idle, nor are replicas, subscribers and monitors.
 */
static uint64_t idle_deadline(const struct client *c) {
    uint64_t seconds = (uint64_t)c->server->config.timeout;
    if (!seconds || c->kind != CLIENT_NORMAL || c->paused || client_is_blocked(c) ||
        client_is_monitor(c))
        return NEVER;
    return c->active_us + seconds * SECOND_US;
}

static const struct server_output_limit *output_limit(const struct client *c) {
    static const uint8_t class_of[] = {
        [CLIENT_NORMAL] = SERVER_OUTPUT_NORMAL,
        [CLIENT_REPLICA] = SERVER_OUTPUT_REPLICA,
        [CLIENT_PUBSUB] = SERVER_OUTPUT_PUBSUB,
        [CLIENT_PRIMARY] = SERVER_OUTPUT_NORMAL,
    };
    return &c->server->config.client_output_buffer_limit.of[class_of[c->kind]];
}

static uint64_t soft_deadline(const struct client *c) {
    if (!c->soft_limit_since_us) return NEVER;
    return c->soft_limit_since_us + (uint64_t)output_limit(c)->soft_seconds * SECOND_US;
}

static uint64_t trim_deadline(const struct client *c) {
    return c->input && c->input->trim_at_us ? c->input->trim_at_us : NEVER;
}

static uint64_t nearest(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

void client_limits_schedule(struct client *c) {
    struct loop *loop = c->server->loop;
    uint64_t due = nearest(nearest(idle_deadline(c), client_blocked_until_us(c)),
                           nearest(soft_deadline(c), trim_deadline(c)));
    due = nearest(due, client_tls_deadline_us(c));
    if (due == NEVER)
        loop_timer_stop(loop, &c->timer);
    else if (!loop_timer_running(&c->timer) || due < c->timer.due_us)
        loop_timer_start(loop, &c->timer, due);
}

static void on_due(struct loop_timer *timer) {
    struct client *c = (struct client *)((char *)timer - offsetof(struct client, timer));
    uint64_t now = (uint64_t)clock_mono_us();
    if (c->closing) return;
    if (idle_deadline(c) <= now) {
        log_verbose(&c->server->log, "Closing idle client");
        client_close_soon(c);
        return;
    }
    if (client_tls_deadline_us(c) <= now) {
        log_verbose(&c->server->log, "Closing client whose TLS handshake takes too long");
        client_close_soon(c);
        return;
    }
    if (client_blocked_until_us(c) <= now) blocking_time_out(&c->session);
    if (soft_deadline(c) <= now) client_limits_check_output(c);
    if (c->closing) return;
    if (trim_deadline(c) <= now) client_input_trim(c);
    client_limits_schedule(c);
}

void client_limits_start(struct client *c) {
    c->timer.on_due = on_due;
    if (c->server->config.timeout) client_limits_schedule(c);
}

/* Output. */

uint64_t client_output_counted(const struct client *c) {
    uint64_t memory = c->session.own_reply.memory + blocking_output(&c->session);
    if (c->stream) return memory + c->stream->ops->waiting(c);
    size_t first = sizeof(struct reply_chunk) + REPLY_CHUNK;
    return memory > first ? memory - first : 0;
}

static void close_for_output(struct client *c) {
    c->server->stats.output_limit_closes++;
    client_log(c, LOG_LEVEL_WARNING, "Client",
               " scheduled to be closed ASAP for overcoming of output buffer limits.");
    client_close_soon(c);
}

/* Is the client above its soft limit for longer than it may be? */
static bool soft_limit_over(struct client *c, const struct server_output_limit *limit,
                            uint64_t output) {
    if (!limit->soft_bytes || output < limit->soft_bytes) {
        c->soft_limit_since_us = 0;
        return false;
    }
    uint64_t now = (uint64_t)clock_mono_us();
    if (!c->soft_limit_since_us) {
        c->soft_limit_since_us = now;
        client_limits_schedule(c);
        return false;
    }
    return now >= soft_deadline(c);
}

/* As in Redis a replica may have as much as the backlog: it would come back for that, and be closed
 * again. */
static uint64_t hard_limit(const struct client *c, const struct server_output_limit *limit) {
    uint64_t least = c->kind == CLIENT_REPLICA ? c->server->limits.replica_least : 0;
    return limit->hard_bytes && limit->hard_bytes < least ? least : limit->hard_bytes;
}

void client_limits_check_output(struct client *c) {
    const struct server_output_limit *limit = output_limit(c);
    uint64_t output = client_output_counted(c);
    if (c->closing || c->kind == CLIENT_PRIMARY) return;
    uint64_t hard = hard_limit(c, limit);
    if (!hard && c->kind != CLIENT_REPLICA) hard = heap_machine() / 2;
    bool over = hard && output >= hard;
    if (c->session.gates & GATE_AUTH) over |= output >= UNAUTHENTICATED_OUTPUT;
    if (over || soft_limit_over(c, limit, output)) close_for_output(c);
}

static void watch_least(struct client_limits *limits, uint64_t bytes) {
    if (bytes && bytes < limits->output_watch) limits->output_watch = bytes;
}

/* Without a limit a client may leave replies unread up to half of the machine's memory: a single
 * request can be answered without end. */
static void output_limits_changed(struct server *s) {
    s->limits.output_watch = heap_machine() / 2;
    for (size_t i = 0; i < SERVER_OUTPUT_CLASSES; i++) {
        watch_least(&s->limits, s->config.client_output_buffer_limit.of[i].hard_bytes);
        watch_least(&s->limits, s->config.client_output_buffer_limit.of[i].soft_bytes);
    }
}

/* Input. */

/* The first bytes of a request in a form fit for a log line. */
static void append_bytes(struct buf *to, struct slice bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];
        if (byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\')
            buf_append_char(to, (char)byte);
        else
            buf_appendf(to, "\\x%02x", byte);
    }
}

void client_limits_check_input(struct client *c) {
    struct server *s = c->server;
    const struct client_input *in = c->input;
    if (c->kind == CLIENT_PRIMARY) return;
    if (!in || in->len + big_args_len(&in->big) <= s->config.client_query_buffer_limit) return;
    s->stats.query_limit_closes++;
    struct buf after = BUF_INIT;
    if (!s->config.hide_user_data_from_log) {
        buf_append_str(&after, " (qbuf initial bytes: \"");
        append_bytes(&after, slice_of(in->data, in->len < LOGGED_BYTES ? in->len : LOGGED_BYTES));
        buf_append_str(&after, "\")");
    }
    client_log(c, LOG_LEVEL_WARNING, "Closing client that reached max query buffer length:",
               after.data ? after.data : "");
    buf_release(&after);
    client_close_soon(c);
}

/* What CONFIG SET changes for clients that are there. */

static bool timeouts_changed(void *ctx, struct buf *why) {
    struct server *s = ctx;
    for (struct client *c = s->clients; c; c = c->next) client_limits_schedule(c);
    return true;
}

static bool buffers_changed(void *ctx, struct buf *why) {
    struct server *s = ctx;
    output_limits_changed(s);
    for (struct client *c = s->clients; c; c = c->next) {
        client_limits_check_output(c);
        client_limits_check_input(c);
    }
    return true;
}

void client_limits_init(struct server *s) {
    s->config.hooks.timeouts = timeouts_changed;
    s->config.hooks.buffers = buffers_changed;
    output_limits_changed(s);
}
