/* SPDX-License-Identifier: BSD-3-Clause */
/* Where bytes are read to: the server's buffer, behind a copy of the few that are left of the last
 * read; or memory of the client's own when more than a few are left; or, while a big argument is
 * coming in, straight into the memory that its value will have (big_args.h).
 *
 * Running: requests are taken in batches: all of a batch are parsed, their keys hashed and the
 * cache lines asked for before the first runs. They run in order. A client's turn ends when what
 * was read is used up, or after a share of time or replies: the rest waits, and others come first.
 *
 * Memory follows what was received, not what was announced. */
#include "server/client_input.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "io/conn.h"
#include "server/busy.h"
#include "server/client_blocked.h"
#include "server/client_list.h"
#include "server/client_send.h"
#include "server/client_stream.h"
#include "server/server.h"
#include "server/watching.h"

enum {
    UNAUTHENTICATED_ARGS = 10,
    UNAUTHENTICATED_BULK = 16384,
    INLINE_MAX = 64 * 1024,
    ARGS_MAX = INT32_MAX,

    REST_MAX = SERVER_READ_SIZE / 4, /* a longer rest isn't copied to the server's buffer */
    OWN_MIN = 16 * 1024,             /* own memory starts with this and shrinks to it */
    NEXT_MIN = 1024,                 /* room for the header of an argument, at least */
    HEAD_READ_SIZE = 16 * 1024,      /* first read of who sends big arguments */
    BIG_READ_SIZE = 256 * 1024,      /* read of one client in one turn, if its argument is big */
    TRIM_US = 300 * 1000,
    ARGS_COPIED = 64, /* a client keeps copies of up to so many arguments */
    ARGS_KEPT = 4096, /* the batch's argument vector shrinks back to this */

    TURN_NS = 1000 * 1000,           /* a client's time in one turn */
    TURN_OUTPUT = CLIENT_SEND_SHARE, /* replies of one turn, before any of them is sent */
    TURN_OUTPUT_UNAUTHENTICATED = 16 * 1024,
};

/* Running. */

static_assert((int)DISPATCH_BATCH <= (int)REQUEST_EXTENTS, "a batch is parsed at once");

/* Requests parsed into server->reading->batch. */
struct batch {
    struct request_extents of;
    size_t begin;             /* where the first begins */
    size_t tail;              /* where what follows them begins: an incomplete request or nothing */
    size_t tail_args;         /* the tail's arguments in reading->args start here */
    enum request_status last; /* READY: there may be more requests to parse */
};

/* The server that this one follows. */
static inline bool is_primary(const struct client *c) {
    return __builtin_expect(c->kind == CLIENT_PRIMARY, 0);
}

static bool authenticated(const struct client *c) {
    return !(c->session.gates & GATE_AUTH);
}

static struct request_limits limits_of(const struct client *c) {
    bool known = authenticated(c);
    if (is_primary(c))
        return (struct request_limits){ARGS_MAX, INT64_MAX / 2, INLINE_MAX, .authenticated = true};
    return (struct request_limits){
        .max_args = known ? ARGS_MAX : UNAUTHENTICATED_ARGS,
        .max_bulk =
            known ? (int64_t)c->server->engine.settings.proto_max_bulk_len : UNAUTHENTICATED_BULK,
        .max_inline = INLINE_MAX,
        .authenticated = known,
    };
}

/* The request behind those in the batch is whole; an empty line or array is none. */
static bool batch_add(struct batch *b, const struct request_args *args, size_t end) {
    struct request_extents *of = &b->of;
    size_t first = b->tail_args, count = args->count - first;
    b->tail = end;
    if (!count) return false;
    bool same_name = of->count && slice_eq(args->v[first], args->v[of->v[of->count - 1].first]);
    of->v[of->count++] = (struct request_extent){end, first, count, same_name};
    b->tail_args = args->count;
    return true;
}

/* Parses requests. Who isn't authenticated gets batches of one, as the next request may be read
 * under other limits. */
