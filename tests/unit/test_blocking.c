/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that wait, on sessions whose owner is this test: every way in which a wait ends, what is
 * replied, counted and released; and flushing on top of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/random.h"
#include "io/background.h"
#include "io/loop.h"
#include "unit/engine_fixture.h"

enum { SESSIONS = 32, ARGS_MAX = 4 };

static struct engine engine;
static struct session sessions[SESSIONS];

/* --- The owner --- */

static struct {
    int started, replying, ended;
    const struct session *last;
} told;

static void on_started(struct session *s) {
    assert_non_null(s->blocked);
    told.started++;
    told.last = s;
}

static void on_replying(struct session *s) {
    assert_non_null(s->blocked);
    assert_int_equal(reply_len(s->reply), 0);
    told.replying++;
}

static void on_ended(struct session *s) {
    assert_null(s->blocked);
    assert_true(reply_len(s->reply) > 0);
    told.ended++;
    told.last = s;
}

/* --- Commands --- */

static int released;
static const char state_text[] = "state";

static void nap_over(struct session *s, void *state) {
    assert_string_equal(state, state_text);
    reply_null(s->reply);
}

static void free_state(void *state) {
    assert_string_equal(state, state_text);
    mem_free(state);
    released++;
}

static const struct block_kind nap_kind = {.timed_out = nap_over, .release = free_state};
static const struct block_kind sleep_kind = {.release = free_state};

static void *new_state(void) {
    char *state = mem_alloc(sizeof state_text);
    memcpy(state, state_text, sizeof state_text);
    return state;
}

/* NAP ms: can be ended early. */
static void cmd_nap(struct call *c) {
    int64_t ms;
    assert_true(num_to_i64(c->argv[1], &ms));
    blocking_start(c, &nap_kind, new_state(), (uint64_t)ms);
}

/* SLEEP: can't. */
static void cmd_sleep(struct call *c) {
    blocking_start(c, &sleep_kind, new_state(), 0);
}

static const struct command own_rows[] = {
    {.name = "nap", .run = cmd_nap, .arity = 2},
    {.name = "sleep", .run = cmd_sleep, .arity = 1},
    {.name = NULL},
};

static const struct command *const own_families[] = {own_rows, NULL};

/* --- Scaffolding --- */

static struct loop *loop; /* NULL: the engine has no helper thread */

static void prepare(struct engine *e) {
    if (loop) e->background = background_new(loop);
}

static struct engine_fixture fixture = {.engine = &engine,
                                        .sessions = sessions,
                                        .session_count = SESSIONS,
                                        .families = own_families,
                                        .prepare = prepare};

static int set_up(void **unused) {
    engine_fixture_open(&fixture);
    engine.latency_tracking = true;
    engine.blocking.hooks =
        (struct blocking_hooks){.started = on_started, .replying = on_replying, .ended = on_ended};
    for (size_t i = 0; i < SESSIONS; i++) sessions[i].can_wait = true;
    memset(&told, 0, sizeof told);
    released = 0;
    return 0;
}

static int tear_down(void **unused) {
    for (size_t i = 0; i < SESSIONS; i++) blocking_cancel(&sessions[i]);
    if (loop) background_free(engine.background);
    engine_fixture_close(&fixture);
    assert_int_equal(engine.blocking.count, 0);
    assert_int_equal(engine.blocking.timed, 0);
    return 0;
}

static void run(struct session *s, const char *request) {
    char line[200], *rest;
    struct slice argv[ARGS_MAX];
    int argc = 0;
    snprintf(line, sizeof line, "%s", request);
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = slice_str(word);
    struct request r = {.argv = argv, .argc = argc};
    engine_tick(&engine);
    dispatch_prepare_all(s, &r, 1);
    dispatch_run(s, &r);
}

/* All of the session's replies, which are taken out. */
static void expect_replied(struct session *s, const char *want) {
    char text[500];
    size_t len = 0, total = reply_len(s->reply);
    struct slice slices[8];
    size_t n = reply_slices(s->reply, slices, 8);
    for (size_t i = 0; i < n; i++) {
        memcpy(text + len, slices[i].ptr, slices[i].len);
        len += slices[i].len;
    }
    reply_consume(s->reply, total);
    text[len] = '\0';
    assert_string_equal(text, want);
}

static void expect_waiting(size_t count, size_t timed) {
    assert_int_equal(engine.blocking.count, count);
    assert_int_equal(engine.blocking.timed, timed);
}

