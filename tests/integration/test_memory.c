/* SPDX-License-Identifier: BSD-3-Clause */
/* maxmemory on a server that serves: memory keeps to the limit while keys are written, a limit that
 * is lowered is reached without any command, and where nothing may go, writes are refused. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 20000, VALUE = 100, BATCH = 100 };

static long long info(redisContext *c, const char *field) {
    char *text = ask(c, "INFO everything"), name[64];
    snprintf(name, sizeof name, "\\r\\n%s:", field); /* as the text shows line ends */
    const char *at = strstr(text, name);
    if (!at) fail_msg("no %s in INFO", field);
    long long value = atoll(at + strlen(name));
    free(text);
    return value;
}

/* In pipelines; returns how many were refused for lack of memory. */
static int fill(redisContext *c, int first, int keys) {
    static const char value[VALUE] = {'v'};
    int refused = 0;
    for (int done = 0; done < keys; done += BATCH) {
        for (int i = 0; i < BATCH; i++)
            redisAppendCommand(c, "SET key:%d %b", first + done + i, value, sizeof value);
        for (int i = 0; i < BATCH; i++) {
            redisReply *reply;
            assert_int_equal(redisGetReply(c, (void **)&reply), REDIS_OK);
            refused += reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "OOM ", 4) == 0;
            freeReplyObject(reply);
        }
    }
    return refused;
}

static void test_limit_while_writing(void **state) {
    struct server *s = server_start("--maxmemory 3mb --maxmemory-policy allkeys-lru");
    redisContext *c = client_open(s);
    for (int part = 0; part < 5; part++) {
        assert_int_equal(fill(c, part * KEYS, KEYS), 0);
        if (info(c, "used_memory") > 3 * 1024 * 1024 + 64 * 1024) fail_msg("above the limit");
    }
    assert_true(info(c, "evicted_keys") > 3 * KEYS);
    assert_int_equal(info(c, "rdb_changes_since_last_save"), 5 * KEYS); /* what was written */
    redisFree(c);
    server_stop(s);
}

static void test_limit_lowered(void **state) {
    struct server *s = server_start("--maxmemory-policy allkeys-random");
    redisContext *c = client_open(s);
    assert_int_equal(fill(c, 0, KEYS), 0);
    expect(c, "+OK", "CONFIG SET maxmemory 2mb");
    double until = seconds_now() + PATIENCE_SEC;
    while (info(c, "used_memory") > 2 * 1024 * 1024 + 64 * 1024)
        if (seconds_now() > until) fail_msg("above the limit");
    assert_true(info(c, "evicted_keys") > KEYS / 4);
    redisFree(c);
    server_stop(s);
}

/* Small keys go for large ones that come: a slice of eviction brings less than one of those takes,
 * so their senders wait. */
static void test_limit_while_sizes_grow(void **state) {
    enum { LIMIT = 8 * 1024 * 1024, LARGE = 64 * 1024, SETS = 400, IN_FLIGHT = 8 };
    struct server *s = server_start("--maxmemory %d --maxmemory-policy allkeys-random "
                                    "--maxmemory-eviction-tenacity 0",
                                    LIMIT);
    redisContext *c = client_open(s), *other = client_open(s);
    static const char large[LARGE] = {'v'};
    assert_int_equal(fill(c, 0, 3 * KEYS), 0);
    long long most = 0;
    for (int sent = 0; sent < SETS; sent += IN_FLIGHT) {
        for (int i = 0; i < IN_FLIGHT; i++)
            redisAppendCommand(c, "SET large:%d %b", sent + i, large, sizeof large);
        for (int i = 0; i < IN_FLIGHT; i++) {
            redisReply *reply;
            assert_int_equal(redisGetReply(c, (void **)&reply), REDIS_OK);
            assert_int_equal(reply->type, REDIS_REPLY_STATUS);
            freeReplyObject(reply);
            long long used = info(other, "used_memory");
            if (used > most) most = used;
        }
    }
    /* A 32nd, and what came while the last to be let in were: pieces of those that follow. */
    if (most > LIMIT + LIMIT / 32 + 2 * IN_FLIGHT * LARGE) fail_msg("%lld bytes in use", most);
    redisFree(c);
    redisFree(other);
    server_stop(s);
}

