/* SPDX-License-Identifier: BSD-3-Clause */
/* INFO: which sections a request shows, in which order and with which headings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "exec/info.h"

static void write_name(void *ctx, struct buf *out) {
    const char *const *name = ctx;
    if (*name) info_str(out, *name, "x");
}

/* Name, title, and the field in it; the parts of "one" come at different times. */
static struct {
    const char *name, *title;
    enum info_shown shown;
    const char *field;
} parts[] = {
    {"one", "One", INFO_DEFAULT, "1a"},   {"two", "Two", INFO_ALL, "2"},
    {"one", "Other", INFO_DEFAULT, "1b"}, {"three", "Three", INFO_EVERYTHING, "3"},
    {"four", "Four", INFO_BY_NAME, "4"},  {"none", "None", INFO_BY_NAME, NULL},
    {"one", "Other", INFO_DEFAULT, "1c"},
};

static struct info *sections(void) {
    struct info *info = info_new();
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        info_register(info, (struct info_section){parts[i].name, parts[i].title, parts[i].shown,
                                                  write_name, &parts[i].field});
    return info;
}

#define ONE   "# One\r\n1a:x\r\n1b:x\r\n1c:x\r\n"
#define TWO   "# Two\r\n2:x\r\n"
#define THREE "# Three\r\n3:x\r\n"
#define FOUR  "# Four\r\n4:x\r\n"
#define NEXT  "\r\n"

static void what_is_shown(void **unused) {
    static const struct {
        const char *names[3];
        const char *text;
    } known[] = {
        {{NULL}, ONE},
        {{"default"}, ONE},
        {{"all"}, ONE NEXT TWO},
        {{"EVERYTHING"}, ONE NEXT TWO NEXT THREE},
        {{"Two"}, TWO},
        {{"four"}, FOUR},
        {{"none"}, "# None\r\n"},
        {{"nothing"}, ""},
        {{"on"}, ""},
        {{"two", "one"}, ONE NEXT TWO},
        {{"one", "one"}, ONE},
        {{"four", "default"}, ONE NEXT FOUR},
        {{"three", "nothing", "all"}, ONE NEXT TWO NEXT THREE},
    };
    size_t before = mem_used();
    struct info *info = sections();
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct slice names[3];
        int count = 0;
        for (; count < 3 && known[i].names[count]; count++)
            names[count] = slice_str(known[i].names[count]);
        struct buf out = BUF_INIT;
        info_write(info, names, count, &out);
        assert_string_equal(out.data ? out.data : "", known[i].text);
        buf_release(&out);
    }
    info_free(info);
    info_free(NULL);
    assert_int_equal(mem_used(), before);
}

static void fields(void **unused) {
    struct buf out = BUF_INIT;
    info_u64(&out, "u", UINT64_MAX);
    info_i64(&out, "i", INT64_MIN);
    info_str(&out, "s", "text");
    info_f2(&out, "f", 1.005);
    info_f2(&out, "g", -0.5);
    assert_string_equal(out.data, "u:18446744073709551615\r\ni:-9223372036854775808\r\n"
                                  "s:text\r\nf:1.00\r\ng:-0.50\r\n");
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown),
        cmocka_unit_test(fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
