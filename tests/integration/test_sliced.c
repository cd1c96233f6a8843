/* SPDX-License-Identifier: BSD-3-Clause */
/* KEYS of a large database and DELPATTERN, while other clients are served. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STAYS = 300 * 1000 };

static int start(void **state) {
    *state = server_start("%s", "--enable-debug-command yes");
    return 0;
}

static int stop(void **state) {
    server_stop(*state);
    return 0;
}

static redisContext *filled(struct server *s) {
    redisContext *c = client_open(s);
    expect(c, "+OK", "FLUSHALL");
    expect(c, "+OK", "DEBUG POPULATE %d stay", STAYS);
    return c;
}

static void send_now(redisContext *c, const char *command) {
    int done = 0;
    assert_int_equal(redisAppendCommand(c, command), REDIS_OK);
    while (!done) assert_int_equal(redisBufferWrite(c, &done), REDIS_OK);
}

static redisReply *take(redisContext *c) {
    void *reply;
    assert_int_equal(redisGetReply(c, &reply), REDIS_OK);
    return reply;
}

static bool runs(redisContext *c) {
    char *jobs = ask(c, "INFO jobs");
    bool running = strstr(jobs, "jobs_running:1") != NULL;
    free(jobs);
    return running;
}

/* Writes, deletes and reads until the job is over; returns how often all of it happened. */
static long write_beside(redisContext *c) {
    long rounds = 0;
    for (; runs(c); rounds++) {
        for (long i = 0; i < 20; i++) {
            expect(c, "+OK", "SET guest:%ld x", rounds * 20 + i);
            if (rounds) expect(c, "(int) 1", "DEL guest:%ld", (rounds - 1) * 20 + i);
        }
        expect(c, "\"value:7\"", "GET stay:7");
    }
    return rounds;
}

static void check_each_once(const redisReply *keys) {
    unsigned char *times = calloc(STAYS, 1);
    size_t stays = 0;
    assert_int_equal(keys->type, REDIS_REPLY_ARRAY);
    for (size_t i = 0; i < keys->elements; i++) {
        const char *key = keys->element[i]->str;
        if (strncmp(key, "stay:", 5) != 0) continue;
        long number = atol(key + 5);
        assert_in_range(number, 0, STAYS - 1);
        assert_int_equal(times[number]++, 0);
        stays++;
    }
    assert_int_equal(stays, STAYS);
    free(times);
}

/* How long KEYS takes beside the test's own requests is up to the machine: now and then one is over
 * before the first of them comes. */
static void test_others_are_served_beside_keys(void **state) {
    enum { TRIES = 200 };
    redisContext *c = filled(*state), *walker = client_open(*state);
    long rounds = 0;
    for (int i = 0; i < TRIES && rounds < 10; i++) {
        send_now(walker, "KEYS *");
        rounds += write_beside(c);
        redisReply *keys = take(walker);
        check_each_once(keys);
        freeReplyObject(keys);
    }
    assert_true(rounds >= 10);
    redisFree(walker);
    redisFree(c);
}

static long long take_integer(redisContext *c) {
    redisReply *reply = take(c);
    assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
    long long integer = reply->integer;
    freeReplyObject(reply);
    return integer;
}

static void test_delpattern(void **state) {
    enum { GONE = 200 * 1000 };
    redisContext *c = filled(*state), *deleter = client_open(*state);
    expect(c, "+OK", "DEBUG POPULATE %d gone", GONE);
    send_now(deleter, "DELPATTERN g*ne:*");
    long guests = write_beside(c) ? 20 : 0;
    assert_int_equal(take_integer(deleter), GONE);
    char want[32];
    snprintf(want, sizeof want, "(int) %ld", STAYS + guests);
    expect(c, want, "DBSIZE");
    expect(deleter, "(int) 1", "DELPATTERN stay:%d", STAYS / 2);
    expect(deleter, "(int) 1000", "DELPATTERN stay:* LIMIT 1000");
    expect_like(c, "*cmdstat_delpattern:calls=3,usec=[1-9]*", "INFO commandstats");
    redisFree(deleter);
    redisFree(c);
}

