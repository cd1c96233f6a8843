/* SPDX-License-Identifier: BSD-3-Clause */
/* Subscribers: as hiredis sees them, those who go away, those who don't read. */
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

static void subscribe(struct wire *w, const char *channel) {
    char command[64];
    snprintf(command, sizeof command, "SUBSCRIBE %s\r\n", channel);
    wire_text(w, command);
    wire_reply_like(w, "[[]\"subscribe\", *, (int) 1]");
}

/* As an application does it: a context of its own, messages fetched one by one. */
static void test_hiredis(void **state) {
    redisContext *listener = client_open(*state), *c = client_open(*state);
    redisReply *message;
    expect(listener, "[\"subscribe\", \"news\", (int) 1]", "SUBSCRIBE news");
    expect(listener, "[\"psubscribe\", \"n*\", (int) 2]", "PSUBSCRIBE n*");
    expect(c, "(int) 2", "PUBLISH news %b", "a\0b", (size_t)3);
    assert_int_equal(redisGetReply(listener, (void **)&message), REDIS_OK);
    assert_string_equal(message->element[0]->str, "message");
    assert_memory_equal(message->element[2]->str, "a\0b", 3);
    freeReplyObject(message);
    assert_int_equal(redisGetReply(listener, (void **)&message), REDIS_OK);
    assert_string_equal(message->element[0]->str, "pmessage");
    assert_int_equal(message->elements, 4);
    freeReplyObject(message);
    expect(listener, "[\"pong\", \"\"]", "PING");
    expect(listener, "[\"unsubscribe\", \"news\", (int) 1]", "UNSUBSCRIBE");
    expect(listener, "[\"punsubscribe\", \"n*\", (int) 0]", "PUNSUBSCRIBE");
    expect(listener, "+PONG", "PING");
    expect(c, "(int) 0", "PUBLISH news x");
    redisFree(listener);
    redisFree(c);
}

/* However a subscriber goes, nothing of it stays. */
static void test_subscribers_go(void **state) {
    enum { MANY = 100 };
    redisContext *c = client_open(*state);
    struct wire *subscribers[MANY];
    for (int i = 0; i < MANY; i++) {
        subscribers[i] = wire_open(*state);
        subscribe(subscribers[i], "room");
    }
    expect(c, "(int) 100", "PUBLISH room hello");
    for (int i = 0; i < MANY; i++) wire_reply(subscribers[i], "[\"message\", \"room\", \"hello\"]");
    for (int i = 0; i < MANY; i++) {
        if (i % 3 == 0) wire_reset(subscribers[i]);
        if (i % 3 == 1) wire_close(subscribers[i]);
        if (i % 3 != 2) continue;
        wire_ask(subscribers[i], "+OK", "QUIT");
        wire_expect_closed(subscribers[i]);
        wire_close(subscribers[i]);
    }
    await_like(c, "*connected_clients:1\\\\r\\\\n*pubsub_clients:0\\\\r\\\\n*", "INFO clients");
    expect(c, "(int) 0", "PUBLISH room hello");
    expect(c, "[]", "PUBSUB CHANNELS");
    redisFree(c);
}

/* Their memory for input isn't looked after once they are gone. */
static void test_subscribers_go_in_the_middle_of_a_request(void **state) {
    redisContext *c = client_open(*state);
    for (int i = 0; i < 50; i++) {
        struct wire *w = wire_open(*state);
        subscribe(w, "ch");
        wire_text(w, "*2\r\n$9\r\nSUBSCRIBE\r\n$100\r\nhalf of a name");
        settle(c);
        wire_close(w);
    }
    await_like(c, "[[]\"ch\", (int) 0]", "PUBSUB NUMSUB ch");
    for (int i = 0; i < 50; i++) expect(c, "(nil)", "BLPOP none 0.01");
    redisFree(c);
}

