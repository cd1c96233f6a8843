/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests run on an engine without a server: which are refused and in which words, what is
 * counted, and that a batch prepared ahead does what single requests do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "exec/admission.h"
#include "unit/engine_fixture.h"

enum { ARGS_MAX = 8, BATCH = 32 };

static struct engine engine;
static struct session session;

/* Commands of the test's own. */

static struct call last_call;
static int calls;

static void keep_call(struct call *c) {
    last_call = *c;
    calls++;
    reply_ok(c->reply);
}

static void fail_twice(struct call *c) {
    reply_array(c->reply, 2);
    reply_error(c->reply, "WRONGTYPE one");
    reply_error(c->reply, "ERR two");
}

static const struct command box_rows[] = {
    {.name = "open", .run = keep_call, .arity = 3, .keys = {KEY_AT(2, KEY_RO)}},
    {.name = "help", .run = keep_call, .arity = 2, .flags = CMD_NO_AUTH | CMD_LOADING},
    {.name = NULL},
};

static const struct command own_rows[] = {
    {.name = "three", .run = keep_call, .arity = 3, .keys = {KEY_AT(1, KEY_RO)}},
    {.name = "three-or-more", .run = keep_call, .arity = -3, .flags = CMD_LOADING},
    {.name = "open-door", .run = keep_call, .arity = 1, .flags = CMD_NO_AUTH},
    {.name = "fails", .run = fail_twice, .arity = 1},
    {.name = "guarded", .run = keep_call, .arity = 2, .flags = CMD_PROTECTED | CMD_NO_AUTH},
    {.name = "box", .arity = -2, .subcommands = box_rows},
    {.name = "chest", .run = keep_call, .arity = -1, .subcommands = box_rows},
    {.name = NULL},
};

static const struct command *const own_families[] = {own_rows, NULL};
static struct engine_fixture fixture = {
    .engine = &engine, .sessions = &session, .session_count = 1, .families = own_families};

static int set_up(void **unused) {
    engine_fixture_open(&fixture);
    calls = 0;
    return 0;
}

static int tear_down(void **unused) {
    engine_fixture_close(&fixture);
    return 0;
}

/* All that waits in the reply, taken out. */
static struct slice take_replies(char *to) {
    size_t len = 0, total = reply_len(session.reply);
    struct slice slices[64];
    size_t n = reply_slices(session.reply, slices, 64);
    for (size_t i = 0; i < n; i++) {
        memcpy(to + len, slices[i].ptr, slices[i].len);
        len += slices[i].len;
    }
    assert_int_equal(len, total);
    reply_consume(session.reply, total);
    return slice_of(to, len);
}

/* Splits `line` at spaces, in place; "_" is an empty argument. */
static int split(char *line, struct slice argv[ARGS_MAX]) {
    int argc = 0;
    char *rest;
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = strcmp(word, "_") == 0 ? SLICE("") : slice_str(word);
    return argc;
}

static struct slice run_args(const struct slice *argv, int argc, char *to) {
    struct request r = {.argv = argv, .argc = argc};
    engine_tick(&engine);
    dispatch_prepare_all(&session, &r, 1);
    dispatch_run(&session, &r);
    return take_replies(to);
}

static void expect(const char *request, const char *reply) {
    char line[1000], text[2000];
    struct slice argv[ARGS_MAX];
    snprintf(line, sizeof(line), "%s", request);
    int argc = split(line, argv);
    struct slice got = run_args(argv, argc, text);
    text[got.len] = '\0';
    assert_string_equal(text, reply);
}

static const struct command_stats *stats_of(const char *name) {
    return &command_find_full(engine.commands, slice_str(name))->stats;
}

static void check_stats(const char *name, uint64_t ran, uint64_t failed, uint64_t rejected) {
    assert_int_equal(stats_of(name)->calls, ran);
    assert_int_equal(stats_of(name)->failed, failed);
    assert_int_equal(stats_of(name)->rejected, rejected);
}

