/* SPDX-License-Identifier: BSD-3-Clause */
/* MONITOR: what is shown, in what form and order, and what a monitor may do itself. redis-compat
 * can't ask for this, as its own commands would be shown, too. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int start(void **state) {
    *state = server_start("%s", "--enable-debug-command yes");
    return 0;
}

static int stop(void **state) {
    server_stop(*state);
    return 0;
}

/* A line of a client on this machine: its time and its address are as they may be. */
#define SHOWN(db, words)                                                                           \
    "+[1-9]*.[0-9][0-9][0-9][0-9][0-9][0-9] [\\[]" db " 127.0.0.1:[1-9]*] " words

static struct wire *monitor(const struct server *s) {
    struct wire *w = wire_open(s);
    wire_ask(w, "+OK", "MONITOR");
    return w;
}

/* The next thing shown is this PING: nothing was before. */
static void nothing_else(struct wire *m, redisContext *c, const char *mark) {
    char want[128];
    snprintf(want, sizeof want, SHOWN("*", "\"PING\" \"%s\""), mark);
    expect_like(c, "*", "PING %s", mark);
    wire_reply_like(m, want);
}

static void test_lines(void **state) {
    struct wire *m = monitor(*state);
    redisContext *c = client_open(*state);
    expect(c, "+OK", "SET %b %s", "a\"\\\n\r\t\a\b\0\xff", (size_t)10, "two words");
    wire_reply_like(m, SHOWN("0", "\"SET\" "
                                  "\"a\\\\\"\\\\\\\\\\\\n\\\\r\\\\t\\\\a\\\\b\\\\x00\\\\xff\" "
                                  "\"two words\""));
    expect(c, "+OK", "SELECT 7");
    wire_reply_like(m, SHOWN("7", "\"SELECT\" \"7\""));
    nothing_else(m, c, "after");
    redisFree(c);
    wire_close(m);
}

/* What ran and failed is shown, what was refused isn't, nor is administration. */
static void test_what_is_shown(void **state) {
    struct wire *m = monitor(*state);
    redisContext *c = client_open(*state);
    expect_like(c, "*", "SET n text");
    wire_reply_like(m, SHOWN("0", "\"SET\" \"n\" \"text\""));
    expect_like(c, "(err) ERR value is not*", "INCR n");
    wire_reply_like(m, SHOWN("0", "\"INCR\" \"n\""));
    expect_like(c, "(err) ERR wrong number*", "GET");
    expect_like(c, "(err) ERR unknown*", "NOSUCH");
    expect_like(c, "*", "CONFIG GET maxmemory");
    expect_like(c, "*", "CLIENT LIST");
    expect_like(c, "*", "DEBUG SLEEP 0");
    nothing_else(m, c, "after");
    redisFree(c);
    wire_close(m);
}

static void test_secrets(void **state) {
    struct wire *m = monitor(*state);
    redisContext *c = client_open(*state);
    expect_like(c, "(err) ERR AUTH*", "AUTH secret");
    wire_reply_like(m, SHOWN("0", "\"AUTH\" \"(redacted)\""));
    expect_like(c, "(err) WRONGPASS*", "AUTH someone secret");
    wire_reply_like(m, SHOWN("0", "\"AUTH\" \"(redacted)\" \"(redacted)\""));
    expect_like(c, "(err) WRONGPASS*", "HELLO 2 AUTH someone secret SETNAME me");
    wire_reply_like(m, SHOWN("0", "\"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\" "
                                  "\"SETNAME\" \"me\""));
    redisFree(c);
    wire_close(m);
}

/* Queued commands are shown as they run, EXEC behind them; a script before what it runs. */
static void test_order(void **state) {
    struct wire *m = monitor(*state);
    redisContext *c = client_open(*state);
    expect(c, "+OK", "MULTI");
    expect(c, "+QUEUED", "SET a 1");
    expect(c, "+QUEUED", "GET a");
    expect(c, "[+OK, \"1\"]", "EXEC");
    wire_reply_like(m, SHOWN("0", "\"MULTI\""));
    wire_reply_like(m, SHOWN("0", "\"SET\" \"a\" \"1\""));
    wire_reply_like(m, SHOWN("0", "\"GET\" \"a\""));
    wire_reply_like(m, SHOWN("0", "\"EXEC\""));
    expect(c, "\"1\"", "EVAL %s 1 a",
           "redis.call('select', 2) return redis.call('get', 'b') or '1'");
    wire_reply_like(m, SHOWN("0", "\"EVAL\" *"));
    wire_reply_like(m, "+[1-9]*.[0-9]* [\\[]2 lua] \"select\" \"2\"");
    wire_reply_like(m, "+[1-9]*.[0-9]* [\\[]2 lua] \"get\" \"b\"");
    nothing_else(m, c, "after");
    redisFree(c);
    wire_close(m);
}

