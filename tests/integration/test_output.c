/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies that are long: many at once take turns with what else there is to do, nothing of them is
 * lost or mixed up, and whoever goes or is ended while others are served leaves nothing behind. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { MANY = 200, SIZE = 250 * 1000 };

static int start(void **state) {
    *state = server_start("--save \"\"");
    return 0;
}

static int stop(void **state) {
    server_stop(*state);
    return 0;
}

static void set_long(redisContext *c) {
    char *value = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++) value[i] = (char)('a' + i * 31 % 26);
    expect(c, "+OK", "SET long %b", value, (size_t)SIZE);
    free(value);
}

/* As long as a reply that is long must be, and short enough for any socket to take it at once. */
static void set_fitting(redisContext *c) {
    expect(c, "(int) 60000", "SETRANGE fits 59999 x");
}

/* Seconds of CPU that the server has used; and of those its longest turn took, since CONFIG
 * RESETSTAT. */
static double cpu_used(redisContext *c) {
    return info_number(c, "cpu", "used_cpu_user") + info_number(c, "cpu", "used_cpu_sys");
}

static double longest_turn(redisContext *c) {
    char *text = info_text(c, "loop", "loop_turn_on_cpu_usec");
    const char *max = strstr(text, "max=");
    assert_non_null(max);
    double seconds = atof(max + strlen("max=")) / 1e6;
    free(text);
    return seconds;
}

/* What the longest of the turns took in which all are sent a value, as a part of all turns. */
static double longest_part(const struct server *s, redisContext *c, struct wire **many,
                           const char *value) {
    expect(c, "+OK", "CONFIG RESETSTAT");
    double before = cpu_used(c);
    server_hold(s);
    for (int i = 0; i < MANY; i++) wire_text(many[i], "GET long\r\nECHO behind\r\n");
    server_go_on(s);
    expect(c, "+PONG", "PING");
    for (int i = 0; i < MANY; i++) {
        wire_reply(many[i], value);
        wire_reply(many[i], "\"behind\"");
    }
    return longest_turn(c) / (cpu_used(c) - before);
}

/* If each client got its share in the first turn that would be a large part of all; as it is now
 * and then if the host takes the core away, which counts as the server's time. */
static void test_long_replies_take_turns(void **state) {
    enum { TRIES = 10 };
    struct wire *many[MANY];
    redisContext *c = client_open(*state);
    set_long(c);
    expect(c, "+OK", "CONFIG SET latency-monitor-threshold 1000");
    wires_open(*state, many, MANY);
    char *value = ask(c, "GET long");
    bool small = false;
    for (int i = 0; i < TRIES && !small; i++) small = longest_part(*state, c, many, value) < 0.2;
    expect(c, "+OK", "CONFIG SET latency-monitor-threshold 0");
    free(value);
    wires_close(many, MANY);
    await_alone(c);
    redisFree(c);
    assert_true(small);
}

/* Of those in the queue some vanish, some are ended, some ask for more, one ends all others. */
static void test_whoever_goes_leaves_the_queue(void **state) {
    struct wire *many[MANY];
    redisContext *c = client_open(*state);
    set_long(c);
    for (int round = 0; round < 5; round++) {
        wires_open(*state, many, MANY);
        server_hold(*state);
        for (int i = 0; i < MANY; i++) wire_text(many[i], "GET long\r\n");
        wire_text(many[MANY / 2], round & 1 ? "CLIENT KILL TYPE normal SKIPME no\r\n" : "QUIT\r\n");
        for (int i = 0; i < MANY; i += 3) wire_reset(many[i]);
        server_go_on(*state);
        for (int i = 0; i < MANY; i++)
            if (i % 3 == 1) wire_try_send(many[i], "PING\r\n", strlen("PING\r\n"));
        if (round & 1) {
            redisFree(c); /* ended, too */
            c = client_open(*state);
        }
        for (int i = 0; i < MANY; i++)
            if (i % 3) wire_close(many[i]);
        await_alone(c);
    }
    redisFree(c);
}

/* Who is slow to read gets all of it, while others come and go. */
static void test_slow_readers(void **state) {
    enum { SLOW = 8, TIMES = 20 };
    struct wire *slow[SLOW];
    redisContext *c = client_open(*state);
    set_long(c);
    char *value = ask(c, "GET long");
    for (int i = 0; i < SLOW; i++) {
        slow[i] = wire_open_narrow(*state);
        for (int j = 0; j < TIMES; j++) wire_text(slow[i], "GET long\r\n");
    }
    for (int j = 0; j < TIMES; j++) {
        expect(c, "+PONG", "PING");
        for (int i = 0; i < SLOW; i++) wire_reply(slow[i], value);
    }
    for (int i = 0; i < SLOW; i++) wire_close(slow[i]);
    free(value);
    redisFree(c);
}

/* Who has said that nothing more will come waits for its replies all the same: also if the end is
 * read at once behind a big argument, or while the client stands in the queue. */
static void test_half_closed(void **state) {
    struct wire *many[MANY], *writer = wire_open(*state);
    redisContext *c = client_open(*state);
    set_fitting(c);
    char *value = ask(c, "GET fits"), *big = calloc(1, SIZE);
    server_hold(*state);
    wire_text(writer, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$250000\r\n");
    wire_send(writer, big, SIZE);
    wire_text(writer, "\r\n");
    assert_int_equal(shutdown(writer->fd, SHUT_WR), 0);
    server_go_on(*state);
    wire_reply(writer, "+OK");
    wire_expect_closed(writer);
    wires_open(*state, many, MANY);
    server_hold(*state);
    for (int i = 0; i < MANY; i++) {
        wire_text(many[i], "GET fits\r\n");
        assert_int_equal(shutdown(many[i]->fd, SHUT_WR), 0);
    }
    server_go_on(*state);
    for (int i = 0; i < MANY; i++) {
        wire_reply(many[i], value);
        wire_expect_closed(many[i]);
    }
    await_alone(c);
    wires_close(many, MANY);
    wire_close(writer);
    free(value);
    free(big);
    redisFree(c);
}

/* Of what ran before the end of the server nobody's reply is lost. */
static void test_shutdown_sends_what_ran(void **unused) {
    (void)unused;
    struct wire *many[MANY];
    struct server *s = server_start("--save \"\"");
    redisContext *c = client_open(s);
    set_fitting(c);
    char *value = ask(c, "GET fits");
    wires_open(s, many, MANY);
    struct wire *last = wire_open(s);
    server_hold(s);
    for (int i = 0; i < MANY; i++) wire_text(many[i], "GET fits\r\n");
    wire_text(last, "SHUTDOWN NOSAVE\r\n");
    server_go_on(s);
    for (int i = 0; i < MANY; i++) wire_reply(many[i], value);
    assert_int_equal(server_end(s, 0), 0);
    wires_close(many, MANY);
    wire_close(last);
    free(value);
    redisFree(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_replies_take_turns),
        cmocka_unit_test(test_whoever_goes_leaves_the_queue),
        cmocka_unit_test(test_slow_readers),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_shutdown_sends_what_ran),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
