/* SPDX-License-Identifier: BSD-3-Clause */
/* The crash report: children crash in several ways, the parent reads what they wrote and how they
 * died. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/log.h"
#include "server/crash.h"

/* Exported, so that the trace can name them. */
void test_crash_helper_thread(void);
void test_crash_fault(void);
int test_crash_overflow(int depth);

static char path[64];
static struct log log_file;
static struct crash crash;
static volatile int sink;

static size_t running_command(void *context, struct slice *args, size_t max) {
    static char huge[300];
    memset(huge, 'h', sizeof(huge));
    struct slice all[] = {SLICE("set"), SLICE("some\nkey"), slice_of(huge, sizeof(huge))};
    for (size_t i = 0; i < 3 && i < max; i++) args[i] = all[i];
    return 3;
}

static void info_text(void *context, struct buf *to) {
    buf_append_str(to, "# Server\nfield:value\n");
}

static void info_crashes(void *context, struct buf *to) {
    test_crash_fault();
}

/* Runs `body` in a child that has everything on; returns its log and how it ended. */
static const char *report_of(void (*body)(void), int *status) {
    static char text[1 << 18];
    strcpy(path, "/tmp/test_crash.XXXXXX");
    close(mkstemp(path));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        log_init(&log_file);
        log_set_file(&log_file, path);
        crash = (struct crash){
            .log = &log_file, .version = "1.2.3", .command = running_command, .info = info_text};
        crash_start(&crash);
        crash_enable(true);
        body();
        _exit(0);
    }
    waitpid(pid, status, 0);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    unlink(path);
    return text;
}

static void expect(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("no '%s' in:\n%s", part, text);
}

static void expect_not(const char *text, const char *part) {
    if (strstr(text, part)) fail_msg("'%s' in:\n%s", part, text);
}

/* The parts come in this order. */
static void expect_order(const char *text, const char *const *parts) {
    const char *at = text;
    for (; *parts; parts++) {
        at = strstr(at, *parts);
        if (!at) fail_msg("no '%s', or not there, in:\n%s", *parts, text);
    }
}

static int count(const char *text, const char *part) {
    int found = 0;
    while ((text = strstr(text, part))) {
        found++;
        text++;
    }
    return found;
}

static char *forbidden_page(void) {
    return mmap((void *)0x200000000000, 4096, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

__attribute__((noinline)) void test_crash_fault(void) {
    char *page = forbidden_page();
    sink = *(volatile char *)(page == MAP_FAILED ? (char *)0x200000000000 : page);
}

static void whole_report(void **unused) {
    static const char *const parts[] = {"=== DREY BUG REPORT START",
                                        "Drey 1.2.3 crashed by signal: 11, si_code: ",
                                        "Accessing address: 0x200000000000",
                                        "Crashed running the instruction at: 0x",
                                        "------ STACK TRACE ------",
                                        "------ STACK TRACE DONE ------",
                                        "------ REGISTERS ------",
                                        ") -> ",
                                        "------ MEMORY MAP OF CODE ------",
                                        "r-xp",
                                        "------ CURRENT COMMAND ------",
                                        "argc: 3",
                                        "argv[0]: set\n",
                                        "argv[1]: some?key\n",
                                        "argv[2]: hhh",
                                        "h... (172 more bytes)\n",
                                        "------ INFO OUTPUT ------",
                                        "field:value",
                                        "=== DREY BUG REPORT END",
                                        NULL};
    int status;
    const char *text = report_of(test_crash_fault, &status);
    expect_order(text, parts);
    expect(text, "(test_crash_fault+0x");
    expect(text, "test_crash *\n");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    assert_int_equal(count(text, "BUG REPORT START"), 1);
}

static void fault_hidden(void) {
    crash.hide_user_data = true;
    test_crash_fault();
}

static void user_data_is_hidden(void **unused) {
    int status;
    const char *text = report_of(fault_hidden, &status);
    expect(text, "crashed by signal: 11");
    expect(text, "argv[0]: set\n");
    expect(text, "argv[1]: (8 bytes, hidden)\n");
    expect_not(text, "some?key");
    expect_not(text, ") -> ");
}

static void fault_unreported(void) {
    crash_enable(false);
    test_crash_fault();
}

static void switched_off(void **unused) {
    int status;
    assert_string_equal(report_of(fault_unreported, &status), "");
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

static void fail_assertion(void) {
    int answer = 41;
    ASSERT(answer == 42);
}

static void assertions(void **unused) {
    static const char *const parts[] = {"BUG REPORT START",
                                        "=== ASSERTION FAILED ===",
                                        "==> ",
                                        "test_crash.c:",
                                        " 'answer == 42' is not true",
                                        "crashed by signal: 6",
                                        "STACK TRACE DONE",
                                        "REPORT END",
                                        NULL};
    int status;
    const char *text = report_of(fail_assertion, &status);
    expect_order(text, parts);
    assert_int_equal(count(text, "BUG REPORT START"), 1);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void kill_self(void) {
    static const int signals[] = {SIGBUS, SIGFPE, SIGILL};
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            raise(signals[i]);
            _exit(1);
        }
        int status;
        waitpid(pid, &status, 0);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != signals[i]) _exit(1);
    }
}

static void all_signals(void **unused) {
    int status;
    const char *text = report_of(kill_self, &status);
    assert_int_equal(status, 0);
    assert_int_equal(count(text, "REPORT END"), 3);
    expect(text, "crashed by signal: 7,");
    expect(text, "crashed by signal: 8,");
    expect(text, "crashed by signal: 4,");
}

__attribute__((noinline)) int test_crash_overflow(int depth) {
    volatile char room[1000];
    room[depth % 1000] = 1;
    return depth == 0 ? 0 : test_crash_overflow(depth - 1) + room[depth % 1000];
}

static void overflow(void) {
    sink = test_crash_overflow(1 << 30);
}

static void stack_overflow(void **unused) {
    int status;
    const char *text = report_of(overflow, &status);
    expect(text, "crashed by signal: 11");
    expect(text, "(test_crash_overflow+0x");
    expect(text, "REPORT END");
}

static void crash_in_callback(void) {
    crash.info = info_crashes;
    test_crash_fault();
}

static void second_crash(void **unused) {
    int status;
    const char *text = report_of(crash_in_callback, &status);
    expect(text, "STACK TRACE DONE");
    expect(text, "Crashed again while writing the report.");
    expect(text, "REPORT END");
    assert_int_equal(count(text, "STACK TRACE DONE"), 1);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static pthread_barrier_t running;

__attribute__((noinline)) void test_crash_helper_thread(void) {
    pthread_barrier_wait(&running);
    for (;;) pause();
}

static void *helper(void *arg) {
    pthread_setname_np(pthread_self(), "helper_name");
    test_crash_helper_thread();
    return NULL;
}

static void start_helpers(int helpers) {
    pthread_barrier_init(&running, NULL, (unsigned)helpers + 1);
    for (int i = 0; i < helpers; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, helper, NULL) != 0) _exit(2);
    }
    pthread_barrier_wait(&running);
}

