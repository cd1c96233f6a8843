/* SPDX-License-Identifier: BSD-3-Clause */
/* The request parser: what it makes of good and bad input wherever that is cut, and its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "resp/request.h"

static const struct request_limits usual = {
    .max_args = 1024 * 1024,
    .max_bulk = 512 * 1024 * 1024,
    .max_inline = 64 * 1024,
    .authenticated = true,
};

static const struct request_limits stranger = {
    .max_args = 10,
    .max_bulk = 16 * 1024,
    .max_inline = 64 * 1024,
    .authenticated = false,
};

static const struct request_limits short_lines = {
    .max_args = 1024 * 1024,
    .max_bulk = 512 * 1024 * 1024,
    .max_inline = 64,
    .authenticated = true,
};

/* A parser whose input lies in memory of just its size, in another place after each piece. */
struct feed {
    struct request_parser parser;
    struct request_args args;
    const struct request_limits *limits;
    size_t most; /* taken at a time by request_parse_usual, before request_parse is asked; or 0 */
    char *input;
    size_t len;
    struct buf log; /* "a|b|;" for a request of two arguments, "!text" for an error */
};

enum { MOST = 3 };

static void feed_init(struct feed *f, const struct request_limits *limits, size_t most) {
    *f = (struct feed){.limits = limits, .most = most};
    request_parser_init(&f->parser);
    buf_append(&f->log, "", 0);
}

static void feed_release(struct feed *f) {
    request_parser_release(&f->parser);
    request_args_release(&f->args);
    buf_release(&f->log);
    free(f->input);
}

static void log_request(struct feed *f, size_t first, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buf_append_slice(&f->log, f->args.v[first + i]);
        buf_append_char(&f->log, '|');
    }
    buf_append_char(&f->log, ';');
}

/* Takes what request_parse_usual does; each is whole, and behind the one before. */
static void take_usual(struct feed *f) {
    size_t n, args = f->args.count, there = f->most > 1; /* one that another parser has added */
    do {
        struct request_extents all = {.count = there, .most = f->most};
        const struct request_extent *of = all.v + there;
        size_t end = f->parser.pos;
        n = request_parse_usual(&f->parser, slice_of(f->input, f->len), f->limits, &f->args, &all);
        assert_true(n == all.count - there && all.count <= f->most);
        for (size_t i = 0; i < n; i++) {
            const struct slice *argv = f->args.v + of[i].first;
            assert_true(of[i].end > end && of[i].count > 0);
            assert_int_equal(of[i].first, args);
            if (of[i].same_name) assert_true(i && slice_eq(argv[0], f->args.v[of[i - 1].first]));
            log_request(f, of[i].first, of[i].count);
            args += of[i].count;
            end = of[i].end;
        }
        assert_int_equal(f->args.count, args);
        assert_int_equal(f->parser.pos, end);
        if (n) args = f->args.count = 0;
    } while (n);
}

static enum request_status feed_parse(struct feed *f) {
    if (f->most) take_usual(f);
    enum request_status status = request_parse(&f->parser, f->input, f->len, f->limits, &f->args);
    if (status != REQUEST_READY) return status;
    log_request(f, 0, f->args.count);
    f->args.count = 0;
    return status;
}

/* Adds a piece and parses what can be; says how that ended. */
static enum request_status feed_more(struct feed *f, struct slice piece) {
    char *input = malloc(f->len + piece.len);
    if (f->len) memcpy(input, f->input, f->len);
    memcpy(input + f->len, piece.ptr, piece.len);
    request_rebase(f->args.v, f->args.count, f->input, input);
    free(f->input);
    f->input = input;
    f->len += piece.len;
    enum request_status status;
    while ((status = feed_parse(f)) == REQUEST_READY) continue;
    if (status == REQUEST_BAD) buf_appendf(&f->log, "!%s", f->parser.error);
    return status;
}

/* What must come of `input` under these limits. */
struct expectation {
    struct slice input, log;
    const struct request_limits *limits;
};