static void batch_parse(struct client *c, struct request_parser *p, struct slice input,
                        struct batch *b) {
    struct server_reading *reading = c->server->reading;
    struct request_args *args = &reading->args;
    struct request_limits limits = limits_of(c);
    struct request_extents *of = &b->of;
    of->count = b->tail_args = 0;
    of->most = limits.authenticated ? DISPATCH_BATCH : 1;
    b->begin = b->tail;
    b->last = REQUEST_READY;
    /* What is carried over is a request already: its last argument was a big one, or it was held.
     */
    if (args->count && request_parser_idle(p)) batch_add(b, args, p->pos);
    for (;;) {
        if (request_parse_usual(p, input, &limits, args, of)) {
            b->tail = p->pos;
            b->tail_args = args->count;
        }
        if (of->count == of->most || (of->count && p->pos == input.len)) break;
        b->last = request_parse(p, input.ptr, input.len, &limits, args);
        if (b->last != REQUEST_READY) break;
        /* An inline command's words live until the parser is called again. */
        if (batch_add(b, args, p->pos) && p->inline_command) break;
    }
    if (b->last == REQUEST_READY && p->pos == input.len) b->last = REQUEST_MORE;
    for (size_t i = 0; i < of->count; i++) {
        struct request *r = &reading->batch[i];
        r->argv = args->v + of->v[i].first;
        r->argc = (int)of->v[i].count;
        r->same_name = of->v[i].same_name;
    }
}

/* What nobody wants goes to a place of its own; errors count all the same. */
void client_reply_begin(struct client *c) {
    struct reply *muted = &c->server->muted, *own = &c->session.own_reply;
    if (__builtin_expect(c->reply_mode == CLIENT_REPLY_ON, 1)) return;
    muted->resp = own->resp;
    muted->on_error = own->on_error;
    muted->on_error_ctx = own->on_error_ctx;
    c->session.reply = muted;
}

/* CLIENT REPLY SKIP is for one reply, also if that comes later. */
void client_reply_end(struct client *c) {
    if (__builtin_expect(c->session.reply == &c->session.own_reply, 1)) return;
    if (!busy_with(c->server)) reply_release(&c->server->muted);
    c->session.reply = &c->session.own_reply;
    if (c->reply_mode == CLIENT_REPLY_SKIP && !client_is_blocked(c))
        c->reply_mode = CLIENT_REPLY_ON;
}

/* A browser that a web page has made send something here says so in its first lines; what follows
 * may be meant to be run. As in Redis, both words end the connection at once. */
static bool is_http(const struct request *r) {
    return slice_is(r->argv[0], "post") || slice_is(r->argv[0], "host:");
}

static void close_http(struct client *c) {
    client_log(c, LOG_LEVEL_WARNING, "Possible SECURITY ATTACK: a client speaks HTTP, closed:", "");
    client_close_soon(c);
}

static void run_one(struct client *c, const struct request *r) {
    c->server->running_request = r;
    c->last_command = r->cmd;
    if (__builtin_expect(!r->cmd, 0) && is_http(r)) {
        close_http(c);
        return;
    }
    size_t before = __builtin_expect(c->stream != NULL, 0) ? reply_len(&c->session.own_reply) : 0;
    client_reply_begin(c);
    dispatch_run(&c->session, r);
    client_reply_end(c);
    if (__builtin_expect(c->stream != NULL, 0)) c->stream->ops->ran(c, before);
    if (__builtin_expect(c->server->pushes.running.head != NULL, 0)) client_push_deferred(c);
    if (__builtin_expect(c->caching, 0)) tracking_requested(c, r);
    if (c->reply_mode == CLIENT_REPLY_SKIP_NEXT) c->reply_mode = CLIENT_REPLY_SKIP;
    c->session.commands += !client_is_blocked(c); /* then it counts when that ends */
}

/* A client's share of the turn. */
struct share {
    uint64_t time_end_ns; /* of engine.busy_ns; 0: all is used up */
    size_t output_end;
    size_t output; /* after the last request */
    size_t look; /* with so much output it's looked at more closely, before its end at the latest */
};

