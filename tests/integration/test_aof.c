/* SPDX-License-Identifier: BSD-3-Clause */
/* The append-only log: what comes back after a restart, torn and damaged files, a disk that's full,
 * WAITAOF, the tool that checks and repairs. */
#include "integration/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define INCR     "appendonlydir/appendonly.aof.1.incr.aof"
#define MANIFEST "appendonlydir/appendonly.aof.manifest"

/* A directory that outlives servers. */
static char dir[64];

static int make_dir(void **state) {
    return make_directory(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static struct server *start(const char *options) {
    return server_start("--dir %s --appendonly yes --appendfsync always --enable-debug-command yes "
                        "%s",
                        dir, options);
}

/* Bytes of a file in the directory. */
struct bytes {
    char *data;
    size_t len;
};

static const char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static struct bytes read_bytes(const char *name) {
    struct stat stat_of;
    int fd = open(path_of(name), O_RDONLY);
    assert_int_equal(fstat(fd, &stat_of), 0);
    struct bytes b = {malloc((size_t)stat_of.st_size + 1), (size_t)stat_of.st_size};
    assert_int_equal(read(fd, b.data, b.len), b.len);
    b.data[b.len] = '\0';
    close(fd);
    return b;
}

static void write_bytes(const char *name, struct bytes b) {
    int fd = open(path_of(name), O_WRONLY | O_TRUNC | O_CREAT, 0600);
    assert_int_equal(write(fd, b.data, b.len), b.len);
    close(fd);
}

static void copy_dir(const char *from, const char *to) {
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s/%s && cp -r %s/%s %s/%s", dir, to, dir, from, dir,
             to);
    assert_int_equal(system(command), 0);
}

/* The server must not start; returns what it says. */
static char *refused(const char *options) {
    char *output;
    int status =
        server_run(&output, NULL, "--port 0 --unixsocket %s/s --dir %s --appendonly yes %s", dir,
                   dir, options);
    if (status != 1) fail_msg("exit status %d: %s", status, output);
    return output;
}

static void expect_refused(const char *options, const char *why) {
    char *output = refused(options);
    if (!strstr(output, why)) fail_msg("no %s in %s", why, output);
    free(output);
}

/* The tool; returns its exit status. */
static int check_aof(char **output, const char *arguments) {
    enum { MOST = 16 * 1024 };
    char command[512];
    const char *server = getenv("DREY_SERVER");
    int len = (int)strlen(server) - (int)strlen("server");
    snprintf(command, sizeof command, "cd %s && %.*scheck-aof %s 2>&1", dir, len, server,
             arguments);
    FILE *pipe = popen(command, "r");
    *output = calloc(1, MOST);
    assert_true(fread(*output, 1, MOST - 1, pipe) > 0);
    return WEXITSTATUS(pclose(pipe));
}

static void expect_tool(const char *arguments, int status, const char *words) {
    char *output;
    int got = check_aof(&output, arguments);
    if (got != status || !strstr(output, words)) fail_msg("status %d: %s", got, output);
    free(output);
}

/* What comes back. */

static void write_of_all_sorts(redisContext *c) {
    expect(c, "+OK", "SET text value");
    expect(c, "(int) 7", "INCRBY number 7");
    expect(c, "+OK", "SET short word PX 100000000");
    expect(c, "(int) 3", "RPUSH list a b c");
    expect(c, "(int) 2", "SADD set x y");
    expect(c, "(int) 1", "ZADD scores 1.5 m");
    expect(c, "(int) 2", "HSET hash f 1 g 2");
    expect(c, "\"1-1\"", "XADD stream 1-1 f v");
    expect(c, "+OK", "XGROUP CREATE stream group 0");
    expect_like(c, "*1-1*", "XREADGROUP GROUP group consumer STREAMS stream >");
    expect_like(c, "\"*\"", "SPOP set");
    expect(c, "+OK", "SELECT 3");
    expect(c, "+OK", "SET other db");
    expect(c, "+OK", "SELECT 0");
    expect(c, "+OK", "MULTI");
    expect(c, "+QUEUED", "SET in transaction");
    expect(c, "+QUEUED", "DEL text");
    expect(c, "[+OK, (int) 1]", "EXEC");
    expect(c, "(int) 2", "EVAL %s 0",
           "redis.call('set', 'by', 'script') return redis.call('append', 'by', '!') and 2");
    expect_like(c, "\"lib\"", "FUNCTION LOAD %s",
                "#!lua name=lib\nredis.register_function('f', function() return 1 end)");
}

static void test_restart(void **state) {
    struct server *s = start("");
    redisContext *c = client_open(s);
    write_of_all_sorts(c);
    char *digest = ask(c, "DEBUG DIGEST");
    for (int i = 0; i < 3; i++) {
        redisFree(c);
        assert_int_equal(server_end(s, SIGKILL), 128 + SIGKILL);
        s = start("");
        c = client_open(s);
        expect(c, digest, "DEBUG DIGEST");
        expect(c, "(int) 1", "FCALL f 0");
        expect(c, "+OK", "DEBUG LOADAOF");
        expect(c, digest, "DEBUG DIGEST");
        if (i == 1) expect_like(c, "+Background append only file rewriting *", "BGREWRITEAOF");
        if (i == 1) await_like(c, "*aof_rewrite_in_progress:0*", "INFO persistence");
    }
    free(digest);
    redisFree(c);
    server_stop(s);
}

static void test_switching(void **state) {
    struct server *s = server_start("--dir %s --enable-debug-command yes", dir);
    redisContext *c = client_open(s);
    expect(c, "(err) ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
           "WAITAOF 1 0 0");
    expect(c, "+OK", "SET before 1");
    expect(c, "+OK", "CONFIG SET appendonly yes");
    await_like(c, "*aof_rewrite_in_progress:0*", "INFO persistence");
    expect(c, "+OK", "SET after 2");
    expect(c, "[(int) 1, (int) 0]", "WAITAOF 1 0 0");
    expect(c, "+OK", "CONFIG SET appendonly no");
    expect(c, "+OK", "SET off 3");
    expect(c, "+OK", "DEBUG LOADAOF");
    expect(c, "[\"1\", \"2\", (nil)]", "MGET before after off");
    expect_like(c, "*aof_enabled:0*", "INFO persistence");
    redisFree(c);
    server_stop(s);
}

static void test_waitaof(void **state) {
    struct server *s = server_start("--dir %s --appendonly yes --appendfsync no", dir);
    redisContext *c = client_open(s), *other = client_open(s);
    expect(c, "[(int) 1, (int) 0]", "WAITAOF 1 0 0"); /* it has written nothing */
    expect(c, "(int) 1", "INCR n");
    expect(c, "[(int) 0, (int) 0]", "WAITAOF 1 0 20");
    expect(other, "+OK", "CONFIG SET appendfsync everysec");
    expect(c, "[(int) 1, (int) 0]", "WAITAOF 1 0 0");
    expect(other, "+OK", "CONFIG SET appendfsync no");
    expect(c, "(int) 2", "INCR n");
    redisReply *reply;
    redisAppendCommand(c, "WAITAOF 1 0 0");
    redisBufferWrite(c, &(int){0});
    await_like(other, "*blocked_clients:1*", "INFO clients");
    expect(other, "+OK", "CONFIG SET appendonly no");
    assert_int_equal(redisGetReply(c, (void **)&reply), REDIS_OK);
    assert_string_equal(reply->str, "ERR WAITAOF cannot be used when numlocal is set but "
                                    "appendonly is disabled.");
    freeReplyObject(reply);
    redisFree(other);
    redisFree(c);
    server_stop(s);
}

static void rewrite(redisContext *c) {
    expect_like(c, "+Background append only file rewriting started", "BGREWRITEAOF");
    await_like(c, "*aof_rewrite_in_progress:0*aof_last_bgrewrite_status:ok*", "INFO persistence");
}

/* Nothing is synced while a snapshot is written, if that's asked for, and yet answered. */
static void test_rest(void **state) {
    struct server *s = start("--no-appendfsync-on-rewrite yes");
    redisContext *c = client_open(s);
    expect(c, "+OK", "DEBUG POPULATE 1000");
    expect(c, "+OK", "CONFIG SET rdb-key-save-delay 1000000");
    for (int i = 0; i < 2; i++) {
        expect_like(c, "+Background *", i ? "BGSAVE" : "BGREWRITEAOF");
        expect(c, "+OK", "SET k %d", i);
        expect(c, "[(int) 0, (int) 0]", "WAITAOF 1 0 1");
        expect(c, "+OK", "CONFIG SET rdb-key-save-delay 0");
        await_like(c, "*rdb_bgsave_in_progress:0*aof_rewrite_in_progress:0*", "INFO persistence");
        expect(c, "[(int) 1, (int) 0]", "WAITAOF 1 0 0");
        expect(c, "+OK", "CONFIG SET rdb-key-save-delay 1000000");
    }
    redisFree(c);
    server_stop(s);
}

/* The last time of the event is as long as what was asked for, at least. */
static void expect_latency(redisContext *c, const char *event, long least_ms) {
    redisReply *r = redisCommand(c, "LATENCY HISTORY %s", event);
    assert_true(r->elements > 0);
    assert_true(r->element[r->elements - 1]->element[1]->integer >= least_ms);
    freeReplyObject(r);
}

static void test_latency(void **state) {
    struct server *s = start("--latency-monitor-threshold 20");
    redisContext *c = client_open(s);
    expect(c, "+OK", "DEBUG AOF-FLUSH-SLEEP 30000");
    expect(c, "+OK", "SET k 2");
    expect(c, "+OK", "DEBUG AOF-FLUSH-SLEEP 0");
    expect_latency(c, "aof-write", 30);
    expect_latency(c, "aof-write-alone", 30);
    expect(c, "[]", "LATENCY HISTORY aof-write-pending-fsync");
    redisFree(c);
    server_stop(s);
}

static void expect_manifest(const char *want) {
    struct bytes manifest = read_bytes(MANIFEST);
    assert_string_equal(manifest.data, want);
    free(manifest.data);
}

static void test_rewriting(void **state) {
    struct server *s = start("--aof-disable-auto-gc yes");
    redisContext *c = client_open(s);
    expect(c, "+OK", "SET a 1");
    rewrite(c);
    expect(c, "+OK", "SET b 2");
    rewrite(c);
    expect_manifest("file appendonly.aof.3.base.rdb seq 3 type b\n"
                    "file appendonly.aof.2.incr.aof seq 2 type h\n"
                    "file appendonly.aof.2.base.rdb seq 2 type h\n"
                    "file appendonly.aof.1.incr.aof seq 1 type h\n"
                    "file appendonly.aof.1.base.rdb seq 1 type h\n"
                    "file appendonly.aof.3.incr.aof seq 3 type i\n");
    expect(c, "+OK", "CONFIG SET aof-disable-auto-gc no");
    expect_manifest("file appendonly.aof.3.base.rdb seq 3 type b\n"
                    "file appendonly.aof.3.incr.aof seq 3 type i\n");
    assert_int_equal(access(path_of(INCR), F_OK), -1);
    expect(c, "+OK", "CONFIG SET appendonly no");
    expect(c, "+OK", "SET c 3");
    rewrite(c);
    expect_manifest("file appendonly.aof.4.base.rdb seq 4 type b\n");
    expect(c, "+OK", "DEBUG LOADAOF");
    expect(c, "+OK", "CONFIG SET appendonly yes");
    await_like(c, "*aof_rewrite_in_progress:0*", "INFO persistence");
    expect(c, "+OK", "SET d 4");
    expect_manifest("file appendonly.aof.5.base.rdb seq 5 type b\n"
                    "file appendonly.aof.1.incr.aof seq 1 type i\n");
    redisFree(c);
    assert_int_equal(server_end(s, SIGKILL), 128 + SIGKILL);
    s = start("");
    c = client_open(s);
    expect(c, "[\"1\", \"2\", \"3\", \"4\"]", "MGET a b c d");
    redisFree(c);
    server_stop(s);
}

/* Torn tails: the file is cut at every byte of the last three units. What isn't whole goes, what is
 * stays, and what is written then comes back. */

struct unit {
    size_t end; /* bytes of the file */
    int there;  /* of the list's elements */
};

static size_t write_units(struct unit units[4]) {
    struct server *s = start("");
    redisContext *c = client_open(s);
    struct stat stat_of;
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            expect(c, "+OK", "MULTI");
            expect(c, "+QUEUED", "RPUSH list %d", i);
            expect(c, "+QUEUED", "SET k %d", i);
            expect_like(c, "[[]*]", "EXEC");
        } else {
            expect_like(c, "(int) *", "RPUSH list %d", i);
        }
        assert_int_equal(stat(path_of(INCR), &stat_of), 0);
        units[i] = (struct unit){(size_t)stat_of.st_size, i + 1};
    }
    redisFree(c);
    server_stop(s);
    return units[3].end;
}

