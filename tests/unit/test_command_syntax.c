/* SPDX-License-Identifier: BSD-3-Clause */
/* The notation of arguments, and what every row of every family must have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "cmd/families.h"
#include "exec/command_syntax.h"
#include "server/families.h"

/* A tree as one line: name:type, "=TOKEN", parts in braces, then "?" optional, "*" multiple, "+"
 * multiple_token. */
static void show(struct buf *out, const struct syntax_arg *args) {
    for (const struct syntax_arg *arg = args; arg; arg = arg->next) {
        buf_appendf(out, "%s%s:%s", arg == args ? "" : " ", arg->name,
                    command_syntax_type_name(arg->type));
        if (arg->token.ptr) buf_appendf(out, "=%.*s", (int)arg->token.len, arg->token.ptr);
        if (arg->parts) {
            buf_append_char(out, '{');
            show(out, arg->parts);
            buf_append_char(out, '}');
        }
        if (arg->optional) buf_append_char(out, '?');
        if (arg->multiple) buf_append_char(out, '*');
        if (arg->multiple_token) buf_append_char(out, '+');
    }
}

static void expect(const char *text, const char *tree, int least, int most) {
    struct syntax_arg *args;
    size_t error_at;
    if (!command_syntax_parse(text, &args, &error_at))
        fail_msg("\"%s\" isn't understood at %zu", text, error_at);
    struct buf shown = BUF_INIT;
    show(&shown, args);
    assert_string_equal(shown.data ? shown.data : "", tree);
    int low, high;
    command_syntax_words(args, &low, &high);
    assert_int_equal(low, least);
    assert_int_equal(high, most);
    buf_release(&shown);
    command_syntax_free(args);
}

static void arguments(void **state) {
    expect("", "", 0, 0);
    expect("key value", "key:key value:string", 2, 2);
    expect("seconds score:double pattern unix-time-seconds",
           "seconds:integer score:double pattern:pattern unix-time-seconds:unix-time", 4, 4);
    expect("destkey source", "destkey:key source:key", 2, 2);
    expect("[cursor]", "cursor:integer?", 0, 1);
    expect("key ...", "key:key*", 1, -1);
    expect("[key ...]", "key:key?*", 0, -1);
}

static void tokens(void **state) {
    expect("NX", "nx:pure-token=NX", 1, 1);
    expect("[change:CH] key", "change:pure-token=CH? key:key", 1, 2);
    expect("[NX] key", "nx:pure-token=NX? key:key", 1, 2);
    expect("EX seconds", "seconds:integer=EX", 2, 2);
    expect("[MATCH pattern] [COUNT count]", "pattern:pattern=MATCH? count:integer=COUNT?", 0, 4);
    expect("SAVE [NOW]", "save:pure-token=SAVE now:pure-token=NOW?", 1, 2);
    expect("(key | \"\")", "key|empty-string:oneof{key:key empty-string:pure-token=}", 1, 1);
    expect("BY (WRAP | SAT)", "wrap|sat:oneof=BY{wrap:pure-token=WRAP sat:pure-token=SAT}", 2, 2);
}

static void groups(void **state) {
    expect("cond:[NX | XX]", "cond:oneof{nx:pure-token=NX xx:pure-token=XX}?", 0, 1);
    expect("(key value) ...", "key_value:block{key:key value:string}*", 2, -1);
    expect("[LIMIT offset count]", "offset_count:block=LIMIT{offset:integer count:integer}?", 0, 3);
    expect("[start end [BYTE | BIT]]",
           "start_end_byte|bit:block{start:string end:string "
           "byte|bit:oneof{byte:pure-token=BYTE bit:pure-token=BIT}?}?",
           0, 3);
    expect("[AUTH password | AUTH2 username password]",
           "password|username_password:oneof{password:string=AUTH "
           "username_password:block=AUTH2{username:string password:string}}?",
           0, 3);
}