static struct share share_of(const struct client *c) {
    const struct server *s = c->server;
    static_assert((int)WATCHING_STEP <= (int)TURN_OUTPUT_UNAUTHENTICATED, "looks must come first");
    size_t output = reply_len(&c->session.own_reply);
    return (struct share){
        .time_end_ns = s->engine.busy_ns + TURN_NS,
        .output_end = output + (authenticated(c) ? TURN_OUTPUT : TURN_OUTPUT_UNAUTHENTICATED),
        .output = output,
        .look = output + s->watching_step,
    };
}

static bool used_up(const struct client *c, const struct share *share) {
    return c->crowds || c->server->engine.busy_ns >= share->time_end_ns;
}

static void look_at_output(struct client *c, struct share *share, const struct request *r,
                           size_t output) {
    const struct server *s = c->server;
    if (output > share->output && output - share->output >= s->engine.large_reply)
        watching_reply(&c->session, r, output - share->output);
    if (output > share->output_end) share->time_end_ns = 0;
    share->look = output + s->watching_step;
    if (share->look > share->output_end) share->look = share->output_end;
}

/* Each request's output must be seen before the next one runs, and while its arguments are there.
 */
static inline void see_output(struct client *c, struct share *share, const struct request *r) {
    size_t output = reply_len(&c->session.own_reply);
    if (__builtin_expect(output >= share->look, 0)) look_at_output(c, share, r, output);
    share->output = output;
}

/* The request that has big arguments, around its run. They were begun in the client's own memory,
 * so it's the first that there is. */
__attribute__((noinline)) static void lend_big_args(struct client *c) {
    struct engine *e = &c->server->engine;
    e->arg_bytes = c->input->big.complete;
    e->arg_bytes_count = c->input->big.complete_count;
}

__attribute__((noinline)) static void return_big_args(struct client *c, const struct request *r) {
    struct engine *e = &c->server->engine;
    e->arg_bytes_count = 0;
    dispatch_settle(e); /* the slow log is to see the arguments while they're there */
    watching_requests(&c->session, r, 1);
    big_args_release(&c->input->big);
}

/* Returns where in the input to go on: behind the batch, or behind the request after which the
 * client had to stop. */
static size_t batch_run(struct client *c, const struct batch *b, struct share *share,
                        const struct expected_key *expected) {
    struct server *s = c->server;
    dispatch_prepare_expected(&c->session, s->reading->batch, b->of.count, expected);
    for (size_t i = 0; i < b->of.count; i++) {
        const struct request *r = &s->reading->batch[i];
        bool may_wait = client_pause_holds(&s->pause) || snapshot_active(&s->persist.snapshot);
        if (__builtin_expect(may_wait, 0) && client_pause_hold(c, r))
            return i ? b->of.v[i - 1].end : b->begin;
        bool big = __builtin_expect(c->input && c->input->big.complete, 0);
        if (big) lend_big_args(c);
        run_one(c, r);
        see_output(c, share, r);
        if (big) return_big_args(c, r);
        if (__builtin_expect(c->session.own_reply.memory > s->limits.output_watch, 0))
            client_limits_check_output(c);
        if (!client_may_run(c) || used_up(c, share)) return b->of.v[i].end;
    }
    return b->tail;
}

/* The input was large enough to hold a large request: looks at those that ran, up to `done`. One
 * with big arguments, which is the first, has been looked at while they were there. */
static void look_at_requests(struct client *c, const struct batch *b, size_t first, size_t done) {
    size_t ran = first;
    while (ran < b->of.count && b->of.v[ran].end <= done) ran++;
    watching_requests(&c->session, &c->server->reading->batch[first], ran - first);
}

static bool is_multi(const struct request *r) {
    return r->cmd && strcmp(r->cmd->name, "multi") == 0;
}

/* The primary's requests of the batch that ran: the text of those that are over, up to `done`, and
 * of an open transaction, which begins with the last MULTI. */
static void primary_ran(struct client *c, const struct batch *b, struct slice input, size_t done) {
    const struct server *s = c->server;
    size_t over = done;
    if (c->session.transaction) {
        size_t i = b->of.count;
        while (i && !(b->of.v[i - 1].end <= done && is_multi(&s->reading->batch[i - 1]))) i--;
        over = i > 1 ? b->of.v[i - 2].end : b->begin;
    }
    s->primary.ran(c, slice_of(input.ptr + b->begin, done - b->begin), over - b->begin);
}