static void arity(void **unused) {
    expect("three a b", "+OK\r\n");
    expect("THREE a", "-ERR wrong number of arguments for 'three' command\r\n");
    expect("three a b c", "-ERR wrong number of arguments for 'three' command\r\n");
    expect("three-or-more a b", "+OK\r\n");
    expect("three-or-more a b c d e", "+OK\r\n");
    expect("three-or-more a", "-ERR wrong number of arguments for 'three-or-more' command\r\n");
    expect("box", "-ERR wrong number of arguments for 'box' command\r\n");
    expect("box open", "-ERR wrong number of arguments for 'box|open' command\r\n");
    expect("BOX Open a b", "-ERR wrong number of arguments for 'box|open' command\r\n");
    expect("box open a", "+OK\r\n");
    expect("chest", "+OK\r\n");
    expect("chest open a", "+OK\r\n");
    assert_int_equal(calls, 6);
    check_stats("three", 1, 0, 2);
    check_stats("three-or-more", 2, 0, 1);
    check_stats("box", 0, 0, 1);
    check_stats("box|open", 1, 0, 2);
    check_stats("chest", 1, 0, 0);
    check_stats("chest|open", 1, 0, 0);
    assert_int_equal(engine.stats.commands, 6);
    assert_int_equal(engine.stats.error_replies, 6);
}

static void renamed_in_errors(void **unused) {
    assert_true(command_table_rename(engine.commands, SLICE("box"), SLICE("crate")));
    expect("box open a", "-ERR unknown command 'box', with args beginning with: 'open' 'a' \r\n");
    expect("crate", "-ERR wrong number of arguments for 'box' command\r\n");
    expect("crate open", "-ERR wrong number of arguments for 'box|open' command\r\n");
    expect("crate shut", "-ERR unknown subcommand 'shut'. Try CRATE HELP.\r\n");
    expect("crate open a", "+OK\r\n");
}

/* Long names and arguments are cut where Redis cuts them: 128 bytes of the name, and arguments
 * until 128 bytes with their quotes. */
static void unknown_commands(void **unused) {
    char ys[201];
    memset(ys, 'y', 200);
    ys[200] = '\0';
    static const struct {
        const char *name;
        int first, second; /* lengths of arguments; -1: none */
        const char *text;
    } known[] = {
        {"nope", -1, -1, "'nope', with args beginning with: "},
        {"nope", 0, -1, "'nope', with args beginning with: '' "},
        {"nope", 2, 1, "'nope', with args beginning with: 'yy' 'y' "},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char line[300], text[300];
        snprintf(line, sizeof(line), "%s", known[i].name);
        if (known[i].first >= 0) sprintf(line + strlen(line), " %s", known[i].first ? "yy" : "_");
        if (known[i].second >= 0) sprintf(line + strlen(line), " %.*s", known[i].second, ys);
        snprintf(text, sizeof(text), "-ERR unknown command %s\r\n", known[i].text);
        expect(line, text);
    }
    /* How much of two long arguments, and of one behind them, is shown. */
    static const int cuts[][4] = {{200, 0, 128, 0}, {100, 100, 100, 25}, {124, 1, 124, 1},
                                  {125, 1, 125, 0}, {50, 75, 50, 75},    {50, 72, 50, 72}};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        char line[500], text[500];
        int second = cuts[i][1] ? cuts[i][1] : 1;
        sprintf(line, "nope %.*s %.*s", cuts[i][0], ys, second, ys);
        sprintf(text, "-ERR unknown command 'nope', with args beginning with: '%.*s' ", cuts[i][2],
                ys);
        if (cuts[i][3]) sprintf(text + strlen(text), "'%.*s' ", cuts[i][3], ys);
        strcat(text, "\r\n");
        expect(line, text);
    }
    char line[300], text[300];
    sprintf(line, "%s a", ys);
    sprintf(text, "-ERR unknown command '%.128s', with args beginning with: 'a' \r\n", ys);
    expect(line, text);
    assert_int_equal(calls, 0);
    assert_int_equal(engine.stats.commands, 0);
}

