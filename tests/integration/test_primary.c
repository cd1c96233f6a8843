/* SPDX-License-Identifier: BSD-3-Clause */
/* A primary: what replicas are sent, how they're looked after, and what the parameters of that do.
 * The replicas are servers of ours, or played by the test. */
#include "integration/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_file(const struct server *s, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return access(path, F_OK) == 0;
}

static struct server *start_replica(const struct server *primary, const char *options) {
    return server_start("--replicaof '127.0.0.1 %d' %s", primary->port, options);
}

static void fill(redisContext *c, const char *key, size_t bytes) {
    char *value = malloc(bytes);
    memset(value, 'v', bytes);
    expect(c, "+OK", "SET %s %b", key, value, bytes);
    free(value);
}

/* Someone who has asked for all, and then reads no more of it. */
static struct wire *lazy_replica(const struct server *s) {
    struct wire *w = wire_open_narrow(s);
    wire_ask(w, "+OK", "REPLCONF listening-port 1");
    wire_text(w, "PSYNC ? -1\r\n");
    wire_reply_like(w, "+FULLRESYNC *");
    return w;
}

/* --- Only the snapshot --- */

/* Who wants nothing else gets nothing else, and isn't kept. */
static void test_rdb_only(void **state) {
    struct server *s = server_start("--repl-diskless-sync-delay 0");
    redisContext *c = client_open(s);
    static const char *const capabilities[] = {"", "REPLCONF capa eof\r\n"};
    expect(c, "+OK", "SET a 1");
    for (int i = 0; i < 2; i++) {
        struct wire *w = wire_open(s);
        wire_ask(w, "+OK", "REPLCONF rdb-only 1");
        if (*capabilities[i]) {
            wire_text(w, capabilities[i]);
            wire_reply(w, "+OK");
        }
        wire_text(w, "SYNC\r\n");
        wire_drain(w);
        wire_close(w);
        await_like(c, "*connected_slaves:0*", "INFO replication");
    }
    redisFree(c);
    server_stop(s);
}

static void test_filters(void **state) {
    struct server *s = server_start("--repl-diskless-sync-delay 0");
    struct wire *w = wire_open(s);
    wire_ask(w, "(err) ERR Unsupported rdb-filter-only option: keys",
             "REPLCONF rdb-filter-only keys");
    wire_ask(w, "+OK", "REPLCONF rdb-filter-only functions");
    wire_ask(w, "(err) ERR Filtered replica requires EOF capability", "SYNC");
    wire_close(w);
    server_stop(s);
}

static bool run_cli(const struct server *s, const char *option, const char *path) {
    char command[256];
    snprintf(command, sizeof command, "redis-cli -p %d %s %s >/dev/null 2>&1", s->port, option,
             path);
    return system(command) == 0;
}

/* redis-cli makes backups so: of everything, and of functions alone. */
static void test_backups(void **state) {
    static const char library[] = "#!lua name=lib\nredis.register_function('f', function() end)";
    static const char *const options[] = {"--rdb", "--functions-rdb"};
    static const char *const keys[] = {"(int) 1", "(int) 0"};
    if (access("/usr/bin/redis-cli", X_OK) != 0) skip();
    struct server *s = server_start("--repl-diskless-sync-delay 0 --rdb-version 10");
    redisContext *c = client_open(s);
    expect(c, "+OK", "SET a 1");
    expect(c, "\"lib\"", "FUNCTION LOAD %s", library);
    for (int i = 0; i < 2; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/backup.rdb", s->dir);
        assert_true(run_cli(s, options[i], path));
        struct server *other = server_start("--dir %s --dbfilename backup.rdb", s->dir);
        redisContext *o = client_open(other);
        expect(o, keys[i], "DBSIZE");
        expect_like(o, "*\"library_name\", \"lib\"*", "FUNCTION LIST");
        redisFree(o);
        server_stop(other);
        await_like(c, "*connected_slaves:0*", "INFO replication");
    }
    redisFree(c);
    server_stop(s);
}