/* What a client sent behind it runs behind it. */
static void test_requests_behind_run_in_order(void **state) {
    redisContext *c = filled(*state);
    struct wire *w = wire_open(*state);
    wire_text(w, "DELPATTERN stay:1*\r\nEXISTS stay:1 stay:2\r\nKEYS nothing*\r\nPING\r\n");
    wire_expect(w, ":111111\r\n:1\r\n*0\r\n+PONG\r\n");
    wire_close(w);
    redisFree(c);
}

/* A pause for writes stops DELPATTERN where it is, which INFO tells; KEYS goes on. */
static void test_pause(void **state) {
    enum { TRIES = 200 };
    redisContext *c = filled(*state), *deleter = client_open(*state);
    bool stopped = false;
    for (int i = 0; i < TRIES && !stopped; i++) {
        expect(c, "+OK", "DEBUG POPULATE %d stay", STAYS);
        send_now(deleter, "DELPATTERN stay*");
        settle(c);
        expect(c, "+OK", "CLIENT PAUSE 100000 WRITE");
        char *jobs = ask(c, "INFO jobs");
        stopped = strstr(jobs, "jobs_running:1") && strstr(jobs, "command=delpattern") &&
                  strstr(jobs, ",db=0,pattern=stay*,visited=") && strstr(jobs, ",percent=") &&
                  strstr(jobs, ",deleted=");
        char *left = ask(c, "DBSIZE");
        expect(c, "[]", "KEYS nothing*");
        if (stopped) expect(c, left, "DBSIZE");
        expect(c, "+OK", "CLIENT UNPAUSE");
        assert_int_equal(take_integer(deleter), STAYS);
        free(left);
        free(jobs);
    }
    assert_true(stopped);
    redisFree(deleter);
    redisFree(c);
}

/* --- Ends --- */

static void test_who_goes_ends_it(void **state) {
    redisContext *c = filled(*state);
    for (int i = 0; i < 10; i++) {
        struct wire *w = wire_open(*state);
        wire_text(w, i % 2 ? "DELPATTERN *9\r\n" : "KEYS *\r\n");
        settle(c);
        wire_close(w);
        await_like(c, "*jobs_running:0*", "INFO jobs");
        await_like(c, "*blocked_clients:0*", "INFO clients");
    }
    redisFree(c);
}

static void test_flush_ends_it(void **state) {
    redisContext *c = filled(*state), *walker = client_open(*state);
    for (int i = 0; i < 3; i++) {
        send_now(walker, "KEYS nothing*");
        expect(c, "+OK", "FLUSHALL");
        redisReply *keys = take(walker);
        assert_int_equal(keys->type, REDIS_REPLY_ARRAY);
        freeReplyObject(keys);
        expect(c, "+OK", "DEBUG POPULATE %d stay", STAYS);
    }
    redisFree(walker);
    redisFree(c);
}

/* What gathers is the client's memory, and a reply in the making. */
static void test_limits(void **state) {
    redisContext *c = filled(*state);
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "normal 1000000 0 0");
    struct wire *w = wire_open(*state);
    wire_text(w, "KEYS *\r\n");
    wire_expect_closed(w);
    wire_close(w);
    expect_like(c, "*client_output_buffer_limit_disconnections:1\\\\r*", "INFO stats");
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "normal 0 0 0");
    expect(c, "+OK", "CONFIG SET maxmemory-clients 1000000");
    w = wire_open(*state);
    wire_text(w, "KEYS *\r\n");
    wire_expect_closed(w);
    wire_close(w);
    expect_like(c, "*evicted_clients:1\\\\r*", "INFO stats");
    expect(c, "+OK", "CONFIG SET maxmemory-clients 0");
    redisFree(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_are_served_beside_keys),
        cmocka_unit_test(test_delpattern),
        cmocka_unit_test(test_requests_behind_run_in_order),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_who_goes_ends_it),
        cmocka_unit_test(test_flush_ends_it),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