static void protocol_error(struct client *c, const char *text) {
    client_log(c, LOG_LEVEL_VERBOSE, "Protocol error from client:", "");
    if (c->reply_mode == CLIENT_REPLY_ON) reply_error(&c->session.own_reply, text);
    client_close_after_reply(c);
}

/* The tail's arguments become the first of the next batch. */
static void keep_tail_args(struct request_args *args, size_t from) {
    args->count -= from;
    memmove(args->v, args->v + from, args->count * sizeof *args->v);
}

/* The client had to stop at `done`. A request that was to be the next and has big arguments is kept
 * as it is: they aren't in the input, and can't be parsed again. What else was parsed is again,
 * later. */
static void stop_at(struct client *c, struct request_parser *p, const struct batch *b,
                    size_t done) {
    struct server *s = c->server;
    bool keep = b->of.count && done == b->begin && c->input && c->input->big.complete;
    request_parser_release(p);
    p->pos = keep ? b->of.v[0].end : done;
    s->reading->args.count = keep ? (size_t)s->reading->batch[0].argc : 0;
}

/* Runs what is complete in the input, as far as the client's share goes. Returns how much of it is
 * done with; of the rest, parser and server->reading->args hold what was parsed already. */
static size_t run_input(struct client *c, struct request_parser *p, struct slice input,
                        const struct expected_key *expected) {
    struct server *s = c->server;
    struct share share = share_of(c);
    struct batch b; /* not cleared: that would be most of the work for a single request */
    b.tail = 0;
    size_t done = 0;
    engine_tick(&s->engine);
    if (__builtin_expect(s->engine.overdue, 0)) client_pause_memory(s);
    s->running = c;
    do {
        batch_parse(c, p, input, &b);
        bool large = __builtin_expect(input.len >= s->large_request, 0);
        size_t looked_at = large && c->input && c->input->big.complete;
        done = batch_run(c, &b, &share, expected);
        expected = NULL;
        if (large) look_at_requests(c, &b, looked_at, done);
        if (is_primary(c)) primary_ran(c, &b, input, done);
        dispatch_settle(&s->engine); /* what it says of the batch's requests needs them */
        s->running_request = NULL;
        if (done < b.tail || !client_may_run(c)) {
            stop_at(c, p, &b, done);
            break;
        }
        if (b.last == REQUEST_BAD) {
            protocol_error(c, p->error);
            break;
        }
        keep_tail_args(&s->reading->args, b.tail_args);
    } while (b.last == REQUEST_READY && !used_up(c, &share));
    s->running = NULL;
    if (client_may_run(c) && (done < b.tail || (b.last == REQUEST_READY && done < input.len)))
        client_wait_for_turn(c);
    if (reply_len(&c->session.own_reply)) client_wants_flush(c);
    return done;
}

/* Keeping. */

static void args_trim(struct request_args *args) {
    args->count = 0;
    if (args->cap > ARGS_KEPT) request_args_release(args);
}

/* Nothing is pending any more; the memory stays until it's trimmed. */
static void input_clear(struct client_input *in) {
    request_args_release(&in->args);
    in->len = 0;
    big_args_release(&in->big);
    request_parser_init(&in->parser);
}

void client_input_free(struct client *c) {
    struct client_input *in = c->input;
    if (!in) return;
    request_parser_release(&in->parser);
    big_args_release(&in->big);
    request_args_release(&in->args);
    mem_free(in->data);
    mem_free(in);
    c->input = NULL;
}

/* Arguments that lie in `from` lie at the same place of what is at `to` now; big ones don't. */
static void rebase(struct request_args *args, struct slice from, const char *to) {
    if (from.ptr == to) return;
    for (size_t i = 0; i < args->count; i++) {
        size_t at = (uintptr_t)args->v[i].ptr - (uintptr_t)from.ptr;
        if (at < from.len) args->v[i].ptr = to + at;
    }
}

/* A few arguments are copied, to take no more memory than they need. Many change hands, vector and
 * all: a request of a million arguments comes in hundreds of pieces. */