static void expect_cut(const struct unit units[4], size_t cut) {
    int there = 0;
    size_t whole = strlen("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
    for (int i = 0; i < 4 && units[i].end <= cut; i++) {
        there = units[i].there;
        whole = units[i].end;
    }
    char want[32];
    struct stat stat_of;
    struct server *s = start("");
    redisContext *c = client_open(s);
    snprintf(want, sizeof want, "(int) %d", there);
    expect(c, want, "LLEN list");
    expect(c, there > 2 ? "\"2\"" : "(nil)", "GET k");
    assert_int_equal(stat(path_of(INCR), &stat_of), 0);
    assert_int_equal(stat_of.st_size, whole);
    snprintf(want, sizeof want, "(int) %d", there + 1);
    expect(c, want, "RPUSH list last");
    expect(c, "+OK", "DEBUG LOADAOF");
    expect(c, want, "LLEN list");
    redisFree(c);
    server_stop(s);
}

static void test_torn_tail(void **state) {
    struct unit units[4];
    size_t size = write_units(units);
    struct bytes all = read_bytes(INCR);
    copy_dir("appendonlydir", "kept");
    for (size_t cut = units[0].end; cut <= size; cut++) {
        copy_dir("kept", "appendonlydir");
        write_bytes(INCR, (struct bytes){all.data, cut});
        expect_cut(units, cut);
    }
    write_bytes(INCR, (struct bytes){all.data, size - 1});
    expect_refused("--aof-load-truncated no",
                   "Unexpected end of file reading the append only file");
    free(all.data);
}

/* Damage. */

/* A byte that isn't part of a value: changing it can't go unnoticed. */
static bool is_frame(const struct bytes *b, size_t at) {
    size_t line = at;
    while (line && b->data[line - 1] != '\n') line--;
    return b->data[line] == '*' || b->data[line] == '$' || b->data[at] == '\r' ||
           b->data[at] == '\n';
}

static void test_damage(void **state) {
    struct unit units[4];
    write_units(units);
    struct bytes all = read_bytes(INCR);
    for (size_t at = 0; at < units[0].end; at++) {
        if (!is_frame(&all, at)) continue;
        all.data[at] ^= 0x40;
        write_bytes(INCR, all);
        expect_refused("", "at byte ");
        all.data[at] ^= 0x40;
    }
    /* A length that leads beyond the end of the file isn't a torn tail, if more commands follow. */
    char *length = strstr(all.data, "$5\r\nRPUSH");
    length[1] = '9';
    memmove(length + 2, length + 1, all.len - (size_t)(length + 1 - all.data) - 1);
    write_bytes(INCR, all);
    expect_refused("", "Bad file format reading the append only file");
    free(all.data);
}

static void test_missing(void **state) {
    struct unit units[4];
    write_units(units);
    assert_int_equal(unlink(path_of(INCR)), 0);
    expect_refused("", "appendonly.aof.1.incr.aof for reading: No such file or directory");
    write_bytes(MANIFEST, (struct bytes){(char *)"file x seq 1 type y\n", 20});
    expect_refused("", "Unknown AOF file type, at line 1");
}

/* One file, as Redis 6 has it. */
static void test_old_file(void **state) {
    static char old[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
    write_bytes("appendonly.aof", (struct bytes){old, sizeof old - 1});
    struct server *s = start("");
    redisContext *c = client_open(s);
    expect(c, "\"v\"", "GET k");
    assert_int_equal(access(path_of("appendonly.aof"), F_OK), -1);
    assert_int_equal(access(path_of("appendonlydir/appendonly.aof"), F_OK), 0);
    struct bytes manifest = read_bytes(MANIFEST);
    assert_string_equal(manifest.data, "file appendonly.aof seq 1 type b\n"
                                       "file appendonly.aof.1.incr.aof seq 1 type i\n");
    free(manifest.data);
    redisFree(c);
    server_stop(s);
}

/* The tool. */

static void test_check_aof(void **state) {
    struct unit units[4];
    size_t size = write_units(units);
    struct bytes all = read_bytes(INCR);
    expect_tool(MANIFEST, 0, "All AOF files and manifest are valid");
    write_bytes(INCR, (struct bytes){all.data, size - 3});
    expect_tool(MANIFEST, 1, "is not valid. Use the --fix option");
    expect_tool("--fix " MANIFEST " </dev/null", 1, "Aborting...");
    expect_tool("--fix --yes " MANIFEST, 0, "Successfully truncated AOF");
    expect_tool(MANIFEST, 0, "All AOF files and manifest are valid");
    struct stat stat_of;
    assert_int_equal(stat(path_of(INCR), &stat_of), 0);
    assert_int_equal(stat_of.st_size, units[2].end);
    expect_tool("--truncate-to-timestamp 2026-11-21T14:05:00Z " MANIFEST, 0,
                "Truncate nothing in AOF");
    expect_tool("--truncate-to-timestamp then " MANIFEST, 1, "Usage");
    struct server *s = start("--aof-load-truncated no");
    redisContext *c = client_open(s);
    expect(c, "(int) 3", "LLEN list");
    redisFree(c);
    server_stop(s);
    free(all.data);
}

/* The data of an earlier time; what came later stays aside. */
static void test_restore_to(void **state) {
    static char incr[] = "#TS:1000\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
                         "#TS:2000\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n";
    static char manifest[] = "file appendonly.aof.1.incr.aof seq 1 type i\n";
    assert_int_equal(mkdir(path_of("appendonlydir"), 0700), 0);
    write_bytes(INCR, (struct bytes){incr, sizeof incr - 1});
    write_bytes(MANIFEST, (struct bytes){manifest, sizeof manifest - 1});
    for (int i = 0; i < 2; i++) {
        struct server *s = start(i == 0 ? "--restore-to 1999" : "");
        redisContext *c = client_open(s);
        expect(c, "[\"1\", (nil)]", "MGET a b");
        redisFree(c);
        server_stop(s);
    }
    struct bytes kept = read_bytes(MANIFEST ".before-restore-to-1999");
    assert_string_equal(kept.data, manifest);
    free(kept.data);
    kept = read_bytes(INCR);
    assert_memory_equal(kept.data, incr, sizeof incr);
    free(kept.data);
    expect_refused("--restore-to 1999", "the log's base is of a later time");
    expect_refused("--restore-to 1970-01-01T00:33:19Z", "the log's base is of a later time");
    expect_refused("--restore-to 1970-01-01 01:33:19+01", "Unix time 1999 can't be restored");
    expect_refused("--restore-to yesterday", "argument must be seconds since 1970 or a date");
}

/* What has no place in a log, as nobody's connection is there, is left out. */
static void test_foreign_commands(void **state) {
    static char manifest[] = "file appendonly.aof.1.incr.aof seq 1 type i\n";
    static char log[] = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
                        "*1\r\n$5\r\nRESET\r\n"
                        "*1\r\n$5\r\nHELLO\r\n"
                        "*2\r\n$6\r\nCLIENT\r\n$7\r\nGETNAME\r\n"
                        "*1\r\n$4\r\nSYNC\r\n"
                        "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n"
                        "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    assert_int_equal(mkdir(path_of("appendonlydir"), 0755), 0);
    write_bytes(MANIFEST, (struct bytes){manifest, sizeof manifest - 1});
    write_bytes("appendonlydir/appendonly.aof.1.incr.aof", (struct bytes){log, sizeof log - 1});
    struct server *s = start("");
    redisContext *c = client_open(s);
    expect(c, "\"1\"", "GET a");
    redisFree(c);
    server_stop(s);
}

/* A disk without room: what can't be written isn't acknowledged, writes are refused, and once
 * there's room again all goes on. */
static void test_full_disk(void **state) {
    static char ballast[512 * 1024], value[8 * 1024];
    if (mount("tmpfs", dir, "tmpfs", 0, "size=1m") < 0) skip();
    write_bytes("ballast", (struct bytes){ballast, sizeof ballast});
    struct server *s = start("");
    redisContext *admin = client_open(s), *c = client_open(s);
    memset(value, 'x', sizeof value);
    long acknowledged = 0;
    for (redisReply *r; (r = redisCommand(c, "RPUSH list %b", value, sizeof value)); acknowledged++)
        freeReplyObject(r);
    expect_like(admin, "(err) MISCONF Errors writing to the AOF file: No space left on device",
                "SET k v");
    expect_like(admin, "*aof_last_write_status:err*", "INFO persistence");
    expect(admin, "(nil)", "GET k");
    assert_int_equal(unlink(path_of("ballast")), 0);
    await_like(admin, "+OK", "SET k v");
    expect_like(admin, "*aof_last_write_status:ok*", "INFO persistence");
    redisFree(c);
    redisFree(admin);
    assert_int_equal(server_end(s, SIGKILL), 128 + SIGKILL);
    s = start("");
    c = client_open(s);
    char *there = ask(c, "LLEN list");
    assert_true(atol(there + strlen("(int) ")) >= acknowledged);
    free(there);
    expect(c, "\"v\"", "GET k");
    redisFree(c);
    server_stop(s);
    assert_int_equal(umount(dir), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_restart),    TEST(test_switching),        TEST(test_waitaof),
        TEST(test_rewriting),  TEST(test_torn_tail),        TEST(test_damage),
        TEST(test_missing),    TEST(test_old_file),         TEST(test_check_aof),
        TEST(test_restore_to), TEST(test_full_disk),        TEST(test_rest),
        TEST(test_latency),    TEST(test_foreign_commands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
