/* SPDX-License-Identifier: BSD-3-Clause */
/* BGSAVE: what it answers and tells, who waits for it, and how it ends. */
#include "integration/support.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOWLY "--enable-debug-command yes --rdb-key-save-delay 1000000"
#define SAVING "*rdb_bgsave_in_progress:1*"
#define SAVED  "*rdb_bgsave_in_progress:0*"

static bool has_file(const struct server *s, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", s->dir, name);
    return access(path, F_OK) == 0;
}

static size_t count_files(const struct server *s, const char *beginning) {
    DIR *dir = opendir(s->dir);
    size_t count = 0;
    assert_non_null(dir);
    for (struct dirent *file; (file = readdir(dir)) != NULL;)
        count += strncmp(file->d_name, beginning, strlen(beginning)) == 0;
    closedir(dir);
    return count;
}

static void assert_logged(const struct server *s, const char *text) {
    char *log = server_log(s);
    if (!strstr(log, text)) fail_msg("not in the log: %s", text);
    free(log);
}

static void await_no_temporary_file(redisContext *c, const struct server *s) {
    while (count_files(s, "temp-")) expect(c, "+PONG", "PING");
}

static void test_saves(void **state) {
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    expect(c, "+OK", "DEBUG POPULATE 20000");
    expect(c, "+OK", "SET k before");
    expect_like(c, "*rdb_last_bgsave_time_sec:-1*", "INFO");
    expect(c, "+Background saving started", "BGSAVE");
    expect(c, "+OK", "SET k after");
    await_like(c, SAVED, "INFO persistence");
    expect_like(c, "*rdb_changes_since_last_save:1[!0-9]*rdb_last_bgsave_status:ok*rdb_saves:1*",
                "INFO persistence");
    assert_logged(s, "Background saving terminated with success");
    expect(c, "+OK", "DEBUG RELOAD NOSAVE");
    expect(c, "\"before\"", "GET k");
    expect(c, "(int) 20001", "DBSIZE");
    assert_int_equal(count_files(s, "temp-"), 0);
    redisFree(c);
    server_stop(s);
}

static void test_one_at_a_time(void **state) {
    struct server *s = server_start(SLOWLY);
    redisContext *c = client_open(s);
    expect(c, "+OK", "DEBUG POPULATE 1000");
    expect(c, "+Background saving started", "BGSAVE");
    expect(c, "(err) ERR Background save already in progress", "BGSAVE");
    expect(c, "(err) ERR Background save already in progress", "BGSAVE SCHEDULE");
    expect(c, "(err) ERR Background save already in progress", "SAVE");
    expect(c, "(err) ERR syntax error", "BGSAVE NOW");
    expect_like(c, SAVING "current_*", "INFO persistence");
    expect(c, "+Background append only file rewriting scheduled", "BGREWRITEAOF");
    expect(c, "+OK", "CONFIG SET rdb-key-save-delay 0");
    await_like(c, SAVED "rdb_saves:1*aof_rewrites:1*", "INFO persistence");
    redisFree(c);
    server_stop(s);
}

/* What is emptied isn't saved, and a snapshot that's given up leaves the file that there is. */
static void test_given_up(void **state) {
    struct server *s = server_start(SLOWLY);
    redisContext *c = client_open(s);
    expect(c, "+OK", "SET k saved");
    expect(c, "+OK", "SAVE");
    expect(c, "+OK", "DEBUG POPULATE 1000");
    expect(c, "+Background saving started", "BGSAVE");
    expect(c, "+OK", "FLUSHALL");
    await_like(c, SAVED, "INFO persistence");
    assert_logged(s, "Background saving cancelled");
    await_no_temporary_file(c, s);
    expect(c, "+OK", "DEBUG RELOAD NOSAVE");
    expect(c, "\"saved\"", "GET k");
    expect(c, "+OK", "CONFIG SET save %s", "3600 1");
    expect(c, "+OK", "FLUSHALL");
    expect(c, "+OK", "DEBUG RELOAD NOSAVE");
    expect(c, "(int) 0", "DBSIZE");
    redisFree(c);
    server_stop(s);
}