/* A command that waits is shown when it begins to. */
static void test_waiting(void **state) {
    struct wire *m = monitor(*state), *w = wire_open(*state);
    redisContext *c = client_open(*state);
    wire_text(w, "BLPOP q 0\r\n");
    wire_reply_like(m, SHOWN("0", "\"BLPOP\" \"q\" \"0\""));
    expect(c, "(int) 1", "RPUSH q a");
    wire_reply_like(m, SHOWN("0", "\"RPUSH\" \"q\" \"a\""));
    wire_reply(w, "[\"q\", \"a\"]");
    nothing_else(m, c, "after");
    wire_close(w);
    redisFree(c);
    wire_close(m);
}

static void test_what_a_monitor_may_do(void **state) {
    static const char refused[] = "(err) ERR Replica can't interact with the keyspace";
    struct wire *m = monitor(*state);
    redisContext *c = client_open(*state);
    wire_ask(m, "+PONG", "PING");
    wire_reply_like(m, SHOWN("0", "\"PING\""));
    wire_text(m, "GET a\r\nSET a 1\r\nPFCOUNT a\r\nDBSIZE\r\nMONITOR\r\nCLIENT GETNAME\r\n");
    for (int i = 0; i < 4; i++) wire_reply(m, refused);
    wire_reply_like(m, "*"); /* of GETNAME: MONITOR has no answer */
    wire_reply_like(m, SHOWN("0", "\"CLIENT\" \"GETNAME\""));
    expect_like(c, "* flags=O *", "CLIENT LIST TYPE normal");
    wire_ask(m, "+RESET", "RESET");
    expect(c, "+OK", "SET a 1");
    wire_ask(m, "\"1\"", "GET a");
    expect(c, "+OK", "MULTI");
    expect(c, "+QUEUED", "MONITOR");
    expect(c, "[(err) ERR MONITOR isn't allowed for DENY BLOCKING client]", "EXEC");
    redisFree(c);
    wire_close(m);
}

/* Each gets all lines, also such as are longer than what is usually kept together; one that doesn't
 * read is closed at its limit, and the others go on. */
static void test_several(void **state) {
    enum { LONG = 300 * 1000, MONITORS = 5 };
    struct wire *m[MONITORS];
    redisContext *c = client_open(*state);
    char *value = malloc(LONG + 1);
    memset(value, 'v', LONG);
    value[LONG] = '\0';
    for (int i = 0; i < MONITORS; i++) m[i] = monitor(*state);
    for (int i = 0; i < 1000; i++) expect(c, "+OK", "SET key:%d x", i);
    expect(c, "+OK", "SET long %s", value);
    for (int i = 0; i < MONITORS; i++) {
        char want[64];
        for (int n = 0; n < 1000; n++) {
            snprintf(want, sizeof want, "+* \"SET\" \"key:%d\" \"x\"", n);
            wire_reply_like(m[i], want);
        }
        char *line = wire_take_reply(m[i]);
        assert_non_null(strstr(line, value));
        free(line);
    }
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "normal 2000000 0 0");
    struct wire *slow = wire_open_narrow(*state);
    wire_ask(slow, "+OK", "MONITOR");
    for (int i = 0; i < 100; i++) {
        expect(c, "+OK", "SET long %s", value);
        char *line = wire_take_reply(m[0]);
        assert_non_null(strstr(line, value));
        free(line);
    }
    for (int i = 1; i < MONITORS; i++) wire_close(m[i]);
    await_like(c, "*client_output_buffer_limit_disconnections:[1-9]*", "INFO stats");
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "normal 0 0 0");
    wire_close(slow);
    wire_close(m[0]);
    free(value);
    redisFree(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),   cmocka_unit_test(test_what_is_shown),
        cmocka_unit_test(test_secrets), cmocka_unit_test(test_order),
        cmocka_unit_test(test_waiting), cmocka_unit_test(test_what_a_monitor_may_do),
        cmocka_unit_test(test_several),
    };
    return cmocka_run_group_tests_name("monitor", tests, start, stop);
}
