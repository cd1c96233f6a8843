/* SPDX-License-Identifier: BSD-3-Clause */
/* Logs of commands: what is kept of a command, and which of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "server/command_log.h"

static void add(struct command_log *log, int64_t value, const struct slice *argv, int argc,
                size_t max_len) {
    struct command_log_record record = {
        .time_s = 1000 + value,
        .value = value,
        .argv = argv,
        .argc = argc,
        .address = SLICE("127.0.0.1:1"),
        .name = SLICE("me"),
    };
    command_log_add(log, &record, max_len);
}

static void expect_slice(struct slice found, struct slice wanted) {
    assert_int_equal(found.len, wanted.len);
    assert_memory_equal(found.ptr, wanted.ptr, wanted.len);
}

/* The list holds together in both directions, newest first. */
static void check(const struct command_log *log) {
    size_t count = 0;
    const struct command_log_entry *newer = NULL;
    for (const struct command_log_entry *e = log->newest; e; newer = e, e = e->older) {
        assert_ptr_equal(e->newer, newer);
        assert_true(!newer || e->id < newer->id);
        count++;
    }
    assert_ptr_equal(log->oldest, newer);
    assert_int_equal(log->count, count);
}

static void what_is_kept(void **unused) {
    struct command_log log = {0};
    const struct slice argv[] = {SLICE("set"), {NULL, 0}, SLICE("a\0b")};
    add(&log, 5, argv, 3, 10);
    const struct command_log_entry *e = log.newest;
    assert_int_equal(e->argc, 3);
    for (int i = 0; i < 3; i++) expect_slice(e->argv[i], argv[i]);
    assert_int_equal(e->value, 5);
    assert_int_equal(e->time_s, 1005);
    expect_slice(e->address, SLICE("127.0.0.1:1"));
    expect_slice(e->name, SLICE("me"));
    command_log_trim(&log, 0);
    check(&log);
}

static void long_arguments_are_cut(void **unused) {
    struct command_log log = {0};
    char bytes[COMMAND_LOG_ARG_BYTES + 1];
    char wanted[COMMAND_LOG_ARG_BYTES + 32];
    memset(bytes, 'A', sizeof bytes);
    const struct slice argv[] = {slice_of(bytes, sizeof bytes), slice_of(bytes, sizeof bytes - 1)};
    add(&log, 0, argv, 2, 10);
    int len =
        snprintf(wanted, sizeof wanted, "%.*s... (1 more bytes)", COMMAND_LOG_ARG_BYTES, bytes);
    expect_slice(log.newest->argv[0], slice_of(wanted, (size_t)len));
    expect_slice(log.newest->argv[1], argv[1]);
    command_log_trim(&log, 0);
}

static void many_arguments_are_cut(void **unused) {
    struct command_log log = {0};
    struct slice argv[COMMAND_LOG_ARGS];
    for (int i = 0; i < COMMAND_LOG_ARGS; i++) argv[i] = slice_of(&"0123456789"[i % 10], 1);
    add(&log, 0, argv, COMMAND_LOG_ARGS, 10);
    assert_int_equal(log.newest->argc, COMMAND_LOG_ARGS);
    expect_slice(log.newest->argv[COMMAND_LOG_ARGS - 1], argv[COMMAND_LOG_ARGS - 1]);
    add(&log, 0, argv, COMMAND_LOG_ARGS + 1, 10);
    assert_int_equal(log.newest->argc, COMMAND_LOG_ARGS);
    expect_slice(log.newest->argv[COMMAND_LOG_ARGS - 2], argv[COMMAND_LOG_ARGS - 2]);
    expect_slice(log.newest->argv[COMMAND_LOG_ARGS - 1], SLICE("... (2 more arguments)"));
    command_log_trim(&log, 0);
}

/* Ids are given in order and never again; the oldest entries go. */
static void length(void **unused) {
    struct command_log log = {0};
    struct random r;
    uint64_t next = 0;
    size_t count = 0;
    random_seed_fixed(&r, 1);
    for (int i = 0; i < 5000; i++) {
        const struct slice argv[] = {SLICE("ping")};
        if (random_below(&r, 50) == 0) {
            size_t keep = random_below(&r, 20);
            command_log_trim(&log, keep);
            if (count > keep) count = keep;
        } else {
            size_t max_len = 1 + random_below(&r, 20);
            add(&log, (int64_t)next, argv, 1, max_len);
            next++;
            if (++count > max_len) count = max_len;
            assert_int_equal(log.newest->id, next - 1);
            assert_int_equal(log.newest->value, next - 1);
        }
        check(&log);
        assert_int_equal(log.count, count);
        if (count) assert_int_equal(log.oldest->id + count - 1, log.newest->id);
    }
    command_log_trim(&log, 0);
    check(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept),
        cmocka_unit_test(long_arguments_are_cut),
        cmocka_unit_test(many_arguments_are_cut),
        cmocka_unit_test(length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
