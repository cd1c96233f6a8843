/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading: a client without pending input is read into the server's one buffer and its requests are
 * run from there; only the incomplete rest of it moves to memory of its own. Running: requests are
 * taken in batches, all of a batch parsed, their keys hashed and the cache lines asked for before
 * the first runs. Writing: at the end of the turn, one write per client. */
#include "server/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "server/server.h"

enum {
    UNAUTHENTICATED_ARGS = 10,
    UNAUTHENTICATED_BULK = 16384,
    INLINE_MAX = 64 * 1024,
    ARGS_MAX = INT32_MAX,
    WRITE_SLICES = 64,
    WRITE_BUDGET = 1024 * 1024, /* bytes sent to one client in one turn: its share */
    OWN_READ_MAX = 1024 * 1024, /* bytes read at once into a client's own memory */
    ARGS_KEPT = 4096,           /* the batch's argument vector shrinks back to this */
};

struct client *client_of(struct session *s) {
    ASSERT(s->is_client);
    return (struct client *)((char *)s - offsetof(struct client, session));
}

static void on_ready(struct loop_watch *watch, unsigned ready);

struct client *client_new(struct server *s, int fd, bool unix_socket) {
    struct client *c = mem_zalloc(sizeof *c);
    c->server = s;
    c->watch = (struct loop_watch){.fd = fd, .on_ready = on_ready};
    session_init(&c->session, &s->engine, &s->reply_pool);
    c->session.is_client = true;
    c->id = ++s->next_client_id;
    c->created_us = c->active_us = loop_now_us(s->loop);
    c->unix_socket = unix_socket;
    c->prev = s->clients_last;
    if (c->prev)
        c->prev->next = c;
    else
        s->clients = c;
    s->clients_last = c;
    s->client_count++;
    ASSERT(loop_watch_start(s->loop, &c->watch, LOOP_READ) == 0);
    return c;
}

static void input_free(struct client *c) {
    if (!c->input) return;
    request_parser_release(&c->input->parser);
    mem_free(c->input->data);
    mem_free(c->input->args);
    mem_free(c->input);
    c->input = NULL;
}

void client_free(struct client *c) {
    struct server *s = c->server;
    loop_watch_stop(s->loop, &c->watch);
    close(c->watch.fd);
    loop_timer_stop(s->loop, &c->timer);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->clients = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        s->clients_last = c->prev;
    s->client_count--;
    input_free(c);
    session_release(&c->session);
    mem_free(c->name);
    mem_free(c->lib_name);
    mem_free(c->lib_ver);
    mem_free_sized(c, sizeof *c);
}

void client_close_soon(struct client *c) {
    if (c->closing) return;
    c->closing = true;
    c->next_to_close = c->server->to_close;
    c->server->to_close = c;
}

void client_wants_flush(struct client *c) {
    if (c->to_flush) return;
    c->to_flush = true;
    c->next_to_flush = c->server->to_flush;
    c->server->to_flush = c;
}

/* Writing. */

void client_flush(struct client *c) {
    struct reply *r = &c->session.own_reply;
    size_t sent = 0;
    while (reply_len(r) && sent < WRITE_BUDGET) {
        struct slice slices[WRITE_SLICES];
        size_t n = reply_slices(r, slices, WRITE_SLICES), total = 0;
        for (size_t i = 0; i < n; i++) total += slices[i].len;
        ssize_t done =
            n == 1 ? write(c->watch.fd, slices[0].ptr, slices[0].len)
                   : writev(c->watch.fd, (const struct iovec *)(const void *)slices, (int)n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno != EAGAIN) {
            client_close_soon(c);
            return;
        }
        if (done < 0) break;
        reply_consume(r, (size_t)done);
        sent += (size_t)done;
        if ((size_t)done < total) break;
    }
    c->bytes_out += sent;
    c->server->stats.net_out += sent;
    bool rest = reply_len(r) > 0;
    if (!rest && c->close_after_reply) {
        client_close_soon(c);
        return;
    }
    unsigned interest = c->close_after_reply ? 0 : LOOP_READ;
    loop_watch_change(c->server->loop, &c->watch, interest | (rest ? LOOP_WRITE : 0));
}

_Static_assert(sizeof(struct slice) == sizeof(struct iovec) &&
                   offsetof(struct slice, ptr) == offsetof(struct iovec, iov_base) &&
                   offsetof(struct slice, len) == offsetof(struct iovec, iov_len),
               "slices are handed to writev as they are");

/* Running. */

/* Requests parsed into server->batch. */
struct batch {
    size_t count;
    size_t ends[SERVER_BATCH]; /* where in the input each ends */
    size_t tail;              /* where what follows them begins: an incomplete request or nothing */
    size_t tail_args;         /* the tail's arguments in server->args start here */
    enum request_status last; /* READY: there may be more requests to parse */
};