/* In pieces of `step` bytes behind a first one of `first`; `most`: see struct feed. */
static void check_cut_by(const struct expectation *e, size_t first, size_t step, size_t most) {
    struct feed f;
    feed_init(&f, e->limits, most);
    enum request_status status = REQUEST_MORE;
    size_t n = first;
    for (size_t at = 0; at < e->input.len && status == REQUEST_MORE; at += n, n = step) {
        if (n > e->input.len - at) n = e->input.len - at;
        status = feed_more(&f, slice_of(e->input.ptr + at, n));
    }
    if (!slice_eq(buf_slice(&f.log), e->log))
        fail_msg("%.*s\ncut at %zu, then by %zu:\n%s\ninstead of\n%.*s", (int)e->input.len,
                 e->input.ptr, first, step, f.log.data, (int)e->log.len, e->log.ptr);
    feed_release(&f);
}

static void check_cut(const struct expectation *e, size_t first, size_t step) {
    for (size_t most = 0; most <= MOST; most++) check_cut_by(e, first, step, most);
}

/* In one piece, in two cut at each byte, and in pieces of one to three bytes. */
static void check(const struct expectation *e) {
    check_cut(e, e->input.len, 1);
    for (size_t cut = 1; cut < e->input.len; cut++) check_cut(e, cut, e->input.len);
    for (size_t step = 1; step <= 3; step++) check_cut(e, step, step);
}

static void expect(const char *input, const char *log) {
    struct expectation e = {slice_str(input), slice_str(log), &usual};
    check(&e);
}

/* Requests, then a protocol error. */
static void expect_error(const char *input, const char *requests, const char *error,
                         const struct request_limits *limits) {
    struct buf log = BUF_INIT;
    buf_appendf(&log, "%s!ERR Protocol error: %s", requests, error);
    struct expectation e = {slice_str(input), buf_slice(&log), limits};
    check(&e);
    buf_release(&log);
}

static void arrays(void **unused) {
    expect("*1\r\n$4\r\nPING\r\n", "PING|;");
    expect("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
           "SET|k|value|;GET|k|;");
    expect("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", "ECHO||;");
    expect("*2\r\n$4\r\nECHO\r\n$11\r\n$1\r\na\r\n*1\r\n\r\n", "ECHO|$1\r\na\r\n*1\r\n|;");
    expect("*11\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n"
           "$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n$10\r\n1234567890\r\n",
           "0|1|2|3|4|5|6|7|8|9|1234567890|;");
    expect("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$2\r\nbc\r\n"
           "*2\r\n$3\r\nGEX\r\n$10\r\n0123456789\r\n*3\r\n$3\r\nGEX\r\n$0\r\n\r\n$0\r\n\r\n"
           "*2\r\n$8\r\nGETRANGE\r\n$1\r\na\r\n*2\r\n$8\r\nGETRANGF\r\n$1\r\na\r\n"
           "*2\r\n$9\r\nGETRANGES\r\n$1\r\na\r\n*2\r\n$9\r\nGETRANGET\r\n$1\r\na\r\n",
           "GET|a|;GET|bc|;GEX|0123456789|;GEX|||;GETRANGE|a|;GETRANGF|a|;GETRANGES|a|;"
           "GETRANGET|a|;");
    expect("\r\n*1\r\n$4\r\nPING\r\n\n\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n\r\n",
           ";PING|;;;SET|a|1|;;");
    expect("*0\r\n*-1\r\n*-9223372036854775808\r\n*1\r\n$4\r\nPING\r\n", ";;;PING|;");
    expect("*2\r\n$3\r\nGET\r\n$1\r\nk", "");
    expect("*2\r\n", "");
}

/* As many arguments as a batch of usual requests can have, from a vector that is too short. */
static void usual_with_most_arguments(void **unused) {
    struct buf input = BUF_INIT;
    for (int i = 0; i < REQUEST_EXTENTS; i++) {
        buf_appendf(&input, "*9\r\n$4\r\nMSET\r\n");
        for (int j = 1; j < 9; j++) buf_appendf(&input, "$5\r\n%02d:%02d\r\n", i, j);
    }
    struct request_parser p;
    struct request_args args = {0};
    struct request_extents all = {.most = REQUEST_EXTENTS};
    struct slice pings = SLICE("*1\r\n$4\r\nPING\r\n");
    request_parser_init(&p);
    request_args_append(&args, &pings, 1);
    assert_int_equal(request_parse_usual(&p, buf_slice(&input), &usual, &args, &all),
                     REQUEST_EXTENTS);
    assert_int_equal(p.pos, input.len);
    assert_int_equal(args.count, 1 + 9 * REQUEST_EXTENTS);
    for (size_t i = 0; i < REQUEST_EXTENTS; i++) {
        char want[16];
        assert_int_equal(all.v[i].first, 1 + 9 * i);
        assert_int_equal(all.v[i].same_name, i > 0);
        for (int j = 1; j < 9; j++) {
            int len = snprintf(want, sizeof want, "%02d:%02d", (int)i, j);
            assert_true(slice_eq(args.v[all.v[i].first + (size_t)j], slice_of(want, (size_t)len)));
        }
    }
    request_args_release(&args);
    buf_release(&input);
}

