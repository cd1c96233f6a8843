/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/monitor.h"

#include "base/clock.h"
#include "base/words.h"
#include "exec/redact.h"
#include "server/client_addr.h"
#include "server/server.h"

enum { LINES_ROOM = 16 * 1024 }; /* of a block of lines; a longer line has one of its own */

/* Whom it comes from. */
static void append_source(struct buf *line, struct session *s) {
    if (!s->is_client) {
        buf_append_str(line, "lua");
        return;
    }
    const struct client *c = client_of(s);
    if (c->unix_socket) {
        buf_appendf(line, "unix:%s", c->server->config.unixsocket);
        return;
    }
    char addr[CLIENT_ADDR_MAX];
    client_addr(c, addr);
    buf_append_str(line, addr);
}

static void write_line(struct session *s, const struct request *r, struct buf *line) {
    uint64_t now_us = (uint64_t)clock_wall_us();
    buf_appendf(line, "+%llu.%06llu [%u ", (unsigned long long)(now_us / 1000000),
                (unsigned long long)(now_us % 1000000), s->db->id);
    append_source(line, s);
    buf_append_char(line, ']');
    for (int i = 0; i < r->argc; i++) {
        buf_append_char(line, ' ');
        words_quote(line, redact_arg(s->engine, r->cmd, r->argv, r->argc, i));
    }
    buf_append_str(line, "\r\n");
}

/* Puts the line behind others, where that's possible. Returns where it begins. */
static size_t keep_line(struct monitor *m, struct slice line) {
    if (m->lines && m->lines->cap - m->lines->len < line.len) {
        bytes_unref(m->lines);
        m->lines = NULL;
    }
    if (!m->lines) m->lines = bytes_new(line.len > LINES_ROOM ? line.len : LINES_ROOM);
    size_t from = m->lines->len;
    slice_put(m->lines->data + from, line);
    m->lines->len += line.len;
    return from;
}

/* As in Redis these are replies in that CLIENT REPLY OFF is for them, too. */
static void show_to(struct client *c, struct bytes *lines, size_t from, size_t len) {
    if (c->reply_mode == CLIENT_REPLY_OFF) return;
    struct reply *r = c->server->engine.push.begin(&c->session);
    if (!r) return;
    reply_shared(r, lines, from, len);
    c->server->engine.push.end(&c->session);
}

static void show(struct session *s, const struct request *r) {
    struct monitor *m = &server_of(s->engine)->monitor;
    struct buf line = BUF_INIT;
    write_line(s, r, &line);
    size_t from = keep_line(m, buf_slice(&line));
    for (struct client_link *l = client_queue_first(&m->clients); l;
         l = client_queue_next(&m->clients, l))
        show_to((struct client *)((char *)l - offsetof(struct client, monitoring)), m->lines, from,
                line.len);
    buf_release(&line);
}

/* Scripts come before what they run, all else after it has run. */

void monitor_before(struct session *s, const struct request *r) {
    if (r->cmd->flags & CMD_SKIP_MONITOR) show(s, r);
}

void monitor_ran(struct session *s, const struct request *r) {
    if (!(r->cmd->flags & (CMD_SKIP_MONITOR | CMD_ADMIN))) show(s, r);
}

static struct client_queue *queue_of(const struct client *c) {
    return &c->server->monitor.clients;
}

void monitor_add(struct client *c) {
    if (client_is_monitor(c)) return;
    client_queue_push(queue_of(c), &c->monitoring);
    c->server->engine.gates |= GATE_MONITORED;
    c->session.gates |= GATE_KEYLESS;
}

void monitor_remove(struct client *c) {
    if (!client_is_monitor(c)) return;
    client_queue_remove(queue_of(c), &c->monitoring);
    c->session.gates &= ~(unsigned)GATE_KEYLESS;
    if (queue_of(c)->count) return;
    c->server->engine.gates &= ~(unsigned)GATE_MONITORED;
    monitor_release(c->server);
}

void monitor_init(struct server *s) {
    client_queue_init(&s->monitor.clients);
}

void monitor_release(struct server *s) {
    if (s->monitor.lines) bytes_unref(s->monitor.lines);
    s->monitor.lines = NULL;
}