static void keep_args(struct client_input *in, struct request_args *args) {
    request_args_release(&in->args);
    if (args->count > ARGS_COPIED) {
        in->args = *args;
        *args = (struct request_args){0};
    } else if (args->count) {
        in->args.cap = args->count;
        in->args.v = mem_alloc(args->count * sizeof *in->args.v);
        request_args_append(&in->args, args->v, args->count);
    }
}

/* The server's vector starts with the arguments kept. */
static void take_args(struct client_input *in, struct request_args *args) {
    if (in->args.count > ARGS_COPIED) {
        request_args_release(args);
        *args = in->args;
        in->args = (struct request_args){0};
    } else {
        request_args_append(args, in->args.v, in->args.count);
    }
}

/* Keeps what run_input left of `input`, which lies in the server's buffer or in the client's own
 * memory. */
static void input_keep(struct client *c, const struct request_parser *p, struct slice input,
                       size_t done) {
    struct request_args *args = &c->server->reading->args;
    size_t rest = input.len - done;
    if (!c->input) c->input = mem_zalloc(sizeof *c->input);
    struct client_input *in = c->input;
    if (in->cap < rest) { /* then it's the server's buffer that has the bytes */
        mem_free(in->data);
        in->cap = mem_class_size(rest > OWN_MIN ? rest : OWN_MIN);
        in->data = mem_alloc(in->cap);
    }
    memmove(in->data, input.ptr + done, rest);
    in->len = rest;
    if (rest > in->peak) in->peak = rest;
    in->parser = *p;
    in->parser.pos -= done;
    rebase(args, slice_of(input.ptr + done, rest), in->data);
    keep_args(in, args);
}

/* Something was kept, or nothing is any more. */
static void input_changed(struct client *c) {
    if (c->closing || !c->input) return;
    if (!c->input->trim_at_us) {
        c->input->trim_at_us = loop_now_us(c->server->loop) + TRIM_US;
        client_limits_schedule(c);
    }
    client_memory_count(c);
    client_limits_check_input(c);
}

void client_input_run(struct client *c, struct slice input, const struct expected_key *expected) {
    struct request_args *args = &c->server->reading->args;
    struct client_input *in = c->input;
    struct request_parser p;
    args->count = 0;
    if (in) {
        p = in->parser;
        in->parser.inline_command = false; /* what that owns is p's now */
        take_args(in, args);
        rebase(args, slice_of(in->data, in->len), input.ptr);
    } else {
        request_parser_init(&p);
    }
    size_t done;
    if (is_primary(c)) {
        struct keyspace *ks = &c->server->engine.keyspace;
        ks->no_expiry = true; /* it deletes what expires by itself */
        done = run_input(c, &p, input, expected);
        ks->no_expiry = false;
    } else {
        done = run_input(c, &p, input, expected);
    }
    if (done < input.len && !c->closing && !c->close_after_reply) {
        input_keep(c, &p, input, done);
    } else {
        request_parser_release(&p);
        if (in) input_clear(in);
    }
    args_trim(args);
    input_changed(c);
}

void client_input_put_aside(struct client *c, struct slice input) {
    struct request_parser p;
    request_parser_init(&p);
    c->server->reading->args.count = 0;
    input_keep(c, &p, input, 0);
    input_changed(c);
    client_wait_for_turn(c);
}

bool client_input_pending(const struct client *c) {
    const struct client_input *in = c->input;
    return in && (in->len || in->args.count || !request_parser_idle(&in->parser));
}

/* Reading. */

/* Does what is pending, with what is known to be missing, fit into the server's buffer? */
static bool fits_shared(const struct client_input *in) {
    return !in->big.receiving && in->len <= REST_MAX &&
           request_missing(&in->parser, in->len) <= SERVER_READ_SIZE - in->len;
}

/* False if there's no memory. */
static bool input_grow(struct client_input *in, size_t to) {
    size_t cap = mem_class_size(to);
    if (cap <= in->cap) return true;
    char *before = in->data, *data = mem_try_realloc(in->data, cap);
    if (!data) return false;
    in->data = data;
    in->cap = cap;
    rebase(&in->args, slice_of(before, in->len), data);
    return true;
}