/* FLUSHDB doesn't end it: what there was is kept until it's written. */
static void test_flushed_database(void **state) {
    struct server *s = server_start(SLOWLY);
    redisContext *c = client_open(s);
    expect(c, "+OK", "DEBUG POPULATE 1000");
    expect(c, "+Background saving started", "BGSAVE");
    expect(c, "+OK", "FLUSHDB");
    expect(c, "(int) 0", "DBSIZE");
    expect(c, "+OK", "CONFIG SET rdb-key-save-delay 0");
    await_like(c, SAVED, "INFO persistence");
    expect(c, "+OK", "DEBUG RELOAD NOSAVE");
    expect(c, "(int) 1000", "DBSIZE");
    redisFree(c);
    server_stop(s);
}

/* What is evicted while the snapshot still needs it frees no memory at once: that costs no further
 * keys. */
static void test_evicts(void **state) {
    struct server *s = server_start(SLOWLY " --maxmemory-policy allkeys-random");
    redisContext *c = client_open(s);
    expect(c, "+OK", "DEBUG POPULATE 40 key 1000000");
    expect(c, "+Background saving started", "BGSAVE");
    long long limit = info_number(c, "memory", "used_memory") - 4500000;
    expect(c, "+OK", "CONFIG SET maxmemory %lld", limit);
    await_like(c, "*evicted_keys:[5-9][!0-9]*", "INFO stats");
    expect(c, "+OK", "SET small 1");
    expect(c, "+OK", "CONFIG SET rdb-key-save-delay 0");
    await_like(c, SAVED, "INFO persistence");
    expect_like(c, "*evicted_keys:[5-9][!0-9]*", "INFO stats");
    expect_like(c, "*mem_not_counted_for_evict:0*", "INFO memory");
    redisFree(c);
    server_stop(s);
}

/* Who would change a large set that isn't written waits until it is, but not for other keys to be
 * written; the snapshot has it as it was. */
static void test_waiting(void **state) {
    struct server *s = server_start(SLOWLY);
    redisContext *c = client_open(s), *other = client_open(s);
    redisAppendCommand(c, "MULTI");
    for (int i = 0; i < 3000; i++) redisAppendCommand(c, "SADD large member-%d", i);
    redisAppendCommand(c, "EXEC");
    for (int i = 0; i < 3002; i++) {
        void *reply;
        assert_int_equal(redisGetReply(c, &reply), REDIS_OK);
        freeReplyObject(reply);
    }
    expect(c, "+OK", "SET small 1");
    expect(c, "+Background saving started", "BGSAVE");
    redisAppendCommand(c, "SADD large more");
    redisAppendCommand(c, "SCARD large");
    int done = 0;
    redisBufferWrite(c, &done);
    expect(other, "(int) 2", "INCR small");
    expect(other, "+OK", "CONFIG SET rdb-key-save-delay 0");
    redisReply *reply;
    assert_int_equal(redisGetReply(c, (void **)&reply), REDIS_OK);
    assert_int_equal(reply->integer, 1);
    freeReplyObject(reply);
    assert_int_equal(redisGetReply(c, (void **)&reply), REDIS_OK);
    assert_int_equal(reply->integer, 3001);
    freeReplyObject(reply);
    await_like(other, SAVED, "INFO persistence");
    expect(other, "+OK", "DEBUG RELOAD NOSAVE");
    expect(other, "(int) 3000", "SCARD large");
    expect(other, "\"1\"", "GET small");
    redisFree(c);
    redisFree(other);
    server_stop(s);
}

/* What is configured meanwhile is for the next one. */
static void test_moved_meanwhile(void **state) {
    struct server *s = server_start(SLOWLY " --enable-protected-configs yes");
    redisContext *c = client_open(s);
    expect(c, "+OK", "DEBUG POPULATE 1000");
    expect(c, "+OK", "CONFIG SET dbfilename first.rdb");
    expect(c, "+Background saving started", "BGSAVE");
    expect(c, "+OK", "CONFIG SET dbfilename second.rdb");
    expect(c, "+OK", "CONFIG SET dir /");
    expect(c, "+OK", "CONFIG SET rdb-key-save-delay 0");
    await_like(c, SAVED, "INFO persistence");
    expect(c, "+OK", "CONFIG SET dir %s", s->dir);
    assert_true(has_file(s, "first.rdb"));
    assert_false(has_file(s, "second.rdb"));
    assert_int_equal(count_files(s, "temp-"), 0);
    redisFree(c);
    server_stop(s);
}

