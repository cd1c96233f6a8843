/* SPDX-License-Identifier: BSD-3-Clause */
/* A replica: of a real redis-server if there is one, and of a primary played by the test, which
 * says what no real one would at a time that no real one could be made to. */
#include "integration/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of INFO persistence. While the first base of an append-only file is being written a server that
 * is told to end doesn't, as Redis. */
#define BASE_WRITTEN "*aof_enabled:1*aof_rewrite_in_progress:0*aof_rewrite_scheduled:0*"

#define ID "0123456789abcdef0123456789abcdef01234567"

/* --- A real primary --- */

static struct server *start_primary(void) {
    static const char path[] = "/usr/bin/redis-server";
    char *ours = strdup(getenv("DREY_SERVER"));
    if (access(path, X_OK) == 0) setenv("DREY_SERVER", path, 1);
    struct server *s = server_start("--repl-diskless-sync-delay 0 --repl-backlog-size 100mb");
    setenv("DREY_SERVER", ours, 1);
    free(ours);
    return s;
}

static void await_up(redisContext *replica) {
    await_like(replica, "*master_link_status:up*", "INFO replication");
}

/* Until the replica has all that the primary has said. */
static void await_same_offset(redisContext *primary, redisContext *replica) {
    int64_t offset = info_number(primary, "replication", "master_repl_offset");
    while (info_number(replica, "replication", "slave_repl_offset") < offset) await_up(replica);
}

static void follow(redisContext *replica, const struct server *primary) {
    expect(replica, "+OK", "REPLICAOF 127.0.0.1 %d", primary->port);
    await_up(replica);
}

/* A write of any type to one of a few keys. Random, but the same each time. */
static void write_some(redisContext *c, unsigned *seed, int count) {
    static const char *const writes[] = {
        "SET s%d %d",
        "APPEND s%d %d",
        "INCRBY n%d %d",
        "LPUSH l%d %d a b",
        "RPOP l%d 1",
        "SADD t%d %d a b",
        "SPOP t%d 1",
        "HSET h%d f%d 1",
        "ZADD z%d %d m",
        "ZPOPMIN z%d 1",
        "XADD x%d * f %d",
        "XTRIM x%d MAXLEN 5",
        "DEL s%d l%d",
        "PEXPIRE h%d %d000000",
        "SETRANGE s%d %d xyz",
        "SETBIT b%d %d 1",
        "PFADD p%d %d",
        "HINCRBY h%d n %d",
        "RENAME s%d s%d",
        "SELECT %d",
        "EVAL return(redis.call('incr',KEYS[1])) 1 n%d",
    };
    enum { KINDS = sizeof writes / sizeof *writes };
    char *big = malloc(100001);
    memset(big, 'b', 100000);
    big[100000] = '\0';
    for (int i = 0; i < count; i++) {
        int kind = rand_r(seed) % KINDS, key = rand_r(seed) % 5, value = rand_r(seed) % 1000;
        bool queues = rand_r(seed) % 8 == 0;
        if (queues) freeReplyObject(redisCommand(c, "MULTI"));
        if (strncmp(writes[kind], "SELECT", 6) == 0) key %= 3;
        freeReplyObject(redisCommand(c, writes[kind], key, value));
        if (kind == 0) freeReplyObject(redisCommand(c, "SET s%d %s", key, big));
        if (queues) freeReplyObject(redisCommand(c, "EXEC"));
    }
    freeReplyObject(redisCommand(c, "SELECT 0"));
    free(big);
}

static void assert_same_reply(redisContext *a, redisContext *b, const char *format, int key) {
    char *one = ask(a, format, key), *other = ask(b, format, key);
    assert_string_equal(one, other);
    free(one);
    free(other);
}

static void assert_same(redisContext *a, redisContext *b) {
    static const char *const reads[] = {
        "GET s%d",
        "GET n%d",
        "LRANGE l%d 0 -1",
        "SORT_RO t%d ALPHA",
        "ZCARD z%d",
        "XRANGE x%d - +",
        "GET b%d",
        "PFCOUNT p%d",
        "HGET h%d n",
        "HLEN h%d",
        "PEXPIRETIME h%d",
        "TYPE s%d",
        "ZRANGE z%d 0 -1 WITHSCORES",
    };
    for (int db = 0; db < 3; db++) {
        expect(a, "+OK", "SELECT %d", db);
        expect(b, "+OK", "SELECT %d", db);
        assert_same_reply(a, b, "DBSIZE", 0);
        for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
            for (int key = 0; key < 5; key++) assert_same_reply(a, b, reads[i], key);
    }
    expect(a, "+OK", "SELECT 0");
    expect(b, "+OK", "SELECT 0");
}

