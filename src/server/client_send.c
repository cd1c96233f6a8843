/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_send.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "io/conn.h"
#include "io/send_batch.h"
#include "server/busy.h"
#include "server/client.h"
#include "server/client_limits.h"
#include "server/client_list.h"
#include "server/client_memory.h"
#include "server/client_stream.h"
#include "server/server.h"

enum {
    LONG_REPLY = 32 * 1024, /* more than that waits for what is shorter */
    QUEUE_NS = 500 * 1000,  /* of a turn, for a queue other than that of replies */
    CROWD = 4 << 20,        /* about as many bytes as are sent in two such times */
    BATCH_MIN = 16,         /* clients from which on sending to them in a batch pays */
};

/* Queues. */

static void push(struct send_queue *q, struct client *c) {
    c->next_to_flush = NULL;
    if (q->first)
        q->last->next_to_flush = c;
    else
        q->first = c;
    q->last = c;
    q->count++;
}

/* What it takes to serve the one behind it is asked for meanwhile: with thousands of them each is a
 * few cache misses. */
static struct client *pop(struct send_queue *q) {
    struct client *c = q->first, *next = c->next_to_flush;
    if (next) {
        for (size_t at = 0; at < offsetof(struct client, timer); at += 64)
            __builtin_prefetch((char *)next + at);
        __builtin_prefetch(next->session.own_reply.head);
    }
    q->first = next;
    q->count--;
    return c;
}

static void enqueue(struct client *c, enum client_send_queue which) {
    struct client_sends *sends = &c->server->sends;
    if (c->to_flush) return;
    c->to_flush = true;
    c->to_flush_since = sends->turn;
    push(&sends->queues[which], c);
}

void client_wants_flush(struct client *c) {
    enqueue(c, SEND_REPLIES);
}

bool client_sends_behind(const struct client *c) {
    if (!c->to_flush) return false;
    return c->behind || reply_len(&c->session.own_reply) >= CLIENT_SEND_SHARE;
}

/* To one client. */

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
        ASSERT(n); /* a reply that is being made may have none yet: it isn't sent */
        size_t total = limit_slices(slices, &n, CLIENT_SEND_SHARE - sent);
        ssize_t done = conn_send(c->watch.fd, c->tls, slices, n);
        c->server->stats.writes++;
        lost = done < 0 && errno != EAGAIN;
        c->full = done < (ssize_t)total;
        if (done < 0) break;
        reply_consume(r, (size_t)done);
        sent += (size_t)done;
        if (c->full) break;
    }
    count_sent(c, sent);
    return !lost;
}

static void off_queue(struct client *c) {
    c->to_flush = c->behind = c->crowds = false;
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
    off_queue(c);
    note_peak(c);
    if (send_replies(c))
        flushed(c);
    else
        lost(c, conn_error(c->tls));
}

/* May it be sent something in the middle of a turn? Not what acknowledges writes that the log
 * hasn't got, its own or, if all must be on disk first, those that messages tell of; nor a part of
 * a reply that is being made; and a socket that is known to be full would take nothing. */
static bool may_send_ahead(const struct client *c) {
    const struct server *s = c->server;
    if (c->full || c == s->pushes.answering || busy_interrupted(s, c)) return false;
    return persist_has_written(&s->persist, c->session.fed) &&
           persist_acknowledges(&s->persist, s->engine.fed);
}

/* Does much wait for it as for many who are pushed to? Of few as much may wait as can be sent
 * ahead; what is short goes to many at once; and who doesn't read holds up nobody. */
static bool is_crowded(const struct client_sends *sends, const struct client *c, size_t waiting) {
    size_t many = sends->queues[SEND_PUSHES].count + sends->queues[SEND_LONG].count;
    return waiting > LONG_REPLY && many * waiting >= CROWD && !c->full;
}

void client_wants_push(struct client *c) {
    struct client_sends *sends = &c->server->sends;
    struct client *pusher = c->server->running;
    if (__builtin_expect(c->to_flush && c != pusher, 0)) {
        size_t waiting = reply_len(&c->session.own_reply);
        bool crowd = is_crowded(sends, c, waiting);
        if (pusher && (crowd || c->to_flush_since != sends->turn)) {
            pusher->behind = true;
            pusher->crowds |= crowd;
            client_wants_flush(pusher);
        }
        bool much = waiting >= CLIENT_SEND_SHARE;
        if (much && may_send_ahead(c) && !send_replies(c)) lost(c, conn_error(c->tls));
    }
    enqueue(c, c == pusher ? SEND_REPLIES : SEND_PUSHES);
}

