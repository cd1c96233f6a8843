/* SPDX-License-Identifier: BSD-3-Clause */
/* Channels: random subscriptions and messages of sessions on both protocols against a naive model;
 * how many patterns publishing tries; messages that many get; notifications. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cell.h"
#include "base/glob.h"
#include "base/random.h"
#include "exec/config.h"
#include "pubsub/pubsub.h"
#include "unit/engine_fixture.h"

enum { SESSIONS = 24, NAMES = 14, ROUNDS = 20000 };

static const char *const names[NAMES] = {"",      "news", "news.art", "news.art.now", "new",
                                         "other", "o",    "x",        "news.*",       "*",
                                         "n?ws",  "ne*",  "[no]ews*", "new\\s"};

static struct engine engine;
static struct session sessions[SESSIONS];
static bool is_subscribed[SESSIONS][PUBSUB_KINDS][NAMES];
static struct random rng;
static size_t changes;

static void changed(struct session *s) {
    changes++;
}

static void prepare(struct engine *e) {
    pubsub_start(e, changed);
}

static struct engine_fixture fixture = {.engine = &engine,
                                        .sessions = sessions,
                                        .session_count = SESSIONS,
                                        .databases = 2,
                                        .prepare = prepare};

static int set_up(void **unused) {
    random_seed_fixed(&rng, 5);
    engine_fixture_open(&fixture);
    for (size_t i = 0; i < SESSIONS; i++) sessions[i].own_reply.resp = i % 2 ? 3 : 2;
    memset(is_subscribed, 0, sizeof is_subscribed);
    return 0;
}

static struct buf reply_text; /* by take_reply */

static int tear_down(void **unused) {
    buf_release(&reply_text);
    for (size_t i = 0; i < SESSIONS; i++) pubsub_leave(&sessions[i]);
    pubsub_free(engine.pubsub);
    engine_fixture_close(&fixture);
    return 0;
}

/* All that the session got, taken. */
static const char *take_reply(struct session *s) {
    struct slice pieces[64];
    buf_clear(&reply_text);
    while (reply_len(&s->own_reply)) {
        size_t n = reply_slices(&s->own_reply, pieces, 64), len = reply_text.len;
        for (size_t i = 0; i < n; i++) buf_append_slice(&reply_text, pieces[i]);
        reply_consume(&s->own_reply, reply_text.len - len);
    }
    buf_append_char(&reply_text, '\0');
    return reply_text.data;
}

/* --- Against a model --- */

static void append_message(struct buf *to, const struct session *s, const char *const *parts) {
    size_t n = 0;
    while (parts[n]) n++;
    buf_appendf(to, "%c%zu\r\n", s->own_reply.resp > 2 ? '>' : '*', n);
    for (size_t i = 0; i < n; i++) buf_appendf(to, "$%zu\r\n%s\r\n", strlen(parts[i]), parts[i]);
}

/* Messages of one session by one publication: that of the channel, then those of its patterns, in
 * an order that nobody promises. */
static void expect(size_t i, enum pubsub_kind kind, size_t name, const char *payload) {
    struct session *s = &sessions[i];
    struct buf message = BUF_INIT;
    const char *got = take_reply(s);
    size_t got_len = strlen(got), wanted_len = 0;
    if (is_subscribed[i][kind][name]) {
        const char *const parts[] = {kind == PUBSUB_SHARD ? "smessage" : "message", names[name],
                                     payload, NULL};
        append_message(&message, s, parts);
        assert_int_equal(strncmp(got, message.data, message.len), 0);
        wanted_len = message.len;
    }
    for (size_t p = 0; p < NAMES && kind == PUBSUB_CHANNEL; p++) {
        if (!is_subscribed[i][PUBSUB_PATTERN][p]) continue;
        if (!glob_match(slice_str(names[p]), slice_str(names[name]))) continue;
        const char *const parts[] = {"pmessage", names[p], names[name], payload, NULL};
        buf_clear(&message);
        append_message(&message, s, parts);
        buf_append_char(&message, '\0');
        assert_non_null(strstr(got, message.data));
        wanted_len += message.len - 1;
    }
    assert_int_equal(got_len, wanted_len);
    buf_release(&message);
}