/* All that a primary has, and then each cut of the connection costs no more than what was missed.
 */
static void follow_with_cuts(const char *load) {
    struct server *primary = start_primary(), *replica;
    replica = server_start("--repl-diskless-load %s --appendonly yes", load);
    redisContext *p = client_open(primary), *r = client_open(replica);
    unsigned seed = 1;
    write_some(p, &seed, 500);
    follow(r, primary);
    await_same_offset(p, r);
    assert_same(p, r);
    for (int round = 0; round < 5; round++) {
        write_some(p, &seed, 200);
        expect(r, "(int) 1", "CLIENT KILL TYPE master");
        write_some(p, &seed, 200);
        await_up(r);
        await_same_offset(p, r);
        assert_same(p, r);
    }
    assert_int_equal(info_number(p, "stats", "sync_full"), 1);
    assert_int_equal(info_number(p, "stats", "sync_partial_ok"), 5);
    await_like(r, BASE_WRITTEN, "INFO persistence");
    redisFree(p);
    redisFree(r);
    server_stop(replica);
    server_stop(primary);
}

static void test_file(void **state) {
    follow_with_cuts("disabled");
}

static void test_diskless(void **state) {
    follow_with_cuts("on-empty-db");
}

static void test_swapdb(void **state) {
    follow_with_cuts("swapdb");
}

/* What a replica may be asked, with and without its primary. */
static void test_read_only_and_stale(void **state) {
    struct server *primary = start_primary(), *replica = server_start("--repl-timeout 60");
    redisContext *p = client_open(primary), *r = client_open(replica);
    expect(p, "+OK", "SET a 1");
    expect(p, "+OK", "SET gone 1 PX 1");
    await_like(p, "(nil)", "GET gone");
    follow(r, primary);
    expect(r, "\"1\"", "GET a");
    expect(r, "(nil)", "GET gone");
    expect(r, "(err) READONLY You can't write against a read only replica.", "SET a 2");
    expect_like(r, "(err) READONLY You can't write against a read only replica. script:*",
                "EVAL return(redis.call('set',KEYS[1],'2')) 1 a");
    expect(r, "+OK", "MULTI");
    expect(r, "(err) READONLY You can't write against a read only replica.", "SET a 2");
    expect(r, "(err) EXECABORT Transaction discarded because of previous errors.", "EXEC");
    expect(r, "+OK", "CONFIG SET replica-serve-stale-data no");
    expect(r, "\"1\"", "GET a");
    redisFree(p);
    server_stop(primary);
    await_like(r, "*master_link_status:down*", "INFO replication");
    expect(r,
           "(err) MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
           "GET a");
    expect(r, "+OK", "CONFIG SET replica-serve-stale-data yes");
    expect(r, "\"1\"", "GET a");
    expect(r, "+OK", "CONFIG SET replica-read-only no");
    expect(r, "+OK", "SET own 1 PX 1");
    await_like(r, "(int) 1", "DBSIZE");
    expect(r, "+OK", "REPLICAOF NO ONE");
    expect(r, "+OK", "SET a 2");
    redisFree(r);
    server_stop(replica);
}

/* Who waits on a primary that becomes a replica is told so, and goes. */
static void test_unblocked(void **state) {
    struct server *primary = start_primary(), *replica = server_start("--repl-timeout 60");
    redisContext *r = client_open(replica);
    struct wire *w = wire_open(replica);
    wire_text(w, "BLPOP list 0\r\n");
    await_like(r, "*blocked_clients:1*", "INFO clients");
    expect(r, "+OK", "REPLICAOF 127.0.0.1 %d", primary->port);
    wire_reply_like(w, "(err) UNBLOCKED force unblock from blocking operation*");
    wire_expect_closed(w);
    wire_close(w);
    redisFree(r);
    server_stop(replica);
    server_stop(primary);
}

/* --- A primary that is played --- */

struct stage {
    int listens, port, fd;
    struct server *replica; /* not of stage_open */
    redisContext *client;
};

