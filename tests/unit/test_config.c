/* SPDX-License-Identifier: BSD-3-Clause */
/* The registry: every type of value with its limits, CONFIG GET, CONFIG SET with roll-back, and
 * random settings against a model. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "cluster/cluster_config.h"
#include "exec/acl.h"
#include "exec/config.h"
#include "exec/config_kept.h"
#include "exec/exec_config.h"
#include "persist/persist_config.h"
#include "repl/link_config.h"
#include "repl/repl_config.h"
#include "server/server_config.h"
#include "server/server_tls.h"

static struct persist_config persist;
static struct repl_config repl;
static struct link_config repl_link;
static struct cluster_config cluster;

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct owner {
    bool flag;
    int64_t number, share, mode, even;
    uint64_t bytes;
    int color, bits;
    char *text, *null_text;
    struct config_list list;
    int applied;       /* calls of the hook that always succeeds */
    int64_t seen_even; /* what the failing hook saw last */
};

static bool check_even(const struct config_change *change) {
    if (*(const int64_t *)change->value % 2 == 0) return true;
    buf_append_str(change->why, "odd");
    return false;
}

/* Refuses 13 * 2 after the fact, as a port in use would be. */
static bool apply_even(const struct config_change *change) {
    struct owner *o = change->owner;
    o->seen_even = o->even;
    if (o->even != 26) return true;
    buf_append_str(change->why, "unlucky");
    return false;
}

static bool apply_count(const struct config_change *change) {
    ((struct owner *)change->owner)->applied++;
    return true;
}

static const struct config_word colors[] = {{"red", 1}, {"green", 2}, {"lime", 2}, {NULL, 0}};
static const struct config_word parts[] = {{"none", 0}, {"a", 1}, {"b", 2}, {"ab", 3}, {NULL, 0}};

static const struct config_param rows[] = {
    {"flag", CONFIG_BOOL(struct owner, flag), "no", .apply = apply_count},
    {"number", CONFIG_INT(struct owner, number, -5, LLONG_MAX), "7", .alias = "old-number",
     .apply = apply_count},
    {"bytes", CONFIG_MEMORY(struct owner, bytes, 10, UINT64_MAX), "1kb", .apply = apply_count},
    {"share", CONFIG_PERCENT(struct owner, share, LLONG_MAX), "0", .flags = 0},
    {"mode", CONFIG_OCTAL(struct owner, mode, 0, 0777), "700", .flags = 0},
    {"even", CONFIG_INT(struct owner, even, 0, 100), "2", .check = check_even, .apply = apply_even},
    {"color", CONFIG_ENUM(struct owner, color, colors), "red", .flags = 0},
    {"bits", CONFIG_BITS(struct owner, bits, parts), "none", .flags = CONFIG_MULTI_ARG},
    {"text", CONFIG_STRING(struct owner, text), "", .flags = CONFIG_PROTECTED},
    {"null-text", CONFIG_STRING(struct owner, null_text), NULL,
     .flags = CONFIG_EMPTY_IS_NULL | CONFIG_SENSITIVE | CONFIG_NOT_LOADING},
    {"list", CONFIG_LIST(struct owner, list), "x y", .flags = CONFIG_MULTI_ARG},
    {"fixed", CONFIG_KEPT_BOOL, "yes", .flags = CONFIG_IMMUTABLE},
    {"secret-knob", CONFIG_KEPT_INT(0, 9), "1", .flags = CONFIG_HIDDEN},
};

struct fixture {
    struct owner owner;
    struct config *cfg;
};

