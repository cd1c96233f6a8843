/* SPDX-License-Identifier: BSD-3-Clause */
/* The hot path is parse_quickly: headers of the usual form, whole arguments. Whatever is different
 * (at the end of the input, or wrong) goes the careful way, which stops and goes on at any byte.
 * Limits and error texts are Redis 7.2's. */
#include "resp/request.h"

#include <limits.h>
#include <stdio.h>

#include "base/alloc.h"

void request_args_release(struct request_args *args) {
    mem_free(args->v);
    *args = (struct request_args){0};
}

static inline void args_push(struct request_args *args, const char *ptr, size_t len) {
    if (__builtin_expect(args->count == args->cap, 0)) {
        args->cap = args->cap ? 2 * args->cap : 64;
        args->v = mem_realloc(args->v, args->cap * sizeof *args->v);
    }
    args->v[args->count++] = slice_of(ptr, len);
}

void request_args_append(struct request_args *args, const struct slice *more, size_t count) {
    for (size_t i = 0; i < count; i++) args_push(args, more[i].ptr, more[i].len);
}

void request_parser_init(struct request_parser *p) {
    p->pos = 0;
    p->args_left = 0;
    p->bulk_len = -1;
    p->inline_command = false;
    p->error[0] = '\0';
}

void request_parser_release(struct request_parser *p) {
    if (p->inline_command) words_release(&p->words);
    request_parser_init(p);
}

static enum request_status bad(struct request_parser *p, const char *text) {
    snprintf(p->error, sizeof p->error, "ERR Protocol error: %s", text);
    return REQUEST_BAD;
}

/* Reads "<number>\r\n" at *pos. Redis looks only for the '\r' and skips the byte after it, so does
 * this. */
static enum request_status read_number(const char *input, size_t len, size_t *pos, int64_t *out) {
    size_t at = *pos;
    bool negative = at < len && input[at] == '-';
    at += negative;
    size_t digits = at;
    uint64_t value = 0;
    while (at < len && (unsigned char)(input[at] - '0') < 10 && at - digits < 19)
        value = value * 10 + (unsigned char)(input[at++] - '0');
    if (len < 2 || at > len - 2) return REQUEST_MORE;
    bool leading_zero = at - digits > 1 && input[digits] == '0';
    if (at == digits || input[at] != '\r' || leading_zero ||
        value > (uint64_t)INT64_MAX + negative || (negative && value == 0))
        return REQUEST_BAD;
    *out = (int64_t)(negative ? -value : value);
    *pos = at + 2;
    return REQUEST_READY;
}

/* A number that isn't complete: an error if what is there can't become one, or if the line is too
 * long. */
static enum request_status number_later(struct request_parser *p, size_t len, const char *what,
                                        const struct request_limits *limits) {
    if (len - p->pos <= limits->max_inline) return REQUEST_MORE;
    return bad(p, what);
}

/* Where the line ends, or NULL. One that is too long has no end even if all of it is there: what
 * comes of the input must not depend on where it was cut. */
static const char *line_end(const struct request_parser *p, const char *input, size_t len, char end,
                            const struct request_limits *limits) {
    size_t have = len - p->pos, max = limits->max_inline;
    return memchr(input + p->pos, end, have <= max ? have : max + 1);
}

static enum request_status parse_count(struct request_parser *p, const char *input, size_t len,
                                       const struct request_limits *limits) {
    size_t pos = p->pos + 1;
    int64_t count = 0;
    enum request_status status = read_number(input, len, &pos, &count);
    if (status == REQUEST_MORE) return number_later(p, len, "too big mbulk count string", limits);
    /* A bad byte is an error only once the line is there: until then Redis waits, too. */
    if (status == REQUEST_BAD && !line_end(p, input, len, '\r', limits))
        return number_later(p, len, "too big mbulk count string", limits);
    if (status == REQUEST_BAD || count > INT_MAX) return bad(p, "invalid multibulk length");
    if (!limits->authenticated && count > limits->max_args)
        return bad(p, "unauthenticated multibulk length");
    if (count > limits->max_args) return bad(p, "invalid multibulk length");
    p->pos = pos;
    p->args_left = count > 0 ? count : 0;
    return REQUEST_READY;
}

static enum request_status parse_bulk_header(struct request_parser *p, const char *input,
                                             size_t len, const struct request_limits *limits) {
    if (p->pos >= len) return REQUEST_MORE;
    if (__builtin_expect(input[p->pos] != '$', 0)) {
        /* The line must be complete before it's judged. */
        if (!line_end(p, input, len, '\r', limits))
            return number_later(p, len, "too big bulk count string", limits);
        char text[32];
        snprintf(text, sizeof text, "expected '$', got '%c'", input[p->pos]);
        return bad(p, text);
    }
    size_t pos = p->pos + 1;
    int64_t bulk = 0;
    enum request_status status = read_number(input, len, &pos, &bulk);
    if (status == REQUEST_MORE || (status == REQUEST_BAD && !line_end(p, input, len, '\r', limits)))
        return number_later(p, len, "too big bulk count string", limits);
    if (status == REQUEST_BAD || bulk < 0) return bad(p, "invalid bulk length");
    if (bulk > limits->max_bulk)
        return bad(p,
                   limits->authenticated ? "invalid bulk length" : "unauthenticated bulk length");
    p->pos = pos;
    p->bulk_len = bulk;
    return REQUEST_READY;
}

