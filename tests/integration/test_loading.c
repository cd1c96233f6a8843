/* SPDX-License-Identifier: BSD-3-Clause */
/* The data set is being loaded: who is answered what, and how it ends. */
#include "integration/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* All tests have a directory with a snapshot of so many keys; loading it slowly takes minutes, and
 * a reply meanwhile a few hundredths of a second. */
enum { KEYS = 100000 };
#define SLOWLY                                                                                     \
    "--enable-debug-command yes --loading-process-events-interval-bytes 1024 --key-load-delay 1000"

static char dir[64];

static void path_in_dir(char *path, size_t size, const char *name) {
    snprintf(path, size, "%s/%s", dir, name);
}

static int make_snapshot(void **state) {
    strcpy(dir, "/tmp/drey-test-loading-XXXXXX");
    assert_non_null(mkdtemp(dir));
    struct server *s = server_start("--dir %s --enable-debug-command yes", dir);
    redisContext *c = client_open(s);
    expect(c, "+OK", "DEBUG POPULATE %d", KEYS);
    expect(c, "+OK", "SAVE");
    redisFree(c);
    server_stop(s);
    return 0;
}

static int remove_snapshot(void **state) {
    char path[96];
    path_in_dir(path, sizeof path, "dump.rdb");
    unlink(path);
    return rmdir(dir);
}

static struct stat snapshot(void) {
    char path[96];
    struct stat file;
    path_in_dir(path, sizeof path, "dump.rdb");
    assert_int_equal(stat(path, &file), 0);
    return file;
}

/* It's as it was, and no other file is left. */
static void expect_untouched(const struct stat *before) {
    struct stat now = snapshot();
    assert_int_equal(now.st_ino, before->st_ino);
    assert_int_equal(now.st_mtim.tv_nsec, before->st_mtim.tv_nsec);
}

static void test_answers(void **state) {
    struct server *s = server_start("--dir %s " SLOWLY, dir);
    redisContext *c = client_open(s);
    const char *refused[] = {"PING",   "GET key:1", "SET a b",
                             "DBSIZE", "FLUSHALL",  "EVAL 'return' 0"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        expect(c, "(err) LOADING Redis is loading the dataset in memory", refused[i]);
    expect(c, "(err) LOADING Redis is loading the dataset in memory", "DEBUG RELOAD");
    expect(c, "(err) LOADING Redis is loading the dataset in memory", "DEBUG POPULATE 5");
    expect(c, "(err) LOADING Redis is loading the dataset in memory", "CONFIG SET appendonly no");
    expect(c, "\"hello\"", "ECHO hello");
    expect(c, "+OK", "SELECT 1");
    expect(c, "+OK", "MULTI");
    expect(c, "(err) LOADING Redis is loading the dataset in memory", "INCR n");
    expect_like(c, "(err) EXECABORT *", "EXEC");
    redisFree(c);
    assert_int_equal(server_end(s, SIGKILL), 128 + SIGKILL);
}

static void test_progress(void **state) {
    struct server *s = server_start("--dir %s " SLOWLY, dir);
    redisContext *c = client_open(s), *other = client_open(s);
    char want[256];
    await_like(c, "*loading_loaded_bytes:[1-9]*", "INFO persistence");
    snprintf(want, sizeof want,
             "*loading:1*async_loading:0*rdb_last_load_keys_loaded:[1-9]*loading_start_time:[1-9]*"
             "loading_total_bytes:%lld[!0-9]*loading_rdb_used_mem:[1-9]*loading_loaded_bytes:[1-9]*"
             "loading_loaded_perc:*.[0-9][0-9][!0-9]*loading_eta_seconds:*",
             (long long)snapshot().st_size);
    expect_like(c, want, "INFO persistence");
    expect(c, "+OK", "CONFIG SET key-load-delay 0");
    await_like(other, "*Persistence????loading:0*", "INFO persistence");
    expect(c, "(int) 100000", "DBSIZE");
    expect_like(c, "*rdb_last_load_keys_expired:0*rdb_last_load_keys_loaded:100000*", "INFO");
    char *info = ask(c, "INFO persistence");
    assert_null(strstr(info, "loading_start_time"));
    free(info);
    redisFree(c);
    redisFree(other);
    server_stop(s);
}

/* Nobody waits for the rest, and the file stays what it is, whatever is asked for or configured. */
static void test_shutdown(void **state) {
    const char *commands[] = {"SHUTDOWN NOSAVE", "SHUTDOWN", "SHUTDOWN SAVE"};
    struct stat before = snapshot();
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct server *s = server_start("--dir %s --save '1 1' " SLOWLY, dir);
        struct wire *w = wire_open(s);
        wire_text(w, commands[i]);
        wire_text(w, "\r\n");
        wire_expect_closed(w);
        wire_close(w);
        assert_int_equal(server_end(s, 0), 0);
        expect_untouched(&before);
    }
}

static void test_signals(void **state) {
    struct stat before = snapshot();
    const int signals[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        char pidfile[96];
        path_in_dir(pidfile, sizeof pidfile, "pid");
        struct server *s = server_start("--dir %s --save '1 1' --pidfile %s " SLOWLY, dir, pidfile);
        assert_int_equal(access(pidfile, F_OK), 0);
        kill(s->pid, signals[i]);
        assert_int_equal(server_end(s, 0), 0);
        assert_int_equal(access(pidfile, F_OK), -1);
        expect_untouched(&before);
    }
}

/* Who asked for it waits for its reply, and what came behind it isn't read before. */
static void test_reload(void **state) {
    struct server *s = server_start("--dir %s --enable-debug-command yes", dir);
    redisContext *c = client_open(s);
    expect(c, "+OK", "CONFIG SET loading-process-events-interval-bytes 1024 key-load-delay 1000");
    struct wire *w = wire_open(s);
    wire_text(w, "DEBUG RELOAD NOSAVE\r\nDBSIZE\r\n");
    await_like(c, "(err) LOADING *", "DBSIZE");
    expect_like(c, "*loading:1*", "INFO persistence");
    expect(c, "+OK", "CONFIG SET key-load-delay -1000");
    wire_reply(w, "+OK");
    wire_reply(w, "(int) 100000");
    expect(c, "(int) 100000", "DBSIZE");
    wire_close(w);
    redisFree(c);
    server_stop(s);
}

static void test_shutdown_in_reload(void **state) {
    struct stat before = snapshot();
    struct server *s = server_start("--dir %s --enable-debug-command yes --save '1 1'", dir);
    redisContext *c = client_open(s);
    expect(c, "+OK", "CONFIG SET loading-process-events-interval-bytes 1024 key-load-delay 1000");
    struct wire *w = wire_open(s);
    wire_text(w, "DEBUG RELOAD NOSAVE\r\nSAVE\r\nSHUTDOWN SAVE\r\n");
    await_like(c, "*loading:1*", "INFO persistence");
    redisFree(c);
    assert_int_equal(server_end(s, SIGTERM), 0);
    wire_close(w);
    expect_untouched(&before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),  cmocka_unit_test(test_progress),
        cmocka_unit_test(test_shutdown), cmocka_unit_test(test_signals),
        cmocka_unit_test(test_reload),   cmocka_unit_test(test_shutdown_in_reload),
    };
    return cmocka_run_group_tests_name("loading", tests, make_snapshot, remove_snapshot);
}