/* A NUL ends what is shown, and a line break can't break the protocol. */
static void unknown_with_odd_bytes(void **unused) {
    char text[500];
    const struct slice argv[] = {SLICE("no\r\npe\0x"), SLICE("a\0b"), SLICE("c\r\nd"),
                                 slice_of(NULL, 0)};
    struct slice got = run_args(argv, 4, text);
    assert_true(slice_eq(got, SLICE("-ERR unknown command 'no  pe', with args beginning with: 'a' "
                                    "'c  d' '' \r\n")));
}

static void unknown_subcommands(void **unused) {
    char ys[200], line[300], text[300];
    memset(ys, 'y', 200);
    expect("box shut", "-ERR unknown subcommand 'shut'. Try BOX HELP.\r\n");
    expect("Box shut a b", "-ERR unknown subcommand 'shut'. Try BOX HELP.\r\n");
    expect("chest _", "-ERR unknown subcommand ''. Try CHEST HELP.\r\n");
    sprintf(line, "box %.200s", ys);
    sprintf(text, "-ERR unknown subcommand '%.128s'. Try BOX HELP.\r\n", ys);
    expect(line, text);
    check_stats("box", 0, 0, 0); /* as in Redis, it's nobody's rejected call */
    check_stats("chest", 0, 0, 0);
    assert_int_equal(engine.stats.error_replies, 4);
}

static void gates(void **unused) {
    static const char noauth[] = "-NOAUTH Authentication required.\r\n";
    static const char loading[] = "-LOADING Redis is loading the dataset in memory\r\n";
    session.gates = GATE_AUTH;
    expect("three a b", noauth);
    expect("three-or-more a b", noauth);
    expect("open-door", "+OK\r\n");
    expect("box help", "+OK\r\n");
    expect("box open a", noauth);
    expect("three", "-ERR wrong number of arguments for 'three' command\r\n");
    expect("nope", "-ERR unknown command 'nope', with args beginning with: \r\n");
    engine.gates = GATE_LOADING;
    expect("three a b", noauth);
    expect("open-door", loading);
    expect("box help", "+OK\r\n");
    session.gates = 0;
    expect("three a b", loading);
    expect("three-or-more a b", "+OK\r\n");
    engine.gates = 0;
    expect("three a b", "+OK\r\n");
    check_stats("three", 1, 0, 4);
    check_stats("open-door", 1, 0, 1);
    check_stats("box|open", 0, 0, 1);
}

/* dispatch_accepts says beforehand what dispatch_run does. */
static void accepted_is_run(void **unused) {
    static const char *const requests[] = {
        "three a b", "three a", "three-or-more a b c", "open-door",  "open-door a",
        "nope",      "box",     "box open a",          "box open",   "box shut",
        "box help",  "chest",   "chest shut",          "chest help", "fails",
        "fails a",
    };
    for (unsigned gate = 0; gate < 4; gate++) {
        session.gates = gate & 1 ? GATE_AUTH : 0;
        engine.gates = gate & 2 ? GATE_LOADING : 0;
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
            char line[100], text[500];
            struct slice argv[ARGS_MAX];
            snprintf(line, sizeof(line), "%s", requests[i]);
            struct request r = {.argv = argv, .argc = split(line, argv)};
            dispatch_prepare_all(&session, &r, 1);
            bool accepted = admission_likely(&session, &r);
            uint64_t before = engine.stats.commands;
            dispatch_run(&session, &r);
            assert_int_equal(engine.stats.commands - before, accepted);
            take_replies(text);
        }
    }
}

