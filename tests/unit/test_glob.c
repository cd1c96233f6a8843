/* SPDX-License-Identifier: BSD-3-Clause */
/* Glob patterns: known odd ones, and random ones against a recursive matcher that tries everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/glob.h"

static void known_patterns(void **unused) {
    static const struct {
        const char *pattern, *text;
        bool matches;
    } known[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*", "", true},
        {"**", "", false},
        {"*", "abc", true},
        {"a*", "a", true},
        {"a**", "a", true},
        {"*a", "ba", true},
        {"*a", "ab", false},
        {"?", "", false},
        {"?", "x", true},
        {"h?llo", "hello", true},
        {"h?llo", "hllo", false},
        {"h[ae]llo", "hallo", true},
        {"h[ae]llo", "hillo", false},
        {"h[^e]llo", "hello", false},
        {"h[a-b]llo", "hbllo", true},
        {"[c-a]", "b", true},
        {"[c-a]", "d", false},
        {"[]", "]", false},
        {"[^]", "x", true},
        {"[]]", "]", false},
        {"[", "[", false},
        {"[^", "x", true},
        {"[ab", "b", true},
        {"[ab", "c", false},
        {"[a-", "-", true},
        {"[a-", "a", true},
        {"[a-]]", "b]", false},
        {"[a-]", "^", true},
        {"[a-]", "b", false},
        {"[\\]]", "]", true},
        {"[\\a-c]", "b", false},
        {"[\\a-c]", "-", true},
        {"[a\\", "\\", true},
        {"\\", "\\", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"\\a", "a", true},
        {"a\\", "a\\", true},
        {"*\\", "a\\", true},
        {"[a-c]*[x-z]", "b..y", true},
        {"*ab*cd*", "xxabyycdzz", true},
        {"*ab*cd*", "xxabyyczz", false},
        {"A", "a", false},
        {"[A-Z]", "a", false},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct slice pattern = slice_str(known[i].pattern), text = slice_str(known[i].text);
        if (glob_match(pattern, text) != known[i].matches)
            fail_msg("'%s' on '%s'", known[i].pattern, known[i].text);
    }
    assert_true(glob_match(SLICE("a?c"), SLICE("a\0c")));
    assert_true(glob_match(SLICE("[\xf0-\xff]"), SLICE("\xf5")));
    assert_false(glob_match(SLICE("a"), SLICE("a\0")));
}

static void case_ignored(void **unused) {
    assert_true(glob_match_nocase(SLICE("MaxMemory*"), SLICE("maxmemory-policy")));
    assert_true(glob_match_nocase(SLICE("[M]AX"), SLICE("max")));
    assert_true(glob_match_nocase(SLICE("[A-C]"), SLICE("b")));
    assert_true(glob_match_nocase(SLICE("[a-c]"), SLICE("B")));
    assert_true(glob_match_nocase(SLICE("\\A"), SLICE("a")));
    assert_false(glob_match_nocase(SLICE("[^a]"), SLICE("A")));
    assert_false(glob_match_nocase(SLICE("["), SLICE("{")));
}

static void literals(void **unused) {
    assert_int_equal(glob_literal_prefix_len(SLICE("user:*")), 5);
    assert_int_equal(glob_literal_prefix_len(SLICE("a?b")), 1);
    assert_int_equal(glob_literal_prefix_len(SLICE("[a]")), 0);
    assert_int_equal(glob_literal_prefix_len(SLICE("ab\\c")), 2);
    assert_int_equal(glob_literal_prefix_len(SLICE("")), 0);
    assert_true(glob_is_literal(SLICE("")));
    assert_true(glob_is_literal(SLICE("a]^-b\0c")));
    assert_false(glob_is_literal(SLICE("a\0*")));
}

/* ---- the model ---- */

static bool model(const char *p, const char *t);

/* A set, spelled out: which bytes it holds, and where it ends. */
static const char *model_set(const char *p, bool has[256]) {
    bool negated = *++p == '^';
    if (negated) p++;
    memset(has, 0, 256);
    while (*p && *p != ']') {
        unsigned char low = (unsigned char)*p, high = low;
        if (*p == '\\' && p[1]) {
            low = high = (unsigned char)p[1];
            p += 2;
        } else if (p[1] == '-' && p[2]) {
            high = (unsigned char)p[2];
            p += 3;
        } else {
            p++;
        }
        for (int c = low < high ? low : high; c <= (low < high ? high : low); c++) has[c] = true;
    }
    for (int c = 0; c < 256; c++) has[c] ^= negated;
    return *p ? p + 1 : p;
}

static bool model(const char *p, const char *t) {
    if (!*p) return !*t;
    if (*p == '*') return model(p + 1, t) || (*t && model(p, t + 1));
    if (!*t) return false;
    if (*p == '[') {
        bool has[256];
        const char *next = model_set(p, has);
        return has[(unsigned char)*t] && model(next, t + 1);
    }
    if (*p == '?') return model(p + 1, t + 1);
    if (*p == '\\' && p[1]) p++;
    return *p == *t && model(p + 1, t + 1);
}

static void random_text(char *to, unsigned max) {
    static const char alphabet[] = "aab[]^-\\**?c";
    unsigned len = (unsigned)rand() % max;
    for (unsigned i = 0; i < len; i++) to[i] = alphabet[(unsigned)rand() % (sizeof(alphabet) - 1)];
    to[len] = '\0';
}

static void random_patterns(void **unused) {
    srand(4711);
    unsigned matched = 0;
    for (int i = 0; i < 500000; i++) {
        char pattern[12], text[10];
        random_text(pattern, sizeof(pattern));
        random_text(text, sizeof(text));
        if (!*text) continue;
        bool expected = model(pattern, text);
        matched += expected;
        if (glob_match(slice_str(pattern), slice_str(text)) != expected)
            fail_msg("'%s' on '%s'", pattern, text);

        size_t prefix = glob_literal_prefix_len(slice_str(pattern));
        if (expected) assert_memory_equal(pattern, text, prefix);
        if (glob_is_literal(slice_str(pattern)))
            assert_int_equal(expected, strcmp(pattern, text) == 0);
    }
    assert_true(matched > 5000);
}

/* Recursion into every star would take longer than the universe lasts. */
static void many_stars(void **unused) {
    enum { STARS = 200, TEXT = 5000 };
    char pattern[STARS * 2 + 1], text[TEXT];
    for (int i = 0; i < STARS; i++) memcpy(pattern + i * 2, "*a", 2);
    pattern[STARS * 2] = 'b';
    memset(text, 'a', sizeof(text));
    assert_false(glob_match(slice_of(pattern, sizeof(pattern)), slice_of(text, sizeof(text))));
    assert_true(glob_match(slice_of(pattern, STARS * 2), slice_of(text, sizeof(text))));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_patterns), cmocka_unit_test(case_ignored),
        cmocka_unit_test(literals),       cmocka_unit_test(random_patterns),
        cmocka_unit_test(many_stars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
