/* SPDX-License-Identifier: BSD-3-Clause */
/* Long commands in slices, on sessions whose owner is this test: KEYS and DELPATTERN while other
 * sessions change, swap and flush the databases between the slices; who waits for whom, what is
 * counted, and that nothing is left behind. Seeds are fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "exec/sliced.h"
#include "unit/engine_fixture.h"

enum { SESSIONS = 3, STAYS = 11000, GUESTS = 9000 };

static struct engine engine;
static struct session sessions[SESSIONS];
static struct engine_fixture fixture = {
    .engine = &engine, .sessions = sessions, .session_count = SESSIONS};
static struct random rng;
static int started, grew, ended;
static size_t deletions; /* events */

static void on_started(struct session *s) {
    started++;
}

static void on_replying(struct session *s) {
    assert_int_equal(reply_len(s->reply), 0);
}

static void on_ended(struct session *s) {
    ended++;
}

static void on_grew(struct session *s) {
    assert_non_null(s->blocked);
    assert_true(blocking_memory(s) > blocking_output(s));
    grew++;
}

static void on_event(void *ctx, struct db *db, struct slice key, enum db_event event) {
    deletions += event == EVENT_DEL;
}

static int set_up(void **unused) {
    engine_fixture_open(&fixture);
    engine.blocking.hooks = (struct blocking_hooks){
        .started = on_started, .replying = on_replying, .ended = on_ended, .grew = on_grew};
    for (size_t i = 0; i < SESSIONS; i++) sessions[i].can_wait = true;
    random_seed_fixed(&rng, 1234);
    started = grew = ended = 0;
    deletions = 0;
    return 0;
}

static int tear_down(void **unused) {
    for (size_t i = 0; i < SESSIONS; i++) blocking_cancel(&sessions[i]);
    assert_null(engine.sliced.first);
    assert_null(engine.sliced.last);
    engine_fixture_close(&fixture);
    assert_int_equal(engine.blocking.count, 0);
    return 0;
}

__attribute__((format(printf, 2, 3))) static void run(struct session *s, const char *format, ...) {
    char line[200];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    engine_run_line(s, line);
}

/* The session's replies, taken out; the caller frees. */
static char *take_replies(struct session *s) {
    size_t total = reply_len(s->reply), len = 0;
    char *text = malloc(total + 1);
    while (len < total) {
        struct slice slices[8];
        size_t n = reply_slices(s->reply, slices, 8), got = 0;
        for (size_t i = 0; i < n; i++) {
            memcpy(text + len + got, slices[i].ptr, slices[i].len);
            got += slices[i].len;
        }
        reply_consume(s->reply, got);
        len += got;
    }
    text[total] = '\0';
    return text;
}

static void expect_replied(struct session *s, const char *want) {
    char *text = take_replies(s);
    assert_string_equal(text, want);
    free(text);
}

static int64_t take_number(struct session *s) {
    char *text = take_replies(s);
    assert_int_equal(text[0], ':');
    int64_t number = atoll(text + 1);
    free(text);
    return number;
}

static void drop_replies(struct session *s) {
    reply_consume(s->reply, reply_len(s->reply));
}

static void fill(struct session *s, const char *prefix, int count) {
    for (int i = 0; i < count; i++) run(s, "SET %s:%d x", prefix, i);
    drop_replies(s);
}

/* How often each number came in a reply of KEYS prefix:*; the header must tell how many there are.
 */
static void count_keys(struct session *s, const char *prefix, unsigned *times, int most) {
    char *text = take_replies(s), *at = text;
    assert_int_equal(*at, '*');
    long count = strtol(at + 1, &at, 10), seen = 0;
    memset(times, 0, (size_t)most * sizeof *times);
    while (strncmp(at, "\r\n$", 3) == 0) {
        strtol(at + 3, &at, 10);
        at += 2;
        assert_memory_equal(at, prefix, strlen(prefix));
        long number = strtol(at + strlen(prefix) + 1, &at, 10);
        assert_in_range(number, 0, most - 1);
        times[number]++;
        seen++;
    }
    assert_string_equal(at, "\r\n");
    assert_int_equal(seen, count);
    free(text);
}

static void slice(void) {
    engine_tick(&engine);
    sliced_run(&engine, 0, true);
}

/* --- KEYS --- */

