/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes as JSON: text stays text, everything else comes back from base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/random.h"

static void expect(struct slice bytes, const char *want) {
    struct buf got = BUF_INIT;
    json_put_bytes(&got, bytes);
    assert_string_equal(got.data, want);
    buf_release(&got);
}

static void text(void **state) {
    expect(SLICE(""), "\"\"");
    expect(SLICE("plain"), "\"plain\"");
    expect(SLICE("a\"b\\c/"), "\"a\\\"b\\\\c/\"");
    expect(SLICE("\0\n\x1f\x7f"), "\"\\u0000\\u000a\\u001f\\u007f\"");
    expect(SLICE("\xc2\x80 \xdf\xbf"), "\"\xc2\x80 \xdf\xbf\"");
    expect(SLICE("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"),
           "\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\"");
    expect(SLICE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"");
}

/* Overlong, surrogates, beyond the last character, cut off, continuation bytes alone. */
static void not_text(void **state) {
    const struct slice bytes[] = {
        SLICE("\x80"),         SLICE("\xc0\x80"),         SLICE("\xc1\xbf"),
        SLICE("\xe0\x9f\xbf"), SLICE("\xed\xa0\x80"),     SLICE("\xf0\x8f\xbf\xbf"),
        SLICE("\xf4\x90\x80"), SLICE("\xf4\x90\x80\x80"), SLICE("\xf5\x80\x80\x80"),
        SLICE("\xc2"),         SLICE("\xe1\x80"),         SLICE("\xf1\x80\x80"),
        SLICE("\xc2\x41"),     SLICE("\xe1\x80\x41"),     SLICE("a\xff"),
    };
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        struct buf got = BUF_INIT;
        json_put_bytes(&got, bytes[i]);
        assert_memory_equal(got.data, "{\"base64\":\"", 11);
        buf_release(&got);
    }
    expect(SLICE("\xff"), "{\"base64\":\"/w==\"}");
    expect(SLICE("\xff\xfe"), "{\"base64\":\"//4=\"}");
    expect(SLICE("\xff\xfe\0"), "{\"base64\":\"//4A\"}");
    expect(SLICE("\xffMany hands"), "{\"base64\":\"/01hbnkgaGFuZHM=\"}");
}

static unsigned value_of(char digit) {
    const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return digit == '=' ? 0 : (unsigned)(strchr(digits, digit) - digits);
}

/* Whatever the bytes. */
static void comes_back(void **state) {
    struct random rng;
    random_seed_fixed(&rng, 7);
    for (int round = 0; round < 2000; round++) {
        unsigned char bytes[40] = {0xff}, back[48];
        size_t len = 1 + random_below(&rng, 39), n = 0;
        for (size_t i = 1; i < len; i++) bytes[i] = (unsigned char)random_u64(&rng);
        struct buf got = BUF_INIT;
        json_put_bytes(&got, slice_of(bytes, len));
        assert_int_equal(got.len, 11 + (len + 2) / 3 * 4 + 2);
        for (const char *at = got.data + 11; *at != '"'; at += 4) {
            unsigned three = value_of(at[0]) << 18 | value_of(at[1]) << 12 | value_of(at[2]) << 6 |
                             value_of(at[3]);
            back[n++] = (unsigned char)(three >> 16);
            back[n++] = (unsigned char)(three >> 8);
            back[n++] = (unsigned char)three;
        }
        assert_memory_equal(back, bytes, len);
        buf_release(&got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(not_text),
        cmocka_unit_test(comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
