/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_send.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "io/conn.h"
#include "io/send_batch.h"
#include "server/client.h"
#include "server/client_limits.h"
#include "server/client_list.h"
#include "server/client_memory.h"
#include "server/client_stream.h"
#include "server/server.h"

enum {
    LONG_REPLY = 32 * 1024, /* more than that waits for what is shorter */
    LONG_NS = 500 * 1000,   /* of a turn, for those */
    BATCH_MIN = 16,         /* clients from which on sending to them in a batch pays */
};

void client_wants_flush(struct client *c) {
    if (c->to_flush) return;
    struct client_sends *sends = &c->server->sends;
    c->to_flush = true;
    c->next_to_flush = sends->first;
    sends->first = c;
    sends->count++;
}

bool client_sends_behind(const struct client *c) {
    return c->to_flush && reply_len(&c->session.own_reply) >= CLIENT_SEND_SHARE;
}

/* `sent` bytes of the reply have gone out. */
static void count_sent(struct client *c, size_t sent) {
    if (!sent) return;
    c->active_us = loop_now_us(c->server->loop);
    c->bytes_out += sent;
    struct server_stats *stats = &c->server->stats;
    *(c->kind == CLIENT_REPLICA ? &stats->net_repl_out : &stats->net_out) += sent;
    if (c->stream) c->stream->ops->sent(c, sent);
}

/* Is there something to send now? */
static bool has_more(struct client *c, size_t most) {
    if (reply_len(&c->session.own_reply)) return true;
    if (!c->stream) return false;
    c->stream->ops->fill(c, most);
    return reply_len(&c->session.own_reply) > 0;
}

/* Keeps what fits into `most` bytes, which isn't nothing; returns how many they are. */
static size_t limit_slices(struct slice *slices, size_t *count, size_t most) {
    size_t total = 0, n = 0;
    while (n < *count && total < most) {
        if (slices[n].len > most - total) slices[n].len = most - total;
        total += slices[n++].len;
    }
    *count = n;
    return total;
}

/* As much as the socket takes, within the client's share: a value of megabytes mustn't keep the
 * others waiting while the kernel copies it. False if the connection is lost. */
static bool send_replies(struct client *c) {
    struct reply *r = &c->session.own_reply;
    size_t sent = 0;
    bool lost = false;
    while (sent < CLIENT_SEND_SHARE && has_more(c, CLIENT_SEND_SHARE - sent)) {
        struct slice slices[SOCKET_SLICES_MAX];
        size_t n = reply_slices(r, slices, SOCKET_SLICES_MAX);
        size_t total = limit_slices(slices, &n, CLIENT_SEND_SHARE - sent);
        ssize_t done = conn_send(c->watch.fd, c->tls, slices, n);
        c->server->stats.writes++;
        lost = done < 0 && errno != EAGAIN;
        if (done < 0) break;
        reply_consume(r, (size_t)done);
        sent += (size_t)done;
        if ((size_t)done < total) break;
    }
    count_sent(c, sent);
    return !lost;
}

static void note_peak(struct client *c) {
    size_t len = reply_len(&c->session.own_reply);
    uint64_t now = loop_now_us(c->server->loop);
    if (len < c->reply_peak && now - c->reply_peak_us < c->server->debug.peak_reset_us) return;
    c->reply_peak = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX;
    c->reply_peak_us = now;
}

static void lost(struct client *c, const char *error) {
    log_verbose(&c->server->log, "Error writing to client: %s", error);
    client_close_soon(c);
}

/* What went out went out; the rest, if any, will when the socket takes it. */
static void flushed(struct client *c) {
    bool rest = reply_len(&c->session.own_reply) || client_stream_ready(c);
    if (!rest && c->close_after_reply) {
        client_close_soon(c);
        return;
    }
    client_watch(c);
    client_memory_count(c);
    if (rest || c->soft_limit_since_us) client_limits_check_output(c);
}

/* Sends what waits, as far as the socket takes it. Closes the client on an error, or when all is
 * sent and it's to close. */
static void flush(struct client *c) {
    c->to_flush = false;
    note_peak(c);
    if (send_replies(c))
        flushed(c);
    else
        lost(c, conn_error(c->tls));
}

/* What it wrote couldn't be put on disk, and may get there later or not: so no reply would be true.
 */
static void close_unacknowledged(struct client *c) {
    if (c->closing) return;
    client_log(c, LOG_LEVEL_WARNING,
               "Closing client, as what it wrote isn't on disk (appendfsync always):", "");
    client_close_soon(c);
}