static void test_limit_without_eviction(void **state) {
    struct server *s = server_start("--maxmemory 2mb --maxmemory-policy noeviction");
    redisContext *c = client_open(s);
    int refused = fill(c, 0, KEYS);
    assert_in_range(refused, 1, KEYS - 1);
    expect(c, "(err) OOM command not allowed when used memory > 'maxmemory'.", "SET other 1");
    expect_like(c, "\"v*\"", "GET key:0");
    expect(c, "(int) 1", "DEL key:0");
    assert_true(info(c, "used_memory") <= 2 * 1024 * 1024 + 128 * 1024);
    assert_int_equal(info(c, "evicted_keys"), 0);
    redisFree(c);
    server_stop(s);
}

/* Pages of which one key in ten is left are given back, and what's in the keys is the same. */
static void test_active_defragmentation(void **state) {
    struct server *s =
        server_start("--active-defrag-ignore-bytes 1 --active-defrag-threshold-lower "
                     "1 --active-defrag-cycle-max 75 --enable-debug-command yes");
    redisContext *c = client_open(s);
    assert_int_equal(fill(c, 0, KEYS), 0);
    for (int i = 0; i < KEYS; i++)
        if (i % 10) redisAppendCommand(c, "DEL key:%d", i);
    for (int i = 0; i < KEYS; i++) {
        redisReply *reply;
        if (i % 10 == 0) continue;
        assert_int_equal(redisGetReply(c, (void **)&reply), REDIS_OK);
        assert_int_equal(reply->integer, 1);
        freeReplyObject(reply);
    }
    char *before = ask(c, "DEBUG DIGEST");
    expect_like(c, "*active_defrag_hits:0?r*", "INFO stats");
    expect(c, "+OK", "CONFIG SET activedefrag yes");
    await_like(c, "*active_defrag_hits:[1-9]???*", "INFO stats");
    expect(c, before, "DEBUG DIGEST");
    expect_like(c, "[[](int) 2000, (int) *]", "DEBUG CHECK");
    expect(c, "+OK", "CONFIG SET activedefrag no");
    await_like(c, "*active_defrag_running:0?r*", "INFO memory");
    free(before);
    redisFree(c);
    server_stop(s);
}

/* What is said about a key that goes takes more memory than the key did, if many track it. */
static void test_tracked_keys(void **state) {
    enum { TRACKERS = 10, TRACKED = 300, NAME = 1000, TOO_MUCH = 40000 };
    struct server *s =
        server_start("--maxmemory-policy allkeys-lru --maxmemory-eviction-tenacity 100");
    redisContext *c = client_open(s);
    struct wire *trackers[TRACKERS];
    char name[NAME + 1], get[NAME + 32];
    for (int i = 0; i < TRACKERS; i++) {
        trackers[i] = wire_open(s);
        wire_text(trackers[i], "HELLO 3\r\n");
        wire_reply_like(trackers[i], "*");
        wire_ask(trackers[i], "+OK", "CLIENT TRACKING ON");
    }
    for (int key = 0; key < TRACKED; key++) {
        snprintf(name, sizeof name, "%0*d", NAME, key);
        expect(c, "+OK", "SET %s x", name);
        snprintf(get, sizeof get, "GET %s\r\n", name);
        for (int i = 0; i < TRACKERS; i++) wire_text(trackers[i], get);
        for (int i = 0; i < TRACKERS; i++) wire_reply(trackers[i], "\"x\"");
    }
    expect(c, "+OK", "CONFIG SET maxmemory %lld", info(c, "used_memory") - TOO_MUCH);
    await_like(c, "*evicted_keys:[1-9]*", "INFO stats");
    assert_in_range(info(c, "evicted_keys"), 1, TRACKED / 2);
    for (int i = 0; i < TRACKERS; i++) {
        wire_reply_like(trackers[i], ">[[]\"invalidate\", [[]\"*");
        wire_close(trackers[i]);
    }
    redisFree(c);
    server_stop(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_while_writing),
        cmocka_unit_test(test_limit_lowered),
        cmocka_unit_test(test_limit_while_sizes_grow),
        cmocka_unit_test(test_limit_without_eviction),
        cmocka_unit_test(test_tracked_keys),
        cmocka_unit_test(test_active_defragmentation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
