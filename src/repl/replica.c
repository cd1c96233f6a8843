/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/replica.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "repl/repl.h"
#include "server/client_addr.h"
#include "server/client_list.h"
#include "server/client_send.h"

enum { FILE_PIECE = 64 * 1024 };

static const struct client_stream_ops stream_ops;

struct replica *replica_of(const struct client *c) {
    if (!c->stream || c->stream->ops != &stream_ops) return NULL;
    return (struct replica *)c->stream;
}

struct replica *replica_of_or_new(struct repl *r, struct client *c) {
    if (c->stream) return replica_of(c);
    struct replica *p = mem_zalloc(sizeof *p);
    p->stream.ops = &stream_ops;
    p->repl = r;
    p->client = c;
    p->fd = -1;
    p->synced = -1;
    c->stream = &p->stream;
    return p;
}

static uint64_t now_us(const struct replica *p) {
    return loop_now_us(p->repl->server->loop);
}

/* From state to state. */

void replica_enter(struct replica *p) {
    int off = 0;
    p->client->kind = CLIENT_REPLICA;
    p->client->session.gates |= GATE_KEYLESS;
    if (p->repl->config.disable_nodelay)
        setsockopt(p->client->watch.fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof off);
    replicas_add(p->repl, p);
}

void replica_wait(struct replica *p) {
    replica_enter(p);
    p->state = REPLICA_WAITS;
    p->asked_us = now_us(p);
}

static void tell(struct replica *p, struct slice text) {
    p->answered = true;
    reply_raw(&p->client->session.own_reply, text);
    client_wants_flush(p->client);
}

void replica_begin_sync(struct replica *p, int64_t offset, const struct backlog_cursor *from) {
    char line[128];
    p->state = REPLICA_ATTACHED;
    if (!p->rdb_only && from && from->block)
        backlog_cursor_copy(&p->cursor, from);
    else if (!p->rdb_only)
        backlog_seek(&p->repl->backlog, &p->cursor, offset);
    if (p->by_sync) return;
    int len =
        snprintf(line, sizeof line, "+FULLRESYNC %s %lld\r\n", p->repl->id, (long long)offset);
    tell(p, slice_of(line, (size_t)len));
}

void replica_send_file(struct replica *p, int fd, uint64_t len) {
    char line[64];
    p->state = REPLICA_RECEIVES;
    p->fd = fd;
    p->file_left = len;
    p->moved_us = now_us(p);
    int n = snprintf(line, sizeof line, "$%llu\r\n", (unsigned long long)len);
    tell(p, slice_of(line, (size_t)n));
}

void replica_send_transfer(struct replica *p, struct backlog *chain, const char *mark) {
    char line[64];
    p->state = REPLICA_STREAMED;
    p->moved_us = now_us(p);
    backlog_seek(chain, &p->transfer, backlog_start(chain));
    int n = snprintf(line, sizeof line, "$EOF:%s\r\n", mark);
    tell(p, slice_of(line, (size_t)n));
}

static void log_online(const struct replica *p) {
    char name[REPLICA_NAME_MAX];
    log_notice(&p->repl->server->log, "Synchronization with replica %s succeeded",
               replica_name(p, name));
}

void replica_go_online(struct replica *p) {
    char name[REPLICA_NAME_MAX];
    if (p->rdb_only) {
        p->state = REPLICA_DONE;
        log_notice(&p->repl->server->log,
                   "RDB transfer completed, rdb only replica (%s) should be disconnected asap",
                   replica_name(p, name));
        client_close_after_reply(p->client);
        return;
    }
    p->state = REPLICA_ONLINE;
    p->acked_us = now_us(p);
    replicas_count_good(p->repl);
    log_online(p);
    client_wants_flush(p->client);
}