/* A transaction is in the snapshot as a whole. */
static void test_transaction(void **state) {
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    expect(c, "+OK", "MULTI");
    expect(c, "+QUEUED", "SET before 1");
    expect(c, "+QUEUED", "BGSAVE");
    expect(c, "+QUEUED", "SET behind 1");
    expect(c, "[+OK, +Background saving scheduled, +OK]", "EXEC");
    await_like(c, SAVED "rdb_saves:1*", "INFO persistence");
    expect(c, "+OK", "DEBUG RELOAD NOSAVE");
    expect(c, "(int) 2", "DBSIZE");
    redisFree(c);
    server_stop(s);
}

/* While snapshots fail writes are refused, until one succeeds again. */
static void test_failing(void **state) {
    struct server *s = server_start("--enable-debug-command yes --dbfilename dump");
    redisContext *c = client_open(s);
    char path[128];
    snprintf(path, sizeof path, "%s/dump", s->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    expect(c, "+OK", "CONFIG SET save %s", "3600 1000");
    expect(c, "+OK", "SET k v");
    expect(c, "+Background saving started", "BGSAVE");
    await_like(c, "*rdb_bgsave_in_progress:0*rdb_last_bgsave_status:err*", "INFO persistence");
    expect_like(c, "(err) MISCONF Redis is configured to save RDB snapshots, but *", "SET k v");
    expect_like(c, "(err) MISCONF *", "PING");
    expect(c, "\"v\"", "GET k");
    expect(c, "+OK", "CONFIG SET stop-writes-on-bgsave-error no");
    expect(c, "+OK", "SET k w");
    expect(c, "+OK", "CONFIG SET stop-writes-on-bgsave-error yes");
    expect_like(c, "(err) MISCONF *", "SET k v");
    assert_int_equal(rmdir(path), 0);
    expect(c, "+Background saving started", "BGSAVE");
    await_like(c, "*rdb_bgsave_in_progress:0*rdb_last_bgsave_status:ok*", "INFO persistence");
    expect(c, "+OK", "SET k x");
    assert_true(has_file(s, "dump"));
    expect(c, "+OK", "CONFIG SET save %s", "");
    redisFree(c);
    server_stop(s);
}

static void test_save_points(void **state) {
    struct server *s = server_start("--enable-debug-command yes");
    redisContext *c = client_open(s);
    expect(c, "+OK", "MSET a 1 b 2");
    expect(c, "+OK", "CONFIG SET save %s", "1 2");
    await_like(c, SAVED "rdb_saves:1*", "INFO persistence");
    assert_logged(s, "2 changes in 1 seconds. Saving...");
    expect(c, "+OK", "CONFIG SET save %s", "");
    redisFree(c);
    server_stop(s);
}

/* A process that ends in the middle of it leaves the file of before. */
static void test_ends_meanwhile(void **state) {
    for (int round = 0; round < 2; round++) {
        char dir[] = "/tmp/drey-test-snapshot-XXXXXX", file[64];
        assert_non_null(mkdtemp(dir));
        struct server *s = server_start("--dir %s " SLOWLY, dir);
        redisContext *c = client_open(s);
        expect(c, "+OK", "SET k saved");
        expect(c, "+OK", "SAVE");
        expect(c, "+OK", "DEBUG POPULATE 1000");
        expect(c, "+Background saving started", "BGSAVE");
        redisFree(c);
        if (round == 0)
            assert_int_equal(server_end(s, SIGKILL), 128 + SIGKILL);
        else
            server_stop(s);
        s = server_start("--dir %s", dir);
        c = client_open(s);
        expect(c, "(int) 1", "DBSIZE");
        expect(c, "\"saved\"", "GET k");
        redisFree(c);
        server_stop(s);
        DIR *left = opendir(dir);
        for (struct dirent *entry; (entry = readdir(left)) != NULL;) {
            snprintf(file, sizeof file, "%s/%.30s", dir, entry->d_name);
            unlink(file);
        }
        closedir(left);
        assert_int_equal(rmdir(dir), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saves),           cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_given_up),        cmocka_unit_test(test_flushed_database),
        cmocka_unit_test(test_waiting),         cmocka_unit_test(test_failing),
        cmocka_unit_test(test_save_points),     cmocka_unit_test(test_ends_meanwhile),
        cmocka_unit_test(test_evicts),          cmocka_unit_test(test_transaction),
        cmocka_unit_test(test_moved_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
