/* SPDX-License-Identifier: BSD-3-Clause */
/* Pidfile, limit of open files, title, background: what can be seen from outside is looked at in a
 * child. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/process.h"

static char *contents(const char *path) {
    static char text[65536];
    FILE *file = fopen(path, "r");
    if (!file) return NULL;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* Runs `body` in a child with standard output in a file; returns what it wrote. */
static const char *output_of(int (*body)(void)) {
    char path[] = "/tmp/test_process.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fd, STDOUT_FILENO);
        _exit(body());
    }
    int status;
    waitpid(pid, &status, 0);
    close(fd);
    const char *text = contents(path);
    unlink(path);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("child: %d, %s", status, text);
    return text;
}

static void pidfile(void **unused) {
    char path[] = "/tmp/test_process.XXXXXX", expected[32];
    close(mkstemp(path));
    assert_int_equal(process_write_pidfile(path), 0);
    snprintf(expected, sizeof(expected), "%d\n", (int)getpid());
    assert_string_equal(contents(path), expected);
    unlink(path);
    assert_int_equal(process_write_pidfile("/nonexistent/pid"), -ENOENT);
}

static void mask_stays(void **unused) {
    mode_t before = umask(0027);
    assert_int_equal(process_umask(), 0027);
    assert_int_equal(umask(before), 0027);
}

static uint32_t with_limit(rlim_t soft, rlim_t hard, uint32_t maxclients) {
    struct rlimit limit = {soft, hard};
    struct log log;
    log_init(&log);
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return UINT32_MAX;
    return process_raise_open_files(&log, maxclients);
}

static int enough_already(void) {
    return with_limit(200, 200, 168) != 168;
}

static int soft_is_raised(void) {
    struct rlimit now;
    if (with_limit(64, 500, 300) != 300) return 1;
    return getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur != 332 || now.rlim_max != 500;
}

/* A limit that no one may pass: the kernel's. */
static int hard_is_used(void) {
    const uint32_t huge = 4000000000;
    uint32_t got = with_limit(64, 500, huge);
    return got != 500 - PROCESS_RESERVED_FDS;
}

static int too_few(void) {
    return with_limit(20, 20, 4000000000) != 0;
}

static void open_files(void **unused) {
    assert_string_equal(output_of(enough_already), "");
    assert_non_null(
        strstr(output_of(soft_is_raised),
               "Increased maximum number of open files to 332 (it was originally set to 64)."));
    const char *lines = output_of(hard_is_used);
    assert_non_null(strstr(lines, "requiring at least 4000000032 max file descriptors."));
    assert_non_null(strstr(lines, "maxclients has been reduced to 468"));
    assert_non_null(strstr(output_of(too_few), "'ulimit -n' of 20 is not enough"));
}

static void expect_title(const char *format, const char *expected) {
    static const struct process_title_values values = {.title = "drey",
                                                       .listen_addr = "*:6379",
                                                       .server_mode = "",
                                                       .unixsocket = "/s",
                                                       .config_file = "/c",
                                                       .port = 6379,
                                                       .tls_port = 0};
    struct buf b = BUF_INIT;
    buf_append_str(&b, "|");
    bool good = process_title_expand(&b, format, &values);
    assert_int_equal(good, expected != NULL);
    assert_string_equal(b.data + 1, expected ? expected : "");
    buf_release(&b);
}

static void title_templates(void **unused) {
    expect_title("{title} {listen-addr} {server-mode}", "drey *:6379");
    expect_title("  {port}/{tls-port} {unixsocket}{config-file} ", "6379/0 /s/c");
    expect_title("{{title}}", "{title}}");
    expect_title("a}b", "a}b");
    expect_title("{bad}", NULL);
    expect_title("{}", NULL);
    expect_title("{title", NULL);
    expect_title("", NULL);
    expect_title("{server-mode} ", NULL);
}