static int set_up(void **state) {
    struct fixture *f = mem_zalloc(sizeof(*f));
    f->cfg = config_new("9.9");
    config_register(f->cfg, rows, COUNT(rows) - 2, &f->owner);
    config_register(f->cfg, rows + COUNT(rows) - 2, 2, NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    config_free(f->cfg);
    mem_free(f);
    return 0;
}

/* CONFIG SET of the words of a NULL-terminated list; the error, or "" if it went well. */
static const char *set_words(struct config *cfg, struct config_set_options options,
                             const char *const *words) {
    static char error[1024];
    struct slice slices[32];
    struct buf text = BUF_INIT;
    size_t n = 0;
    for (; words[n]; n++) slices[n] = slice_str(words[n]);
    bool ok = config_set(cfg, slices, n, options, &text);
    assert_int_equal(ok, text.len == 0);
    snprintf(error, sizeof(error), "%s", text.len ? text.data : "");
    buf_release(&text);
    return error;
}

#define SET(f, ...)                                                                                \
    set_words((f)->cfg, (struct config_set_options){.allow_protected = true},                      \
              (const char *const[]){__VA_ARGS__, NULL})

#define FAILED(name, why) "ERR CONFIG SET failed (possibly related to argument '" name "') - " why

static const char *get(struct config *cfg, const char *name) {
    static char value[1024];
    struct buf text = BUF_INIT;
    assert_true(config_value(cfg, slice_str(name), &text));
    snprintf(value, sizeof(value), "%s", text.len ? text.data : "");
    buf_release(&text);
    return value;
}

static void defaults(void **state) {
    struct fixture *f = *state;
    assert_false(f->owner.flag);
    assert_int_equal(f->owner.number, 7);
    assert_int_equal(f->owner.bytes, 1024);
    assert_int_equal(f->owner.mode, 0700);
    assert_int_equal(f->owner.color, 1);
    assert_string_equal(f->owner.text, "");
    assert_null(f->owner.null_text);
    assert_int_equal(f->owner.list.n, 2);
    assert_string_equal(f->owner.list.items[1], "y");
    assert_string_equal(get(f->cfg, "fixed"), "yes");
    assert_int_equal(f->owner.applied, 0);
}

/* name, value, what CONFIG GET then says; or, with a leading '!', why it's refused. */
static const char *const values[][3] = {
    {"flag", "YES", "yes"},
    {"flag", "1", "!argument must be 'yes' or 'no'"},
    {"flag", "", "!argument must be 'yes' or 'no'"},
    {"number", "-5", "-5"},
    {"number", "-6", "!argument must be between -5 and 9223372036854775807 inclusive"},
    {"number", "9223372036854775807", "9223372036854775807"},
    {"number", "9223372036854775808", "!argument couldn't be parsed into an integer"},
    {"number", "1.5", "!argument couldn't be parsed into an integer"},
    {"number", "007", "!argument couldn't be parsed into an integer"},
    {"number", "", "!argument couldn't be parsed into an integer"},
    {"old-number", "3", "3"},
    {"bytes", "1gb", "1073741824"},
    {"bytes", "1K", "1000"},
    {"bytes", "18446744073709551615", "18446744073709551615"},
    {"bytes", "", "!argument must be between 10 and 18446744073709551615 inclusive"},
    {"bytes", "9", "!argument must be between 10 and 18446744073709551615 inclusive"},
    {"bytes", "-1", "!argument must be a memory value"},
    {"bytes", "1 mb", "!argument must be a memory value"},
    {"share", "5%", "5%"},
    {"share", "0%", "0"},
    {"share", "100%", "100%"},
    {"share", "101%", "!percentage argument must be less or equal to 100"},
    {"share", "-5%", "!argument must be a memory or percent value"},
    {"share", "%", "!argument must be a memory or percent value"},
    {"share", "2mb", "2097152"},
    {"share", "", "0"},
    {"mode", "777", "777"},
    {"mode", "0644", "644"},
    {"mode", "1000", "!argument must be between 0 and 777 inclusive"},
    {"mode", "-1", "!argument must be between 0 and 777 inclusive"},
    {"mode", "8", "!argument couldn't be parsed as an octal number"},
    {"mode", "7777777777777777777777777", "!argument couldn't be parsed as an octal number"},
    {"mode", "", "0"},
    {"color", "GREEN", "green"},
    {"color", "lime", "green"},
    {"color", "blue", "!argument(s) must be one of the following: red, green, lime"},
    {"color", "", "!argument(s) must be one of the following: red, green, lime"},
    {"bits", "b a", "a b ab"},
    {"bits", "none b", "b"},
    {"bits", "none", "none"},
    {"bits", "a c", "!argument(s) must be one of the following: none, a, b, ab"},
    {"bits", "", "!argument(s) must be one of the following: none, a, b, ab"},
    {"text", "a b", "a b"},
    {"null-text", "x", "x"},
    {"null-text", "", ""},
    {"list", "1 2 3", "1 2 3"},
    {"list", "", ""},
    {"list", "-::1", "-::1"},
};

static void check_values(struct fixture *f, const char *const (*table)[3], size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *name = table[i][0], *want = table[i][2];
        char before[1024], refusal[1024] = "";
        bool refused = want[0] == '!';
        snprintf(before, sizeof(before), "%s", get(f->cfg, name));
        if (refused) snprintf(refusal, sizeof(refusal), FAILED("%s", "%s"), name, want + 1);
        assert_string_equal(SET(f, name, table[i][1]), refusal);
        assert_string_equal(get(f->cfg, name), refused ? before : want);
    }
}