static struct request_limits limits_of(const struct client *c) {
    bool authenticated = !(c->session.gates & GATE_AUTH);
    return (struct request_limits){
        .max_args = authenticated ? ARGS_MAX : UNAUTHENTICATED_ARGS,
        .max_bulk = authenticated ? (int64_t)c->server->engine.settings.proto_max_bulk_len
                                  : UNAUTHENTICATED_BULK,
        .max_inline = INLINE_MAX,
        .authenticated = authenticated,
    };
}

static void protocol_error(struct client *c, const char *text) {
    reply_error(c->session.reply, text);
    c->close_after_reply = true;
    client_wants_flush(c);
}

/* Parses up to SERVER_BATCH requests. An empty line or array is no request. */
static void batch_parse(struct client *c, struct request_parser *p, struct slice input,
                        struct batch *b) {
    struct server *s = c->server;
    struct request_limits limits = limits_of(c);
    size_t firsts[SERVER_BATCH];
    b->count = b->tail_args = 0;
    b->last = REQUEST_READY;
    while (b->count < SERVER_BATCH) {
        b->last = request_parse(p, input.ptr, input.len, &limits, &s->args);
        if (b->last != REQUEST_READY) break;
        b->tail = p->pos;
        if (s->args.count == b->tail_args) continue;
        firsts[b->count] = b->tail_args;
        b->ends[b->count] = p->pos;
        s->batch[b->count++].argc = (int)(s->args.count - b->tail_args);
        b->tail_args = s->args.count;
        if (p->inline_command) break; /* its words live until the parser is called again */
    }
    for (size_t i = 0; i < b->count; i++) s->batch[i].argv = s->args.v + firsts[i];
}

static void run_one(struct client *c, const struct request *r) {
    struct server *s = c->server;
    s->running_request = r;
    if (c->reply_mode != CLIENT_REPLY_ON) {
        c->session.reply = &s->muted;
        s->muted.resp = c->session.own_reply.resp;
    }
    dispatch_run(&c->session, r);
    c->session.reply = &c->session.own_reply;
    reply_release(&s->muted);
    if (c->reply_mode == CLIENT_REPLY_SKIP) c->reply_mode = CLIENT_REPLY_ON;
    if (c->reply_mode == CLIENT_REPLY_SKIP_NEXT) c->reply_mode = CLIENT_REPLY_SKIP;
    if (r->cmd) c->last_command = r->cmd;
    c->commands++;
}

static bool may_run(const struct client *c) {
    return !c->closing && !c->close_after_reply && !c->paused;
}

/* Returns where in the input to go on: behind the batch, or behind the request after which the
 * client had to stop. */
static size_t batch_run(struct client *c, const struct batch *b) {
    struct server *s = c->server;
    for (size_t i = 0; i < b->count; i++) dispatch_prepare(&c->session, &s->batch[i]);
    for (size_t i = 0; i < b->count && b->count > 1; i++)
        if (s->batch[i].hashed_arg) table_prefetch_entry(&c->session.db->table, s->batch[i].hash);
    s->running = c;
    size_t done = b->tail;
    for (size_t i = 0; i < b->count; i++) {
        run_one(c, &s->batch[i]);
        if (may_run(c)) continue;
        done = b->ends[i];
        break;
    }
    s->running = NULL;
    s->running_request = NULL;
    return done;
}

/* The tail's arguments become the first of the next batch. */
static void keep_tail_args(struct request_args *args, size_t from) {
    args->count -= from;
    memmove(args->v, args->v + from, args->count * sizeof *args->v);
}

/* Runs what is complete in the input. Returns how much of it is done with; of the rest, parser and
 * server->args hold what was parsed already. */
static size_t run_input(struct client *c, struct request_parser *p, struct slice input) {
    struct server *s = c->server;
    struct batch b = {.tail = 0};
    engine_tick(&s->engine);
    size_t done = 0;
    do {
        batch_parse(c, p, input, &b);
        done = batch_run(c, &b);
        if (!may_run(c)) {
            request_parser_release(p);
            p->pos = done;
            s->args.count = 0;
            break;
        }
        if (b.last == REQUEST_BAD) {
            protocol_error(c, p->error);
            break;
        }
        keep_tail_args(&s->args, b.tail_args);
    } while (b.last == REQUEST_READY);
    if (reply_len(&c->session.own_reply)) client_wants_flush(c);
    return done;
}

/* Reading. */

static void args_trim(struct request_args *args) {
    args->count = 0;
    if (args->cap > ARGS_KEPT) request_args_release(args);
}

/* Keeps what `run_input` left of `input`, which lies in the server's buffer or in the client's own.
 */
static void input_keep(struct client *c, struct request_parser *p, struct slice input,
                       size_t done) {
    struct request_args *args = &c->server->args;
    struct client_input *in = c->input;
    size_t rest = input.len - done;
    if (!in) {
        in = c->input = mem_zalloc(sizeof *in);
        in->cap = mem_class_size(rest + request_missing(p, input.len));
        in->data = mem_alloc(in->cap);
    }
    memmove(in->data, input.ptr + done, rest);
    in->len = rest;
    in->parser = *p;
    in->parser.pos -= done;
    request_rebase(args->v, args->count, input.ptr + done, in->data);
    mem_free(in->args);
    in->args = NULL;
    in->arg_count = args->count;
    if (args->count) {
        in->args = mem_alloc(args->count * sizeof *in->args);
        memcpy(in->args, args->v, args->count * sizeof *in->args);
    }
}

