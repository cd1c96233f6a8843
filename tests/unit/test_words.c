/* SPDX-License-Identifier: BSD-3-Clause */
/* Splitting lines and quoting strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/words.h"

/* `expected`: the words, each followed by '|'. */
static void expect_words(struct slice line, const char *expected) {
    struct words words;
    if (!words_split(line, &words)) fail_msg("refused: %.*s", (int)line.len, line.ptr);
    struct buf joined = BUF_INIT;
    for (size_t i = 0; i < words.count; i++) {
        assert_int_equal(words.items[i].ptr[words.items[i].len], '\0');
        buf_append_slice(&joined, words.items[i]);
        buf_append_char(&joined, '|');
    }
    buf_append(&joined, "", 0);
    assert_string_equal(joined.data, expected);
    buf_release(&joined);
    words_release(&words);
}

static void splits(void **unused) {
    expect_words(SLICE(""), "");
    expect_words(SLICE(" \t\v\f\r\n"), "");
    expect_words(SLICE("get key"), "get|key|");
    expect_words(SLICE("  set\tkey  value \r\n"), "set|key|value|");
    expect_words(SLICE("a\vb c"), "a\vb|c|");
    expect_words(SLICE("set \"a b\" 'c d'"), "set|a b|c d|");
    expect_words(SLICE("\"\" ''"), "||");
    expect_words(SLICE("ab\"c d\" e'f'"), "abc d|ef|");
    expect_words(SLICE("\"\\n\\r\\t\\b\\a\\q\\\\\\\"\""), "\n\r\t\b\aq\\\"|");
    expect_words(SLICE("\"\\x41\\x6a\\xg1\\x4\""), "Ajxg1x4|");
    expect_words(SLICE("'\\n\\'\\x41'"), "\\n'\\x41|");
    expect_words(SLICE("a\\ b"), "a\\|b|");
    expect_words(SLICE("a b\0c"), "a|b|");
    expect_words(SLICE("\"a\"\v'b'"), "a|b|");
    expect_words(SLICE("a b c d"), "a|b|c|d|");
}

static void refuses(void **unused) {
    static const char *const bad[] = {"\"",     "'",       "set \"a", "set 'a",  "\"a\"b", "'a'b",
                                      "'a''b'", "\"a\\\"", "'a\\'",   "a\"b\"c", "\"\\x4"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct words words;
        if (words_split(slice_str(bad[i]), &words)) fail_msg("accepted: %s", bad[i]);
    }
}

static void quotes(void **unused) {
    struct buf b = BUF_INIT;
    words_quote(&b, SLICE("a\\\"\n\r\t\a\b\v\x01\x7f\xff '~\0z"));
    assert_string_equal(b.data, "\"a\\\\\\\"\\n\\r\\t\\a\\b\\x0b\\x01\\x7f\\xff '~\\x00z\"");
    buf_release(&b);
}

static void what_is_quoted_splits_back(void **unused) {
    srand(99);
    for (int i = 0; i < 50000; i++) {
        char text[3][20];
        size_t len[3];
        struct buf line = BUF_INIT;
        for (int w = 0; w < 3; w++) {
            len[w] = (size_t)rand() % sizeof(text[w]);
            for (size_t at = 0; at < len[w]; at++)
                text[w][at] = (char)(rand() % 3 ? rand() : "\"'\\ x0"[rand() % 6]);
            words_quote(&line, slice_of(text[w], len[w]));
            buf_append_char(&line, ' ');
        }
        struct words words;
        assert_true(words_split(buf_slice(&line), &words));
        assert_int_equal(words.count, 3);
        for (int w = 0; w < 3; w++)
            assert_true(slice_eq(words.items[w], slice_of(text[w], len[w])));
        words_release(&words);
        buf_release(&line);
    }
}

/* Nothing to compare with but the sanitizers: any line is either split or refused. */
static void any_line(void **unused) {
    srand(7);
    unsigned split = 0;
    for (int i = 0; i < 200000; i++) {
        char line[12];
        size_t len = (size_t)rand() % sizeof(line);
        for (size_t at = 0; at < len; at++) line[at] = "ab \"'\\xn\t"[rand() % 9];
        struct words words;
        if (!words_split(slice_of(line, len), &words)) continue;
        split++;
        size_t total = 0;
        for (size_t w = 0; w < words.count; w++) total += words.items[w].len + 1;
        assert_true(total <= len + 1);
        words_release(&words);
    }
    assert_true(split > 50000 && split < 200000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits),   cmocka_unit_test(refuses),
        cmocka_unit_test(quotes),   cmocka_unit_test(what_is_quoted_splits_back),
        cmocka_unit_test(any_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