static void types(void **state) {
    struct fixture *f = *state;
    check_values(f, values, COUNT(values));
    assert_null(f->owner.null_text);
    assert_int_equal(f->owner.share, 0);
}

static void a_null_byte_is_refused(void **state) {
    struct fixture *f = *state;
    struct slice words[2] = {SLICE("null-text"), SLICE("a\0b")};
    struct buf error = BUF_INIT;
    assert_false(config_set(f->cfg, words, 2, (struct config_set_options){0}, &error));
    assert_null(f->owner.null_text);
    buf_release(&error);
}

static void set_refusals(void **state) {
    struct fixture *f = *state;
    assert_string_equal(SET(f, "NoSuch", "1"),
                        "ERR Unknown option or number of arguments for CONFIG SET - 'NoSuch'");
    assert_string_equal(SET(f, "flag", "yes", "Fixed", "no"),
                        FAILED("Fixed", "can't set immutable config"));
    assert_string_equal(SET(f, "number", "1", "NUMBER", "2"),
                        FAILED("NUMBER", "duplicate parameter"));
    /* The first name at fault decides; values are looked at only when all names are good. */
    assert_string_equal(SET(f, "fixed", "no", "nosuch", "1"),
                        FAILED("fixed", "can't set immutable config"));
    assert_string_equal(SET(f, "number", "bad", "fixed", "no"),
                        FAILED("fixed", "can't set immutable config"));
    const char *const text[] = {"text", "x", NULL}, *const loading[] = {"null-text", "x", NULL};
    assert_string_equal(set_words(f->cfg, (struct config_set_options){0}, text),
                        FAILED("text", "can't set protected config"));
    assert_string_equal(set_words(f->cfg, (struct config_set_options){.loading = true}, loading),
                        "LOADING Redis is loading the dataset in memory");
    assert_false(f->owner.flag);
    assert_int_equal(f->owner.number, 7);
    assert_int_equal(f->owner.applied, 0);
    /* A row may be set under both its names at once; the later one wins. */
    assert_string_equal(SET(f, "number", "1", "old-number", "2"), "");
    assert_int_equal(f->owner.number, 2);
}

static void set_is_atomic(void **state) {
    struct fixture *f = *state;
    assert_string_equal(SET(f, "flag", "yes", "text", "new", "even", "3"), FAILED("even", "odd"));
    assert_false(f->owner.flag);
    assert_string_equal(f->owner.text, "");
    assert_int_equal(f->owner.applied, 0);

    assert_string_equal(SET(f, "text", "new", "flag", "yes", "list", "z", "even", "26", "number",
                            "1", "old-number", "2", "bytes", "99"),
                        FAILED("even", "unlucky"));
    assert_false(f->owner.flag);
    assert_string_equal(f->owner.text, "");
    assert_string_equal(get(f->cfg, "list"), "x y");
    assert_int_equal(f->owner.even, 2);
    assert_int_equal(f->owner.number, 7);
    assert_int_equal(f->owner.bytes, 1024);
    assert_int_equal(f->owner.applied, 2); /* told of the new values, then of the old */
}

static void hooks_run_once(void **state) {
    struct fixture *f = *state;
    assert_string_equal(SET(f, "flag", "yes", "number", "1", "bytes", "99"), "");
    assert_int_equal(f->owner.applied, 1);
    assert_string_equal(SET(f, "flag", "yes", "number", "1"), ""); /* nothing new */
    assert_int_equal(f->owner.applied, 1);
    assert_string_equal(SET(f, "even", "4"), "");
    assert_int_equal(f->owner.seen_even, 4);
}