/* A copy of a few arguments takes no more room than they need. */
static void kept_arguments_take_their_room(void **unused) {
    struct slice some[] = {SLICE("a"), SLICE("b"), SLICE("c")};
    struct request_args args = {.v = mem_alloc(sizeof some), .cap = 3};
    request_args_append(&args, some, 3);
    assert_int_equal(args.cap, 3);
    assert_int_equal(args.count, 3);
    request_args_release(&args);
}

static void any_bytes(void **unused) {
    struct expectation e = {SLICE("*2\r\n$2\r\n\0\r\r\n$6\r\n\n\r\n\xff\0*\r\n*1\r\n$1\r\n\0\r\n"),
                            SLICE("\0\r|\n\r\n\xff\0*|;\0|;"), &usual};
    check(&e);
}

/* Redis looks at no byte but the '\r' of a line's end, and at neither of those behind an argument.
 */
static void line_ends_are_not_judged(void **unused) {
    struct expectation e = {SLICE("*1\rx$4\r\0PINGxy*1\r\n$1\r\nx\r\n"), SLICE("PING|;x|;"),
                            &usual};
    check(&e);
}

static void inline_commands(void **unused) {
    expect("PING\r\n", "PING|;");
    expect("PING\nGET k\n", "PING|;GET|k|;");
    expect("\r\n\n  \t \r\nPING\r\n", ";;;PING|;");
    expect("SET  k\t v \r\n*1\r\n$4\r\nPING\r\nGET k\r\n", "SET|k|v|;PING|;GET|k|;");
    expect("SET \"a b\" 'c d'\r\n", "SET|a b|c d|;");
    expect("SET \"\" ''\r\n", "SET|||;");
    expect("SET \"\\x41\\n\\\"\" '\\'\\n'\r\n", "SET|A\n\"|'\\n|;");
    expect("SET a\"b c\"\r\n", "SET|ab c|;");
    expect("$4 +OK :1\r\n", "$4|+OK|:1|;");
    expect("no end of line", "");
    const char *const unbalanced[] = {"\"a\r\n", "GET 'a\r\n", "GET \"a\"b\r\n", "GET 'a''b'\r\n",
                                      "GET \"a\\\"\r\n"};
    for (size_t i = 0; i < sizeof unbalanced / sizeof unbalanced[0]; i++)
        expect_error(unbalanced[i], "", "unbalanced quotes in request", &usual);
    expect_error("PING\r\nGET \"\r\nPING\r\n", "PING|;", "unbalanced quotes in request", &usual);
}

static void bad_headers(void **unused) {
    const char *const counts[] = {"*\r\n",       "*x\r\n",          "*1x\r\n",
                                  "* 1\r\n",     "*+1\r\n",         "*01\r\n",
                                  "*-\r\n",      "*-0\r\n",         "*1 \r\n",
                                  "*1\n\r\n",    "*2147483648\r\n", "*99999999999999999999\r\n",
                                  "*1048577\r\n"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        expect_error(counts[i], "", "invalid multibulk length", &usual);
    const char *const lengths[] = {
        "$\r\n",   "$x\r\n",  "$3x\r\n",        "$-1\r\n",
        "$ 3\r\n", "$03\r\n", "$536870913\r\n", "$9223372036854775808\r\n"};
    struct buf input = BUF_INIT;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        buf_clear(&input);
        buf_appendf(&input, "PING\r\n*2\r\n$3\r\nGET\r\n%s", lengths[i]);
        expect_error(input.data, "PING|;", "invalid bulk length", &usual);
    }
    buf_release(&input);
    /* With more behind them, as the quick way to read a number needs it. */
    expect_error("*1\r\n$\r\nPING PING PING\r\n", "", "invalid bulk length", &usual);
    expect_error("*\r\nPING PING PING\r\n", "", "invalid multibulk length", &usual);
    expect_error("*1\r\n$01\r\nPING PING PING\r\n", "", "invalid bulk length", &usual);
    expect_error("*1\r\nPING\r\n", "", "expected '$', got 'P'", &usual);
    expect_error("*2\r\n$3\r\nGET\r\n:1\r\n", "", "expected '$', got ':'", &usual);
    expect_error("*2\r\n$3\r\nGET\r\n\r\n", "", "expected '$', got '\r'", &usual);
}