static void stage_open(struct stage *s) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    s->listens = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listens, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->listens, 8), 0);
    assert_int_equal(getsockname(s->listens, (struct sockaddr *)&at, &len), 0);
    s->port = ntohs(at.sin_port);
}

static void stage_say(const struct stage *s, const char *text) {
    assert_int_equal(send(s->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What comes next must hold `part`. */
static void stage_hear(const struct stage *s, const char *part) {
    char text[1024];
    size_t len = 0;
    text[0] = '\0';
    while (!strstr(text, part)) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        if (poll(&p, 1, PATIENCE_SEC * 1000) != 1) fail_msg("not heard: %s", part);
        ssize_t n = recv(s->fd, text + len, sizeof text - 1 - len, 0);
        if (n <= 0) fail_msg("closed before %s", part);
        len += (size_t)n;
        text[len] = '\0';
    }
}

/* What may still come, and then the end. */
static void stage_hear_end(const struct stage *s) {
    char text[1024];
    struct pollfd p = {.fd = s->fd, .events = POLLIN};
    do
        if (poll(&p, 1, PATIENCE_SEC * 1000) != 1) fail_msg("the replica stays");
    while (recv(s->fd, text, sizeof text, 0) > 0);
    close(s->fd);
}

static void stage_accept(struct stage *s) {
    struct pollfd p = {.fd = s->listens, .events = POLLIN};
    if (poll(&p, 1, PATIENCE_SEC * 1000) != 1) fail_msg("nobody comes");
    s->fd = accept(s->listens, NULL, NULL);
    stage_hear(s, "PING");
    stage_say(s, "+PONG\r\n");
    stage_hear(s, "psync2");
    stage_say(s, "+OK\r\n+OK\r\n");
}

/* The shortest snapshot: no checksum. */
static void stage_sync(const struct stage *s) {
    static const char snapshot[] = "REDIS0009\xff\0\0\0\0\0\0\0";
    stage_hear(s, "PSYNC");
    stage_say(s, "+FULLRESYNC " ID " 100\r\n\n\n$18\r\n");
    assert_int_equal(send(s->fd, snapshot, 18, MSG_NOSIGNAL), 18);
}

/* A replica with these options; returns a client of it. */
static redisContext *stage_begin(struct stage *s, const char *options) {
    stage_open(s);
    s->replica = server_start("%s", options);
    return s->client = client_open(s->replica);
}

static void stage_call(const struct stage *s) {
    expect(s->client, "+OK", "REPLICAOF 127.0.0.1 %d", s->port);
}

static void stage_follow(struct stage *s) {
    stage_call(s);
    stage_accept(s);
}

static void stage_end(struct stage *s) {
    redisFree(s->client);
    close(s->fd);
    close(s->listens);
    server_stop(s->replica);
}

/* The offset is that of whole commands, and of whole transactions: what was cut comes again. */
static void test_offsets(void **state) {
    struct stage s;
    redisContext *r = stage_begin(&s, "--repl-timeout 60");
    stage_follow(&s);
    stage_sync(&s);
    await_up(r);
    stage_hear(&s, "$3\r\nACK\r\n$3\r\n100\r\n");
    stage_say(&s, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n");           /* 27 bytes */
    stage_say(&s, "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"); /* 37 */
    stage_hear(&s, "ACK\r\n$3\r\n1");
    stage_say(&s, "*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*2\r\n$4\r\nIN");
    await_like(r, "*slave_read_repl_offset:210*slave_repl_offset:164*", "INFO replication");
    close(s.fd);
    stage_accept(&s);
    stage_hear(&s, "PSYNC\r\n$40\r\n" ID "\r\n$3\r\n165\r\n");
    stage_say(&s, "+CONTINUE\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n"
                  "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n");
    await_like(r, "\"3\"", "GET a");
    await_like(r, "*slave_repl_offset:235*", "INFO replication");
    stage_end(&s);
}

/* Who isn't a primary, or ends in the middle, is tried again. */
static void test_bad_primaries(void **state) {
    struct stage s;
    redisContext *r = stage_begin(&s, "--repl-diskless-load swapdb");
    expect(r, "+OK", "SET mine 1");
    stage_call(&s);
    s.fd = accept(s.listens, NULL, NULL);
    stage_say(&s, "-WHAT do you want\r\n");
    close(s.fd);
    stage_accept(&s);
    stage_hear(&s, "PSYNC");
    stage_say(&s, "+FULLRESYNC " ID " 100\r\nhello\r\n");
    close(s.fd);
    stage_accept(&s);
    stage_hear(&s, "PSYNC");
    stage_say(&s, "+FULLRESYNC " ID " 100\r\n$EOF:" ID "\r\nREDIS0009");
    close(s.fd); /* the data that were there stay */
    stage_accept(&s);
    expect(r, "\"1\"", "GET mine");
    stage_hear(&s, "PSYNC\r\n$1\r\n?");
    stage_say(&s, "+FULLRESYNC " ID " 100\r\n$EOF:" ID "\r\nREDIS0009\xff");
    assert_int_equal(send(s.fd, "\0\0\0\0\0\0\0\0" ID, 48, MSG_NOSIGNAL), 48);
    await_up(r);
    expect(r, "(nil)", "GET mine");
    stage_end(&s);
}

/* Says that all comes at that offset, and as much of a snapshot as is given: at once, as who
 * doesn't like the one may be gone before the other. */
static void stage_send(const struct stage *s, const char *head, const char *bytes, size_t len) {
    struct iovec parts[] = {{(void *)head, strlen(head)}, {(void *)bytes, len}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    stage_hear(s, "PSYNC");
    assert_int_equal(sendmsg(s->fd, &message, MSG_NOSIGNAL), parts[0].iov_len + len);
}

/* Data that were given up for others that then couldn't be loaded are in nobody's history. */
static void test_lost_data(void **state) {
    struct stage s;
    redisContext *r = stage_begin(&s, "--repl-diskless-sync-delay 0");
    stage_follow(&s);
    stage_sync(&s);
    await_up(r);
    stage_say(&s, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n");
    await_like(r, "\"1\"", "GET a");
    close(s.fd);
    stage_accept(&s);
    stage_send(&s, "+FULLRESYNC " ID " 500\r\n$18\r\n", "this isn't a data.", 18);
    await_like(r, "(nil)", "GET a");
    expect(r, "+OK", "REPLICAOF NO ONE");
    struct wire *w = wire_open(s.replica);
    wire_text(w, "PSYNC " ID " 101\r\n");
    wire_reply_like(w, "+FULLRESYNC *");
    wire_close(w);
    stage_end(&s);
}

/* What is about the connection, or about whom to follow, isn't for the stream to say. */
static void test_orders(void **state) {
    static const char *const orders[] = {
        "*3\r\n$9\r\nREPLICAOF\r\n$2\r\nno\r\n$3\r\none\r\n",
        "*3\r\n$9\r\nREPLICAOF\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n",
        "*1\r\n$5\r\nRESET\r\n",
        "*1\r\n$4\r\nSYNC\r\n",
        "*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n",
        "*4\r\n$5\r\nPSYNC\r\n$40\r\n" ID "\r\n$1\r\n1\r\n$8\r\nFAILOVER\r\n",
        "*1\r\n$8\r\nFAILOVER\r\n",
    };
    struct stage s;
    redisContext *r = stage_begin(&s, "--requirepass secret --repl-timeout 60");
    size_t sent = 0;
    expect(r, "+OK", "AUTH secret");
    stage_follow(&s);
    stage_sync(&s);
    await_up(r);
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        static const char incr[] = "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
        stage_say(&s, orders[i]);
        stage_say(&s, incr);
        sent += strlen(orders[i]) + strlen(incr);
    }
    await_like(r, "\"7\"", "GET n");
    expect_like(r, "*role:slave*master_link_status:up*connected_slaves:0*", "INFO replication");
    assert_int_equal(info_number(r, "replication", "slave_repl_offset"), 100 + sent);
    stage_end(&s);
}

/* Numbers that can't be, and leave to go on that nobody asked for. */
static void test_bad_answers(void **state) {
    static const char *const answers[] = {
        "+FULLRESYNC " ID " 100\r\n$-1\r\n",
        "+FULLRESYNC " ID " 100\r\n$0\r\n",
        "+FULLRESYNC " ID " 100\r\n$18446744073709551634\r\n",
        "+CONTINUE " ID "\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n",
    };
    struct stage s;
    redisContext *r = stage_begin(&s, "--repl-diskless-load swapdb");
    stage_follow(&s); /* this one may go on, but doesn't */
    stage_send(&s, "+FULLRESYNC " ID " 100\r\n", "hello\r\n", 7);
    close(s.fd);
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        stage_accept(&s);
        stage_send(&s, answers[i], "\r\n", 2);
        stage_hear_end(&s);
    }
    stage_accept(&s);
    expect(r, "(nil)", "GET a");
    stage_send(&s, "+FULLRESYNC " ID " 9223372036854775807\r\n$18\r\n",
               "REDIS0009\xff\0\0\0\0\0\0\0", 18);
    await_up(r);
    expect_like(r, "*slave_repl_offset:0*", "INFO replication");
    stage_end(&s);
}

/* A newer state of the data that are there is loaded beside them: they're read meanwhile. The log
 * rests, but it's still wanted. */
static void test_same_history(void **state) {
    struct stage s;
    redisContext *r =
        stage_begin(&s, "--repl-diskless-load swapdb --repl-timeout 60 --appendonly yes");
    stage_follow(&s);
    stage_sync(&s);
    await_up(r);
    stage_say(&s, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n");
    await_like(r, "\"1\"", "GET a");
    close(s.fd);
    stage_accept(&s);
    stage_send(&s, "+FULLRESYNC " ID " 500\r\n$18\r\n", "REDIS0009", 9);
    await_like(r, "*loading:0*async_loading:1*", "INFO persistence");
    expect(r, "\"1\"", "GET a");
    expect(r, "[\"appendonly\", \"yes\"]", "CONFIG GET appendonly");
    expect_like(r, "*aof_enabled:0*", "INFO persistence");
    assert_int_equal(send(s.fd, "\xff\0\0\0\0\0\0\0\0", 9, MSG_NOSIGNAL), 9);
    await_up(r);
    expect(r, "(nil)", "GET a");
    expect_like(r, "*slave_repl_offset:500*", "INFO replication");
    await_like(r, BASE_WRITTEN, "INFO persistence");
    stage_end(&s);
}

/* A member of a cluster that's reset is a primary, and empty: not in the middle of a load, and also
 * in the log and for replicas. */
static void test_cluster_reset(void **state) {
    struct stage s;
    char file[] = "/tmp/drey-nodes-XXXXXX", text[512];
    stage_open(&s);
    close(mkstemp(file));
    snprintf(text, sizeof text,
             "%s 127.0.0.1:0@0 myself,slave " ID " 0 0 0 connected\n" ID
             " 127.0.0.1:%d@1 master - 0 0 1 connected 0-16383\n"
             "vars currentEpoch 1 lastVoteEpoch 0\n",
             "1111111111111111111111111111111111111111", s.port);
    write_file(file, text);
    s.replica =
        server_start("--cluster-enabled yes --cluster-config-file %s --cluster-port %d "
                     "--appendonly yes --enable-debug-command yes --repl-diskless-load swapdb",
                     file, free_port());
    redisContext *r = s.client = client_open(s.replica);
    stage_accept(&s);
    stage_sync(&s);
    await_up(r);
    close(s.fd);
    stage_accept(&s);
    stage_send(&s, "+FULLRESYNC " ID " 500\r\n$18\r\n", "REDIS0009", 9);
    await_like(r, "*async_loading:1*", "INFO persistence");
    expect_like(r, "(err) LOADING *", "CLUSTER RESET");
    assert_int_equal(send(s.fd, "\xff\0\0\0\0\0\0\0\0", 9, MSG_NOSIGNAL), 9);
    await_up(r);
    stage_say(&s, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n");
    await_like(r, "(int) 1", "DBSIZE");
    expect(r, "+OK", "CLUSTER RESET");
    expect(r, "(int) 0", "DBSIZE");
    expect_like(r, "*role:master*master_repl_offset:5[5-9]?*", "INFO replication");
    await_like(r, "*aof_rewrite_in_progress:0*aof_rewrite_scheduled:0*", "INFO persistence");
    expect(r, "+OK", "DEBUG LOADAOF");
    expect(r, "(int) 0", "DBSIZE");
    stage_end(&s);
    unlink(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),          cmocka_unit_test(test_diskless),
        cmocka_unit_test(test_swapdb),        cmocka_unit_test(test_read_only_and_stale),
        cmocka_unit_test(test_unblocked),     cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_bad_primaries), cmocka_unit_test(test_lost_data),
        cmocka_unit_test(test_orders),        cmocka_unit_test(test_bad_answers),
        cmocka_unit_test(test_same_history),  cmocka_unit_test(test_cluster_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