/* "name=value;" of all that CONFIG GET gives. */
static const char *get_all(struct config *cfg, const char *const *patterns) {
    static char all[1024];
    struct slice slices[8];
    struct config_pairs pairs;
    size_t n = 0, len = 0;
    for (; patterns[n]; n++) slices[n] = slice_str(patterns[n]);
    config_get(cfg, slices, n, &pairs);
    all[0] = '\0';
    for (size_t i = 0; i < pairs.n; i++) {
        const struct config_pair *p = &pairs.items[i];
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%.*s=%.*s;", (int)p->name.len,
                                p->name.ptr, (int)p->value.len, p->value.ptr);
    }
    config_pairs_release(&pairs);
    return all;
}

#define GET(f, ...) get_all((f)->cfg, (const char *const[]){__VA_ARGS__, NULL})

static void patterns(void **state) {
    struct fixture *f = *state;
    assert_string_equal(GET(f, "number"), "number=7;");
    assert_string_equal(GET(f, "NUMBER", "number"), "NUMBER=7;");
    assert_string_equal(GET(f, "*NUMBER"), "number=7;old-number=7;");
    assert_string_equal(GET(f, "old-num*", "number", "*ber"), "number=7;old-number=7;");
    assert_string_equal(GET(f, "nosuch"), "");
    assert_string_equal(GET(f, "secret*"), "");
    assert_string_equal(GET(f, "secret-knob"), "secret-knob=1;");
    assert_string_equal(GET(f, "[bl]*"), "bytes=1024;bits=none;list=x y;");
    assert_true(config_is_sensitive(f->cfg, SLICE("NULL-TEXT")));
    assert_false(config_is_sensitive(f->cfg, SLICE("text")));
    assert_false(config_is_sensitive(f->cfg, SLICE("nosuch")));
}

/* Two numbers and a list of words set at random, good and bad values mixed: all or nothing, always.
 */
static void random_settings(void **state) {
    struct fixture *f = *state;
    int64_t even = 2, number = 7;
    char list[32] = "x y";
    srandom(20240117);
    for (int i = 0; i < 20000; i++) {
        int64_t new_even = random() % 130 - 10, new_number = random() % 40 - 10;
        char words[2][32], new_list[32];
        snprintf(words[0], sizeof(words[0]), "%ld", (long)new_even);
        snprintf(words[1], sizeof(words[1]), "%ld", (long)new_number);
        snprintf(new_list, sizeof(new_list), "%ld %ld", random() % 3, random() % 3);
        bool good = new_even >= 0 && new_even <= 100 && new_even % 2 == 0 && new_even != 26;
        /* The hook that refuses 26 isn't asked when nothing changes, and 26 is never in force. */
        good = good && new_number >= -5;
        const char *error = SET(f, "list", new_list, "even", words[0], "number", words[1]);
        assert_int_equal(good, !*error);
        if (good) {
            even = new_even;
            number = new_number;
            snprintf(list, sizeof(list), "%s", new_list);
        }
        assert_int_equal(f->owner.even, even);
        assert_int_equal(f->owner.number, number);
        assert_string_equal(get(f->cfg, "list"), list);
    }
}

/* --- The rows of the server itself --- */

static void all_rows(void **unused) {
    struct server_config server = {0};
    struct exec_config exec = {0};
    struct acl acl = {0};
    struct server_tls tls = {0};
    struct config_pairs pairs;
    struct config *cfg = config_new("9.9");
    server_config_register(cfg, &server);
    server_tls_register(cfg, &tls);
    exec_config_register(cfg, &exec);
    acl_config_register(&acl, cfg);
    config_register_kept(cfg);
    persist_config_register(cfg, &persist);
    repl_config_register(cfg, &repl);
    link_config_register(cfg, &repl_link);
    cluster_config_register(cfg, &cluster);
    config_get(cfg, &SLICE("*"), 1, &pairs);
    assert_true(pairs.n > 200);
    /* Every value may be set to itself, but for those that may not be set at all. */
    for (size_t i = 0; i < pairs.n; i++) {
        struct slice words[2] = {pairs.items[i].name, pairs.items[i].value};
        struct buf error = BUF_INIT;
        struct config_set_options options = {.allow_protected = true};
        if (!config_set(cfg, words, 2, options, &error))
            assert_non_null(strstr(error.data, "can't set immutable config"));
        buf_release(&error);
    }
    config_pairs_release(&pairs);
    assert_int_equal(server.port, 6379);
    assert_int_equal(server.client_output_buffer_limit.of[SERVER_OUTPUT_REPLICA].hard_bytes,
                     256 << 20);
    assert_int_equal(exec.proto_max_bulk_len, 512 << 20);
    config_free(cfg);
}