static enum request_status parse_inline(struct request_parser *p, const char *input, size_t len,
                                        const struct request_limits *limits,
                                        struct request_args *args) {
    const char *line = input + p->pos;
    const char *newline = line_end(p, input, len, '\n', limits);
    if (!newline) {
        if (len - p->pos > limits->max_inline) return bad(p, "too big inline request");
        return REQUEST_MORE;
    }
    size_t line_len = (size_t)(newline - line);
    p->pos += line_len + 1;
    if (line_len && line[line_len - 1] == '\r') line_len--;
    if (!words_split(slice_of(line, line_len), &p->words))
        return bad(p, "unbalanced quotes in request");
    p->inline_command = true;
    for (size_t i = 0; i < p->words.count; i++)
        args_push(args, p->words.items[i].ptr, p->words.items[i].len);
    return REQUEST_READY;
}

/* "<digits>\r\n" of one to eight digits at `at`, with at least NUMBER_ROOM bytes readable: nearly
 * all there are. Returns what follows, or NULL for anything else, which read_number then judges. */
enum { NUMBER_ROOM = 12 };
static inline const char *quick_number(const char *at, uint32_t *out) {
    unsigned value = (unsigned char)(*at - '0');
    if (value > 9) return NULL;
    if (at[1] == '\r') {
        *out = value;
        return at + 3;
    }
    if (value == 0) return NULL;
    const char *last = at + 8;
    for (at++; at < last; at++) {
        unsigned digit = (unsigned char)(*at - '0');
        if (digit > 9) break;
        value = value * 10 + digit;
    }
    *out = value;
    return *at == '\r' ? at + 2 : NULL;
}

/* Takes whole arguments as long as they're of the usual form; stops at the first that isn't, or
 * isn't all there. */
static void parse_quickly(struct request_parser *p, const char *input, size_t len,
                          const struct request_limits *limits, struct request_args *args) {
    const char *at = input + p->pos, *end = input + len;
    int64_t left = p->args_left;
    uint32_t bulk;
    for (; left > 0 && end - at > NUMBER_ROOM && *at == '$'; left--) {
        const char *arg = quick_number(at + 1, &bulk);
        if (!arg || bulk > limits->max_bulk || end - arg < (int64_t)bulk + 2) break;
        args_push(args, arg, bulk);
        at = arg + bulk + 2;
    }
    p->args_left = left;
    p->pos = (size_t)(at - input);
}

enum request_status request_parse(struct request_parser *p, const char *input, size_t len,
                                  const struct request_limits *limits, struct request_args *args) {
    if (__builtin_expect(p->inline_command, 0)) {
        words_release(&p->words);
        p->inline_command = false;
    }
    if (p->args_left == 0) {
        if (p->pos >= len) return REQUEST_MORE;
        if (input[p->pos] != '*') return parse_inline(p, input, len, limits, args);
        uint32_t count;
        const char *after =
            len - p->pos > NUMBER_ROOM ? quick_number(input + p->pos + 1, &count) : NULL;
        if (after && count > 0 && count <= limits->max_args) {
            p->pos = (size_t)(after - input);
            p->args_left = count;
        } else {
            enum request_status status = parse_count(p, input, len, limits);
            if (status != REQUEST_READY || p->args_left == 0) return status;
        }
    }
    while (p->args_left > 0) {
        if (p->bulk_len < 0) {
            parse_quickly(p, input, len, limits, args);
            if (p->args_left == 0) return REQUEST_READY;
            enum request_status status = parse_bulk_header(p, input, len, limits);
            if (status != REQUEST_READY) return status;
        }
        size_t need = (size_t)p->bulk_len + 2;
        if (len - p->pos < need) return REQUEST_MORE;
        args_push(args, input + p->pos, (size_t)p->bulk_len);
        p->pos += need;
        p->bulk_len = -1;
        p->args_left--;
    }
    return REQUEST_READY;
}

size_t request_missing(const struct request_parser *p, size_t len) {
    if (p->bulk_len < 0) return 0;
    size_t need = (size_t)p->bulk_len + 2, have = len - p->pos;
    return need > have ? need - have : 0;
}

void request_rebase(struct slice *args, size_t count, const char *from, const char *to) {
    for (size_t i = 0; i < count; i++) args[i].ptr = to + (args[i].ptr - from);
}