static void expect_counted(const char *name, uint64_t calls, uint64_t failed) {
    const struct command_stats *stats = &command_find_full(engine.commands, slice_str(name))->stats;
    assert_int_equal(stats->calls, calls);
    assert_int_equal(stats->failed, failed);
    if (calls)
        assert_int_equal(stats->latency->total, calls);
    else
        assert_null(stats->latency);
}

/* --- Ends --- */

static void answered(void **unused) {
    struct session *s = &sessions[0];
    run(s, "sleep");
    assert_non_null(s->blocked);
    assert_int_equal(told.started, 1);
    expect_waiting(1, 0);
    expect_counted("sleep", 0, 0);
    assert_int_equal(engine.stats.commands, 0);
    expect_replied(s, "");
    assert_int_equal(released, 0);
    struct reply *to = blocking_reply(s);
    reply_i64(to, 7);
    blocking_end(s);
    assert_ptr_equal(told.last, s);
    assert_int_equal(told.replying, 1);
    assert_int_equal(told.ended, 1);
    assert_int_equal(released, 1);
    expect_replied(s, ":7\r\n");
    expect_waiting(0, 0);
    expect_counted("sleep", 1, 0);
    assert_int_equal(engine.stats.commands, 1);
}

static void time_is_up(void **unused) {
    struct session *s = &sessions[0];
    run(s, "nap 5");
    expect_waiting(1, 1);
    blocking_time_out(s);
    expect_replied(s, "$-1\r\n");
    expect_waiting(0, 0);
    expect_counted("nap", 1, 0);
    assert_int_equal(released, 1);
    run(s, "nap 5"); /* again */
    blocking_time_out(s);
    expect_counted("nap", 2, 0);
}

static void unblocked(void **unused) {
    struct session *s = &sessions[0];
    assert_false(blocking_unblock(s, false));
    assert_false(blocking_unblock(s, true));
    run(s, "nap 0");
    assert_true(blocking_unblock(s, false));
    expect_replied(s, "$-1\r\n");
    run(s, "nap 0");
    assert_true(blocking_unblock(s, true));
    expect_replied(s, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    expect_counted("nap", 2, 1);
    assert_int_equal(engine.stats.error_replies, 1);
    assert_string_equal(engine.stats.errors[0].code, "UNBLOCKED");
    assert_false(blocking_unblock(s, true));
    run(s, "sleep");
    assert_false(blocking_unblock(s, false));
    assert_false(blocking_unblock(s, true));
    expect_waiting(1, 0);
    expect_replied(s, "");
    assert_int_equal(told.ended, 2);
}

static void cancelled(void **unused) {
    struct session *s = &sessions[0];
    blocking_cancel(s);
    run(s, "nap 1000");
    blocking_cancel(s);
    assert_null(s->blocked);
    assert_int_equal(released, 1);
    assert_int_equal(told.replying + told.ended, 0);
    expect_replied(s, "");
    expect_waiting(0, 0);
    expect_counted("nap", 0, 0);
    blocking_cancel(s);
    assert_int_equal(released, 1);
}

/* --- Around --- */

static void who_cannot_wait(void **unused) {
    struct session *s = &sessions[0];
    s->can_wait = false;
    run(s, "nap 0");
    expect_replied(s, "$-1\r\n");
    assert_null(s->blocked);
    assert_int_equal(released, 1);
    assert_int_equal(told.started + told.replying + told.ended, 0);
    expect_counted("nap", 1, 0);
    run(s, "SET a b");
    run(s, "FLUSHALL SYNC");
    expect_replied(s, "+OK\r\n+OK\r\n");
    expect_waiting(0, 0);
}

static void deadlines(void **unused) {
    struct session *s = &sessions[0];
    uint64_t before = (uint64_t)clock_mono_us();
    run(s, "nap 1000");
    uint64_t after = (uint64_t)clock_mono_us();
    assert_in_range(s->blocked->due_us, before + 1000000, after + 1000000);
    blocking_cancel(s);
    const char *const for_ever[] = {"nap 0", "nap 9223372036854775807", "nap 18446744073709551"};
    for (size_t i = 0; i < sizeof for_ever / sizeof *for_ever; i++) {
        run(s, for_ever[i]);
        assert_true(s->blocked->due_us == BLOCKING_NEVER);
        expect_waiting(1, 0);
        blocking_cancel(s);
    }
}

/* The handler's time counts, and the reply's; that of waiting doesn't. */
static void time_is_counted(void **unused) {
    struct session *s = &sessions[0];
    run(s, "nap 0");
    s->blocked->ns = 5000;
    uint64_t from_us = (uint64_t)clock_mono_us(), at_us;
    while ((at_us = (uint64_t)clock_mono_us()) < from_us + 20000) {
    }
    blocking_time_out(s);
    uint64_t reply_us = (uint64_t)clock_mono_us() - at_us;
    uint64_t ns = command_find(engine.commands, SLICE("nap"))->stats.nanoseconds;
    assert_in_range(ns, 5000, 5000 + (reply_us + 1000) * 1000);
}

/* Many sessions at once, against what must have been replied to each. */
static void at_random(void **unused) {
    bool waits[SESSIONS] = {0}, timed[SESSIONS] = {0};
    size_t count = 0, with_time = 0, ends = 0;
    struct random rng;
    random_seed_fixed(&rng, 42);
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)random_below(&rng, SESSIONS);
        struct session *s = &sessions[i];
        uint64_t what = random_below(&rng, 4);
        assert_int_equal(s->blocked != NULL, waits[i]);
        if (!waits[i]) {
            timed[i] = what & 1;
            run(s, timed[i] ? "nap 100" : "nap 0");
            expect_replied(s, "");
            waits[i] = true;
            count++;
            with_time += timed[i];
        } else {
            if (what == 0) {
                reply_bool(blocking_reply(s), true);
                blocking_end(s);
            } else if (what == 3) {
                blocking_cancel(s);
            } else {
                assert_true(blocking_unblock(s, what == 1));
            }
            const char *const replies[] = {
                ":1\r\n", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n", "$-1\r\n", ""};
            expect_replied(s, replies[what]);
            waits[i] = false;
            count--;
            with_time -= timed[i];
            ends++;
        }
        expect_waiting(count, with_time);
        assert_int_equal(released, ends);
    }
}

