/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients whose command waits: what they sent behind it, how the wait ends, and that nobody else
 * notices. WAIT and WAITAOF wait for replicas that don't come, FLUSHALL for memory to be free. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static int start(void **state) {
    *state = server_start("%s", "--enable-debug-command yes");
    return 0;
}

static int stop(void **state) {
    server_stop(*state);
    return 0;
}

static void await_blocked(redisContext *c, int clients) {
    char want[64];
    snprintf(want, sizeof want, "*blocked_clients:%d\\\\r\\\\n*", clients);
    await_like(c, want, "INFO clients");
}

static long long id_of(struct wire *w) {
    wire_text(w, "CLIENT ID\r\n");
    char *reply = wire_take_reply(w);
    long long id = atoll(reply + strlen("(int) "));
    free(reply);
    return id;
}

/* --- Memory --- */

/* The keys that it waits for are a client's memory, for maxmemory-clients too. */
static void test_keys_count_as_memory(void **state) {
    enum { KEY = 600 * 1000 };
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    char *key = malloc(KEY);
    long long id = id_of(w);
    memset(key, 'k', KEY);
    wire_text(w, "*4\r\n$5\r\nBLPOP\r\n$1\r\na\r\n$600000\r\n");
    wire_send(w, key, KEY);
    wire_text(w, "\r\n$1\r\n0\r\n");
    await_blocked(c, 1);
    expect_like(c, "* argv-mem=600007 * tot-mem=[6-9]????? *", "CLIENT LIST ID %lld", id);
    expect(c, "+OK", "CONFIG SET maxmemory-clients 500000");
    await_alone(c);
    expect(c, "+OK", "CONFIG SET maxmemory-clients 0");
    free(key);
    wire_close(w);
    redisFree(c);
}

/* --- Closing --- */

static void pop_long(struct wire *w, const char *key) {
    char head[64];
    snprintf(head, sizeof head, "*3\r\n$5\r\nBLPOP\r\n$%zu\r\n", strlen(key));
    wire_text(w, head);
    wire_text(w, key);
    wire_text(w, "\r\n$1\r\n0\r\n");
}

static void expect_popped(struct wire *w, const char *want) {
    char *reply = wire_take_reply(w);
    assert_string_equal(reply + strlen(reply) - strlen(want), want);
    free(reply);
}

/* One who waits is closed for what he was told and doesn't read, while those before him in the
 * queue are served; what was for him goes to the next. */
static void test_closed_while_others_are_served(void **state) {
    enum { KEY = 200 * 1000 };
    redisContext *c = client_open(*state);
    struct wire *first = wire_open(*state), *slow = wire_open(*state), *last = wire_open(*state);
    char *key = calloc(1, KEY + 1);
    memset(key, 'k', KEY);
    expect(c, "+OK", "CONFIG SET notify-keyspace-events El");
    wire_text(slow, "HELLO 3\r\nSUBSCRIBE __keyevent@0__:lpop\r\n");
    free(wire_take_reply(slow));
    free(wire_take_reply(slow));
    pop_long(first, key);
    await_blocked(c, 1);
    pop_long(slow, key);
    await_blocked(c, 2);
    pop_long(last, key);
    await_blocked(c, 3);
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "pubsub 1 0 0");
    expect(c, "(int) 2", "RPUSH %s a b", key);
    expect_popped(first, "\"a\"]");
    expect_popped(last, "\"b\"]");
    wire_drain(slow);
    await_blocked(c, 0);
    expect(c, "+OK", "CONFIG SET client-output-buffer-limit %s", "pubsub 0 0 0");
    expect(c, "+OK", "CONFIG SET notify-keyspace-events %s", "");
    wire_close(first);
    wire_close(slow);
    wire_close(last);
    free(key);
    redisFree(c);
}

/* Nothing that was to be done for it is done when it's gone. */
static void test_subscribers_leave_with_half_a_request(void **state) {
    redisContext *c = client_open(*state);
    for (int i = 0; i < 20; i++) {
        struct wire *w = wire_open(*state);
        wire_text(w, "SUBSCRIBE x\r\n");
        free(wire_take_reply(w));
        wire_text(w, "*2\r\n$4\r\nPI");
        settle(c);
        wire_close(w);
    }
    await_alone(c);
    struct wire *others[20];
    for (int i = 0; i < 20; i++) others[i] = wire_open(*state);
    expect(c, "(int) 0", "WAIT 1 700"); /* its time is up, with much that was due before */
    for (int i = 0; i < 20; i++) {
        wire_ask(others[i], "+PONG", "PING");
        wire_close(others[i]);
    }
    redisFree(c);
}