/* Room for the next piece in the client's own memory. */
static bool input_make_room(struct client_input *in) {
    if (in->cap - in->len >= NEXT_MIN) return true;
    return input_grow(in, in->len + (in->len / 2 > OWN_MIN ? in->len / 2 : OWN_MIN));
}

/* The argument begun is a big one: what is there of it moves to memory of its own. Who sends one
 * will send more, and gets room for all that a first read may bring; which CLIENT LIST shows until
 * it's trimmed, as of a client of Redis that sent one. */
static bool begin_big(struct client *c) {
    struct client_input *in = c->input;
    size_t at = in->parser.pos;
    struct slice have = slice_of(in->data + at, in->len - at);
    if (!big_args_begin(&in->big, (size_t)in->parser.bulk_len, have)) return false;
    in->len = at;
    c->sends_big = true;
    return input_grow(in, SERVER_READ_SIZE);
}

enum place { IN_SHARED, IN_OWN, IN_BIG };

/* The primary's text is needed in one piece, to be passed on. */
static enum place place_of(const struct client *c) {
    const struct client_input *in = c->input;
    if (!in || fits_shared(in)) return IN_SHARED;
    if (is_primary(c)) return IN_OWN;
    if (in->big.receiving) return IN_BIG;
    return in->parser.bulk_len >= BIG_ARG_MIN ? IN_BIG : IN_OWN;
}

/* Where to read to, and how much at most; NULL if there's no memory. */
static char *room_for_reading(struct client *c, enum place place, size_t *room) {
    struct server *s = c->server;
    struct client_input *in = c->input;
    if (place == IN_SHARED) {
        size_t pending = in ? in->len : 0;
        *room = SERVER_READ_SIZE - pending;
        if (c->sends_big && !pending) *room = HEAD_READ_SIZE;
        return s->reading->input + s->reading->input_used + pending;
    }
    if (place == IN_BIG) {
        if (!in->big.receiving && !begin_big(c)) return NULL;
        return big_args_room(&in->big, room);
    }
    if (!input_make_room(in)) return NULL;
    *room = in->cap - in->len;
    return in->data + in->len;
}

/* A piece of a big argument has come. When that's complete, the request goes on behind it, unless
 * it's above the limit: as in Redis the last piece counts before anything runs. */
static void big_arrived(struct client *c, size_t len) {
    struct client_input *in = c->input;
    struct slice arg;
    if (in->len > in->peak) in->peak = in->len;
    if (!big_args_received(&in->big, len, &arg)) {
        input_changed(c);
        return;
    }
    client_limits_check_input(c);
    if (c->closing) return;
    request_args_append(&in->args, &arg, 1);
    request_argument_done(&in->parser);
    client_input_run(c, slice_of(in->data, in->len), NULL);
}

/* `len` bytes were read to where room_for_reading said. */
static void arrived(struct client *c, enum place place, size_t len) {
    struct server *s = c->server;
    struct client_input *in = c->input;
    size_t pending = in ? in->len : 0;
    if (place == IN_BIG) {
        big_arrived(c, len);
    } else if (place == IN_SHARED) {
        char *input = s->reading->input + s->reading->input_used;
        if (pending) memcpy(input, in->data, pending);
        client_input_run(c, slice_of(input, pending + len), NULL);
    } else {
        in->len += len;
        if (in->len > in->peak) in->peak = in->len;
        client_input_run(c, slice_of(in->data, in->len), NULL);
    }
}

static void on_read_failed(struct client *c, ssize_t len) {
    struct server *s = c->server;
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (errno == EINTR) loop_watch_again(s->loop, &c->watch);
        if (c->tls) client_watch(c); /* it may wait for something else now */
        return;
    }
    if (len == 0 && c->to_flush) { /* its replies come first, and then the end again */
        loop_watch_again(s->loop, &c->watch);
        return;
    }
    if (len < 0) log_verbose(&s->log, "Reading from client: %s", conn_error(c->tls));
    client_close_soon(c);
}

static size_t share_of_reading(enum place place) {
    return place == IN_BIG ? BIG_READ_SIZE : SERVER_READ_SIZE;
}

