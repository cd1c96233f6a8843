/* SPDX-License-Identifier: BSD-3-Clause */
/* The hot path is request_parse_usual: headers of the usual form, whole arguments. Whatever is
 * different (at the end of the input, or wrong) goes the careful way, which stops and goes on at
 * any byte. Limits and error texts are Redis 7.2's. */
#include "resp/request.h"

#include <limits.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/load.h"

enum { PEEKED_MAX = 512 }; /* arguments, and bytes of each, that are worth a look ahead */

void request_args_release(struct request_args *args) {
    mem_free(args->v);
    *args = (struct request_args){0};
}

static __attribute__((noinline)) void args_grow(struct request_args *args, size_t room) {
    size_t cap = args->cap ? 2 * args->cap : 64;
    args->cap = cap - args->count < room ? args->count + room : cap;
    args->v = mem_realloc(args->v, args->cap * sizeof *args->v);
}

/* Where so many more can be put. */
static inline struct slice *args_room(struct request_args *args, size_t room) {
    if (__builtin_expect(args->cap - args->count < room, 0)) args_grow(args, room);
    return args->v + args->count;
}

static inline void args_push(struct request_args *args, const char *ptr, size_t len) {
    *args_room(args, 1) = slice_of(ptr, len);
    args->count++;
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

/* "<digits>\r\n" of one to eight digits at `at`, if NUMBER_ROOM bytes are readable there; one or
 * two of them, which nearly all numbers have, if NUMBER_MIN are. Returns what follows, or NULL for
 * anything else, which read_number then judges. */
enum { NUMBER_MIN = 4, NUMBER_ROOM = 12 };
static __attribute__((noinline)) const char *quick_long_number(const char *at, const char *end,
                                                               uint32_t *out) {
    const char *last = at + 8;
    uint32_t value = 0;
    if (end - at < NUMBER_ROOM || *at < '1' || *at > '9') return NULL;
    for (; at < last && (unsigned char)(*at - '0') < 10; at++)
        value = value * 10 + (unsigned char)(*at - '0');
    *out = value;
    return *at == '\r' ? at + 2 : NULL;
}

static inline const char *quick_number(const char *at, const char *end, uint32_t *out) {
    enum { LINE_END = '\r' | '\n' << 8 };
    uint32_t word = load_le32(at);
    unsigned first = (word & 0xff) - '0', second = (word >> 8 & 0xff) - '0';
    if (word >> 16 == LINE_END && first - 1 < 9 && second < 10) {
        *out = first * 10 + second;
        return at + 4;
    }
    if ((word >> 8 & 0xffff) == LINE_END && first < 10) {
        *out = first;
        return at + 3;
    }
    return quick_long_number(at, end, out);
}

/* Takes whole arguments as long as they're of the usual form, up to `most` of them; stops at the
 * first that isn't, or isn't all there. Returns how many. */
static inline size_t quick_args(const char **from, const char *end, size_t most, int64_t max_bulk,
                                struct slice *to) {
    const char *at = *from;
    size_t n = 0;
    for (uint32_t bulk; n < most && end - at > NUMBER_MIN && *at == '$'; n++) {
        const char *arg = quick_number(at + 1, end, &bulk);
        if (!arg || bulk > max_bulk || end - arg < (int64_t)bulk + 2) break;
        to[n] = slice_of(arg, bulk);
        at = arg + bulk + 2;
    }
    *from = at;
    return n;
}

/* The same for what an array still has. */
static void take_quick_args(struct request_parser *p, const char *input, size_t len,
                            int64_t max_bulk, struct request_args *args) {
    enum { TOGETHER = 16 };
    const char *at = input + p->pos;
    for (size_t most = TOGETHER, n = most; n == most && p->args_left; p->args_left -= (int64_t)n) {
        if (p->args_left < (int64_t)most) most = (size_t)p->args_left;
        n = quick_args(&at, input + len, most, max_bulk, args_room(args, most));
        args->count += n;
    }
    p->pos = (size_t)(at - input);
}

enum request_status request_parse(struct request_parser *p, const char *input, size_t len,
                                  const struct request_limits *limits, struct request_args *args) {
    if (p->inline_command) {
        words_release(&p->words);
        p->inline_command = false;
    }
    if (p->args_left == 0) {
        if (p->pos >= len) return REQUEST_MORE;
        if (input[p->pos] != '*') return parse_inline(p, input, len, limits, args);
        enum request_status status = parse_count(p, input, len, limits);
        if (status != REQUEST_READY || p->args_left == 0) return status;
    }
    while (p->args_left > 0) {
        if (p->bulk_len < 0) {
            take_quick_args(p, input, len, limits->max_bulk, args);
            if (p->args_left == 0) break;
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

/* "*<digit>\r\n$<digit>\r\n", how nearly all requests begin, as one word; its two digits go to
 * `count` and `name_len`. */
static inline bool usual_head(uint64_t word, unsigned *count, unsigned *name_len) {
    static const char form[] = "*\0\r\n$\0\r\n";
    unsigned args = (unsigned char)((word >> 8) - '0'), bytes = (unsigned char)((word >> 40) - '0');
    if ((word & 0xffff00ffffff00ffULL) != load_le64(form) || args - 1 > 8 || bytes > 9)
        return false;
    *count = args;
    *name_len = bytes;
    return true;
}

/* The head and the name of the request before. Most requests of a pipeline begin with the same
 * bytes, which needn't be understood again. */
struct beginning {
    uint64_t head, name;
    uint64_t name_mask; /* 0: isn't recognised: it's longer than a word, or there's none */
    unsigned count, name_len;
};

enum {
    HEAD = 8,
    BEGINNING = HEAD + 8, /* bytes that can be compared at once */
    USUAL_MIN = HEAD + 3, /* of a request; an empty name is left to request_parse */
    DIGIT_MAX = 9,        /* of the head's numbers */
};

static inline bool begins_alike(const char *at, const char *end, const struct beginning *before) {
    return before->name_mask && end - at >= BEGINNING && load_le64(at) == before->head &&
           ((load_le64(at + HEAD) ^ before->name) & before->name_mask) == 0;
}

static inline bool begin(const char *at, const char *end, struct beginning *b) {
    *b = (struct beginning){0};
    if (!usual_head(load_le64(at), &b->count, &b->name_len)) return false;
    if (b->name_len > 8 || end - at < BEGINNING) return true;
    b->head = load_le64(at);
    b->name = load_le64(at + HEAD);
    b->name_mask = b->name_len == 8 ? UINT64_MAX : ((uint64_t)1 << 8 * b->name_len) - 1;
    return true;
}

size_t request_parse_usual(struct request_parser *p, struct slice input,
                           const struct request_limits *limits, struct request_args *args,
                           struct request_extents *to) {
    DASSERT(limits->max_args >= DIGIT_MAX && limits->max_bulk >= DIGIT_MAX);
    DASSERT(to->most <= REQUEST_EXTENTS);
    if (p->args_left || p->inline_command) return 0;
    const char *at = input.ptr + p->pos, *end = input.ptr + input.len;
    struct beginning b = {0};
    size_t before = to->count, n = before;
    for (; n < to->most && end - at >= USUAL_MIN; n++) {
        bool alike = begins_alike(at, end, &b);
        if (!alike && !begin(at, end, &b)) break;
        if (end - at < (int)(HEAD + b.name_len + 2)) break;
        const char *after = at + HEAD + b.name_len + 2;
        struct slice *argv = args_room(args, b.count);
        argv[0] = slice_of(at + HEAD, b.name_len);
        if (quick_args(&after, end, b.count - 1, limits->max_bulk, argv + 1) < b.count - 1) break;
        bool same = alike || (n > before && slice_eq(argv[0], args->v[to->v[n - 1].first]));
        at = after;
        to->v[n] = (struct request_extent){(size_t)(at - input.ptr), args->count, b.count, same};
        args->count += b.count;
    }
    p->pos = (size_t)(at - input.ptr);
    to->count = n;
    return n - before;
}

size_t request_missing(const struct request_parser *p, size_t len) {
    if (p->bulk_len < 0) return 0;
    size_t need = (size_t)p->bulk_len + 2, have = len - p->pos;
    return need > have ? need - have : 0;
}

void request_rebase(struct slice *args, size_t count, const char *from, const char *to) {
    for (size_t i = 0; i < count; i++) args[i].ptr = to + (args[i].ptr - from);
}

/* "<mark><number>\r\n" at `at`: returns what follows; NULL: it's not that, or not short. */
static inline const char *peek_number(const char *at, const char *end, char mark, size_t *n) {
    if (end - at < 4 || *at++ != mark) return NULL;
    size_t value = 0;
    for (unsigned digit; (digit = (unsigned char)*at - '0') < 10; at++) {
        value = value * 10 + digit;
        if (value > PEEKED_MAX || end - at < 4) return NULL;
    }
    *n = value;
    return at[0] == '\r' && at[1] == '\n' ? at + 2 : NULL;
}

struct slice request_peek_key(struct slice input) {
    const char *end = input.ptr + input.len;
    size_t n;
    const char *at = peek_number(input.ptr, end, '*', &n);
    if (!at || n < 2) return (struct slice){0};
    at = peek_number(at, end, '$', &n);
    if (!at || (size_t)(end - at) < n + 2) return (struct slice){0};
    at = peek_number(at + n + 2, end, '$', &n);
    return at && (size_t)(end - at) >= n ? slice_of(at, n) : (struct slice){0};
}