/* What it wrote couldn't be put on disk, and may get there later or not: so no reply would be true.
 */
static void close_unacknowledged(struct client *c) {
    if (c->closing) return;
    client_log(c, LOG_LEVEL_WARNING,
               "Closing client, as what it wrote isn't on disk (appendfsync always):", "");
    client_close_soon(c);
}

/* May it be sent something, now that its turn has come? */
static bool may_send(struct client *c) {
    bool acknowledged = persist_acknowledges(&c->server->persist, c->session.fed);
    if (__builtin_expect(!acknowledged, 0)) close_unacknowledged(c);
    if (c->closing) off_queue(c);
    return !c->closing;
}

/* To many. */

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
    c->full = reply_len(&c->session.own_reply) > 0;
    flushed(c);
}

/* Batches pay when there are many; the means are looked for when that's so for the first time. */
static bool batches_pay(struct client_sends *sends, size_t count) {
    if (count < BATCH_MIN) return false;
    if (!sends->batch && !sends->batch_tried) sends->batch = send_batch_new();
    sends->batch_tried = true;
    return sends->batch;
}

/* What fills a batch lies in one piece. */
static bool fits_batch(const struct client *c, struct slice *piece) {
    struct slice pieces[2];
    if (c->stream || c->tls || reply_slices(&c->session.own_reply, pieces, 2) != 1) return false;
    *piece = pieces[0];
    return true;
}

/* Where it belongs that has come to its place in a queue. With a stream it's served in any: a
 * replica that is kept waiting falls behind more and more. */
static enum client_send_queue queue_of(const struct client *c, enum client_send_queue which) {
    if (c->stream) return which;
    if (reply_len(&c->session.own_reply) > LONG_REPLY) return SEND_LONG;
    return c->behind && which < SEND_LONG ? which + 1 : which;
}

/* Serves some: of those who are to get little as many as one system call can, of the others one. */
static void serve_some(struct client_sends *sends, enum client_send_queue which) {
    struct send_queue *q = &sends->queues[which];
    struct client *batch[SEND_BATCH_MAX];
    struct send_batch *b = batches_pay(sends, q->count) ? sends->batch : NULL;
    size_t in_batch = 0;
    bool long_sent = false;
    for (size_t n = SEND_BATCH_MAX; n && q->first && !long_sent; n--) {
        struct client *c = pop(q);
        struct slice piece;
        if (!may_send(c)) continue;
        enum client_send_queue right = queue_of(c, which);
        bool is_long = reply_len(&c->session.own_reply) > LONG_REPLY;
        if (right != which) {
            push(&sends->queues[right], c);
            client_memory_count(c);
        } else if (b && !is_long && fits_batch(c, &piece)) {
            off_queue(c);
            note_peak(c);
            batch[in_batch++] = c;
            send_batch_add(b, c->watch.fd, piece);
        } else {
            flush(c);
            long_sent = is_long;
        }
    }
    if (!in_batch) return;
    const ssize_t *sent = send_batch_run(b);
    for (size_t i = 0; i < in_batch; i++) flushed_in_batch(batch[i], sent[i]);
}

/* All, or as many as there's time for; at least some, so that it moves. */
static void serve(struct client_sends *sends, enum client_send_queue which, bool all) {
    const struct send_queue *q = &sends->queues[which];
    if (!q->first) return;
    int64_t until_ns = all ? INT64_MAX : clock_mono_ns() + QUEUE_NS;
    do serve_some(sends, which);
    while (q->first && (all || clock_mono_ns() < until_ns));
}

void clients_send(struct server *s) {
    struct client_sends *sends = &s->sends;
    bool last = loop_stopping(s->loop), rest = false;
    for (enum client_send_queue which = 0; which < CLIENT_SEND_QUEUES; which++)
        serve(sends, which, last || which == SEND_REPLIES);
    for (size_t i = 0; i < CLIENT_SEND_QUEUES; i++) rest |= sends->queues[i].first != NULL;
    if (rest) loop_no_sleep(s->loop); /* also when a stream that was sent has more */
    sends->turn++;
}

void client_sends_release(struct client_sends *sends) {
    send_batch_free(sends->batch);
}