/* argv and environment as the kernel lays them out, here in a block of our own. */
static int title_is_shown(void) {
    static char block[] = "drey-server\0--port\0A=1\0BC=2";
    char *argv[] = {block, block + 12, NULL}, *variables[] = {block + 19, block + 23, NULL};
    environ = variables;
    struct process_title title;
    process_title_init(&title, 2, argv);
    if (title.area != block || title.size != sizeof(block)) return 1;
    process_title_set(&title, "short");
    if (memcmp(block, "short\0\0\0\0\0\0\0\0\0\0", 15) != 0) return 2;
    process_title_set(&title, "a title that is longer than there is room for it");
    if (block[sizeof(block) - 1] != '\0' || strlen(block) != sizeof(block) - 1) return 3;
    if (strcmp(argv[0], "drey-server") != 0 || strcmp(argv[1], "--port") != 0) return 4;
    return strcmp(getenv("A"), "1") != 0 || strcmp(getenv("BC"), "2") != 0;
}

static void titles(void **unused) {
    output_of(title_is_shown);
}

static int goes_to_background(void) {
    pid_t before = getpid(), session = getsid(0);
    int fd = dup(STDOUT_FILENO);
    int starter;
    if (process_daemonize(&starter) != 0) return 1;
    struct stat null, out, error;
    stat("/dev/null", &null);
    fstat(STDOUT_FILENO, &out);
    process_daemon_started(starter);
    fstat(STDERR_FILENO, &error);
    bool good = getpid() != before && getsid(0) != session && getsid(0) != getpid() &&
                out.st_rdev == null.st_rdev && error.st_rdev == null.st_rdev;
    dprintf(fd, "%s", good ? "good" : "bad");
    return 0;
}

/* The pipe's end tells that the daemon is through: output_of can't wait for it. */
static void background(void **unused) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[1]);
        _exit(goes_to_background());
    }
    close(ends[1]);
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    char text[8] = "";
    assert_int_equal(read(ends[0], text, sizeof(text) - 1), 4);
    assert_string_equal(text, "good");
    close(ends[0]);
}

static int ends_in_background(void) {
    int starter;
    return process_daemonize(&starter) != 0 ? 2 : 0;
}

static void background_without_success(void **unused) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) _exit(ends_in_background());
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

static int supervision_without_manager(void) {
    struct log log;
    log_init(&log);
    unsetenv("UPSTART_JOB");
    unsetenv("NOTIFY_SOCKET");
    if (process_supervise(&log, PROCESS_SUPERVISED_AUTO) != PROCESS_SUPERVISED_NO) return 1;
    if (process_supervise(&log, PROCESS_SUPERVISED_UPSTART) != PROCESS_SUPERVISED_NO) return 2;
    return process_supervise(&log, PROCESS_SUPERVISED_SYSTEMD) != PROCESS_SUPERVISED_NO;
}

static void supervision(void **unused) {
    const char *lines = output_of(supervision_without_manager);
    assert_non_null(strstr(lines, "UPSTART_JOB not found"));
    assert_non_null(strstr(lines, "systemd supervision"));
}

static void oom_score(void **unused) {
    struct process_oom oom = {0};
    int before = atoi(contents("/proc/self/oom_score_adj"));
    if (before > 990) skip(); /* as in some containers */
    assert_int_equal(process_oom_adjust(&oom, PROCESS_OOM_NO, 500), 0);
    assert_int_equal(atoi(contents("/proc/self/oom_score_adj")), before);
    /* Raising the score is everyone's right, lowering it needs a privilege: so up only, but for the
     * way back. */
    assert_int_equal(process_oom_adjust(&oom, PROCESS_OOM_ABSOLUTE, 990), 0);
    assert_int_equal(atoi(contents("/proc/self/oom_score_adj")), 990);
    assert_int_equal(process_oom_adjust(&oom, PROCESS_OOM_RELATIVE, 5000), 0);
    assert_int_equal(atoi(contents("/proc/self/oom_score_adj")), 1000);
    assert_int_equal(process_oom_adjust(&oom, PROCESS_OOM_NO, 0), 0);
    assert_int_equal(atoi(contents("/proc/self/oom_score_adj")), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pidfile),
        cmocka_unit_test(mask_stays),
        cmocka_unit_test(open_files),
        cmocka_unit_test(title_templates),
        cmocka_unit_test(titles),
        cmocka_unit_test(background),
        cmocka_unit_test(background_without_success),
        cmocka_unit_test(supervision),
        cmocka_unit_test(oom_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