/* --- Files --- */

/* Where nothing is to be on disk, nothing stays there. */
static void test_del_sync_files(void **state) {
    struct server *s = server_start("--repl-diskless-sync no --rdb-del-sync-files yes");
    redisContext *c = client_open(s);
    expect(c, "+OK", "SET a 1");
    struct server *replica = start_replica(s, "--rdb-del-sync-files yes");
    redisContext *r = client_open(replica);
    await_like(r, "\"1\"", "GET a");
    await_like(c, "*state=online*", "INFO replication");
    assert_false(has_file(s, "dump.rdb"));
    assert_false(has_file(replica, "dump.rdb"));
    redisFree(r);
    server_stop(replica);
    redisFree(c);
    server_stop(s);
}

/* But what a user has asked for isn't anybody's to delete, although a replica got it, too. */
static void test_file_of_a_user(void **state) {
    struct server *s = server_start("--repl-diskless-sync no --rdb-del-sync-files yes "
                                    "--enable-debug-command yes --rdb-key-save-delay 1000000");
    redisContext *c = client_open(s);
    struct wire *w = lazy_replica(s); /* there's a backlog, then */
    expect(c, "+OK", "CONFIG SET rdb-key-save-delay 0");
    await_like(c, "*rdb_bgsave_in_progress:0*", "INFO persistence");
    wire_close(w);
    await_like(c, "*connected_slaves:0*", "INFO replication");
    expect(c, "+OK", "DEBUG POPULATE 100");
    expect(c, "+OK", "CONFIG SET rdb-key-save-delay 1000000");
    expect(c, "+Background saving started", "BGSAVE");
    w = lazy_replica(s);
    expect(c, "+OK", "CONFIG SET rdb-key-save-delay 0");
    await_like(c, "*rdb_bgsave_in_progress:0*", "INFO persistence");
    assert_true(has_file(s, "dump.rdb"));
    wire_close(w);
    redisFree(c);
    server_stop(s);
}

/* --- The backlog, and who lags --- */

static void test_backlog_ttl(void **state) {
    struct server *s = server_start("--repl-backlog-ttl 1");
    redisContext *c = client_open(s);
    struct wire *w = lazy_replica(s);
    expect_like(c, "*repl_backlog_active:1*", "INFO replication");
    wire_close(w);
    await_like(c, "*repl_backlog_active:0*repl_backlog_histlen:0*", "INFO replication");
    redisFree(c);
    server_stop(s);
}

static void test_output_limit(void **state) {
    struct server *s = server_start("--client-output-buffer-limit 'replica 2mb 0 0' "
                                    "--repl-backlog-size 1mb");
    redisContext *c = client_open(s);
    struct wire *w = lazy_replica(s);
    for (int i = 0; i < 2; i++) fill(c, "key", 512 * 1024);
    expect_like(c, "*connected_slaves:1*", "INFO replication");
    for (int i = 0; i < 40; i++) fill(c, "key", 1024 * 1024);
    await_like(c, "*connected_slaves:0*", "INFO replication");
    await_like(c, "*client_output_buffer_limit_disconnections:1*", "INFO stats");
    wire_close(w);
    redisFree(c);
    server_stop(s);
}

static void test_min_replicas(void **state) {
    static const char refusal[] = "(err) NOREPLICAS Not enough good replicas to write.";
    struct server *s = server_start("--min-replicas-to-write 1 --repl-diskless-sync-delay 0");
    redisContext *c = client_open(s);
    expect(c, refusal, "SET a 1");
    expect_like(c, "(err) NOREPLICAS Not enough good replicas to write. script:*",
                "EVAL return(redis.call('set',KEYS[1],'1')) 1 a");
    expect_like(c, "*min_slaves_good_slaves:0*", "INFO replication");
    struct server *replica = start_replica(s, "");
    await_like(c, "+OK", "SET a 1");
    server_stop(replica);
    await_like(c, refusal, "SET a 2");
    expect(c, "+OK", "CONFIG SET min-replicas-to-write 0");
    expect(c, "+OK", "SET a 2");
    redisFree(c);
    server_stop(s);
}