/* Who doesn't read is cut off at the limit, and only they. */
static void test_slow_subscribers_are_cut(void **state) {
    enum { SIZE = 100 * 1000 };
    redisContext *c = client_open(*state);
    struct wire *slow = wire_open_narrow(*state), *quick = wire_open(*state);
    char *payload = malloc(SIZE + 1);
    memset(payload, 'm', SIZE);
    payload[SIZE] = '\0';
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "pubsub 1000000 0 0");
    subscribe(slow, "room");
    subscribe(quick, "room");
    int receivers = 2, rounds = 0;
    while (receivers == 2 && rounds++ < 1000) {
        redisReply *reply = redisCommand(c, "PUBLISH room %s", payload);
        receivers = (int)reply->integer;
        freeReplyObject(reply);
        free(wire_take_reply(quick));
    }
    assert_int_equal(receivers, 1);
    expect_like(c, "*client_output_buffer_limit_disconnections:1\\\\r\\\\n*", "INFO stats");
    wire_drain(slow);
    free(payload);
    wire_close(slow);
    wire_close(quick);
    redisFree(c);
}

/* A message for thousands who don't read isn't stored thousands of times. */
static void test_waiting_messages_are_shared(void **state) {
    enum { MANY = 200, ROUNDS = 200, SIZE = 20000 };
    redisContext *c = client_open(*state);
    struct wire *subscribers[MANY];
    char *payload = malloc(SIZE + 1);
    memset(payload, 'm', SIZE);
    payload[SIZE] = '\0';
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "pubsub 0 0 0");
    for (int i = 0; i < MANY; i++) {
        subscribers[i] = wire_open_narrow(*state);
        subscribe(subscribers[i], "room");
    }
    for (int i = 0; i < ROUNDS; i++) expect(c, "(int) 200", "PUBLISH room %s", payload);
    char *info = ask(c, "INFO memory");
    long long used = atoll(strstr(info, "used_memory:") + strlen("used_memory:"));
    assert_in_range(used, 0, 100 * 1000 * 1000); /* copies would take 800 MB */
    free(info);
    for (int i = 0; i < MANY; i++) wire_close(subscribers[i]);
    await_alone(c);
    free(payload);
    redisFree(c);
}

/* Many at once who read late: more comes than their sockets take, and each has all of it in the
 * end, in order. */
static void test_late_subscribers_get_all(void **state) {
    enum { MANY = 30, ROUNDS = 300, SIZE = 20000 };
    redisContext *c = client_open(*state);
    struct wire *subscribers[MANY];
    char *payload = malloc(SIZE + 1);
    memset(payload, 'm', SIZE);
    payload[SIZE] = '\0';
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "pubsub 0 0 0");
    for (int i = 0; i < MANY; i++) {
        subscribers[i] = wire_open(*state);
        subscribe(subscribers[i], "room");
    }
    for (int i = 0; i < ROUNDS; i++) expect(c, "(int) 30", "PUBLISH room %06d%s", i, payload + 6);
    for (int k = 0; k < MANY; k++) {
        for (int i = 0; i < ROUNDS; i++) {
            char head[64];
            int len = snprintf(head, sizeof head,
                               "*3\r\n$7\r\nmessage\r\n$4\r\nroom\r\n$%d\r\n%06d", SIZE, i);
            wire_expect_at(__FILE__, __LINE__, subscribers[k], head, (size_t)len);
            wire_expect_at(__FILE__, __LINE__, subscribers[k], payload, SIZE - 6);
            wire_expect(subscribers[k], "\r\n");
        }
        wire_ask(subscribers[k], "[\"pong\", \"\"]", "PING");
        wire_close(subscribers[k]);
    }
    free(payload);
    redisFree(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hiredis, start, stop),
        cmocka_unit_test_setup_teardown(test_subscribers_go, start, stop),
        cmocka_unit_test_setup_teardown(test_subscribers_go_in_the_middle_of_a_request, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_slow_subscribers_are_cut, start, stop),
        cmocka_unit_test_setup_teardown(test_waiting_messages_are_shared, start, stop),
        cmocka_unit_test_setup_teardown(test_late_subscribers_get_all, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