static void publish(enum pubsub_kind kind, size_t name) {
    char payload[400] = "";
    memset(payload, '7', random_below(&rng, sizeof payload));
    size_t wanted = 0;
    for (size_t i = 0; i < SESSIONS; i++) {
        wanted += is_subscribed[i][kind][name];
        for (size_t p = 0; p < NAMES && kind == PUBSUB_CHANNEL; p++)
            wanted += is_subscribed[i][PUBSUB_PATTERN][p] &&
                      glob_match(slice_str(names[p]), slice_str(names[name]));
    }
    size_t got = pubsub_publish(engine.pubsub, kind, slice_str(names[name]), slice_str(payload));
    assert_int_equal(got, wanted);
    for (size_t i = 0; i < SESSIONS; i++) expect(i, kind, name, payload);
}

static void check_counts(size_t i, enum pubsub_kind kind) {
    size_t mine = 0, topics = 0;
    for (size_t name = 0; name < NAMES; name++) {
        size_t subscribers = 0;
        mine += is_subscribed[i][kind][name];
        for (size_t k = 0; k < SESSIONS; k++) subscribers += is_subscribed[k][kind][name];
        topics += subscribers > 0;
        assert_int_equal(pubsub_subscribers(engine.pubsub, kind, slice_str(names[name])),
                         subscribers);
    }
    assert_int_equal(pubsub_count(&sessions[i], kind), mine);
    assert_int_equal(pubsub_topics(engine.pubsub, kind), topics);
    assert_int_equal((sessions[i].gates & GATE_SUBSCRIBED) != 0, sessions[i].subscriber != NULL);
}

static void one_gone(void *ctx, struct slice name) {
    bool *mine = ctx;
    for (size_t i = 0; i < NAMES; i++)
        if (slice_eq(slice_str(names[i]), name)) {
            assert_true(mine[i]);
            mine[i] = false;
        }
}

static void step(void) {
    size_t i = random_below(&rng, SESSIONS), name = random_below(&rng, NAMES);
    enum pubsub_kind kind = (enum pubsub_kind)random_below(&rng, PUBSUB_KINDS);
    bool *in = &is_subscribed[i][kind][name];
    unsigned what = (unsigned)random_below(&rng, 100);
    if (what < 45) {
        assert_int_equal(pubsub_subscribe(&sessions[i], kind, slice_str(names[name])), !*in);
        *in = true;
    } else if (what < 70) {
        assert_int_equal(pubsub_unsubscribe(&sessions[i], kind, slice_str(names[name])), *in);
        *in = false;
    } else if (what < 72) {
        pubsub_unsubscribe_all(&sessions[i], kind, one_gone, is_subscribed[i][kind]);
        for (size_t k = 0; k < NAMES; k++) assert_false(is_subscribed[i][kind][k]);
    } else if (what < 73) {
        pubsub_leave(&sessions[i]);
        memset(is_subscribed[i], 0, sizeof is_subscribed[i]);
    } else {
        publish(random_below(&rng, 2) ? PUBSUB_CHANNEL : PUBSUB_SHARD, name);
    }
    check_counts(i, kind);
}

static void random_operations(void **unused) {
    for (size_t i = 0; i < ROUNDS; i++) {
        step();
        if (i % 64 == 0) pubsub_check(engine.pubsub);
    }
    assert_true(changes > 0);
}

/* --- What costs nothing --- */