/* --- What is told --- */

static void test_announced(void **state) {
    struct server *s = server_start("--repl-diskless-sync-delay 0");
    redisContext *c = client_open(s);
    struct server *replica = start_replica(s, "--replica-announce-ip 10.1.2.3 "
                                              "--replica-announce-port 1234 --replica-priority 7 "
                                              "--replica-announced no");
    redisContext *r = client_open(replica);
    await_like(c, "*slave0:ip=10.1.2.3,port=1234,state=online,*", "INFO replication");
    expect_like(c, "*[\"10.1.2.3\", \"1234\", *", "ROLE");
    expect_like(r, "*slave_priority:7*replica_announced:0*", "INFO replication");
    redisFree(r);
    server_stop(replica);
    redisFree(c);
    server_stop(s);
}

/* The rate is that of the last moments only, so there's more all the time until it has been seen.
 */
static void await_rate(redisContext *primary, redisContext *c, const char *field) {
    double deadline = seconds_now() + PATIENCE_SEC;
    while (info_number(c, "stats", field) < 1) {
        fill(primary, "key", 1024 * 1024);
        if (seconds_now() > deadline) fail_msg("%s stays 0", field);
    }
}

/* Traffic of replication is counted apart from that of clients. */
static void test_rates(void **state) {
    enum { SENT = 10 * 1024 * 1024 };
    struct server *s = server_start("--repl-diskless-sync-delay 0");
    redisContext *c = client_open(s);
    struct server *replica = start_replica(s, "");
    redisContext *r = client_open(replica);
    await_like(c, "*state=online*", "INFO replication");
    for (int i = 0; i < 10; i++) fill(c, "key", 1024 * 1024);
    expect(c, "+OK", "SET end 1");
    await_like(r, "\"1\"", "GET end");
    assert_true(info_number(c, "stats", "total_net_repl_output_bytes") > SENT);
    assert_true(info_number(c, "stats", "total_net_output_bytes") < SENT);
    assert_true(info_number(r, "stats", "total_net_repl_input_bytes") > SENT);
    assert_true(info_number(r, "stats", "total_net_input_bytes") < SENT);
    await_rate(c, c, "instantaneous_output_repl_kbps");
    await_rate(c, r, "instantaneous_input_repl_kbps");
    redisFree(r);
    server_stop(replica);
    redisFree(c);
    server_stop(s);
}

/* A FAILOVER that's called off leaves nothing of its pause. */
static void test_failover_called_off(void **state) {
    struct server *s = server_start("--enable-debug-command yes --repl-diskless-sync no");
    redisContext *c = client_open(s);
    struct wire *w = lazy_replica(s);
    await_like(c, "*state=online*", "INFO replication");
    expect(c, "+OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    expect(c, "+OK", "SET gone 1 PX 1");
    expect(c, "+OK", "FAILOVER");
    await_like(c, "(nil)", "GET gone");
    expect(c, "(int) 1", "DBSIZE");
    expect(c, "+OK", "FAILOVER ABORT");
    expect(c, "(nil)", "GET gone");
    expect(c, "(int) 0", "DBSIZE");
    wire_close(w);
    redisFree(c);
    server_stop(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rdb_only),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_backups),
        cmocka_unit_test(test_del_sync_files),
        cmocka_unit_test(test_file_of_a_user),
        cmocka_unit_test(test_backlog_ttl),
        cmocka_unit_test(test_output_limit),
        cmocka_unit_test(test_min_replicas),
        cmocka_unit_test(test_announced),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_failover_called_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