/* Keys that stay are returned once, whatever comes and goes. */
static void keys_while_others_write(void **unused) {
    static unsigned times[STAYS];
    struct session *s = &sessions[0], *other = &sessions[1];
    fill(other, "stay", STAYS);
    for (int round = 0; round < 4; round++) {
        int slices = 0, guests = 0;
        run(s, "KEYS stay:*");
        assert_non_null(s->blocked);
        while (s->blocked) {
            slice();
            slices++;
            for (uint64_t n = random_below(&rng, 300); n; n--) {
                const char *command = round % 2 ? "DEL guest:%d" : "SET guest:%d y";
                run(other, command, (int)random_below(&rng, GUESTS));
                guests++;
            }
            drop_replies(other);
        }
        assert_true(slices > 50 && guests > 1000);
        count_keys(s, "stay", times, STAYS);
        for (size_t i = 0; i < STAYS; i++) assert_int_equal(times[i], 1);
    }
    assert_int_equal(ended, 4);
    assert_true(grew > 200);
    assert_int_equal(command_find(engine.commands, SLICE("keys"))->stats.calls, 4);
    assert_true(command_find(engine.commands, SLICE("keys"))->stats.nanoseconds > 4 * STAYS);
}

static void keys_follow_swapdb(void **unused) {
    static unsigned times[STAYS];
    struct session *s = &sessions[0], *other = &sessions[1];
    fill(other, "stay", STAYS);
    run(other, "SELECT 3");
    fill(other, "stay", 50);
    run(s, "KEYS stay:*");
    for (int i = 0; i < 20; i++) slice();
    run(other, "SWAPDB 0 3");
    run(other, "SWAPDB 3 4");
    drop_replies(other);
    while (s->blocked) slice();
    count_keys(s, "stay", times, STAYS);
    for (size_t i = 0; i < STAYS; i++) assert_int_equal(times[i], 1);
}

static void flush_ends_it(void **unused) {
    static unsigned times[STAYS];
    struct session *s = &sessions[0], *other = &sessions[1];
    fill(other, "stay", STAYS);
    run(s, "KEYS stay:*");
    run(&sessions[2], "DELPATTERN stay:*");
    for (int i = 0; i < 10; i++) slice();
    run(other, "FLUSHALL SYNC");
    fill(other, "stay", STAYS);
    slice();
    slice();
    assert_null(s->blocked);
    assert_null(sessions[2].blocked);
    count_keys(s, "stay", times, STAYS);
    for (size_t i = 0; i < STAYS; i++) assert_in_range(times[i], 0, 1);
    assert_in_range(take_number(&sessions[2]), 1, STAYS / 2);
    run(other, "DBSIZE");
    assert_int_equal(take_number(other), STAYS);
}

static void small_ones_at_once(void **unused) {
    static unsigned times[100];
    struct session *s = &sessions[0];
    fill(s, "stay", 100);
    run(s, "KEYS stay:*");
    count_keys(s, "stay", times, 100);
    fill(s, "more", 10000);
    run(s, "KEYS stay:7"); /* names one key */
    expect_replied(s, "*1\r\n$6\r\nstay:7\r\n");
    run(s, "DELPATTERN stay:7");
    expect_replied(s, ":1\r\n");
    run(s, "DELPATTERN stay:7");
    expect_replied(s, ":0\r\n");
    assert_int_equal(started, 0);
}

static void who_cannot_wait(void **unused) {
    static unsigned times[STAYS];
    struct session *s = &sessions[0];
    fill(s, "stay", STAYS);
    s->can_wait = false;
    run(s, "KEYS stay:*");
    count_keys(s, "stay", times, STAYS);
    for (size_t i = 0; i < STAYS; i++) assert_int_equal(times[i], 1);
    run(s, "DELPATTERN stay:*");
    assert_int_equal(take_number(s), STAYS);
    assert_int_equal(started, 0);
}

/* --- DELPATTERN --- */

static void delpattern_while_others_write(void **unused) {
    struct session *s = &sessions[0], *other = &sessions[1];
    fill(other, "stay", STAYS);
    fill(other, "gone", STAYS);
    engine.keyspace.hooks.event = on_event;
    uint64_t dirty = engine.keyspace.dirty;
    run(s, "DELPATTERN g?ne:*");
    size_t writes = 0;
    while (s->blocked) {
        slice();
        if (writes < GUESTS) run(other, "SET guest:%zu y", writes++);
    }
    drop_replies(other);
    assert_int_equal(take_number(s), STAYS);
    assert_int_equal(deletions, STAYS);
    assert_int_equal(engine.keyspace.dirty - dirty, STAYS + writes);
    run(other, "DBSIZE");
    assert_int_equal(take_number(other), STAYS + writes);
    engine.keyspace.hooks.event = NULL;
}

static void delpattern_follows_swapdb(void **unused) {
    struct session *s = &sessions[0], *other = &sessions[1];
    fill(s, "gone", STAYS);
    run(other, "SELECT 1");
    fill(other, "gone", STAYS);
    run(s, "DELPATTERN gone:*");
    slice();
    run(other, "SWAPDB 0 1");
    drop_replies(other);
    while (s->blocked) slice();
    assert_int_equal(take_number(s), STAYS);
    run(s, "DBSIZE");
    assert_int_equal(take_number(s), STAYS);
    run(other, "DBSIZE");
    assert_int_equal(take_number(other), 0);
}