static void counted(void **unused) {
    engine.latency_tracking = true;
    expect("fails", "*2\r\n-WRONGTYPE one\r\n-ERR two\r\n");
    expect("fails", "*2\r\n-WRONGTYPE one\r\n-ERR two\r\n");
    check_stats("fails", 2, 2, 0);
    expect("nope", "-ERR unknown command 'nope', with args beginning with: \r\n");
    assert_int_equal(engine.stats.error_replies, 5);
    assert_int_equal(engine.stats.error_codes, 2);
    assert_string_equal(engine.stats.errors[0].code, "WRONGTYPE");
    assert_int_equal(engine.stats.errors[0].count, 2);
    assert_string_equal(engine.stats.errors[1].code, "ERR");
    assert_int_equal(engine.stats.errors[1].count, 3);
    const struct command_stats *stats = stats_of("fails");
    assert_int_equal(stats->latency->total, 2);
    assert_true(engine.busy_ns >= stats->nanoseconds);
    assert_true(histogram_percentile(stats->latency, 100) * 2 >= stats->nanoseconds);
    engine.latency_tracking = false;
    expect("three a b", "+OK\r\n");
    assert_null(stats_of("three")->latency);
    engine_reset_stats(&engine);
    check_stats("fails", 0, 0, 0);
    assert_null(stats->latency);
    assert_int_equal(engine.stats.error_replies + engine.stats.commands, 0);
    assert_int_equal(engine.stats.error_codes, 0);
}

/* Codes that only begin alike are different ones; what is too long or too many isn't listed. */
static void error_codes(void **unused) {
    char code[64];
    engine_count_error(&engine, SLICE("ERR x"));
    engine_count_error(&engine, SLICE("ERROR x"));
    engine_count_error(&engine, SLICE("ER x"));
    engine_count_error(&engine, SLICE("ERR"));
    assert_int_equal(engine.stats.error_codes, 3);
    assert_int_equal(engine.stats.errors[0].count, 2);
    memset(code, 'L', 32);
    engine_count_error(&engine, slice_of(code, 32));
    assert_int_equal(engine.stats.error_codes, 3);
    engine_count_error(&engine, slice_of(code, 31));
    assert_int_equal(engine.stats.error_codes, 4);
    assert_int_equal(strlen(engine.stats.errors[3].code), 31);
    for (int i = 0; i < 200; i++) {
        snprintf(code, sizeof(code), "E%d text", i);
        engine_count_error(&engine, slice_str(code));
    }
    assert_int_equal(engine.stats.error_codes, ERROR_CODES_ANY);
    assert_int_equal(engine.stats.error_replies, 206);
    uint64_t rest = 206 - 4 - 1 - (ERROR_CODES_ANY - 4);
    assert_int_equal(engine.stats.error_rest, rest);
    for (int i = 0; i < 200; i++) { /* a server's own have some room left */
        snprintf(code, sizeof(code), "OWN%c%c", 'A' + i / 26, 'A' + i % 26);
        engine_count_error(&engine, slice_str(code));
    }
    assert_int_equal(engine.stats.error_codes, ERROR_CODES_MAX);
    rest += 200 - (ERROR_CODES_MAX - ERROR_CODES_ANY);
    assert_int_equal(engine.stats.error_rest, rest);
}

static const char *let_nobody(struct session *s, const struct command_entry *cmd) {
    assert_ptr_equal(s, &session);
    assert_string_equal(cmd->full_name, "guarded");
    return "ERR locked";
}

static const char *let_all(struct session *s, const struct command_entry *cmd) {
    return NULL;
}

/* What is refused for arguments comes before, what is refused for who sends it behind. */
static void guarded(void **unused) {
    expect("guarded a", "+OK\r\n"); /* there's no guard */
    engine.guard = let_nobody;
    expect("guarded a", "-ERR locked\r\n");
    expect("guarded", "-ERR wrong number of arguments for 'guarded' command\r\n");
    expect("three a b", "+OK\r\n");
    session.gates = GATE_AUTH;
    engine.gates = GATE_LOADING;
    expect("guarded a", "-ERR locked\r\n");
    engine.guard = let_all;
    expect("guarded a", "-LOADING Redis is loading the dataset in memory\r\n");
    engine.gates = 0;
    expect("guarded a", "+OK\r\n");
    check_stats("guarded", 2, 0, 4);
}

