/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading requests: an incremental parser for RESP arrays of bulk strings and for inline commands.
 * It parses in place: arguments are slices of the input, nothing is copied. A parser that ran out
 * of input goes on where it stopped, at any byte. */
#ifndef DREY_RESP_REQUEST_H
#define DREY_RESP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/words.h"

/* The arguments of a batch of requests, one after the other. */
struct request_args {
    struct slice *v;
    size_t count, cap;
};
void request_args_append(struct request_args *args, const struct slice *more, size_t count);
void request_args_release(struct request_args *args);

struct request_limits {
    int64_t max_args;  /* of one request */
    int64_t max_bulk;  /* bytes of one argument */
    size_t max_inline; /* bytes of an inline command or a header line */
    bool
        authenticated; /* else an argument count or length over the limits has its own error text */
};

enum request_status {
    REQUEST_READY, /* a whole request: its arguments are args->v[first .. count) (none for an empty
                      line) */
    REQUEST_MORE,  /* input ends in the middle */
    REQUEST_BAD,   /* a protocol error: `error` says which; the connection can't go on */
};

struct request_parser {
    size_t pos;          /* where to go on, relative to the input's start */
    int64_t args_left;   /* arguments still to come of the array begun; 0: none begun */
    int64_t bulk_len;    /* of the argument begun; -1: its header is still to come */
    bool inline_command; /* the request last parsed was one: its arguments lie in `words`, until the
                            next call */
    struct words words;
    char error[128];
};

void request_parser_init(struct request_parser *p);
void request_parser_release(struct request_parser *p);

/* Parses one request from input[p->pos .. len), appends its arguments to args and moves p->pos
 * behind it. After REQUEST_MORE call again with more input and the arguments so far still at the
 * end of `args` (moved along if the input moved: request_rebase). After an inline command its
 * arguments must be used before the next call. */
enum request_status request_parse(struct request_parser *p, const char *input, size_t len,
                                  const struct request_limits *limits, struct request_args *args);

/* A whole request among several. */
struct request_extent {
    size_t end;   /* where it ends in the input */
    size_t first; /* its arguments are args->v[first .. first + count) */
    size_t count;
    bool same_name; /* surely the first of them is the same as that of the request before */
};

enum { REQUEST_EXTENTS = 64 };

struct request_extents {
    size_t count, most; /* most <= REQUEST_EXTENTS */
    struct request_extent v[REQUEST_EXTENTS];
};

/* What nearly all requests are, taken as fast as can be: whole ones of the usual form, as many as
 * there are at p->pos and as `to` has room for, are added to it, as request_parse would parse them
 * one by one. The limits must allow nine arguments, and nine bytes. Returns how many; what is there
 * then is request_parse's. */
size_t request_parse_usual(struct request_parser *p, struct slice input,
                           const struct request_limits *limits, struct request_args *args,
                           struct request_extents *to);

/* The second argument of the first request, mostly its key, if it's all there in the usual form and
 * not long: to be fetched into the cache ahead, nothing more. Empty: not seen. */
struct slice request_peek_key(struct slice input);

/* True when nothing of a request has been read yet. */
static inline bool request_parser_idle(const struct request_parser *p) {
    return p->args_left == 0;
}

/* Bytes that are known to be missing for the argument begun (0 if unknown): a hint for the size of
 * the next read. */
size_t request_missing(const struct request_parser *p, size_t len);

/* The argument begun was read to another place than the input, all of it and its line end: goes on
 * behind it. When it was the last one, the request is complete and the parser idle. */
static inline void request_argument_done(struct request_parser *p) {
    p->bulk_len = -1;
    p->args_left--;
}

/* Moves arguments that lie in the old input to the same place of the new one. */
void request_rebase(struct slice *args, size_t count, const char *from, const char *to);

#endif