void replica_continue(struct replica *p, int64_t position) {
    char line[64] = "+CONTINUE\r\n";
    p->state = REPLICA_ONLINE;
    p->acked_us = now_us(p);
    p->ack_first = false;
    backlog_seek(&p->repl->backlog, &p->cursor, position);
    if (p->takes_psync2) snprintf(line, sizeof line, "+CONTINUE %s\r\n", p->repl->id);
    tell(p, slice_str(line));
    replicas_count_good(p->repl);
}

void replica_fail(struct replica *p, const char *error) {
    reply_error(&p->client->session.own_reply, error);
    client_close_after_reply(p->client);
}

void replica_acked(struct replica *p, int64_t offset, int64_t synced) {
    if (offset > p->acked) p->acked = offset;
    if (synced > p->synced) p->synced = synced;
    p->acked_us = now_us(p);
    if (p->state != REPLICA_ONLINE || !p->ack_first) return;
    p->ack_first = false;
    client_wants_flush(p->client);
}

/* What it's sent. */

static void fill_stream(struct replica *p, size_t most) {
    struct bytes *block;
    size_t from;
    while (most) {
        size_t len = backlog_next(&p->cursor, most, &block, &from);
        if (!len) return;
        reply_shared(&p->client->session.own_reply, block, from, len);
        most -= len;
    }
}

static void end_file(struct replica *p) {
    close(p->fd);
    p->fd = -1;
    replica_go_online(p);
}

static void read_failed(struct replica *p, ssize_t len) {
    char name[REPLICA_NAME_MAX];
    log_warning(&p->repl->server->log, "Read error sending DB to replica %s: %s",
                replica_name(p, name), len < 0 ? strerror(errno) : "premature EOF");
    client_close_soon(p->client);
}

static void fill_file(struct replica *p) {
    size_t want = p->file_left < FILE_PIECE ? (size_t)p->file_left : FILE_PIECE;
    struct bytes *piece = bytes_new(want);
    ssize_t len = read(p->fd, piece->data, want);
    if (len > 0) {
        piece->len = (size_t)len;
        p->file_left -= (uint64_t)len;
        reply_shared(&p->client->session.own_reply, piece, 0, (size_t)len);
    }
    bytes_unref(piece);
    if (len <= 0)
        read_failed(p, len);
    else if (!p->file_left)
        end_file(p);
}

static void fill_transfer(struct replica *p) {
    const struct full_sync *sync = &p->repl->full_sync;
    struct bytes *block;
    size_t from, len = backlog_next(&p->transfer, FILE_PIECE, &block, &from);
    if (len) reply_shared(&p->client->session.own_reply, block, from, len);
    if (!sync->chain_ended || backlog_position(&p->transfer) < sync->chain.end) return;
    backlog_leave(&p->transfer);
    p->ack_first = true;
    replica_go_online(p);
}

static void fill(struct client *c, size_t most) {
    struct replica *p = replica_of(c);
    if (p->state == REPLICA_RECEIVES)
        fill_file(p);
    else if (p->state == REPLICA_STREAMED)
        fill_transfer(p);
    else if (p->state == REPLICA_ONLINE && !p->ack_first)
        fill_stream(p, most);
}

uint64_t replica_lag(const struct replica *p) {
    if (!p->cursor.block) return 0;
    return (uint64_t)(p->repl->backlog.end - backlog_position(&p->cursor));
}

static bool ready(const struct client *c) {
    const struct replica *p = replica_of(c);
    const struct full_sync *sync = &p->repl->full_sync;
    switch (p->state) {
    case REPLICA_RECEIVES: return true;
    case REPLICA_STREAMED:
        return sync->chain_ended || backlog_position(&p->transfer) < sync->chain.end;
    case REPLICA_ONLINE: return !p->ack_first && replica_lag(p);
    default: return false;
    }
}

static uint64_t waiting(const struct client *c) {
    return replica_lag(replica_of(c));
}

static void sent(struct client *c, size_t bytes) {
    struct replica *p = replica_of(c);
    p->moved_us = now_us(p);
}