/* What the handler is given. */
static void the_call(void **unused) {
    assert_true(session_select(&session, 3));
    expect("three key b", "+OK\r\n");
    assert_ptr_equal(last_call.engine, &engine);
    assert_ptr_equal(last_call.session, &session);
    assert_ptr_equal(last_call.db, &engine.keyspace.dbs[3]);
    assert_int_equal(last_call.argc, 3);
    assert_int_equal(last_call.hashed_arg, 1);
    assert_true(last_call.hash == table_hash(&session.db->table, SLICE("key")));
    expect("box open key", "+OK\r\n");
    assert_string_equal(last_call.cmd->full_name, "box|open");
    assert_int_equal(last_call.hashed_arg, 2);
    assert_true(last_call.hash == table_hash(&session.db->table, SLICE("key")));
    expect("three-or-more a b", "+OK\r\n");
    assert_int_equal(last_call.hashed_arg, 0);
    assert_false(session_select(&session, 16));
    assert_false(session_select(&session, -1));
    assert_false(session_select(&session, INT64_MIN));
    assert_ptr_equal(session.db, &engine.keyspace.dbs[3]);
}

/* Batches. */

static struct random rng;

/* In a form, 'k' and 'n' before a '#' are keys of a few. */
static void random_request(char *line) {
    static const char *const forms[] = {
        "set k# v#",
        "get k#",
        "append k# x#",
        "del k#",
        "incr n#",
        "strlen k#",
        "set k#",
        "nope k#",
        "mset k# 1 n# 2",
        "get",
        "box shut",
        "exists k# n#",
        "expireat k# 4102444800",
        "expiretime k#",
        "object",
    };
    const char *form = forms[random_below(&rng, sizeof(forms) / sizeof(forms[0]))];
    for (; *form; form++) {
        if (*form == '#')
            line += sprintf(line, "%d", (int)random_below(&rng, 40));
        else
            *line++ = *form;
    }
    *line = '\0';
}

/* The replies of the same random requests, run `batch` at a time. */
static char *run_random(size_t batch) {
    enum { REQUESTS = 3000 };
    static char lines[BATCH][64];
    static struct slice argv[BATCH][ARGS_MAX];
    random_seed_fixed(&rng, 41);
    struct buf all = BUF_INIT;
    for (int sent = 0; sent < REQUESTS;) {
        struct request requests[BATCH];
        size_t n = 0;
        for (; n < batch && sent < REQUESTS; n++, sent++) {
            random_request(lines[n]);
            requests[n] = (struct request){.argv = argv[n], .argc = split(lines[n], argv[n])};
            requests[n].same_name = n && slice_eq(argv[n][0], argv[n - 1][0]);
        }
        engine_tick(&engine);
        dispatch_prepare_all(&session, requests, n);
        for (size_t i = 0; i < n; i++) dispatch_run(&session, &requests[i]);
        char text[BATCH * 300];
        buf_append_slice(&all, take_replies(text));
    }
    return buf_detach(&all);
}

static void batches_do_what_single_requests_do(void **unused) {
    char *single = run_random(1);
    assert_true(strlen(single) > 10000);
    for (size_t batch = 2; batch <= BATCH; batch += 15) {
        for (uint32_t id = 0; id < engine.keyspace.count; id++)
            db_flush(&engine.keyspace.dbs[id], false);
        char *batched = run_random(batch);
        assert_string_equal(batched, single);
        mem_free(batched);
    }
    mem_free(single);
}

#define ENGINE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(arity),
        ENGINE_TEST(renamed_in_errors),
        ENGINE_TEST(unknown_commands),
        ENGINE_TEST(unknown_with_odd_bytes),
        ENGINE_TEST(unknown_subcommands),
        ENGINE_TEST(gates),
        ENGINE_TEST(guarded),
        ENGINE_TEST(accepted_is_run),
        ENGINE_TEST(counted),
        ENGINE_TEST(error_codes),
        ENGINE_TEST(the_call),
        ENGINE_TEST(batches_do_what_single_requests_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
