/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies: every form in both versions of the protocol, aggregates of unknown size, taking replies
 * in pieces, values by reference; and random sequences of all that against a plain buffer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "resp/reply.h"

static uint64_t state = 20250806;

static size_t rnd_below(size_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

/* All that waits, put together. */
static struct buf waiting(const struct reply *r) {
    struct slice slices[4096];
    size_t n = reply_slices(r, slices, sizeof slices / sizeof slices[0]);
    assert_true(n < sizeof slices / sizeof slices[0]);
    struct buf all = BUF_INIT;
    buf_append(&all, "", 0);
    for (size_t i = 0; i < n; i++) {
        assert_true(slices[i].len > 0);
        buf_append_slice(&all, slices[i]);
    }
    assert_int_equal(all.len, reply_len(r));
    return all;
}

static void expect_waiting(const struct reply *r, struct slice expected) {
    struct buf all = waiting(r);
    if (!slice_eq(buf_slice(&all), expected)) {
        size_t at = 0;
        while (at < all.len && at < expected.len && all.data[at] == expected.ptr[at]) at++;
        fail_msg("%zu bytes instead of %zu, differing at %zu: %.60s", all.len, expected.len, at,
                 all.data + at);
    }
    buf_release(&all);
}

/* Nothing may be left behind once everything was taken. */
static void expect_drained(struct reply *r) {
    reply_consume(r, reply_len(r));
    assert_int_equal(reply_len(r), 0);
    struct slice none;
    assert_int_equal(reply_slices(r, &none, 1), 0);
    reply_release(r);
    assert_int_equal(r->memory, 0);
    assert_null(r->head);
}

/* Forms */

/* X(a call on r, what RESP2 says, what RESP3 says) */
#define FORMS(X)                                                                                   \
    X(reply_ok(r), "+OK\r\n", "+OK\r\n")                                                           \
    X(reply_status(r, "PONG"), "+PONG\r\n", "+PONG\r\n")                                           \
    X(reply_status(r, ""), "+\r\n", "+\r\n")                                                       \
    X(reply_i64(r, 0), ":0\r\n", ":0\r\n")                                                         \
    X(reply_i64(r, 9), ":9\r\n", ":9\r\n")                                                         \
    X(reply_i64(r, 10), ":10\r\n", ":10\r\n")                                                      \
    X(reply_i64(r, -1), ":-1\r\n", ":-1\r\n")                                                      \
    X(reply_i64(r, INT64_MAX), ":9223372036854775807\r\n", ":9223372036854775807\r\n")             \
    X(reply_i64(r, INT64_MIN), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n")           \
    X(reply_bulk(r, SLICE("abc")), "$3\r\nabc\r\n", "$3\r\nabc\r\n")                               \
    X(reply_bulk(r, SLICE("")), "$0\r\n\r\n", "$0\r\n\r\n")                                        \
    X(reply_bulk(r, SLICE("a\r\nb")), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n")                      \
    X(reply_bulk_str(r, "0123456789"), "$10\r\n0123456789\r\n", "$10\r\n0123456789\r\n")           \
    X(reply_bulk_i64(r, -120), "$4\r\n-120\r\n", "$4\r\n-120\r\n")                                 \
    X(reply_bulkf(r, "%s=%d", "a", 5), "$3\r\na=5\r\n", "$3\r\na=5\r\n")                           \
    X(reply_bulkf(r, "%s", ""), "$0\r\n\r\n", "$0\r\n\r\n")                                        \
    X(reply_null(r), "$-1\r\n", "_\r\n")                                                           \
    X(reply_null_array(r), "*-1\r\n", "_\r\n")                                                     \
    X(reply_bool(r, true), ":1\r\n", "#t\r\n")                                                     \
    X(reply_bool(r, false), ":0\r\n", "#f\r\n")                                                    \
    X(reply_double(r, 1.5), "$3\r\n1.5\r\n", ",1.5\r\n")                                           \
    X(reply_double(r, -0.0), "$2\r\n-0\r\n", ",-0\r\n")                                            \
    X(reply_double(r, INFINITY), "$3\r\ninf\r\n", ",inf\r\n")                                      \
    X(reply_double(r, -INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n")                                   \
    X(reply_double(r, NAN), "$3\r\nnan\r\n", ",nan\r\n")                                           \
    X(reply_double(r, 1e300), "$6\r\n1e+300\r\n", ",1e+300\r\n")                                   \
    X(reply_ldouble(r, 3.25L), "$4\r\n3.25\r\n", ",3.25\r\n")                                      \
    X(reply_big_number(r, SLICE("-12345678901234567890123")),                                      \
      "$24\r\n-12345678901234567890123\r\n", "(-12345678901234567890123\r\n")                      \
    X(reply_verbatim(r, SLICE("some text"), "txt"), "$9\r\nsome text\r\n",                         \
      "=13\r\ntxt:some text\r\n")                                                                  \
    X(reply_verbatim(r, SLICE(""), "mkd"), "$0\r\n\r\n", "=4\r\nmkd:\r\n")                         \
    X(reply_array(r, 0), "*0\r\n", "*0\r\n")                                                       \
    X(reply_array(r, 12), "*12\r\n", "*12\r\n")                                                    \
    X(reply_map(r, 0), "*0\r\n", "%0\r\n")                                                         \
    X(reply_map(r, 6), "*12\r\n", "%6\r\n")                                                        \
    X(reply_set(r, 3), "*3\r\n", "~3\r\n")                                                         \
    X(reply_push(r, 2), "*2\r\n", ">2\r\n")                                                        \
    X(reply_raw(r, SLICE("$1\r\nx\r\n")), "$1\r\nx\r\n", "$1\r\nx\r\n")                            \
    X(reply_raw(r, SLICE("")), "", "")                                                             \
    X(reply_error(r, "ERR no"), "-ERR no\r\n", "-ERR no\r\n")                                      \
    X(reply_error(r, "ERR a\r\nb\nc"), "-ERR a  b c\r\n", "-ERR a  b c\r\n")                       \
    X(reply_errorf(r, "ERR %s '%.*s'", "bad", 2, "\r\nxy"), "-ERR bad '  '\r\n",                   \
      "-ERR bad '  '\r\n")

#define FORM_CALL(call, resp2, resp3)                                                              \
    call;                                                                                          \
    buf_append_str(&expected, r->resp > 2 ? resp3 : resp2);                                        \
    expect_waiting(r, buf_slice(&expected));

static void forms(void **unused) {
    for (int resp = 2; resp <= 3; resp++) {
        struct reply reply, *r = &reply;
        struct buf expected = BUF_INIT;
        buf_append(&expected, "", 0);
        reply_init(r, NULL, resp);
        FORMS(FORM_CALL)
        expect_drained(r);
        buf_release(&expected);
    }
}

static void attributes(void **unused) {
    struct reply r;
    reply_init(&r, NULL, 3);
    reply_attribute(&r, 1);
    reply_bulk_str(&r, "ttl");
    reply_i64(&r, 5);
    reply_ok(&r);
    expect_waiting(&r, SLICE("|1\r\n$3\r\nttl\r\n:5\r\n+OK\r\n"));
    expect_drained(&r);
}

static void note_error(void *ctx, struct slice text) {
    struct buf *log = ctx;
    buf_append_slice(log, text);
    buf_append_char(log, ';');
}

static void errors_are_counted(void **unused) {
    struct reply r;
    struct buf log = BUF_INIT;
    reply_init(&r, NULL, 2);
    r.on_error = note_error;
    r.on_error_ctx = &log;
    reply_ok(&r);
    reply_error(&r, "ERR one");
    reply_raw(&r, SLICE("-ERR not one of ours\r\n"));
    reply_errorf(&r, "NOAUTH %s", "two");
    assert_int_equal(r.errors, 2);
    assert_true(slice_eq(buf_slice(&log), SLICE("ERR one;NOAUTH two;")));
    expect_drained(&r);
    buf_release(&log);
}

/* Aggregates of unknown size */

static void deferred_forms(void **unused) {
    for (int resp = 2; resp <= 3; resp++) {
        struct reply r;
        reply_init(&r, NULL, resp);
        reply_ok(&r);
        struct reply_mark outer = reply_begin(&r);
        struct reply_mark first = reply_begin(&r);
        reply_end_array(&r, first, 0);
        struct reply_mark map = reply_begin(&r);
        reply_bulk_str(&r, "k");
        struct reply_mark set = reply_begin(&r);
        reply_i64(&r, 1);
        reply_end_set(&r, set, 1);
        reply_end_map(&r, map, 1);
        reply_null(&r);
        reply_end_array(&r, outer, 3);
        reply_ok(&r);
        if (resp == 2)
            expect_waiting(&r,
                           SLICE("+OK\r\n*3\r\n*0\r\n*2\r\n$1\r\nk\r\n*1\r\n:1\r\n$-1\r\n+OK\r\n"));
        else
            expect_waiting(&r,
                           SLICE("+OK\r\n*3\r\n*0\r\n%1\r\n$1\r\nk\r\n~1\r\n:1\r\n_\r\n+OK\r\n"));
        expect_drained(&r);
    }
}

static void deferred_deep(void **unused) {
    enum { DEPTH = 200 };
    struct reply r;
    struct buf expected = BUF_INIT;
    struct reply_mark marks[DEPTH];
    reply_init(&r, NULL, 2);
    for (int i = 0; i < DEPTH; i++) {
        marks[i] = reply_begin(&r);
        reply_i64(&r, i);
        buf_appendf(&expected, "*2\r\n:%d\r\n", i);
    }
    reply_ok(&r);
    buf_append_str(&expected, "+OK\r\n");
    for (int i = DEPTH; i-- > 0;) reply_end_array(&r, marks[i], 2);
    expect_waiting(&r, buf_slice(&expected));
    expect_drained(&r);
    buf_release(&expected);
}

/* Taking replies in pieces */

/* Some chunks: short replies, one longer than a chunk, a value by reference, a deferred array. */
static void fill(struct reply *r, struct bytes *value) {
    char *text = malloc(20000);
    memset(text, 't', 20000);
    reply_ok(r);
    reply_bulk(r, slice_of(text, 20000));
    reply_i64(r, 7);
    reply_bulk_bytes(r, value);
    struct reply_mark mark = reply_begin(r);
    for (int i = 0; i < 100; i++) reply_i64(r, i);
    reply_end_array(r, mark, 100);
    reply_bulk_bytes(r, value);
    reply_ok(r);
    free(text);
}

static struct bytes *long_value(size_t len) {
    struct bytes *value = bytes_new(len);
    for (size_t i = 0; i < len; i++) value->data[i] = (char)(i * 7 + i / 256);
    value->len = len;
    return value;
}

static void taken_at_every_split(void **unused) {
    struct reply_pool pool = {0};
    struct bytes *value = long_value(REPLY_BY_REFERENCE);
    struct reply r;
    reply_init(&r, &pool, 2);
    fill(&r, value);
    struct buf all = waiting(&r);
    reply_release(&r);
    for (size_t split = 0; split <= all.len; split += split < 200 ? 1 : 1 + rnd_below(400)) {
        fill(&r, value);
        reply_consume(&r, split);
        expect_waiting(&r, slice_of(all.data + split, all.len - split));
        expect_drained(&r);
        assert_int_equal(atomic_load(&value->refs), 1);
    }
    assert_true(pool.count > 0);
    reply_pool_trim(&pool, 1);
    assert_int_equal(pool.count, 1);
    reply_pool_release(&pool);
    assert_int_equal(pool.count, 0);
    buf_release(&all);
    bytes_unref(value);
}

static void taken_byte_by_byte(void **unused) {
    struct reply r;
    reply_init(&r, NULL, 3);
    struct bytes *value = long_value(REPLY_BY_REFERENCE + 100);
    fill(&r, value);
    struct buf all = waiting(&r);
    for (size_t at = 0; at < all.len; at++) {
        struct slice first;
        assert_int_equal(reply_slices(&r, &first, 1), 1);
        assert_int_equal(first.ptr[0], all.data[at]);
        assert_true(first.len <= all.len - at);
        reply_consume(&r, 1);
        assert_int_equal(reply_len(&r), all.len - at - 1);
    }
    expect_drained(&r);
    buf_release(&all);
    bytes_unref(value);
}

/* Appending goes on after a part was taken. */
static void filled_while_taken(void **unused) {
    struct reply r;
    reply_init(&r, NULL, 2);
    reply_i64(&r, 12);
    reply_consume(&r, 2);
    reply_i64(&r, 34);
    expect_waiting(&r, SLICE("2\r\n:34\r\n"));
    reply_consume(&r, 8);
    reply_ok(&r);
    expect_waiting(&r, SLICE("+OK\r\n"));
    expect_drained(&r);
}

/* Values by reference */

static void references(void **unused) {
    struct reply r;
    reply_init(&r, NULL, 2);
    struct bytes *shorter = long_value(REPLY_BY_REFERENCE - 1), *value = long_value(100000);
    reply_bulk_bytes(&r, shorter);
    assert_int_equal(atomic_load(&shorter->refs), 1);
    size_t memory = r.memory;
    reply_bulk_bytes(&r, value);
    assert_int_equal(atomic_load(&value->refs), 2);
    assert_true(r.memory - memory >= value->len);

    /* Whoever changes the value gets a copy; the reply sends what there was. */
    struct buf expected = BUF_INIT;
    buf_appendf(&expected, "$%zu\r\n", shorter->len);
    buf_append_slice(&expected, bytes_slice(shorter));
    buf_appendf(&expected, "\r\n$%zu\r\n", value->len);
    buf_append_slice(&expected, bytes_slice(value));
    buf_append_str(&expected, "\r\n");
    struct bytes *changed = bytes_own(value, value->len);
    assert_ptr_not_equal(changed, value);
    memset(changed->data, 0, changed->len);
    expect_waiting(&r, buf_slice(&expected));

    /* The bytes aren't copied: the slice lies in them. */
    struct slice slices[8];
    size_t n = reply_slices(&r, slices, 8), found = 0;
    for (size_t i = 0; i < n; i++) found += slices[i].ptr == value->data;
    assert_int_equal(found, 1);
    expect_drained(&r);
    buf_release(&expected);
    bytes_unref(shorter);
    bytes_unref(changed);
}

static void release_drops_references(void **unused) {
    struct reply_pool pool = {0};
    struct bytes *value = long_value(50000);
    struct reply r;
    reply_init(&r, &pool, 2);
    fill(&r, value);
    reply_consume(&r, 10);
    assert_int_equal(atomic_load(&value->refs), 3);
    reply_release(&r);
    assert_int_equal(atomic_load(&value->refs), 1);
    assert_int_equal(reply_len(&r), 0);
    reply_ok(&r);
    expect_waiting(&r, SLICE("+OK\r\n"));
    reply_release(&r);
    reply_pool_release(&pool);
    bytes_unref(value);
}

static void appended(void **unused) {
    struct reply_pool pool = {0};
    struct reply to, from;
    reply_init(&to, &pool, 2);
    reply_init(&from, &pool, 2);
    reply_append(&to, &from);
    assert_int_equal(reply_len(&to), 0);
    reply_ok(&from);
    reply_append(&to, &from);
    assert_int_equal(reply_len(&from), 0);
    assert_int_equal(from.memory, 0);
    reply_i64(&from, 5);
    reply_append(&to, &from);
    reply_i64(&to, 6);
    reply_i64(&from, 7);
    expect_waiting(&to, SLICE("+OK\r\n:5\r\n:6\r\n"));
    expect_waiting(&from, SLICE(":7\r\n"));
    expect_drained(&from);
    expect_drained(&to);

    struct bytes *value = long_value(REPLY_BY_REFERENCE);
    fill(&from, value);
    struct buf all = waiting(&from);
    reply_append(&to, &from);
    expect_waiting(&to, buf_slice(&all));
    expect_drained(&to);
    expect_drained(&from);
    buf_release(&all);
    bytes_unref(value);
    reply_pool_release(&pool);
}

/* Random sequences against a buffer */

struct model {
    struct reply *r;
    struct bytes *values[4];
    struct buf bytes;
};

static void add_random_bulk(struct model *m) {
    static const size_t lengths[] = {0, 5, 100, REPLY_CHUNK - 30, REPLY_CHUNK, 20000};
    size_t most = lengths[rnd_below(sizeof lengths / sizeof lengths[0])], len = rnd_below(most + 1);
    char *text = malloc(len + 1);
    for (size_t i = 0; i < len; i++) text[i] = (char)rnd_below(256);
    reply_bulk(m->r, slice_of(text, len));
    buf_appendf(&m->bytes, "$%zu\r\n", len);
    buf_append(&m->bytes, text, len);
    buf_append_str(&m->bytes, "\r\n");
    free(text);
}

static void add_random_reference(struct model *m) {
    struct bytes *value = m->values[rnd_below(4)];
    reply_bulk_bytes(m->r, value);
    buf_appendf(&m->bytes, "$%zu\r\n", value->len);
    buf_append_slice(&m->bytes, bytes_slice(value));
    buf_append_str(&m->bytes, "\r\n");
}

/* An array whose header is written last; the model learns how many elements it will have first. */
static void add_random(struct model *m, int depth) {
    size_t kind = rnd_below(depth < 4 ? 12 : 11);
    if (kind < 6) {
        reply_i64(m->r, (int64_t)kind);
        buf_appendf(&m->bytes, ":%zu\r\n", kind);
    } else if (kind < 10) {
        add_random_bulk(m);
    } else if (kind == 10) {
        add_random_reference(m);
    } else {
        size_t count = rnd_below(8);
        buf_appendf(&m->bytes, "*%zu\r\n", count);
        struct reply_mark mark = reply_begin(m->r);
        for (size_t i = 0; i < count; i++) add_random(m, depth + 1);
        reply_end_array(m->r, mark, count);
    }
}

static void take_random(struct model *m) {
    size_t len = rnd_below(3) ? rnd_below(m->bytes.len + 1) : m->bytes.len;
    reply_consume(m->r, len);
    memmove(m->bytes.data, m->bytes.data + len, m->bytes.len - len);
    m->bytes.len -= len;
}

static void random_sequences(void **unused) {
    struct reply_pool pool = {0};
    struct reply r;
    reply_init(&r, &pool, 2);
    struct model m = {.r = &r};
    for (int i = 0; i < 4; i++) m.values[i] = long_value(REPLY_BY_REFERENCE - 1 + (size_t)i * 700);
    buf_append(&m.bytes, "", 0);
    for (int round = 0; round < 3000; round++) {
        for (size_t n = rnd_below(6); n > 0; n--) add_random(&m, 0);
        if (rnd_below(3) == 0) take_random(&m);
        if (m.bytes.len > 1000000) take_random(&m);
        if (round % 8 == 0) expect_waiting(&r, buf_slice(&m.bytes));
        assert_int_equal(reply_len(&r), m.bytes.len);
        if (round % 500 == 0) reply_pool_trim(&pool, 2);
    }
    expect_drained(&r);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(atomic_load(&m.values[i]->refs), 1);
        bytes_unref(m.values[i]);
    }
    reply_pool_release(&pool);
    buf_release(&m.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(attributes),
        cmocka_unit_test(errors_are_counted),
        cmocka_unit_test(deferred_forms),
        cmocka_unit_test(deferred_deep),
        cmocka_unit_test(taken_at_every_split),
        cmocka_unit_test(taken_byte_by_byte),
        cmocka_unit_test(filled_while_taken),
        cmocka_unit_test(references),
        cmocka_unit_test(release_drops_references),
        cmocka_unit_test(appended),
        cmocka_unit_test(random_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