static void crash_among_threads(void) {
    start_helpers(3);
    test_crash_fault();
}

static void crash_beside_a_library(void) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    start_helpers(1);
    pthread_sigmask(SIG_UNBLOCK, &all, NULL);
    test_crash_fault();
}

/* Libraries block signals in their own threads. They're named, and not waited for. */
static void thread_of_a_library(void **unused) {
    int status;
    const char *text = report_of(crash_beside_a_library, &status);
    expect(text, "helper_name (not asked: it blocks signals");
    expect_not(text, "no answer");
}

static void *crash_at_once(void *arg) {
    pthread_barrier_wait(&running);
    test_crash_fault();
    return NULL;
}

static void all_threads_crash(void) {
    pthread_t thread;
    pthread_barrier_init(&running, NULL, 2);
    if (pthread_create(&thread, NULL, crash_at_once, NULL) != 0) _exit(2);
    crash_at_once(NULL);
}

/* A thread that the machine keeps from answering in time is reported as such: that's not the test's
 * business, so it tries again. */
static void threads(void **unused) {
    enum { TRIES = 10 };
    int status;
    const char *text = report_of(crash_among_threads, &status);
    for (int i = 1; i < TRIES && strstr(text, "no answer"); i++)
        text = report_of(crash_among_threads, &status);
    assert_int_equal(count(text, "helper_name\n"), 3);
    assert_int_equal(count(text, "(test_crash_helper_thread+0x"), 3);
    assert_int_equal(count(text, "(test_crash_fault+0x"), 1);
    expect_not(text, "no answer");

    text = report_of(all_threads_crash, &status);
    assert_int_equal(count(text, "crashed by signal: 11"), 1);
    assert_int_equal(count(text, "REPORT END"), 1);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* Waits for the second trace's last line in the log, a minute at most. */
static bool second_trace_is_written(void) {
    static char text[1 << 16];
    FILE *file = fopen(path, "r");
    if (!file) return false;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return count(text, "--------\n\n") == 2;
}

static void alarms(void) {
    start_helpers(1);
    kill(getpid(), SIGALRM);
    crash_watchdog(20);
    for (int i = 0; i < 6000 && !second_trace_is_written(); i++) usleep(10000);
    crash_watchdog(0);
    _exit(17);
}

static void watchdog(void **unused) {
    static const char *const parts[] = {
        "Received SIGALRM", "STACK TRACE ---", "STACK TRACE DONE", "WATCHDOG TIMER EXPIRED",
        "STACK TRACE ---",  "helper_name",     "STACK TRACE DONE", NULL};
    int status;
    const char *text = report_of(alarms, &status);
    expect_order(text, parts);
    expect_not(text, "BUG REPORT");
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 17);
}

static void stop_and_fault(void) {
    crash_stop();
    struct sigaction action;
    sigaction(SIGALRM, NULL, &action);
    _exit(action.sa_handler == SIG_DFL ? 18 : 1);
}

static void stopping(void **unused) {
    int status;
    report_of(stop_and_fault, &status);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 18);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_report),
        cmocka_unit_test(user_data_is_hidden),
        cmocka_unit_test(switched_off),
        cmocka_unit_test(assertions),
        cmocka_unit_test(all_signals),
        cmocka_unit_test(stack_overflow),
        cmocka_unit_test(second_crash),
        cmocka_unit_test(threads),
        cmocka_unit_test(thread_of_a_library),
        cmocka_unit_test(watchdog),
        cmocka_unit_test(stopping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
