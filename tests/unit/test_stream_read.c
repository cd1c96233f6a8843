/* SPDX-License-Identifier: BSD-3-Clause */
/* XREAD and XREADGROUP that wait: who is woken by what, in which order, and who isn't. The owner of
 * the sessions is this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "exec/blocking_keys.h"
#include "unit/engine_fixture.h"

enum { SESSIONS = 4, SERVED_MAX = 64 /* in a test */ };

static struct engine engine;
static struct session sessions[SESSIONS];
static struct engine_fixture fixture = {
    .engine = &engine, .sessions = sessions, .session_count = SESSIONS};
static int tried; /* handlers that ran again */
static const struct session *served[SERVED_MAX];
static int served_count;

static void on_started(struct session *s) {
    assert_int_equal(reply_len(s->reply), 0);
}

static void on_replying(struct session *s) {
    tried++;
}

static void on_stayed(struct session *s) {
    assert_int_equal(reply_len(s->reply), 0);
}

static void on_ended(struct session *s) {
    served[served_count++] = s;
}

static int set_up(void **unused) {
    engine_fixture_open(&fixture);
    engine.blocking.hooks = (struct blocking_hooks){
        .started = on_started, .replying = on_replying, .stayed = on_stayed, .ended = on_ended};
    for (size_t i = 0; i < SESSIONS; i++) sessions[i].can_wait = true;
    tried = served_count = 0;
    return 0;
}

static int tear_down(void **unused) {
    for (size_t i = 0; i < SESSIONS; i++) blocking_cancel(&sessions[i]);
    engine_fixture_close(&fixture);
    assert_int_equal(engine.blocking.count, 0);
    return 0;
}

static void run(int session, const char *request) {
    char line[200];
    snprintf(line, sizeof line, "%s", request);
    engine_run_line(&sessions[session], line);
    if (blocking_ready(&engine)) blocking_serve(&engine);
}

/* What the session was replied, which is taken out; line ends are shown as blanks. */
static void expect(int session, const char *want) {
    char text[500];
    struct slice slices[8];
    struct reply *r = sessions[session].reply;
    size_t len = 0, n = reply_slices(r, slices, 8);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < slices[i].len; k++)
            if (slices[i].ptr[k] != '\n')
                text[len++] = slices[i].ptr[k] == '\r' ? ' ' : slices[i].ptr[k];
    reply_consume(r, reply_len(r));
    text[len] = '\0';
    assert_string_equal(text, want);
}

static void quietly(int session, const char *request) {
    run(session, request);
    reply_consume(sessions[session].reply, reply_len(sessions[session].reply));
}

static void first_come(void **unused) {
    quietly(0, "XGROUP CREATE s g $ MKSTREAM");
    run(1, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
    run(2, "XREADGROUP GROUP g b BLOCK 0 STREAMS s >");
    run(3, "XREAD BLOCK 0 STREAMS s $");
    assert_int_equal(engine.blocking.count, 3);
    quietly(0, "XADD s 1-1 f v");
    assert_int_equal(served_count, 2);
    assert_ptr_equal(served[0], &sessions[1]);
    assert_ptr_equal(served[1], &sessions[3]);
    expect(1, "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 f $1 v ");
    expect(3, "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 f $1 v ");
    expect(2, "");
    quietly(0, "XADD s 1-2 f w");
    expect(2, "*1 *2 $1 s *1 *2 $3 1-2 *2 $1 f $1 w ");
}

/* Consumers that wait cost those nothing who go on with the same group. */
static void what_wakes_nobody(void **unused) {
    quietly(0, "XADD s 1-1 f v");
    quietly(0, "XADD s 1-2 f v");
    quietly(0, "XGROUP CREATE s g 0");
    quietly(0, "XREADGROUP GROUP g a STREAMS s >");
    run(1, "XREADGROUP GROUP g b BLOCK 0 STREAMS s >");
    quietly(0, "XACK s g 1-1");
    quietly(0, "XREADGROUP GROUP g a STREAMS s 0");
    quietly(0, "XCLAIM s g a 0 1-2");
    quietly(0, "XAUTOCLAIM s g a 0 0");
    assert_int_equal(tried, 0);
    quietly(0, "XDEL s 1-2");
    assert_int_equal(served_count, 0);
    assert_non_null(sessions[1].blocked);
}

static void ids_are_fixed(void **unused) {
    quietly(0, "XADD s 5-1 f v");
    run(1, "XREAD BLOCK 0 STREAMS s t $ +");
    run(2, "XREAD BLOCK 0 STREAMS t $");
    quietly(0, "XADD t 1-1 a b");
    expect(1, "*1 *2 $1 t *1 *2 $3 1-1 *2 $1 a $1 b ");
    expect(2, "*1 *2 $1 t *1 *2 $3 1-1 *2 $1 a $1 b ");
    run(1, "XREAD BLOCK 0 STREAMS s $");
    quietly(0, "DEL s");
    quietly(0, "XADD s 5-1 old id");
    assert_non_null(sessions[1].blocked);
    quietly(0, "XADD s 5-2 new id");
    expect(1, "*1 *2 $1 s *1 *2 $3 5-2 *2 $3 new $2 id ");
}

static void what_goes(void **unused) {
    const char *gone = "-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP "
                       "option ";
    const char *const ways[] = {"DEL s", "XGROUP DESTROY s g", "FLUSHALL", "RENAME s t"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        quietly(0, "XGROUP CREATE s g $ MKSTREAM");
        run(1, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
        run(2, "XREAD BLOCK 0 STREAMS s $");
        quietly(0, ways[i]);
        expect(1, gone);
        assert_non_null(sessions[2].blocked);
        blocking_cancel(&sessions[2]);
    }
    quietly(0, "DEL s");
    quietly(0, "XGROUP CREATE s g $ MKSTREAM");
    run(1, "XREADGROUP GROUP g a BLOCK 0 STREAMS s >");
    quietly(0, "SET s v");
    expect(1, "-WRONGTYPE Operation against a key holding the wrong kind of value ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_wakes_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_are_fixed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_goes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