/* Lines may have 64 bytes here, whether their end is in sight or not. `format` has a place for
 * `fill` bytes. */
static void expect_too_long(const char *format, int fill, const char *error) {
    char bytes[64];
    memset(bytes, 'x', sizeof bytes);
    struct buf input = BUF_INIT;
    buf_appendf(&input, format, fill, bytes);
    expect_error(input.data, "PING|;", error, &short_lines);
    buf_release(&input);
}

static void long_lines(void **unused) {
    const char *longest = "0123456789012345678901234567890123456789012345678901234567890123\n",
               *log = "0123456789012345678901234567890123456789012345678901234567890123|;";
    struct expectation e = {slice_str(longest), slice_str(log), &short_lines};
    check(&e);
    expect_too_long("PING\r\n1%.*s\n", 64, "too big inline request");
    expect_too_long("PING\r\n1%.*s", 64, "too big inline request");
    expect_too_long("PING\r\n*1%.*s\r\n", 62, "invalid multibulk length");
    expect_too_long("PING\r\n*1%.*s\r\n", 63, "too big mbulk count string");
    expect_too_long("PING\r\n*1%.*s", 63, "too big mbulk count string");
    expect_too_long("PING\r\n*1\r\n$1%.*s\r\n", 62, "invalid bulk length");
    expect_too_long("PING\r\n*1\r\n$1%.*s\r\n", 63, "too big bulk count string");
    expect_too_long("PING\r\n*1\r\n%.*s\r\n", 64, "expected '$', got 'x'");
    expect_too_long("PING\r\n*1\r\nx%.*s\r\n", 64, "too big bulk count string");
}

static void before_authentication(void **unused) {
    const char *most = "*10\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n"
                       "$1\r\n6\r\n$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n";
    struct expectation fits = {slice_str(most), SLICE("0|1|2|3|4|5|6|7|8|9|;"), &stranger};
    check(&fits);
    expect_error("PING\r\n*11\r\n", "PING|;", "unauthenticated multibulk length", &stranger);
    expect_error("*1048577\r\n", "", "unauthenticated multibulk length", &stranger);
    expect_error("*2147483648\r\n", "", "invalid multibulk length", &stranger);
    expect_error("*2\r\n$4\r\nAUTH\r\n$16385\r\n", "", "unauthenticated bulk length", &stranger);
    expect_error("*2\r\n$4\r\nAUTH\r\n$-5\r\n", "", "invalid bulk length", &stranger);

    struct buf input = BUF_INIT, log = BUF_INIT;
    char *long_word = malloc(16 * 1024);
    memset(long_word, 'w', 16 * 1024);
    buf_append_str(&input, "*2\r\n$4\r\nAUTH\r\n$16384\r\n");
    buf_append(&input, long_word, 16 * 1024);
    buf_append_str(&input, "\r\n");
    buf_append_str(&log, "AUTH|");
    buf_append(&log, long_word, 16 * 1024);
    buf_append_str(&log, "|;");
    struct expectation longest = {buf_slice(&input), buf_slice(&log), &stranger};
    check_cut(&longest, input.len, 1);
    check_cut(&longest, 1000, 7000);
    free(long_word);
    buf_release(&input);
    buf_release(&log);
}