/* --- Order --- */

static void test_requests_behind_run_in_order(void **state) {
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    long long id = id_of(w);
    wire_text(w, "SET n 1\r\nWAIT 1 0\r\nINCR n\r\nWAITAOF 0 1 0\r\nINCR n\r\nGE");
    wire_expect(w, "+OK\r\n");
    await_blocked(c, 1);
    expect_like(c, "*flags=b * argv-mem=6 * cmd=wait *", "CLIENT LIST ID %lld", id);
    expect(c, "\"1\"", "GET n");
    expect(c, "(int) 1", "CLIENT UNBLOCK %lld", id);
    wire_expect(w, ":0\r\n:2\r\n");
    await_blocked(c, 1);
    expect_like(c, "*flags=b * cmd=waitaof *", "CLIENT LIST ID %lld", id);
    expect(c, "\"2\"", "GET n");
    wire_text(w, "T n\r\n"); /* the end of what it sent by halves */
    expect(c, "(int) 1", "CLIENT UNBLOCK %lld TIMEOUT", id);
    wire_expect(w, "*2\r\n:0\r\n:0\r\n:3\r\n$1\r\n3\r\n");
    expect_like(c, "*flags=N * argv-mem=0 *", "CLIENT LIST ID %lld", id);
    expect_like(c, "* argv-mem=10 * cmd=client|list *", "CLIENT LIST");
    await_blocked(c, 0);
    wire_close(w);
    redisFree(c);
}

