/* SPDX-License-Identifier: BSD-3-Clause */
/* MIGRATE between two servers, and with one that doesn't answer. */
#include "integration/support.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server *from, *to;
static redisContext *here, *there;

static int start_both(void **state) {
    from = server_start("--enable-debug-command yes --notify-keyspace-events KEA");
    to = server_start("--enable-debug-command yes");
    here = client_open(from);
    there = client_open(to);
    return 0;
}

static int stop_both(void **state) {
    redisFree(here);
    redisFree(there);
    server_stop(from);
    server_stop(to);
    return 0;
}

static void make_values(void) {
    expect(here, "+OK", "SET string %b", "a\0b\r\n", (size_t)5);
    expect(here, "+OK", "SET number 12345 PX 100000000");
    expect(here, "(int) 3", "RPUSH list a b c");
    expect(here, "(int) 2", "SADD set x 1");
    expect(here, "(int) 2", "ZADD zset 1.5 a 2 b");
    expect(here, "(int) 1", "HSET hash f v");
    expect(here, "\"1-1\"", "XADD stream 1-1 f v");
    expect(here, "+OK", "SET empty %s", "");
}

/* All types, as they were. */
static void test_values(void **state) {
    const char *keys[] = {"string", "number", "list", "set", "zset", "hash", "stream", "empty"};
    make_values();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char *before = ask(here, "DEBUG DIGEST-VALUE %s", keys[i]);
        expect(here, "+OK", "MIGRATE 127.0.0.1 %d %s 3 100000", to->port, keys[i]);
        expect(here, "(int) 0", "EXISTS %s", keys[i]);
        expect(there, "+OK", "SELECT 3");
        expect(there, before, "DEBUG DIGEST-VALUE %s", keys[i]);
        free(before);
    }
    expect_like(there, "(int) [19]???????*", "PTTL number");
    expect(there, "(int) -1", "PTTL string");
    expect(there, "(int) 8", "DBSIZE");
    expect(there, "+OK", "FLUSHALL");
    expect(there, "+OK", "SELECT 0");
    expect_like(here, "*migrate_cached_sockets:1*", "INFO stats");
}

static void test_options(void **state) {
    expect(here, "+OK", "MSET a 1 b 2 c 3");
    expect(here, "+NOKEY", "MIGRATE 127.0.0.1 %d none 0 100000", to->port);
    expect(here, "+OK", "MIGRATE 127.0.0.1 %d a 0 100000 COPY", to->port);
    expect(here, "\"1\"", "GET a");
    expect(here,
           "(err) ERR Target instance replied with error: BUSYKEY Target key name already exists.",
           "MIGRATE 127.0.0.1 %d %s 0 100000 KEYS b a none c", to->port, "");
    expect(here, "[(nil), \"1\", (nil)]", "MGET b a c"); /* what arrived is gone here */
    expect(here, "+OK", "SET a new");
    expect(here, "+OK", "MIGRATE 127.0.0.1 %d %s 0 100000 REPLACE KEYS a", to->port, "");
    expect(there, "[\"new\", \"2\", \"3\"]", "MGET a b c");
    expect(there, "+OK", "FLUSHALL");
    expect(here, "+OK", "SET a 1");
    expect_like(here, "(err) ERR Target instance replied with error: ERR DB index*",
                "MIGRATE 127.0.0.1 %d a 77 100000", to->port);
    expect(here, "\"1\"", "GET a");
    expect(there, "(int) 0", "DBSIZE"); /* nothing comes to where it shouldn't */
    expect(here, "(err) ERR syntax error", "MIGRATE 127.0.0.1 %d a 0 100000 COPY AUTH", to->port);
    expect_like(here, "(err) ERR When using MIGRATE KEYS option*",
                "MIGRATE 127.0.0.1 %d a 0 100000 KEYS a", to->port);
    expect_like(here, "(err) IOERR *", "MIGRATE 127.0.0.1 %d a 0 100000", free_port());
    expect(here, "(int) 1", "DEL a");
}

static void test_auth(void **state) {
    struct server *locked = server_start("--requirepass secret");
    expect(here, "+OK", "MSET a 1 b 2 c 3");
    expect_like(here, "(err) ERR Target instance replied with error: NOAUTH*",
                "MIGRATE 127.0.0.1 %d a 9 100000", locked->port);
    expect_like(here, "(err) ERR Target instance replied with error: WRONGPASS*",
                "MIGRATE 127.0.0.1 %d a 9 100000 AUTH wrong", locked->port);
    expect(here, "+OK", "MIGRATE 127.0.0.1 %d a 9 100000 AUTH secret", locked->port);
    expect(here, "+OK", "MIGRATE 127.0.0.1 %d b 9 100000 COPY AUTH2 default secret", locked->port);
    /* who doesn't know it doesn't get the connection of who does */
    expect_like(here, "(err) ERR Target instance replied with error: NOAUTH*",
                "MIGRATE 127.0.0.1 %d c 9 100000", locked->port);
    expect(here, "(int) 2", "DEL b c");
    server_stop(locked);
}

static void test_transaction(void **state) {
    expect(here, "+OK", "SET a 1");
    expect(here, "+OK", "MULTI");
    expect(here, "+QUEUED", "MIGRATE 127.0.0.1 %d a 0 100000", to->port);
    expect(here, "+QUEUED", "EXISTS a");
    expect(here, "[+OK, (int) 0]", "EXEC");
    expect(there, "\"1\"", "GETDEL a");
    expect(here, "+OK", "SET a 1");
    expect(here, "+OK", "EVAL %s 1 a %d",
           "return redis.call('MIGRATE', '127.0.0.1', ARGV[1], KEYS[1], 0, 100000)", to->port);
    expect(there, "\"1\"", "GETDEL a");
}