static void delpattern_limit(void **unused) {
    struct session *s = &sessions[0];
    fill(s, "gone", 3000);
    run(s, "DELPATTERN gone:* LIMIT 1234");
    while (s->blocked) slice();
    assert_int_equal(take_number(s), 1234);
    run(s, "DBSIZE");
    assert_int_equal(take_number(s), 3000 - 1234);
    run(s, "DELPATTERN gone:* LIMIT 9223372036854775807");
    while (s->blocked) slice();
    assert_int_equal(take_number(s), 3000 - 1234);
    static const char *const wrong[] = {"DELPATTERN x* LIMIT", "DELPATTERN x* MOST 3",
                                        "DELPATTERN x* 3"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        run(s, "%s", wrong[i]);
        expect_replied(s, "-ERR syntax error\r\n");
    }
    static const char *const bad[] = {"0", "-1", "x", "9223372036854775808"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        run(s, "DELPATTERN x* LIMIT %s", bad[i]);
        expect_replied(s, "-ERR LIMIT should be greater than 0\r\n");
    }
}

/* Keys that have expired are neither counted nor found. */
static void expired_keys(void **unused) {
    struct session *s = &sessions[0];
    fill(s, "live", STAYS);
    for (int i = 0; i < 500; i++) run(s, "SET dead:%d x", i);
    for (int i = 0; i < 500; i++) run(s, "EXPIRE dead:%d 1000", i);
    drop_replies(s);
    run(s, "KEYS ????:1*");
    run(&sessions[1], "DELPATTERN dead:1*");
    engine.keyspace.now_ms += 1000 * 1000;
    while (s->blocked || sessions[1].blocked) sliced_run(&engine, UINT64_MAX, true);
    char *text = take_replies(s);
    assert_non_null(strstr(text, "live"));
    assert_null(strstr(text, "dead"));
    free(text);
    assert_int_equal(take_number(&sessions[1]), 0);
}

/* --- Around --- */

static void cancelled(void **unused) {
    struct session *s = &sessions[0];
    fill(s, "gone", STAYS);
    run(s, "DELPATTERN gone:*");
    for (int i = 0; i < 5; i++) slice();
    blocking_cancel(s);
    assert_false(sliced_ready(&engine, true));
    slice();
    run(s, "DBSIZE");
    assert_in_range(take_number(s), STAYS / 2, STAYS - 1);
    run(s, "KEYS *");
    slice();
    blocking_cancel(s);
    run(s, "KEYS *");
    assert_int_equal(ended, 0);
}

static void info(char *text, size_t size) {
    struct buf out = BUF_INIT;
    sliced_write_info(&engine, &out);
    snprintf(text, size, "%s", out.data);
    buf_release(&out);
}

static void jobs_take_turns(void **unused) {
    char text[1000];
    fill(&sessions[0], "gone", STAYS);
    run(&sessions[0], "DELPATTERN gone:1,*");
    run(&sessions[1], "KEYS gone:2*");
    run(&sessions[2], "DELPATTERN g*:3* LIMIT 10");
    assert_true(sliced_ready(&engine, false));
    const struct sliced_job *first = engine.sliced.first;
    slice();
    assert_ptr_equal(engine.sliced.last, first);
    assert_ptr_equal(engine.sliced.first->session, &sessions[1]);
    slice();
    slice();
    assert_ptr_equal(engine.sliced.first, first);
    info(text, sizeof text);
    assert_non_null(strstr(text, "jobs_started:3\r\njobs_running:3\r\njob_1:command=delpattern,"));
    assert_non_null(strstr(text, ",db=0,pattern=gone\\x3a1\\x2c*,visited="));
    assert_non_null(strstr(text, ",deleted=0\r\njob_2:command=keys,"));
    assert_non_null(strstr(text, ",limit=10\r\n"));
    /* Those that write may have to wait. */
    while (sliced_ready(&engine, false)) sliced_run(&engine, 0, false);
    assert_null(sessions[1].blocked);
    assert_non_null(sessions[0].blocked);
    assert_non_null(sessions[2].blocked);
    drop_replies(&sessions[1]);
    while (sliced_ready(&engine, true)) slice();
    assert_int_equal(take_number(&sessions[0]), 0);
    assert_int_equal(take_number(&sessions[2]), 10);
    info(text, sizeof text);
    assert_string_equal(text, "jobs_started:3\r\njobs_running:0\r\n");
}

#define SLICED_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SLICED_TEST(keys_while_others_write),
        SLICED_TEST(keys_follow_swapdb),
        SLICED_TEST(flush_ends_it),
        SLICED_TEST(small_ones_at_once),
        SLICED_TEST(who_cannot_wait),
        SLICED_TEST(delpattern_while_others_write),
        SLICED_TEST(delpattern_follows_swapdb),
        SLICED_TEST(delpattern_limit),
        SLICED_TEST(expired_keys),
        SLICED_TEST(cancelled),
        SLICED_TEST(jobs_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