/* More than the server reads at once, and than sockets hold: it stays with the client. */
static void test_much_behind(void **state) {
    enum { REQUESTS = 20000 };
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    char *many = malloc(REQUESTS * 40), *at = many, want[32];
    long long id = id_of(w);
    for (int i = 0; i < REQUESTS; i++)
        at += sprintf(at, i == 0 ? "WAIT 1 0\r\n" : "APPEND k %d\r\nSTRLEN k\r\n", i % 10);
    expect(c, "(int) 0", "DEL k");
    wire_send(w, many, 10);
    await_blocked(c, 1);
    wire_send(w, many + 10, 100000);
    expect_like(c, "*flags=b *", "CLIENT LIST ID %lld", id);
    expect(c, "(int) 0", "EXISTS k");
    expect(c, "(int) 1", "CLIENT UNBLOCK %lld ERROR", id);
    wire_expect(w, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    wire_send(w, many + 100010, (size_t)(at - many) - 100010);
    for (int i = 1; i < REQUESTS; i++)
        for (int twice = 0; twice < 2; twice++) {
            snprintf(want, sizeof want, "(int) %d", i);
            wire_reply(w, want);
        }
    free(many);
    wire_close(w);
    redisFree(c);
}

/* --- Time --- */

static void test_timeouts(void **state) {
    enum { CLIENTS = 8 };
    redisContext *c = client_open(*state);
    struct wire *w[CLIENTS];
    char text[64];
    double start_at = seconds_now();
    for (int i = 0; i < CLIENTS; i++) {
        w[i] = wire_open(*state);
        snprintf(text, sizeof text, "WAIT 1 %d\r\nAPPEND ends %d\r\n", 400 - 50 * i, i);
        wire_text(w[i], text);
    }
    for (int i = CLIENTS; i-- > 0;) {
        wire_expect(w[i], ":0\r\n");
        assert_true(seconds_now() - start_at >= (400 - 50 * i) / 1000.0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        wire_reply_like(w[i], "(int) *");
        wire_close(w[i]);
    }
    expect(c, "(int) 8", "STRLEN ends");
    await_like(c, "*clients_in_timeout_table:0\\\\r\\\\n*", "INFO clients");
    redisFree(c);
}

/* Who waits isn't idle, such as the one who sets it; and it may wait longer than CLIENT PAUSE
 * lasts. */
static void test_idle_timeout_and_pause(void **state) {
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    struct wire *w = wire_open(s), *admin = wire_open(s);
    long long id = id_of(w);
    char text[128];
    wire_text(w, "WAIT 1 100000\r\nPING\r\n");
    await_blocked(c, 1);
    expect_like(c, "*clients_in_timeout_table:1\\\\r\\\\n*", "INFO clients");
    redisFree(c);
    snprintf(text, sizeof text,
             "CONFIG SET timeout 1\r\nCLIENT PAUSE 100\r\nWAIT 1 1500\r\nCLIENT UNBLOCK %lld\r\n"
             "WAIT 1 0\r\n",
             id);
    wire_text(admin, text);
    wire_expect(admin, "+OK\r\n+OK\r\n:0\r\n:1\r\n");
    wire_expect(w, ":0\r\n+PONG\r\n");
    wire_expect_closed(w);
    wire_close(w);
    wire_close(admin);
    server_stop(s);
}

/* --- Ends --- */

static void test_counted_when_it_ends(void **state) {
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    long long id = id_of(w);
    expect(c, "+OK", "CONFIG RESETSTAT");
    for (int i = 0; i < 3; i++) {
        wire_text(w, "WAIT 1 0\r\n");
        await_blocked(c, 1);
        if (i == 0) expect_like(c, "* tot-cmds=1\\\\n*", "CLIENT LIST ID %lld", id);
        expect(c, "(int) 1", "CLIENT UNBLOCK %lld %s", id, i == 1 ? "ERROR" : "TIMEOUT");
        wire_reply_like(w, i == 1 ? "(err) UNBLOCKED *" : "(int) 0");
    }
    expect_like(c, "* tot-cmds=4\\\\n*", "CLIENT LIST ID %lld", id);
    expect_like(c, "*cmdstat_wait:calls=3,*,failed_calls=1\\\\r*", "INFO commandstats");
    expect_like(c, "*errorstat_UNBLOCKED:count=1\\\\r*", "INFO errorstats");
    expect_like(c, "*latency_percentiles_usec_wait:p50=*", "INFO latencystats");
    expect(c, "(int) 0", "CLIENT UNBLOCK %lld", id);
    wire_close(w);
    redisFree(c);
}

static void test_vanishes(void **state) {
    redisContext *c = client_open(*state);
    await_alone(c);
    for (int way = 0; way < 3; way++) {
        struct wire *w = wire_open(*state);
        long long id = id_of(w);
        wire_text(w, way == 1 ? "WAIT 1 50\r\n" : "WAIT 1 0\r\nSET ghost 1\r\n");
        await_blocked(c, way == 1 ? 0 : 1);
        if (way == 2) expect(c, "(int) 1", "CLIENT KILL ID %lld", id);
        way == 0 ? wire_reset(w) : wire_close(w);
        await_blocked(c, 0);
        await_alone(c);
        expect(c, "(int) 0", "CLIENT UNBLOCK %lld", id);
    }
    expect(c, "(int) 0", "EXISTS ghost");
    redisFree(c);
}

static void test_end_of_the_server(void **state) {
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    struct wire *w = wire_open(s);
    wire_text(w, "WAIT 1 0\r\nPING\r\n");
    await_blocked(c, 1);
    redisFree(c);
    server_stop(s);
    wire_drain(w);
    wire_close(w);
}

/* --- Many --- */

static void unblock_some(redisContext *c, const long long *ids, int clients) {
    static const char *const how[] = {"CLIENT UNBLOCK %lld", "CLIENT UNBLOCK %lld TIMEOUT",
                                      "CLIENT UNBLOCK %lld ERROR", "CLIENT KILL ID %lld"};
    for (int i = 0; i < clients; i++) expect(c, "(int) 1", how[i % 4], ids[i]);
}

/* Then those that are left wait again, all at once, for their time to be up. */
static void test_a_thousand(void **state) {
    enum { CLIENTS = 1000 };
    static const char *const replies[] = {"(int) 0", "(int) 0", "(err) UNBLOCKED *"};
    static struct wire *w[CLIENTS];
    static long long ids[CLIENTS];
    struct rlimit files;
    char text[80];
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < 2 * CLIENTS) files.rlim_cur = 2 * CLIENTS;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) skip();
    redisContext *c = client_open(*state);
    for (int i = 0; i < CLIENTS; i++) {
        w[i] = wire_open(*state);
        ids[i] = id_of(w[i]);
        snprintf(text, sizeof text, "WAIT 1 0\r\nECHO %d\r\nWAIT 1 %d\r\n", i, 1 + i % 100);
        wire_text(w[i], text);
    }
    await_blocked(c, CLIENTS);
    unblock_some(c, ids, CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        if (i % 4 == 3) {
            wire_drain(w[i]);
        } else {
            snprintf(text, sizeof text, "\"%d\"", i);
            wire_reply_like(w[i], replies[i % 4]);
            wire_reply(w[i], text);
            wire_reply(w[i], "(int) 0");
        }
        wire_close(w[i]);
    }
    await_blocked(c, 0);
    await_alone(c);
    redisFree(c);
}