/* Reads once; of its share *used bytes were read before. True if that brought all that was asked
 * for: there may be more. */
static bool read_piece(struct client *c, enum place place, size_t *used) {
    struct server *s = c->server;
    size_t room = 0, share = share_of_reading(place) - *used;
    char *to = room_for_reading(c, place, &room);
    if (!to) {
        client_log(c, LOG_LEVEL_WARNING, "Closing client for lack of memory for its request:", "");
        client_close_soon(c);
        return false;
    }
    if (room > share) room = share;
    ssize_t len = conn_receive(c->watch.fd, c->tls, to, room);
    s->stats.reads++;
    if (len <= 0) {
        on_read_failed(c, len);
        return false;
    }
    bool filled = (size_t)len == room;
    *used += (size_t)len;
    c->active_us = loop_now_us(s->loop);
    c->bytes_in += (uint64_t)len;
    *(is_primary(c) ? &s->stats.net_repl_in : &s->stats.net_in) += (uint64_t)len;
    if (__builtin_expect(c->stream != NULL, 0)) c->stream->ops->received(c);
    if (place == IN_SHARED && !filled && client_arrivals_add(c, (size_t)len)) return false;
    arrived(c, place, (size_t)len);
    return filled;
}

/* Of a client that sends a big argument at first only the beginning is read, then the rest into its
 * place; and it's given a larger share, as the kernel holds back who isn't read from. */
void client_read(struct client *c) {
    size_t used = 0;
    enum place place = place_of(c);
    while (read_piece(c, place, &used)) {
        enum place before = place;
        place = place_of(c);
        if (before == IN_SHARED && place != IN_BIG) c->sends_big = false;
        if (used >= share_of_reading(place) || c->tls || c->waiting || !client_may_run(c)) {
            loop_watch_again(c->server->loop, &c->watch);
            break;
        }
    }
    if (__builtin_expect(used > SERVER_READ_SIZE, 0)) loop_took_long(c->server->loop);
    if (__builtin_expect(c->tls != NULL, 0) && client_may_run(c) && tls_pending(c->tls))
        client_wait_for_turn(c);
}

void client_read_on(struct client *c) {
    if (c->input && c->input->len)
        client_input_run(c, slice_of(c->input->data, c->input->len), NULL);
    if (conn_pending(c->tls) && client_may_run(c) && !c->waiting) client_read(c);
    if (c->closing) return;
    if (!c->to_flush) client_watch(c); /* else when what there is has been sent */
    if (!c->unread || c->waiting) return;
    c->unread = false;
    loop_watch_again(c->server->loop, &c->watch);
}

/* Memory. */

static void input_shrink(struct client_input *in, size_t to) {
    size_t cap = mem_class_size(to);
    if (cap >= in->cap) return;
    char *before = in->data;
    in->data = mem_realloc(in->data, cap);
    in->cap = cap;
    rebase(&in->args, slice_of(before, in->len), in->data);
}

void client_input_trim(struct client *c) {
    struct client_input *in = c->input;
    struct server *s = c->server;
    bool used = in->peak > 0;
    in->trim_at_us = loop_now_us(s->loop) + TRIM_US;
    if (s->debug.no_cron) return;
    size_t keep = in->peak > in->len ? in->peak : in->len;
    in->peak = 0;
    if (!used && !in->len && in->cap <= 2 * OWN_MIN) {
        client_input_free(c);
    } else if (!used && in->len) {
        input_shrink(in, in->len);
        big_args_shrink(&in->big);
        in->trim_at_us = 0; /* it stays as it is until more comes */
    } else {
        if (keep < OWN_MIN) keep = OWN_MIN;
        if (keep <= in->cap / 2) input_shrink(in, keep);
    }
    client_memory_count(c);
}

size_t client_input_memory(const struct client *c) {
    const struct client_input *in = c->input;
    if (!in) return 0;
    return mem_class_size(sizeof *in) + in->cap + big_args_memory(&in->big) +
           (in->args.cap ? mem_class_size(in->args.cap * sizeof *in->args.v) : 0);
}
