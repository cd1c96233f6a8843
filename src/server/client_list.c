/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_list.h"

#include "exec/transaction.h"
#include "pubsub/pubsub.h"
#include "server/client_addr.h"
#include "server/client_blocked.h"
#include "server/client_input.h"
#include "server/server.h"

static uint64_t seconds_since(const struct client *c, uint64_t us) {
    uint64_t now = loop_now_us(c->server->loop);
    return now > us ? (now - us) / 1000000 : 0;
}

static void append_flags(const struct client *c, struct buf *to) {
    const struct {
        bool set;
        char letter;
    } flags[] = {
        {client_is_monitor(c), 'O'},
        {c->kind == CLIENT_REPLICA, 'S'},
        {c->kind == CLIENT_PRIMARY, 'M'},
        {c->kind == CLIENT_PUBSUB, 'P'},
        {c->session.transaction != NULL, 'x'},
        {c->paused || client_is_blocked(c), 'b'},
        {c->tracking, 't'},
        {c->tracking && c->tracking->broken, 'R'},
        {c->tracking && c->tracking->modes.bcast, 'B'},
        {c->session.watch.touched, 'd'},
        {c->close_after_reply, 'c'},
        {c->closing, 'A'},
        {c->unix_socket, 'U'},
        {c->no_evict, 'e'},
        {c->session.no_touch, 'T'},
    };
    size_t before = to->len;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].set) buf_append_char(to, flags[i].letter);
    if (to->len == before) buf_append_char(to, 'N');
}

static void append_identity(const struct client *c, struct buf *to) {
    char addr[CLIENT_ADDR_MAX], local[CLIENT_ADDR_MAX];
    client_addr(c, addr);
    client_local_addr(c, local);
    buf_appendf(to, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%llu idle=%llu flags=",
                (unsigned long long)c->id, addr, local, c->watch.fd, client_text(c, CLIENT_NAME),
                (unsigned long long)seconds_since(c, c->created_us),
                (unsigned long long)seconds_since(c, c->active_us));
    append_flags(c, to);
}

/* The arguments of the command that it runs or that waits, or those of an incomplete one, with the
 * headers between them. */
static size_t argument_bytes(const struct client *c) {
    const struct client_input *in = c->input;
    const struct server *s = c->server;
    size_t bytes = 0;
    if (client_is_blocked(c)) return c->session.blocked->argument_bytes;
    if (s->running == c && s->running_request)
        for (int i = 0; i < s->running_request->argc; i++) bytes += s->running_request->argv[i].len;
    else if (in)
        bytes = in->parser.pos + big_args_len(&in->big) - in->big.received;
    return bytes;
}

/* Redis gives each client a buffer that follows the peak of its replies. Here a client has one only
 * while there are replies; what's told is the size that it would need to have. */
static void append_peak(const struct client *c, struct buf *to) {
    enum { LEAST = 1024, MOST = 16 * 1024 };
    uint64_t since_us = loop_now_us(c->server->loop) - c->reply_peak_us;
    size_t peak = since_us < c->server->debug.peak_reset_us ? c->reply_peak : 0, size = LEAST;
    while (size < peak && size < MOST) size *= 2;
    buf_appendf(to, " rbs=%zu rbp=%zu", size, peak);
}

/* As in Redis qbuf is what isn't parsed yet, argv-mem what the arguments that are take. What is in
 * the first chunk of replies is Redis's "reply buffer", the others are its "list". */
static void append_buffers(const struct client *c, struct buf *to) {
    const struct client_input *in = c->input;
    const struct reply *r = &c->session.own_reply;
    size_t unparsed = 0, room = 0, first = 0, chunks = 0;
    if (in) {
        unparsed = in->len - in->parser.pos + in->big.received;
        room = in->cap - in->len;
        if (in->big.receiving) room += in->big.receiving->cap - in->big.received;
    }
    for (const struct reply_chunk *chunk = r->head; chunk; chunk = chunk->next) chunks++;
    if (chunks)
        first = (r->head == r->tail ? (size_t)(r->pos - r->start) : r->head->len) - r->head_taken;
    buf_appendf(to, " qbuf=%zu qbuf-free=%zu argv-mem=%zu multi-mem=%zu", unparsed, room,
                argument_bytes(c), transaction_memory(&c->session));
    append_peak(c, to);
    buf_appendf(to, " obl=%zu oll=%zu omem=%llu tot-mem=%zu", first, chunks ? chunks - 1 : 0,
                (unsigned long long)client_output_counted(c), client_memory_of(c));
}

void client_describe(const struct client *c, struct buf *to) {
    const struct session *s = &c->session;
    append_identity(c, to);
    buf_appendf(to, " db=%d sub=%zu psub=%zu ssub=%zu multi=%d watch=%zu",
                (int)(s->db - s->engine->keyspace.dbs), pubsub_count(s, PUBSUB_CHANNEL),
                pubsub_count(s, PUBSUB_PATTERN), pubsub_count(s, PUBSUB_SHARD),
                transaction_count(s), s->watch.count);
    append_buffers(c, to);
    buf_appendf(to, " events=%s%s cmd=%s user=%s redir=%lld resp=%d lib-name=%s lib-ver=%s",
                c->watch.interest & LOOP_READ ? "r" : "", c->watch.interest & LOOP_WRITE ? "w" : "",
                c->last_command ? c->last_command->full_name : "NULL",
                s->user ? s->user->name.ptr : "(superuser)",
                c->tracking ? (long long)c->tracking->modes.redirect : -1LL, s->own_reply.resp,
                client_text(c, CLIENT_LIB_NAME), client_text(c, CLIENT_LIB_VER));
    buf_appendf(to, " tot-net-in=%llu tot-net-out=%llu tot-cmds=%llu",
                (unsigned long long)c->bytes_in, (unsigned long long)c->bytes_out,
                (unsigned long long)c->session.commands);
}

void client_describe_line(const struct client *c, struct buf *to) {
    client_describe(c, to);
    buf_append_char(to, '\n');
}

void client_describe_all(const struct server *s, const enum client_kind *kind, struct buf *to) {
    for (const struct client *c = s->clients; c; c = c->next)
        if (!c->closing && (!kind || c->kind == *kind)) client_describe_line(c, to);
}

void client_describe_ids(const struct server *s, const int64_t *ids, size_t n, struct buf *to) {
    for (size_t i = 0; i < n; i++) {
        const struct client *c = client_by_id(s, (uint64_t)ids[i]);
        if (c && !c->closing) client_describe_line(c, to);
    }
}

void client_log(const struct client *c, enum log_level level, const char *before,
                const char *after) {
    if (!log_enabled(&c->server->log, level)) return;
    struct buf line = BUF_INIT;
    client_describe(c, &line);
    log_write(&c->server->log, level, "%s %s%s", before, line.data, after);
    buf_release(&line);
}

bool client_kind_parse(struct slice text, enum client_kind *kind) {
    static const struct {
        const char *name;
        enum client_kind kind;
    } names[] = {
        {"normal", CLIENT_NORMAL}, {"slave", CLIENT_REPLICA},  {"replica", CLIENT_REPLICA},
        {"pubsub", CLIENT_PUBSUB}, {"master", CLIENT_PRIMARY}, {"primary", CLIENT_PRIMARY},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!slice_is(text, names[i].name)) continue;
        *kind = names[i].kind;
        return true;
    }
    return false;
}
