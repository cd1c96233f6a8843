/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes, cut anywhere and with usual requests taken several at a time, must give the same
 * requests, the same error and the same state at the end as parsed in one piece, one by one; and a
 * key that is seen ahead is the one that is parsed.
 *
 * An input is: a byte of flags, a byte that says how many steps there are, the steps (lengths of
 * the pieces, over and over; 0 means 256), and the bytes to parse. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "resp/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_STRANGER = 1, FLAG_SHORT_LINES = 2, STEPS_MAX = 16, TAKEN = 5 };

/* Where to cut; none: nowhere. */
struct steps {
    const uint8_t *v;
    size_t count;
};

/* A parser fed piece by piece. The input lies in memory of just its size, and moves with each
 * piece, as a connection's may. */
struct feed {
    struct request_parser parser;
    struct request_args args;
    const struct request_limits *limits;
    bool takes;  /* usual requests several at a time */
    char *input; /* from the first request that isn't complete on */
    size_t len;
    struct buf log; /* what came of it */
};

static void feed_grow(struct feed *f, struct slice more) {
    char *input = malloc(f->len + more.len);
    if (f->len) memcpy(input, f->input, f->len);
    memcpy(input + f->len, more.ptr, more.len);
    request_rebase(f->args.v, f->args.count, f->input, input);
    free(f->input);
    f->input = input;
    f->len += more.len;
}

/* Drops the requests that were dealt with. */
static void feed_drop(struct feed *f, size_t done) {
    if (done == 0) return;
    char *input = malloc(f->len - done + 1);
    memcpy(input, f->input + done, f->len - done);
    request_rebase(f->args.v, f->args.count, f->input + done, input);
    free(f->input);
    f->input = input;
    f->len -= done;
    f->parser.pos -= done;
}

static void log_args(struct feed *f, size_t first, size_t count) {
    buf_appendf(&f->log, "%zu arguments\n", count);
    for (size_t i = first; i < first + count; i++) {
        buf_appendf(&f->log, "%zu: ", f->args.v[i].len);
        buf_append_slice(&f->log, f->args.v[i]);
        buf_append_char(&f->log, '\n');
    }
}

/* Takes usual requests. */
static void feed_take(struct feed *f) {
    struct request_extents all = {.most = TAKEN};
    size_t begun = f->args.count, before = f->parser.pos;
    size_t n =
        request_parse_usual(&f->parser, slice_of(f->input, f->len), f->limits, &f->args, &all);
    for (size_t i = 0; i < n; i++) {
        const struct request_extent *r = &all.v[i];
        if (r->end <= before || r->end > f->len || begun) abort();
        if (r->same_name && (i == 0 || !slice_eq(f->args.v[r->first], f->args.v[r[-1].first])))
            abort();
        log_args(f, r->first, r->count);
        before = r->end;
    }
    if (f->parser.pos != before) abort();
    if (n) f->args.count = 0;
}

/* Parses what there is; false after a protocol error. */
static bool feed_parse(struct feed *f) {
    size_t done = 0;
    for (;;) {
        size_t from = f->parser.pos;
        if (f->takes) feed_take(f);
        if (f->parser.pos > from) done = f->parser.pos;
        size_t before = f->parser.pos;
        switch (request_parse(&f->parser, f->input, f->len, f->limits, &f->args)) {
        case REQUEST_READY:
            if (f->parser.pos <= before || f->parser.pos > f->len) abort();
            log_args(f, 0, f->args.count);
            f->args.count = 0;
            done = f->parser.pos;
            break;
        case REQUEST_MORE: feed_drop(f, done); return true;
        default: buf_appendf(&f->log, "error: %s\n", f->parser.error); return false;
        }
    }
}

static void log_state(struct feed *f) {
    log_args(f, 0, f->args.count);
    buf_appendf(&f->log, "idle %d, missing %zu, left %zu\n", request_parser_idle(&f->parser),
                request_missing(&f->parser, f->len), f->len - f->parser.pos);
}

static struct buf parse(struct slice bytes, const struct request_limits *limits,
                        struct steps steps) {
    struct feed f = {.limits = limits, .takes = steps.count > 0};
    request_parser_init(&f.parser);
    bool fine = true;
    for (size_t at = 0, i = 0; at < bytes.len && fine; i++) {
        size_t step = bytes.len;
        if (steps.count) step = steps.v[i % steps.count] ? steps.v[i % steps.count] : 256;
        if (step > bytes.len - at) step = bytes.len - at;
        feed_grow(&f, slice_of(bytes.ptr + at, step));
        fine = feed_parse(&f);
        at += step;
    }
    if (fine) log_state(&f);
    request_parser_release(&f.parser);
    request_args_release(&f.args);
    free(f.input);
    return f.log;
}

/* What is seen ahead must be what is parsed, or nothing. */
static void check_peek(struct slice bytes, const struct request_limits *limits) {
    struct slice key = request_peek_key(bytes);
    struct request_parser parser;
    struct request_args args = {0};
    request_parser_init(&parser);
    if (key.len && request_parse(&parser, bytes.ptr, bytes.len, limits, &args) == REQUEST_READY &&
        args.count && (args.v[1].ptr != key.ptr || args.v[1].len != key.len))
        abort();
    request_parser_release(&parser);
    request_args_release(&args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size < 2 + (size_t)(data[1] % STEPS_MAX)) return 0;
    bool known = !(data[0] & FLAG_STRANGER);
    struct request_limits limits = {
        .max_args = known ? 1024 * 1024 : 10,
        .max_bulk = known ? 512 * 1024 * 1024 : 16 * 1024,
        .max_inline = data[0] & FLAG_SHORT_LINES ? 64 : 64 * 1024,
        .authenticated = known,
    };
    struct steps steps = {data + 2, data[1] % STEPS_MAX};
    struct slice bytes = slice_of(data + 2 + steps.count, size - 2 - steps.count);
    check_peek(bytes, &limits);
    struct buf whole = parse(bytes, &limits, (struct steps){0});
    struct buf pieces = parse(bytes, &limits, steps);
    if (!slice_eq(buf_slice(&whole), buf_slice(&pieces))) {
        fprintf(stderr, "in one piece:\n%s\nin pieces:\n%s\n", whole.data, pieces.data);
        abort();
    }
    buf_release(&whole);
    buf_release(&pieces);
    return 0;
}