/* Name, value, what's said: as in `values`, for types that only the server has. */
static const char *const server_values[][3] = {
    {"client-output-buffer-limit", "normal 1mb 2mb 10 slave 5 6 7",
     "normal 1048576 2097152 10 slave 5 6 7 pubsub 33554432 8388608 60"},
    {"client-output-buffer-limit", "normal 0 0 0 normal 1 1 1",
     "normal 1 1 1 slave 5 6 7 pubsub 33554432 8388608 60"},
    {"client-output-buffer-limit", "", "normal 1 1 1 slave 5 6 7 pubsub 33554432 8388608 60"},
    {"client-output-buffer-limit", "normal 0 0",
     "!Wrong number of arguments in buffer limit configuration."},
    {"client-output-buffer-limit", "pubsub 0 0 0 master 0 0 0",
     "!Invalid client class specified in buffer limit configuration."},
    {"client-output-buffer-limit", "slave 1 6 -7",
     "!Error in hard, soft or soft_seconds setting in buffer limit configuration."},
    {"oom-score-adj-values", "-1 0 2000", "-1 0 2000"},
    {"oom-score-adj-values", "1 2 2001",
     "!Invalid oom-score-adj-values, elements must be between -2000 and 2000."},
    {"oom-score-adj-values", "1  2",
     "!Invalid oom-score-adj-values, elements must be between "
     "-2000 and 2000."},
    {"oom-score-adj-values", "1 2", "!wrong number of arguments"},
    {"latency-tracking-info-percentiles", "0 50.123456789 100", "0 50.123457 100"},
    {"latency-tracking-info-percentiles", "", ""},
    {"latency-tracking-info-percentiles", "50 x",
     "!Invalid latency-tracking-info-percentiles parameters"},
    {"latency-tracking-info-percentiles", "100.1",
     "!latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"},
    {"shutdown-on-sigterm", "force nosave now", "nosave now force"},
    {"shutdown-on-sigterm", "save nosave",
     "!shutdown options SAVE and NOSAVE can't be used simultaneously"},
    {"proc-title-template", "{title} {{x} {port}", "{title} {{x} {port}"},
    {"hz", "0", "1"},
    {"hz", "501", "500"},
    {"hz", "-1", "!argument must be between 0 and 2147483647 inclusive"},
    {"proc-title-template", "{Title}", "!template format is invalid or contains unknown variables"},
    {"proc-title-template", " ", "!template format is invalid or contains unknown variables"},
    {"proc-title-template", "{nope}", "!template format is invalid or contains unknown variables"},
    {"proc-title-template", "{title", "!template format is invalid or contains unknown variables"},
    {"proc-title-template", "", "!template format is invalid or contains unknown variables"},
    {"save", "900 1 300 10", "900 1 300 10"},
    {"save", "0 1", "!Invalid save parameters"},
    {"save", "1 -1", "!Invalid save parameters"},
    {"save", "1 1 1", "!Invalid save parameters"},
    {"save", "", ""},
    {"dbfilename", "a/b", "!dbfilename can't be a path, just a filename"},
    {"cluster-announce-hostname", "a b",
     "!Hostnames may only contain alphanumeric characters, hyphens or dots"},
    {"bind", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "!Too many bind addresses specified."},
    {"dir", "/nonexistent/x", "!No such file or directory"},
};

static void server_types(void **unused) {
    struct server_config server = {0};
    struct fixture f = {.cfg = config_new("9.9")};
    server_config_register(f.cfg, &server);
    config_register_kept(f.cfg);
    persist_config_register(f.cfg, &persist);
    repl_config_register(f.cfg, &repl);
    link_config_register(f.cfg, &repl_link);
    cluster_config_register(f.cfg, &cluster);
    check_values(&f, server_values, COUNT(server_values));
    config_free(f.cfg);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(types, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_null_byte_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(set_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(set_is_atomic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hooks_run_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(patterns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_settings, set_up, tear_down),
        cmocka_unit_test(all_rows),
        cmocka_unit_test(server_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