/* Goes on with the client's own input. */
static void run_own_input(struct client *c) {
    struct client_input *in = c->input;
    struct request_args *args = &c->server->args;
    args->count = 0;
    request_args_append(args, in->args, in->arg_count);
    struct request_parser p = in->parser;
    in->parser.inline_command = false;
    size_t done = run_input(c, &p, slice_of(in->data, in->len));
    if (done == in->len || c->closing || c->close_after_reply) {
        request_parser_release(&p);
        input_free(c);
    } else {
        input_keep(c, &p, slice_of(in->data, in->len), done);
    }
    args_trim(args);
}

/* Reads into the server's buffer; most clients have nothing pending, and need no memory of their
 * own. */
static void read_shared(struct client *c, ssize_t len) {
    struct server *s = c->server;
    struct request_parser p;
    request_parser_init(&p);
    struct slice input = slice_of(s->input, (size_t)len);
    size_t done = run_input(c, &p, input);
    if (done < input.len && !c->closing && !c->close_after_reply)
        input_keep(c, &p, input, done);
    else
        request_parser_release(&p);
    args_trim(&s->args);
}

/* Room for a good part of what is known to be missing, but not for what was only announced: an
 * announced length costs its sender the bytes before it costs us the memory. */
static size_t input_make_room(struct client_input *in) {
    size_t want = request_missing(&in->parser, in->len);
    if (want < SERVER_READ_SIZE) want = SERVER_READ_SIZE;
    size_t most = in->len > OWN_READ_MAX ? in->len : OWN_READ_MAX;
    if (want > most) want = most;
    if (in->cap - in->len < want / 2 + 1) {
        char *before = in->data;
        in->cap = mem_class_size(in->len + want);
        in->data = mem_realloc(in->data, in->cap);
        request_rebase(in->args, in->arg_count, before, in->data);
    }
    size_t room = in->cap - in->len;
    return room < OWN_READ_MAX ? room : OWN_READ_MAX;
}

static void on_readable(struct client *c) {
    struct server *s = c->server;
    struct client_input *in = c->input;
    char *to = in ? in->data : s->input;
    size_t room = SERVER_READ_SIZE;
    if (in) {
        room = input_make_room(in);
        to = in->data + in->len;
    }
    ssize_t len = read(c->watch.fd, to, room);
    if (len <= 0) {
        if (len < 0 && (errno == EAGAIN || errno == EINTR)) return;
        client_close_soon(c);
        return;
    }
    c->active_us = loop_now_us(s->loop);
    c->bytes_in += (uint64_t)len;
    s->stats.net_in += (uint64_t)len;
    if (in) {
        in->len += (size_t)len;
        run_own_input(c);
    } else {
        read_shared(c, len);
    }
}

static void on_ready(struct loop_watch *watch, unsigned ready) {
    struct client *c = (struct client *)((char *)watch - offsetof(struct client, watch));
    if (c->closing) return;
    if (ready & LOOP_WRITE) client_wants_flush(c);
    if ((ready & LOOP_READ) && !c->close_after_reply) on_readable(c);
}

void client_resume(struct client *c) {
    c->paused = false;
    if (c->input && !c->closing) run_own_input(c);
}

/* Addresses. */

static void format_addr(const struct sockaddr_storage *addr, char text[CLIENT_ADDR_MAX]) {
    char host[INET6_ADDRSTRLEN] = "?";
    if (addr->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(text, CLIENT_ADDR_MAX, "%s:%d", host, ntohs(in->sin_port));
    } else if (addr->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)addr;
        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
        snprintf(text, CLIENT_ADDR_MAX, "[%s]:%d", host, ntohs(in->sin6_port));
    } else {
        snprintf(text, CLIENT_ADDR_MAX, "?:0");
    }
}

void client_addr(const struct client *c, char text[CLIENT_ADDR_MAX]) {
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof addr;
    if (c->unix_socket)
        snprintf(text, CLIENT_ADDR_MAX, "%s:0", c->server->config.unixsocket);
    else if (getpeername(c->watch.fd, (struct sockaddr *)&addr, &len) == 0)
        format_addr(&addr, text);
    else
        snprintf(text, CLIENT_ADDR_MAX, "?:0");
}

void client_local_addr(const struct client *c, char text[CLIENT_ADDR_MAX]) {
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof addr;
    if (c->unix_socket)
        snprintf(text, CLIENT_ADDR_MAX, "%s:0", c->server->config.unixsocket);
    else if (getsockname(c->watch.fd, (struct sockaddr *)&addr, &len) == 0)
        format_addr(&addr, text);
    else
        snprintf(text, CLIENT_ADDR_MAX, "?:0");
}