/* --- Flushing, with a helper thread --- */

static int set_up_with_helper(void **unused) {
    loop = loop_new();
    return set_up(unused);
}

static int tear_down_with_helper(void **unused) {
    tear_down(unused);
    loop_free(loop);
    loop = NULL;
    return 0;
}

static void fill(struct session *s, int keys) {
    char request[64];
    for (int i = 0; i < keys; i++) {
        snprintf(request, sizeof request, "SET key:%d value:%d", i, i);
        run(s, request);
        expect_replied(s, "+OK\r\n");
    }
}

static void flush_waits(void **unused) {
    static const char *const requests[] = {"FLUSHALL", "FLUSHALL SYNC", "FLUSHDB", "FLUSHDB sync"};
    struct session *s = &sessions[0], *other = &sessions[1];
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        size_t empty = mem_used();
        fill(s, 20000);
        run(s, requests[i]);
        while (s->blocked) {
            run(other, "DBSIZE"); /* gone for everybody at once */
            expect_replied(other, ":0\r\n");
            loop_turn(loop);
        }
        expect_replied(s, "+OK\r\n");
        assert_int_equal(background_pending(engine.background, BACKGROUND_FREE), 0);
        assert_true(mem_used() < empty + 100 * 1024);
    }
}

static void flush_does_not_wait(void **unused) {
    struct session *s = &sessions[0];
    run(s, "FLUSHALL SYNC");
    expect_replied(s, "+OK\r\n");
    fill(s, 20000);
    run(s, "FLUSHALL ASYNC");
    expect_replied(s, "+OK\r\n");
    fill(s, 20000);
    engine.settings.db.lazy_user_flush = true;
    run(s, "FLUSHDB");
    expect_replied(s, "+OK\r\n");
    assert_int_equal(told.started, 0);
    fill(s, 3);
    s->can_wait = false;
    run(s, "FLUSHDB SYNC");
    expect_replied(s, "+OK\r\n");
}

/* Sessions may go before the memory does. */
static void flush_is_abandoned(void **unused) {
    for (size_t i = 0; i < SESSIONS; i++) {
        fill(&sessions[i], 1000);
        run(&sessions[i], "FLUSHALL SYNC");
        assert_false(blocking_unblock(&sessions[i], true));
        if (i % 2) blocking_cancel(&sessions[i]);
    }
    while (engine.blocking.count) loop_turn(loop);
    for (size_t i = 0; i < SESSIONS; i += 2) expect_replied(&sessions[i], "+OK\r\n");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_WITH_HELPER(name)                                                                     \
    cmocka_unit_test_setup_teardown(name, set_up_with_helper, tear_down_with_helper)
    const struct CMUnitTest tests[] = {
        TEST(answered),
        TEST(time_is_up),
        TEST(unblocked),
        TEST(cancelled),
        TEST(who_cannot_wait),
        TEST(deadlines),
        TEST(time_is_counted),
        TEST(at_random),
        TEST_WITH_HELPER(flush_waits),
        TEST_WITH_HELPER(flush_does_not_wait),
        TEST_WITH_HELPER(flush_is_abandoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