static void repetition(void **state) {
    expect("key [key ...]", "key:key*", 1, -1);
    expect("dst key value [key value ...]", "dst:string key_value:block{key:key value:string}*", 3,
           -1);
    expect("[GET pattern] ...", "pattern:pattern=GET?*+", 0, -1);
    expect("GET pattern [GET pattern ...]", "pattern:pattern=GET*+", 2, -1);
    expect("[KEYS key [key ...]]", "key:key=KEYS?*", 0, -1);
    expect("([ID id] [ADDR addr]) ...", "id_addr:block{id:string=ID? addr:string=ADDR?}*", 1, -1);
    expect("[KEYS key ...]", "key:key=KEYS?*", 0, -1);
}

static void mistakes(void **state) {
    static const char *const texts[] = {"[a",
                                        "a]",
                                        "(a",
                                        "a | b",
                                        "...",
                                        "a ... ...",
                                        "a:b",
                                        "[]",
                                        "()",
                                        "a:",
                                        "[a |]",
                                        "a:oneof",
                                        "(| a)",
                                        "[a)",
                                        ":a",
                                        "a:(b",
                                        "((((((((((((((((((a"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct syntax_arg *args;
        size_t error_at = SIZE_MAX;
        if (command_syntax_parse(texts[i], &args, &error_at)) fail_msg("\"%s\" is taken", texts[i]);
        assert_true(error_at <= strlen(texts[i]));
    }
}

/* Rows. `names` is how many words the command's name has. */

static int findings;

static void finding(const struct command *parent, const struct command *row, const char *what) {
    printf("%s%s%s: %s\n", parent ? parent->name : "", parent ? "|" : "", row->name, what);
    findings++;
}

static void check_arity(const struct command *parent, const struct command *row,
                        const struct syntax_arg *args) {
    int names = parent ? 2 : 1, least, most;
    if (row->subcommands) return;
    command_syntax_words(args, &least, &most);
    bool fits = row->arity > 0 ? least + names == row->arity && most == least
                               : least + names == -row->arity;
    if (fits) return;
    char text[128];
    snprintf(text, sizeof text, "arity %d, but the syntax has %d to %d words", row->arity,
             least + names, most < 0 ? most : most + names);
    finding(parent, row, text);
}

static bool is_version(const char *text) {
    int a, b, c, len = 0;
    return text && sscanf(text, "%d.%d.%d%n", &a, &b, &c, &len) == 3 && !text[len];
}

static void check_row(const struct command *parent, const struct command *row) {
    struct syntax_arg *args;
    size_t error_at;
    if (!is_version(row->since)) finding(parent, row, "no version in `since`");
    if (!row->summary || !*row->summary) finding(parent, row, "no summary");
    if (!row->group) finding(parent, row, "no group");
    if (parent && row->group && parent->group && strcmp(row->group, parent->group) != 0)
        finding(parent, row, "not in the group of its container");
    if (!row->run && !row->subcommands) finding(parent, row, "no handler");
    if (!row->deprecated_since != !row->replaced_by)
        finding(parent, row, "deprecated_since and replaced_by belong together");
    if (!command_syntax_parse(row->syntax, &args, &error_at)) {
        finding(parent, row, "the syntax isn't understood");
        return;
    }
    check_arity(parent, row, args);
    command_syntax_free(args);
    for (const struct command *sub = row->subcommands; sub && sub->name; sub++) check_row(row, sub);
}

static void check_families(const struct command *const *families) {
    for (; *families; families++)
        for (const struct command *row = *families; row->name; row++) check_row(NULL, row);
}

static void rows(void **state) {
    findings = 0;
    check_families(command_families);
    check_families(server_families);
    assert_int_equal(findings, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments),  cmocka_unit_test(tokens),   cmocka_unit_test(groups),
        cmocka_unit_test(repetition), cmocka_unit_test(mistakes), cmocka_unit_test(rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