static void many_patterns_are_not_tried(void **unused) {
    char name[64];
    struct session *s = &sessions[0];
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof name, "user.%d.*", i);
        pubsub_subscribe(s, PUBSUB_PATTERN, slice_str(name));
        snprintf(name, sizeof name, "channel.%d", i);
        pubsub_subscribe(s, PUBSUB_CHANNEL, slice_str(name));
    }
    uint64_t before = pubsub_patterns_tried(engine.pubsub);
    assert_int_equal(pubsub_publish(engine.pubsub, PUBSUB_CHANNEL, SLICE("news.1"), SLICE("x")), 0);
    assert_int_equal(pubsub_patterns_tried(engine.pubsub) - before, 0);
    /* "user.1.", "user.12." and "user.123." begin otherwise than "user.1234.". */
    assert_int_equal(
        pubsub_publish(engine.pubsub, PUBSUB_CHANNEL, SLICE("user.1234.on"), SLICE("x")), 1);
    assert_int_equal(pubsub_patterns_tried(engine.pubsub) - before, 1);
    pubsub_subscribe(s, PUBSUB_PATTERN, SLICE("*.on"));
    pubsub_subscribe(s, PUBSUB_PATTERN, SLICE("us?r*"));
    pubsub_subscribe(s, PUBSUB_PATTERN, SLICE("user.1234.off*"));
    assert_int_equal(
        pubsub_publish(engine.pubsub, PUBSUB_CHANNEL, SLICE("user.1234.on"), SLICE("x")), 3);
    assert_int_equal(pubsub_patterns_tried(engine.pubsub) - before, 4);
    reply_release(&s->own_reply);
}

static void leaving_gives_all_memory_back(void **unused) {
    char name[64];
    cell_flush();
    size_t before = mem_used();
    for (int i = 0; i < 30000; i++) {
        snprintf(name, sizeof name, "channel:%016d", i);
        pubsub_subscribe(&sessions[0], (enum pubsub_kind)(i % PUBSUB_KINDS), slice_str(name));
    }
    size_t each = (mem_used() - before) / 30000;
    assert_in_range(each, 60, 220);
    assert_int_equal(pubsub_sessions(engine.pubsub), 1);
    pubsub_leave(&sessions[0]);
    assert_int_equal(pubsub_sessions(engine.pubsub), 0);
    cell_flush();
    assert_in_range(mem_used(), 0, before + 4096); /* empty tables keep a little */
}

/* --- What many get --- */

/* Messages to slow subscribers take a reference each and their bytes once, not a chunk or a copy
 * each. */
static void slow_subscribers_share(void **unused) {
    enum { MANY = 2000, MESSAGES = 50, SIZE = 2000 };
    struct session *many = calloc(MANY, sizeof *many);
    static char payload[SIZE];
    memset(payload, 'p', SIZE);
    for (size_t i = 0; i < MANY; i++) {
        session_init(&many[i], &engine, &fixture.pool);
        many[i].own_reply.resp = i % 2 ? 3 : 2;
        pubsub_subscribe(&many[i], PUBSUB_CHANNEL, SLICE("c"));
    }
    size_t before = mem_used();
    for (size_t i = 0; i < MESSAGES; i++)
        assert_int_equal(
            pubsub_publish(engine.pubsub, PUBSUB_CHANNEL, SLICE("c"), slice_of(payload, SIZE)),
            MANY);
    size_t taken = mem_used() - before, all = 2 * MESSAGES * SIZE;
    assert_in_range(taken, all, 3 * all + MANY * 1000);
    for (size_t i = 0; i < MANY; i++) {
        assert_in_range(many[i].own_reply.memory, MESSAGES * SIZE, MESSAGES * SIZE * 2);
        assert_int_equal(reply_len(&many[i].own_reply), MESSAGES * (SIZE + 33));
        reply_release(&many[i].own_reply);
        assert_int_equal(many[i].own_reply.memory, 0);
        pubsub_leave(&many[i]);
        session_release(&many[i]);
    }
    free(many);
    assert_in_range(mem_used(), 0, before);
}