static void says_what_is_missing(void **unused) {
    struct feed f;
    feed_init(&f, &usual, 0);
    assert_true(request_parser_idle(&f.parser));
    assert_int_equal(feed_more(&f, SLICE("*2\r\n$3\r\nGET\r\n$10")), REQUEST_MORE);
    assert_false(request_parser_idle(&f.parser));
    assert_int_equal(request_missing(&f.parser, f.len), 0);
    assert_int_equal(f.args.count, 1);
    assert_int_equal(feed_more(&f, SLICE("0\r\n")), REQUEST_MORE);
    assert_int_equal(request_missing(&f.parser, f.len), 102);
    assert_int_equal(feed_more(&f, SLICE("abc")), REQUEST_MORE);
    assert_int_equal(request_missing(&f.parser, f.len), 99);
    assert_true(slice_eq(f.args.v[0], SLICE("GET")));
    char rest[99] = {0};
    assert_int_equal(feed_more(&f, slice_of(rest, 98)), REQUEST_MORE);
    assert_int_equal(request_missing(&f.parser, f.len), 1);
    assert_int_equal(feed_more(&f, slice_of(rest, 1)), REQUEST_MORE);
    assert_true(request_parser_idle(&f.parser));
    assert_int_equal(request_missing(&f.parser, f.len), 0);
    assert_int_equal(f.parser.pos, f.len);
    feed_release(&f);
}

static uint64_t state = 20250711;

static size_t rnd_below(size_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

/* Appends a request of random arguments, and what the log says of it. */
static void random_request(struct buf *input, struct buf *log) {
    static const size_t lengths[] = {0, 1, 3, 8, 40, 300, 5000};
    size_t argc = 1 + rnd_below(rnd_below(5) ? 4 : 200);
    buf_appendf(input, "*%zu\r\n", argc);
    for (size_t i = 0; i < argc; i++) {
        size_t len = lengths[rnd_below(rnd_below(10) ? 5 : 7)];
        buf_appendf(input, "$%zu\r\n", len);
        size_t at = input->len;
        for (size_t j = 0; j < len; j++) buf_append_char(input, (char)rnd_below(256));
        buf_append(log, input->data + at, len);
        buf_append_char(log, '|');
        buf_append_str(input, "\r\n");
    }
    buf_append_char(log, ';');
}

static void random_pipelines(void **unused) {
    for (int round = 0; round < 300; round++) {
        struct buf input = BUF_INIT, log = BUF_INIT;
        for (size_t n = 1 + rnd_below(8); n > 0; n--) random_request(&input, &log);
        struct expectation e = {buf_slice(&input), buf_slice(&log), &usual};
        for (int cuts = 0; cuts < 5; cuts++)
            check_cut(&e, 1 + rnd_below(input.len), 1 + input.len / 50 + rnd_below(input.len));
        buf_release(&input);
        buf_release(&log);
    }
}

/* The input lies in memory of just its size. */
static void expect_peeked(const char *input, const char *want) {
    size_t len = strlen(input);
    char *exact = malloc(len);
    memcpy(exact, input, len);
    struct slice key = request_peek_key(slice_of(exact, len));
    assert_int_equal(key.len, strlen(want));
    assert_memory_equal(key.ptr, want, key.len);
    free(exact);
}

static void peeks_at_keys(void **unused) {
    const char *whole = "*3\r\n$3\r\nSET\r\n$12\r\nkey:00000001\r\n$1\r\n7\r\n";
    const char *key_end = strstr(whole, "1\r\n$1") + 1;
    expect_peeked(whole, "key:00000001");
    for (const char *end = key_end; end > whole + 1; end--) { /* what comes of it, cut short */
        char *cut = strndup(whole, (size_t)(end - whole));
        expect_peeked(cut, end == key_end ? "key:00000001" : "");
        free(cut);
    }
    expect_peeked("*2\r\n$3\r\nGET\r\n$0\r\n\r\n", "");
    expect_peeked("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "");
    expect_peeked("GET key\r\n", "");
    expect_peeked("*2\r\n$3\r\nGET\r\n$-1\r\nk\r\n", "");
    expect_peeked("*2\r\n$9999999999999999999999\r\nGET\r\n$1\r\nk\r\n", "");
    expect_peeked("*2\r\n$3\r\nGET\r\n$600\r\nk\r\n", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays),
        cmocka_unit_test(usual_with_most_arguments),
        cmocka_unit_test(kept_arguments_take_their_room),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(line_ends_are_not_judged),
        cmocka_unit_test(inline_commands),
        cmocka_unit_test(bad_headers),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(before_authentication),
        cmocka_unit_test(says_what_is_missing),
        cmocka_unit_test(random_pipelines),
        cmocka_unit_test(peeks_at_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