/* A replica that loads its snapshot sends empty lines now and then. */
static void received(struct client *c) {
    struct replica *p = replica_of(c);
    p->acked_us = now_us(p);
    p->answered = false;
}

/* All of a reply behind `from`, as far as it lies in the last piece. */
static struct slice last_reply(const struct reply *r, size_t from) {
    size_t len = reply_len(r) - from, here = (size_t)(r->pos - r->start);
    if (len > here) len = here;
    return slice_of(r->pos - len, len);
}

/* Replies have no place in the stream, and who doesn't know that isn't a replica. */
static void ran(struct client *c, size_t reply_before) {
    const struct replica *p = replica_of(c);
    struct log *log = &c->server->log;
    const char *name = c->last_command ? c->last_command->full_name : "<unknown>";
    char before[160];
    if (p->state == REPLICA_NONE || p->answered || reply_len(&c->session.own_reply) <= reply_before)
        return;
    struct slice text = last_reply(&c->session.own_reply, reply_before);
    if (text.ptr[0] == '-' && text.len > 3)
        log_warning(log,
                    "== CRITICAL == This master is sending an error to its replica: '%.*s' after "
                    "processing the command '%s'",
                    (int)text.len - 3, text.ptr + 1, name);
    snprintf(before, sizeof before,
             "Replica generated a reply to command '%.100s', disconnecting it:", name);
    client_log(c, LOG_LEVEL_WARNING, before, "");
    client_close_soon(c);
}

static size_t memory(const struct client *c) {
    return mem_class_size(sizeof(struct replica));
}

static void ended(struct client *c, struct client_stream *stream) {
    struct replica *p = (struct replica *)stream;
    char name[REPLICA_NAME_MAX];
    if (p->state != REPLICA_NONE) {
        log_notice(&p->repl->server->log, "Connection with replica %s lost.",
                   replica_name(p, name));
        backlog_leave(&p->cursor);
        backlog_leave(&p->transfer);
        replicas_remove(p->repl, p);
    }
    if (p->fd >= 0) close(p->fd);
    mem_free(p->ip);
    mem_free(p);
}

static const struct client_stream_ops stream_ops = {
    .fill = fill,
    .ready = ready,
    .waiting = waiting,
    .sent = sent,
    .received = received,
    .ran = ran,
    .ended = ended,
    .memory = memory,
};

/* What it is. */

const char *replica_state_name(const struct replica *p) {
    switch (p->state) {
    case REPLICA_RECEIVES: return "send_bulk";
    case REPLICA_DONE: return "rdb_transmitted";
    case REPLICA_ONLINE: return "online";
    default: return "wait_bgsave";
    }
}

void replica_ip(const struct replica *p, char ip[REPLICA_NAME_MAX]) {
    char addr[CLIENT_ADDR_MAX];
    if (p->ip) {
        snprintf(ip, REPLICA_NAME_MAX, "%s", p->ip);
        return;
    }
    client_addr(p->client, addr);
    char *colon = strrchr(addr, ':');
    if (colon) *colon = '\0';
    size_t len = strlen(addr);
    bool brackets = addr[0] == '[' && addr[len - 1] == ']';
    if (brackets) addr[len - 1] = '\0';
    snprintf(ip, REPLICA_NAME_MAX, "%.*s", REPLICA_NAME_MAX - 1, addr + brackets);
}

const char *replica_name(const struct replica *p, char name[REPLICA_NAME_MAX]) {
    char ip[REPLICA_NAME_MAX];
    replica_ip(p, ip);
    bool v6 = strchr(ip, ':') != NULL;
    if (p->port)
        snprintf(name, REPLICA_NAME_MAX, v6 ? "[%.100s]:%lld" : "%.100s:%lld", ip,
                 (long long)p->port);
    else
        snprintf(name, REPLICA_NAME_MAX,
                 v6 ? "[%.100s]:<unknown-replica-port>" : "%.100s:<unknown-replica-port>", ip);
    return name;
}