/* A server that takes connections and says nothing until it's told to. */
static int listen_at(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* Lets the server select a database, and returns once it has sent the one RESTORE. */
static int accept_restore(int listener) {
    char got[4096];
    size_t len = 0;
    bool selected = false;
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    while (!memmem(got, len, "RESTORE", 7)) {
        ssize_t n = recv(fd, got + len, sizeof got - len, 0);
        assert_true(n > 0);
        len += (size_t)n;
        if (selected || !memmem(got, len, "SELECT\r\n$1\r\n0\r\n", 15)) continue;
        assert_int_equal(len, 23);
        assert_int_equal(send(fd, "+OK\r\n", 5, 0), 5);
        selected = true;
    }
    return fd;
}

static void test_others_meanwhile(void **state) {
    int port, listener = listen_at(&port);
    struct wire *mover = wire_open(from), *writer = wire_open(from), *script = wire_open(from);
    char command[128];
    expect(here, "+OK", "MSET n 1 other 5");
    snprintf(command, sizeof command, "MIGRATE 127.0.0.1 %d n 0 60000\r\n", port);
    wire_text(mover, command);
    int peer = accept_restore(listener);
    expect(here, "\"1\"", "GET n");
    expect(here, "(int) 6", "INCR other");
    expect(here, "(int) 0", "PUBLISH channel message");
    wire_text(writer, "INCR n\r\n");
    wire_text(script, "EVAL \"return redis.call('INCR', 'n')\" 0\r\n");
    await_like(here, "*blocked_clients:3*", "INFO clients");
    expect(here, "\"1\"", "GET n");
    assert_int_equal(send(peer, "+OK\r\n", 5, 0), 5);
    wire_reply(mover, "+OK");
    wire_reply(writer, "(int) 1"); /* the key has gone */
    wire_reply(script, "(int) 2");
    expect(here, "(int) 2", "DEL n other");
    close(peer);
    close(listener);
    wire_close(mover);
    wire_close(writer);
    wire_close(script);
}

/* Another target isn't waited for, and who waits for a key doesn't write to one under way. */
static void test_two_targets(void **state) {
    int port, listener = listen_at(&port);
    struct wire *mover = wire_open(from), *waiter = wire_open(from);
    char command[128];
    expect(here, "+OK", "MSET n 1");
    expect(here, "(int) 1", "RPUSH to a");
    wire_text(waiter, "BLMOVE source to LEFT RIGHT 0\r\n");
    await_like(here, "*blocked_clients:1*", "INFO clients");
    snprintf(command, sizeof command, "MIGRATE 127.0.0.1 %d to 0 60000\r\n", port);
    wire_text(mover, command);
    int peer = accept_restore(listener);
    expect(here, "+OK", "MIGRATE 127.0.0.1 %d n 0 60000", to->port);
    expect(here, "(int) 1", "RPUSH source b");
    expect(here, "(int) 1", "LLEN source");
    expect(here, "(int) 1", "LLEN to");
    assert_int_equal(send(peer, "+OK\r\n", 5, 0), 5);
    wire_reply(mover, "+OK");
    wire_reply(waiter, "\"b\"");
    expect(here, "[\"b\"]", "LRANGE to 0 -1"); /* what there was has gone to the other server */
    expect(here, "(int) 1", "DEL to");
    expect(there, "\"1\"", "GETDEL n");
    close(peer);
    close(listener);
    wire_close(mover);
    wire_close(waiter);
}

/* Nothing comes back: the key stays. */
static void test_timeout(void **state) {
    int port, listener = listen_at(&port);
    expect(here, "+OK", "SET n 1");
    expect_like(here, "(err) IOERR error or timeout * target instance",
                "MIGRATE 127.0.0.1 %d n 0 100", port);
    expect(here, "\"1\"", "GETDEL n");
    close(listener);
}

/* The one that asked for it has gone; what arrived there must go here all the same. */
static void test_client_leaves(void **state) {
    int port, listener = listen_at(&port);
    struct wire *mover = wire_open(from);
    char command[128];
    expect(here, "+OK", "SET n 1");
    snprintf(command, sizeof command, "MIGRATE 127.0.0.1 %d n 0 60000\r\n", port);
    wire_text(mover, command);
    int peer = accept_restore(listener);
    wire_reset(mover);
    await_like(here, "*blocked_clients:0*", "INFO clients");
    expect(here, "\"1\"", "GET n");
    assert_int_equal(send(peer, "+OK\r\n", 5, 0), 5);
    await_like(here, "(int) 0", "EXISTS n");
    close(peer);
    close(listener);
}

/* The server ends without waiting for the other one. */
static void test_shutdown(void **state) {
    int port, listener = listen_at(&port);
    struct server *s = server_start("%s", "");
    redisContext *c = client_open(s);
    struct wire *mover = wire_open(s);
    char command[128];
    expect(c, "+OK", "SET n 1");
    snprintf(command, sizeof command, "MIGRATE 127.0.0.1 %d n 0 10000000\r\n", port);
    wire_text(mover, command);
    int peer = accept_restore(listener);
    redisFree(c);
    server_stop(s);
    wire_close(mover);
    close(peer);
    close(listener);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_auth),
        cmocka_unit_test(test_transaction),
        cmocka_unit_test(test_others_meanwhile),
        cmocka_unit_test(test_two_targets),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_shutdown),
    };
    return cmocka_run_group_tests_name("migrate", tests, start_both, stop_both);
}