/* --- Flushing --- */

static long long used_memory(redisContext *c) {
    char *info = ask(c, "INFO memory");
    const char *at = strstr(info, "used_memory:");
    assert_non_null(at);
    long long used = atoll(at + strlen("used_memory:"));
    free(info);
    return used;
}

/* The keys are gone for everybody at once, the memory when the reply comes. A server of its own, as
 * what others' clients leave is given back a little later. */
static void test_flush(void **unused) {
    static const char *const requests[] = {"FLUSHALL\r\nEXISTS key:1\r\n",
                                           "FLUSHDB SYNC\r\nEXISTS key:1\r\n"};
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    struct wire *w = wire_open(s);
    long long empty = used_memory(c);
    for (int i = 0; i < 2; i++) {
        expect(c, "+OK", "DEBUG POPULATE 300000");
        assert_true(used_memory(c) > empty + 10000000);
        wire_text(w, requests[i]);
        await_like(c, "(int) 0", "DBSIZE");
        expect(c, "+OK", "SET new key");
        expect(c, "\"key\"", "GET new");
        expect(c, "(int) 1", "DEL new");
        wire_expect(w, "+OK\r\n:0\r\n");
        expect_like(c, "*lazyfree_pending_objects:0\\\\r*", "INFO memory");
        assert_true(used_memory(c) < empty + 1000000);
    }
    await_blocked(c, 0);
    wire_close(w);
    redisFree(c);
    server_stop(s);
}

static void test_vanishes_while_flushing(void **state) {
    redisContext *c = client_open(*state);
    for (int i = 0; i < 5; i++) {
        struct wire *w = wire_open(*state);
        expect(c, "+OK", "DEBUG POPULATE 100000");
        wire_text(w, "FLUSHALL\r\nSET ghost 1\r\nSET ghost 2\r\n");
        await_like(c, "(int) [01]", "DBSIZE");
        wire_reset(w);
        await_blocked(c, 0);
        await_alone(c);
        expect(c, "+OK", "FLUSHALL SYNC");
    }
    redisFree(c);
}

/* Who waits for two streams is told of what its own reply to the wait does, while that is made; and
 * so much is waiting for it already that some would be sent at once. */
static void test_told_while_answered(void **state) {
    redisContext *c = client_open(*state);
    struct wire *w = wire_open(*state);
    wire_text(w, "HELLO 3\r\nSUBSCRIBE ch\r\n"
                 "PSUBSCRIBE __keyevent@0__:xgroup-createconsumer\r\n");
    wire_reply_like(w, "{*}");
    wire_reply_like(w, ">[[]*]");
    wire_reply_like(w, ">[[]*]");
    expect(c, "+OK", "CONFIG SET notify-keyspace-events KEA");
    for (int i = 1; i <= 2; i++) expect(c, "+OK", "XGROUP CREATE s%d g $ MKSTREAM", i);
    wire_text(w, "XREADGROUP GROUP g me BLOCK 0 STREAMS s1 s2 > >\r\n");
    await_blocked(c, 1);
    expect(c, "(int) 1", "EVAL %s 0",
           "redis.call('xgroup', 'delconsumer', 's2', 'g', 'me') "
           "redis.call('publish', 'ch', string.rep('p', 7000)) "
           "for i = 1, 400 do redis.call('xadd', 's1', '*', 'f', string.rep('v', 1000)) end "
           "return 1");
    wire_reply_like(w, ">[[]\"message\"*]");
    char *reply = wire_take_reply(w);
    assert_true(strlen(reply) > 400 * 1000);
    free(reply);
    for (int i = 0; i < 3; i++) wire_reply_like(w, ">[[]\"pmessage\"*]");
    wire_ask(w, "+PONG", "PING");
    expect(c, "+OK", "CONFIG SET notify-keyspace-events %s", "");
    expect(c, "(int) 2", "DEL s1 s2");
    wire_close(w);
    redisFree(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_count_as_memory),
        cmocka_unit_test(test_closed_while_others_are_served),
        cmocka_unit_test(test_subscribers_leave_with_half_a_request),
        cmocka_unit_test(test_told_while_answered),
        cmocka_unit_test(test_requests_behind_run_in_order),
        cmocka_unit_test(test_much_behind),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_idle_timeout_and_pause),
        cmocka_unit_test(test_counted_when_it_ends),
        cmocka_unit_test(test_vanishes),
        cmocka_unit_test(test_end_of_the_server),
        cmocka_unit_test(test_a_thousand),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_vanishes_while_flushing),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