/* It's off its list or queue, if only for a moment: may it be sent something? */
static bool may_send(struct client *c) {
    bool acknowledged = persist_acknowledges(&c->server->persist, c->session.fed);
    if (__builtin_expect(!acknowledged, 0)) close_unacknowledged(c);
    if (c->closing) c->to_flush = false;
    return !c->closing;
}

/* The next, off the list. What it takes to serve the one behind it is asked for meanwhile: with
 * thousands of them each is a few cache misses. */
static struct client *next_to_flush(struct client_sends *sends) {
    struct client *c = sends->first, *next = c->next_to_flush;
    if (next) {
        for (size_t at = 0; at < offsetof(struct client, timer); at += 64)
            __builtin_prefetch((char *)next + at);
        __builtin_prefetch(next->session.own_reply.head);
    }
    sends->first = next;
    sends->count--;
    return c;
}

/* Long replies. */

static void enqueue(struct client_sends *sends, struct client *c) {
    DASSERT(c->to_flush);
    c->next_to_flush = NULL;
    if (sends->long_first)
        sends->long_last->next_to_flush = c;
    else
        sends->long_first = c;
    sends->long_last = c;
    client_memory_count(c);
}

/* Those of the list who may be sent something now; the others go into the queue. A stream is asked
 * what it has, as that may be long; which may make it want to be flushed, but that it does, or end
 * the client. */
static bool is_short(struct client_sends *sends, struct client *c) {
    if (!may_send(c)) return false;
    if (__builtin_expect(c->stream != NULL, 0)) {
        has_more(c, CLIENT_SEND_SHARE);
        if (!may_send(c)) return false;
    }
    if (reply_len(&c->session.own_reply) <= LONG_REPLY) return true;
    enqueue(sends, c);
    return false;
}

/* At least one of the queue, so that it moves; all if there's no next turn. */
static void flush_long(struct client_sends *sends, bool last_turn) {
    if (!sends->long_first) return;
    int64_t until_ns = clock_mono_ns() + LONG_NS;
    do {
        struct client *c = sends->long_first;
        sends->long_first = c->next_to_flush;
        if (may_send(c)) flush(c);
    } while (sends->long_first && (last_turn || clock_mono_ns() < until_ns));
}

/* Short ones. */

/* Has the client's reply gone out as a part of the batch? `sent`: bytes, or -errno. */
static void flushed_in_batch(struct client *c, ssize_t sent) {
    c->server->stats.writes++;
    if (sent < 0 && sent != -EAGAIN && sent != -EINTR) {
        lost(c, strerror((int)-sent));
        return;
    }
    if (sent > 0) {
        reply_consume(&c->session.own_reply, (size_t)sent);
        count_sent(c, (size_t)sent);
    }
    flushed(c);
}

/* Those whose reply lies in one piece get theirs with one call of the system. */
static void flush_batch(struct client_sends *sends) {
    struct client *batch[SEND_BATCH_MAX];
    struct send_batch *b = sends->batch;
    while (sends->first && send_batch_count(b) < SEND_BATCH_MAX) {
        struct client *c = next_to_flush(sends);
        if (!is_short(sends, c)) continue;
        struct slice pieces[2];
        if (reply_slices(&c->session.own_reply, pieces, 2) != 1 || c->stream || c->tls) {
            flush(c);
            continue;
        }
        c->to_flush = false;
        note_peak(c);
        batch[send_batch_count(b)] = c;
        send_batch_add(b, c->watch.fd, pieces[0]);
    }
    size_t count = send_batch_count(b);
    const ssize_t *sent = send_batch_run(b);
    for (size_t i = 0; i < count; i++) flushed_in_batch(batch[i], sent[i]);
}

/* Batches pay when there are many; the means are looked for when that's so for the first time. */
static bool batches_pay(struct client_sends *sends) {
    if (sends->count < BATCH_MIN) return false;
    if (!sends->batch && !sends->batch_tried) sends->batch = send_batch_new();
    sends->batch_tried = true;
    return sends->batch;
}

void clients_send(struct server *s) {
    struct client_sends *sends = &s->sends;
    while (sends->first) {
        if (batches_pay(sends)) {
            flush_batch(sends);
        } else {
            struct client *c = next_to_flush(sends);
            if (is_short(sends, c)) flush(c);
        }
    }
    flush_long(sends, loop_stopping(s->loop));
    /* A stream that was sent has maybe more on the list. */
    if (sends->first || sends->long_first) loop_no_sleep(s->loop);
}

void client_sends_release(struct client_sends *sends) {
    send_batch_free(sends->batch);
}