/* Those who come late get what follows, those who read get on, in whatever order. */
static void shared_replies_stay_right(void **unused) {
    struct buf wanted[SESSIONS] = {0}, got[SESSIONS] = {0};
    for (size_t i = 0; i < SESSIONS; i++)
        pubsub_subscribe(&sessions[i], PUBSUB_CHANNEL, SLICE("c"));
    for (size_t round = 0; round < 5000; round++) {
        char payload[1200];
        size_t len = random_below(&rng, sizeof payload - 1);
        memset(payload, 'a' + (int)(round % 26), len);
        payload[len] = '\0';
        const char *const parts[] = {"message", "c", payload, NULL};
        pubsub_publish(engine.pubsub, PUBSUB_CHANNEL, SLICE("c"), slice_str(payload));
        for (size_t i = 0; i < SESSIONS; i++) {
            append_message(&wanted[i], &sessions[i], parts);
            if (random_below(&rng, 10) == 0) {
                reply_bulk_str(&sessions[i].own_reply, "between");
                buf_append_str(&wanted[i], "$7\r\nbetween\r\n");
            }
            struct slice piece;
            size_t n = reply_slices(&sessions[i].own_reply, &piece, 1);
            if (!n || random_below(&rng, 3)) continue;
            piece.len = random_below(&rng, piece.len) + 1;
            buf_append_slice(&got[i], piece);
            reply_consume(&sessions[i].own_reply, piece.len);
        }
    }
    for (size_t i = 0; i < SESSIONS; i++) {
        buf_append_str(&got[i], take_reply(&sessions[i]));
        assert_int_equal(got[i].len, wanted[i].len);
        assert_memory_equal(got[i].data, wanted[i].data, got[i].len);
        assert_int_equal(sessions[i].own_reply.memory, 0);
        buf_release(&got[i]);
        buf_release(&wanted[i]);
    }
}

/* --- Notifications --- */

static void set_letters(const char *text) {
    struct slice words[] = {SLICE("notify-keyspace-events"), slice_str(text)};
    struct buf error = BUF_INIT;
    assert_true(config_set(fixture.config, words, 2, (struct config_set_options){0}, &error));
    buf_release(&error);
}

static void letters(void **unused) {
    static const char *const pairs[][2] = {
        {"KEA", "AKE"},    {"nmKdtexzhsl$g", "AKmn"},
        {"xgK", "gxK"},    {"", ""},
        {"EKEKgg", "gKE"}, {"mn", "mn"},
        {"AA", "A"},       {"$K", "$K"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buf shown = BUF_INIT;
        set_letters(pairs[i][0]);
        assert_true(config_value(fixture.config, SLICE("notify-keyspace-events"), &shown));
        buf_append_char(&shown, '\0');
        assert_string_equal(shown.data, pairs[i][1]);
        buf_release(&shown);
    }
    struct slice words[] = {SLICE("notify-keyspace-events"), SLICE("KEq")};
    struct buf error = BUF_INIT;
    assert_false(config_set(fixture.config, words, 2, (struct config_set_options){0}, &error));
    buf_release(&error);
}

static void run(struct session *s, const char *a, const char *b, const char *c) {
    struct slice argv[3] = {slice_str(a), slice_str(b), slice_str(c ? c : "")};
    struct request r = {.argv = argv, .argc = c ? 3 : 2};
    dispatch_prepare_all(s, &r, 1);
    dispatch_run(s, &r);
    dispatch_settle(&engine);
    reply_release(&s->own_reply);
}

static void notifications(void **unused) {
    struct session *listener = &sessions[1], *s = &sessions[0];
    pubsub_subscribe(listener, PUBSUB_PATTERN, SLICE("__key*"));
    static const struct {
        const char *letters, *got;
    } cases[] = {
        {"", ""},
        {"A", ""},
        {"KE", ""},
        {"El", ""},
        {"K$", ">4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$16\r\n__keyspace@0__:k\r\n$3\r\nset\r\n"},
        {"Eg", ">4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$18\r\n__keyevent@0__:del\r\n$1\r\nk\r\n"},
        {"Kn", ">4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$16\r\n__keyspace@0__:k\r\n$3\r\nnew\r\n"},
        {"Em", ">4\r\n$8\r\npmessage\r\n$6\r\n__key*\r\n$22\r\n__keyevent@0__:keymiss\r\n"
               "$1\r\nk\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_letters(cases[i].letters);
        bool off = i < 3;
        assert_int_equal((engine.listeners & LISTEN_NOTIFY) != 0, !off);
        run(s, "SET", "k", "v");
        run(s, "DEL", "k", NULL);
        run(s, "GET", "k", NULL);
        assert_string_equal(take_reply(listener), cases[i].got);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(random_operations),
        TEST(many_patterns_are_not_tried),
        TEST(leaving_gives_all_memory_back),
        TEST(slow_subscribers_share),
        TEST(shared_replies_stay_right),
        TEST(letters),
        TEST(notifications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
