/* SPDX-License-Identifier: BSD-3-Clause */
/* Manifests of append-only logs: what is refused, and what a log's life makes of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "persist/aof_manifest.h"

static void expect_text(const struct aof_manifest *m, const char *want) {
    struct buf text = BUF_INIT;
    aof_manifest_format(m, &text);
    assert_string_equal(text.len ? text.data : "", want);
    buf_release(&text);
}

static void expect_refused(const char *text, const char *why) {
    struct aof_manifest m = {0};
    struct buf got = BUF_INIT;
    assert_false(aof_manifest_parse(&m, slice_str(text), &got));
    if (!strstr(got.data, why)) fail_msg("'%s': %s", text, got.data);
    assert_true(aof_manifest_is_empty(&m));
    buf_release(&got);
}

static void refuses(void **state) {
    expect_refused("", "empty");
    expect_refused("file a seq 1 type b", "the last line isn't whole");
    expect_refused("file a seq 1 type b\n\nfile b seq 1 type i\n", "file format, at line 2: ''");
    expect_refused("file a seq 1 type x\n", "Unknown AOF file type, at line 1");
    expect_refused("file a seq 1 type\n", "Invalid");
    expect_refused("file a seq 1 type b more\n", "Invalid");
    expect_refused("filx a seq 1 type b\n", "Invalid");
    expect_refused("file a seq 0 type b\n", "Invalid");
    expect_refused("file a seq x type b\n", "Invalid");
    expect_refused("file \"a seq 1 type b\n", "Invalid");
    expect_refused("file ../a seq 1 type b\n", "can't be a path");
    expect_refused("file a seq 1 type b\nfile b seq 2 type b\n", "duplicate base");
    expect_refused("file a seq 2 type i\nfile b seq 1 type i\n", "non-monotonic");
    char line[AOF_MANIFEST_LINE_MAX + 2];
    memset(line, 'x', sizeof line);
    memcpy(line + sizeof line - 2, "\n", 2);
    expect_refused(line, "too long line");
}

static void accepts(void **state) {
    static const char text[] = "file a.2.base.rdb seq 2 type b new thing\n"
                               "# a comment\n"
                               "FILE \"a b\\n\" SEQ 7 TYPE h\r\n"
                               "type i seq 1 file c\n"
                               "file d seq 3 type i\n";
    struct aof_manifest m = {0};
    assert_true(aof_manifest_parse(&m, slice_str(text), NULL));
    expect_text(&m, "file a.2.base.rdb seq 2 type b\nfile \"a b\\n\" seq 7 type h\n"
                    "file c seq 1 type i\nfile d seq 3 type i\n");
    assert_string_equal(aof_manifest_last_incr(&m), "d");
    assert_int_equal(m.base_seq, 2);
    assert_int_equal(m.incr_seq, 3);
    aof_manifest_release(&m);
}

/* Whatever is done, what is written is read as the same. */
static void survives(const struct aof_manifest *m) {
    struct buf text = BUF_INIT;
    struct aof_manifest copy, again = {0};
    aof_manifest_copy(&copy, m);
    aof_manifest_format(m, &text);
    expect_text(&copy, text.data);
    assert_true(aof_manifest_parse(&again, buf_slice(&text), NULL));
    expect_text(&again, text.data);
    aof_manifest_release(&copy);
    aof_manifest_release(&again);
    buf_release(&text);
}

static void lives(void **state) {
    struct aof_manifest m = {0};
    assert_true(aof_manifest_is_empty(&m));
    assert_null(aof_manifest_last_incr(&m));
    aof_manifest_adopt(&m, "log");
    survives(&m);
    assert_string_equal(aof_manifest_add_incr(&m, "log"), "log.1.incr.aof");
    assert_string_equal(aof_manifest_add_incr(&m, "log"), "log.2.incr.aof");
    survives(&m);
    assert_string_equal(aof_manifest_add_base(&m, "log", true), "log.2.base.rdb");
    aof_manifest_retire(&m, 1);
    expect_text(&m, "file log.2.base.rdb seq 2 type b\nfile log.1.incr.aof seq 1 type h\n"
                    "file log seq 1 type h\nfile log.2.incr.aof seq 2 type i\n");
    survives(&m);
    aof_manifest_forget(&m);
    assert_string_equal(aof_manifest_add_base(&m, "log", false), "log.3.base.aof");
    aof_manifest_retire(&m, 0);
    expect_text(&m, "file log.3.base.aof seq 3 type b\nfile log.2.incr.aof seq 2 type h\n"
                    "file log.2.base.rdb seq 2 type h\n");
    assert_string_equal(aof_manifest_add_incr(&m, "a b"), "a b.3.incr.aof");
    survives(&m);
    aof_manifest_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(accepts),
        cmocka_unit_test(lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
