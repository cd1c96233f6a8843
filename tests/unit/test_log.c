/* SPDX-License-Identifier: BSD-3-Clause */
/* The log: form of lines, levels, rotation, threads, the handler's lines. */
#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

struct fixture {
    char dir[64], path[128];
    struct log log;
};

static int setup(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f) return -1;
    strcpy(f->dir, "/tmp/test_log.XXXXXX");
    if (!mkdtemp(f->dir)) return -1;
    snprintf(f->path, sizeof(f->path), "%s/log", f->dir);
    log_init(&f->log);
    *state = f;
    return log_set_file(&f->log, f->path);
}

static int teardown(void **state) {
    struct fixture *f = *state;
    log_release(&f->log);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static char *contents(const char *path) {
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    if (!file) return NULL;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static bool matches(const char *text, const char *pattern) {
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

#define DATE "[0-3][0-9] [A-Z][a-z]{2} 20[0-9]{2} [0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}"

static void form_of_a_line(void **state) {
    struct fixture *f = *state;
    char pattern[200];
    log_notice(&f->log, "hello %d %s", 42, "there");
    log_set_role(&f->log, LOG_ROLE_REPLICA);
    log_warning(&f->log, "%s", "");
    snprintf(pattern, sizeof(pattern), "^%d:M " DATE " \\* hello 42 there\n%d:S " DATE " # \n$",
             getpid(), getpid());
    assert_true(matches(contents(f->path), pattern));
}

static int evaluated;

static int evaluate(void) {
    return ++evaluated;
}

static void levels(void **state) {
    static const char *const expected[] = {".-*#", "-*#", "*#", "#", ""};
    struct fixture *f = *state;
    for (int level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_NOTHING; level++) {
        assert_int_equal(truncate(f->path, 0), 0);
        log_set_level(&f->log, (enum log_level)level);
        evaluated = 0;
        log_debug(&f->log, "%d", evaluate());
        log_verbose(&f->log, "%d", evaluate());
        log_notice(&f->log, "%d", evaluate());
        log_warning(&f->log, "%d", evaluate());
        log_raw(&f->log, LOG_LEVEL_WARNING, SLICE("raw\n"));
        log_from_handler(&f->log, SLICE("signal"));

        assert_int_equal(evaluated, (int)strlen(expected[level]));
        char seen[8] = "";
        for (char *line = strtok(contents(f->path), "\n"); line; line = strtok(NULL, "\n")) {
            char *mark =
                matches(line, "^[0-9]+:M ") ? strpbrk(strchr(line, '.') + 4, ".-*#") : NULL;
            if (mark) strncat(seen, mark, 1);
        }
        assert_string_equal(seen, expected[level]);
        bool on = level <= LOG_LEVEL_WARNING;
        assert_int_equal(strstr(contents(f->path), "\nraw\n") != NULL, on);
        assert_int_equal(matches(contents(f->path), ":signal-handler \\([0-9]{10}\\) signal\n$"),
                         on);
    }
}

static void survives_rotation(void **state) {
    struct fixture *f = *state;
    char moved[200];
    snprintf(moved, sizeof(moved), "%s.1", f->path);
    log_notice(&f->log, "first");
    assert_int_equal(rename(f->path, moved), 0);
    log_notice(&f->log, "second");
    assert_non_null(strstr(contents(f->path), " * second\n"));
    assert_null(strstr(contents(f->path), "first"));
    assert_non_null(strstr(contents(moved), " * first\n"));
    unlink(moved);
}

static void a_bad_file_changes_nothing(void **state) {
    struct fixture *f = *state;
    assert_int_equal(log_set_file(&f->log, "/nonexistent/log"), -ENOENT);
    assert_int_equal(log_set_file(&f->log, f->dir), -EISDIR);
    log_notice(&f->log, "still here");
    assert_non_null(strstr(contents(f->path), "still here"));
}

static void long_messages_are_cut(void **state) {
    struct fixture *f = *state;
    static char text[3 * LOG_MESSAGE_MAX];
    memset(text, 'x', sizeof(text) - 1);
    log_notice(&f->log, "%s", text);
    log_notice(&f->log, "next");
    char *seen = contents(f->path);
    size_t len = strcspn(seen, "\n");
    assert_in_range(len, LOG_MESSAGE_MAX, LOG_MESSAGE_MAX + 80);
    assert_non_null(strstr(seen + len, " * next\n"));
}

static void raw_has_any_length(void **state) {
    struct fixture *f = *state;
    static char text[3 * LOG_MESSAGE_MAX];
    memset(text, 'x', sizeof(text) - 1);
    log_raw(&f->log, LOG_LEVEL_NOTICE, slice_of(text, sizeof(text) - 1));
    assert_string_equal(contents(f->path), text);
}

static void standard_output(void **state) {
    struct fixture *f = *state;
    int saved = dup(STDOUT_FILENO), fd = log_fd_open(&f->log);
    assert_true(saved >= 0 && fd >= 0);
    dup2(fd, STDOUT_FILENO);
    log_fd_close(&f->log, fd);
    assert_int_equal(log_set_file(&f->log, ""), 0);
    log_notice(&f->log, "to stdout");
    fd = log_fd_open(&f->log);
    log_fd_close(&f->log, fd);
    log_notice(&f->log, "still open");
    dup2(saved, STDOUT_FILENO);
    close(saved);
    assert_non_null(strstr(contents(f->path), "to stdout\n"));
    assert_non_null(strstr(contents(f->path), "still open\n"));
}

enum { THREADS = 4, LINES = 500 };

static void *log_lines(void *arg) {
    for (int i = 0; i < LINES; i++) log_notice((struct log *)arg, "line from a thread");
    return NULL;
}

static void threads_dont_mix(void **state) {
    struct fixture *f = *state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, &f->log), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    int lines = 0;
    for (char *line = strtok(contents(f->path), "\n"); line; line = strtok(NULL, "\n"), lines++)
        if (!matches(line, "^[0-9]+:M " DATE " \\* line from a thread$")) fail_msg("%s", line);
    assert_int_equal(lines, THREADS * LINES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(form_of_a_line, setup, teardown),
        cmocka_unit_test_setup_teardown(levels, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_file_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(long_messages_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(raw_has_any_length, setup, teardown),
        cmocka_unit_test_setup_teardown(standard_output, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_dont_mix, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
