/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands on hashes whose fields have deadlines, at random, on an engine without a server, each
 * reply held against a model. The clock is the test's: fields expire between any two commands,
 * whether the background has been at work or not. Seeds are fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/random.h"
#include "unit/engine_fixture.h"

enum { KEYS = 3, FIELDS = 7, ARGS_MAX = 24, NEVER = 0 };

struct model_field {
    bool in;
    int64_t value;
    uint64_t deadline; /* NEVER: none */
};

static struct engine engine;
static struct session session;
static struct engine_fixture fixture = {
    .engine = &engine, .sessions = &session, .session_count = 1};
static struct random rng;
static uint64_t now;
static struct model_field model[KEYS][FIELDS];

/* The request and the reply that the model expects. */
static struct buf words[ARGS_MAX], expected;
static int argc;

static size_t below(size_t n) {
    return (size_t)random_below(&rng, n);
}

static int set_up(void **state) {
    engine_fixture_open(&fixture);
    random_seed_fixed(&rng, 20250323);
    now = 1800000000000;
    return 0;
}

static int tear_down(void **state) {
    for (int i = 0; i < ARGS_MAX; i++) buf_release(&words[i]);
    buf_release(&expected);
    engine_fixture_close(&fixture);
    return 0;
}

/* The model. */

static struct model_field *find(size_t k, size_t f) {
    struct model_field *field = &model[k][f];
    if (field->deadline != NEVER && field->deadline <= now) *field = (struct model_field){0};
    return field->in ? field : NULL;
}

static size_t count(size_t k) {
    size_t n = 0;
    for (size_t f = 0; f < FIELDS; f++) n += find(k, f) != NULL;
    return n;
}

static void set(size_t k, size_t f, int64_t value, uint64_t deadline) {
    model[k][f] = (struct model_field){true, value, deadline};
}

static void drop(size_t k, size_t f) {
    model[k][f] = (struct model_field){0};
}

/* Building requests. */

static void word(const char *text) {
    assert_true(argc < ARGS_MAX);
    buf_clear(&words[argc]);
    buf_append_str(&words[argc++], text);
}

static void number(int64_t value) {
    word("");
    buf_append_i64(&words[argc - 1], value);
}

static void begin(const char *name, size_t k) {
    argc = 0;
    buf_clear(&expected);
    word(name);
    word("key");
    buf_append_i64(&words[argc - 1], (int64_t)k);
}

static void field_word(size_t f) {
    static const char *const names[FIELDS] = {"a", "bb", "7", "-12", "", "a longer name", "a b"};
    word(names[f]);
}

/* FIELDS and one to four of them, possibly the same twice; returns how many. */
static size_t choose_fields(size_t *chosen) {
    size_t n = 1 + below(4);
    word("FIELDS");
    number((int64_t)n);
    for (size_t i = 0; i < n; i++) chosen[i] = below(FIELDS);
    return n;
}

/* Building replies. */

static void expect_int(int64_t value) {
    buf_appendf(&expected, ":%lld\r\n", (long long)value);
}

static void expect_array_of(size_t n) {
    buf_appendf(&expected, "*%zu\r\n", n);
}

static void expect_bulk(const struct model_field *field) {
    if (!field) {
        buf_append_str(&expected, "$-1\r\n");
        return;
    }
    char digits[NUM_I64_MAX];
    size_t len = num_from_i64(digits, field->value);
    buf_appendf(&expected, "$%zu\r\n%.*s\r\n", len, (int)len, digits);
}

static void run(void) {
    struct slice argv[ARGS_MAX];
    for (int i = 0; i < argc; i++) argv[i] = buf_slice(&words[i]);
    for (int i = 0; i < argc; i++)
        if (!argv[i].ptr) argv[i] = SLICE("");
    struct request r = {.argv = argv, .argc = argc};
    engine_tick(&engine);
    engine.keyspace.now_ms = now;
    dispatch_prepare_all(&session, &r, 1);
    dispatch_run(&session, &r);
    struct slice pieces[8];
    size_t n = reply_slices(session.reply, pieces, 8);
    assert_int_equal(n, 1);
    buf_append_char(&expected, '\0');
    char got[4096];
    assert_true(pieces[0].len < sizeof got);
    memcpy(got, pieces[0].ptr, pieces[0].len);
    got[pieces[0].len] = '\0';
    if (strcmp(got, expected.data) != 0)
        for (int i = 0; i < argc; i++) print_error("%s ", words[i].data);
    assert_string_equal(got, expected.data);
    reply_consume(session.reply, pieces[0].len);
}

/* Commands that know nothing of deadlines. */

static void do_hset(size_t k) {
    size_t n = 1 + below(3), added = 0;
    begin("HSET", k);
    for (size_t i = 0; i < n; i++) {
        size_t f = below(FIELDS);
        int64_t value = (int64_t)below(5000) - 1000;
        field_word(f);
        number(value);
        added += !find(k, f);
        set(k, f, value, NEVER);
    }
    expect_int((int64_t)added);
    run();
}

static void do_hsetnx(size_t k) {
    size_t f = below(FIELDS);
    bool sets = !find(k, f);
    begin("HSETNX", k);
    field_word(f);
    number(77);
    if (sets) set(k, f, 77, NEVER);
    expect_int(sets);
    run();
}

static void do_hincrby(size_t k) {
    size_t f = below(FIELDS);
    begin("HINCRBY", k);
    field_word(f);
    number(5);
    if (!find(k, f)) set(k, f, 0, NEVER);
    model[k][f].value += 5;
    expect_int(model[k][f].value);
    run();
}

static void do_hdel(size_t k) {
    size_t n = 1 + below(3), deleted = 0;
    begin("HDEL", k);
    for (size_t i = 0; i < n; i++) {
        size_t f = below(FIELDS);
        field_word(f);
        deleted += find(k, f) != NULL;
        drop(k, f);
    }
    expect_int((int64_t)deleted);
    run();
}

static void do_read(size_t k) {
    size_t f = below(FIELDS);
    const struct model_field *field = find(k, f);
    static const char *const names[] = {"HGET", "HEXISTS", "HSTRLEN", "HLEN", "EXISTS", "HMGET"};
    size_t which = below(6);
    begin(names[which], k);
    if (which < 3 || which == 5) field_word(f);
    char digits[NUM_I64_MAX];
    if (which == 0) expect_bulk(field);
    if (which == 1) expect_int(field != NULL);
    if (which == 2) expect_int(field ? (int64_t)num_from_i64(digits, field->value) : 0);
    if (which == 3) expect_int((int64_t)count(k));
    if (which == 4) expect_int(count(k) > 0);
    if (which == 5) {
        field_word((f + 1) % FIELDS);
        expect_array_of(2);
        expect_bulk(field);
        expect_bulk(find(k, (f + 1) % FIELDS));
    }
    run();
}

/* Of whole keys. */

static void do_copy(size_t k) {
    size_t to = (k + 1) % KEYS;
    bool there = count(k) > 0;
    begin("COPY", k);
    word("key");
    buf_append_i64(&words[argc - 1], (int64_t)to);
    word("REPLACE");
    if (there) memcpy(model[to], model[k], sizeof model[k]);
    expect_int(there);
    run();
}

static void do_rename(size_t k) {
    size_t to = (k + 1) % KEYS;
    if (!count(k)) return;
    begin("RENAME", k);
    word("key");
    buf_append_i64(&words[argc - 1], (int64_t)to);
    memcpy(model[to], model[k], sizeof model[k]);
    memset(model[k], 0, sizeof model[k]);
    buf_append_str(&expected, "+OK\r\n");
    run();
}

/* Deadlines. */

enum form { IN_S, IN_MS, AT_S, AT_MS, FORMS };

/* A time of the given form as an argument, and what it means. Seconds make far ones. */
static uint64_t time_word(enum form form) {
    bool seconds = form == IN_S || form == AT_S, absolute = form >= AT_S;
    uint64_t ms = below(6) == 0 ? 0 : 1 + below(seconds ? 5000 : 400);
    uint64_t unit = seconds ? 1000 : 1, base = absolute ? now / unit : 0;
    number((int64_t)(base + ms / unit));
    return absolute ? (base + ms / unit) * unit : now + ms / unit * unit;
}

enum { IF_NONE = 1, IF_ANY, IF_LATER, IF_EARLIER };

static bool condition_holds(unsigned condition, uint64_t present, uint64_t at) {
    switch (condition) {
    case IF_NONE: return present == NEVER;
    case IF_ANY: return present != NEVER;
    case IF_LATER: return present != NEVER && at > present;
    case IF_EARLIER: return present == NEVER || at < present;
    default: return true;
    }
}

static int expire_one(size_t k, size_t f, unsigned condition, uint64_t at) {
    struct model_field *field = find(k, f);
    if (!field) return -2;
    if (!condition_holds(condition, field->deadline, at)) return 0;
    field->deadline = at;
    return at <= now ? 2 : 1;
}

static void do_hexpire(size_t k) {
    static const char *const names[] = {"HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT"};
    static const char *const conditions[] = {"", "NX", "XX", "GT", "LT"};
    enum form form = (enum form)below(FORMS);
    size_t chosen[4];
    begin(names[form], k);
    uint64_t at = time_word(form);
    unsigned condition = (unsigned)below(5);
    if (condition) word(conditions[condition]);
    size_t n = choose_fields(chosen);
    expect_array_of(n);
    for (size_t i = 0; i < n; i++) {
        field_word(chosen[i]);
        expect_int(expire_one(k, chosen[i], condition, at));
    }
    run();
}

static void do_hpersist(size_t k) {
    size_t chosen[4];
    begin("HPERSIST", k);
    size_t n = choose_fields(chosen);
    expect_array_of(n);
    for (size_t i = 0; i < n; i++) {
        struct model_field *field = find(k, chosen[i]);
        field_word(chosen[i]);
        expect_int(!field ? -2 : field->deadline == NEVER ? -1 : 1);
        if (field) field->deadline = NEVER;
    }
    run();
}

static void do_httl(size_t k) {
    static const char *const names[] = {"HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME"};
    enum form form = (enum form)below(FORMS);
    uint64_t unit = form == IN_S || form == AT_S ? 1000 : 1, base = form < AT_S ? now : 0;
    size_t chosen[4];
    begin(names[form], k);
    size_t n = choose_fields(chosen);
    expect_array_of(n);
    for (size_t i = 0; i < n; i++) {
        const struct model_field *field = find(k, chosen[i]);
        field_word(chosen[i]);
        if (!field || field->deadline == NEVER)
            expect_int(field ? -1 : -2);
        else
            expect_int((int64_t)((field->deadline - base + unit - 1) / unit));
    }
    run();
}

/* Values and deadlines at once. */

static const char *const option_names[] = {"EX", "PX", "EXAT", "PXAT"};

static void do_hgetex(size_t k) {
    enum { KEEP = FORMS, PERSIST };
    unsigned option = (unsigned)below(FORMS + 2);
    uint64_t at = NEVER;
    size_t chosen[4];
    begin("HGETEX", k);
    if (option < FORMS) {
        word(option_names[option]);
        at = time_word((enum form)option);
    } else if (option == PERSIST) {
        word("PERSIST");
    }
    size_t n = choose_fields(chosen);
    expect_array_of(n);
    for (size_t i = 0; i < n; i++) {
        struct model_field *field = find(k, chosen[i]);
        field_word(chosen[i]);
        expect_bulk(field);
        if (field && option != KEEP) field->deadline = at;
    }
    run();
}

static void do_hgetdel(size_t k) {
    size_t chosen[4];
    begin("HGETDEL", k);
    size_t n = choose_fields(chosen);
    expect_array_of(n);
    for (size_t i = 0; i < n; i++) {
        field_word(chosen[i]);
        expect_bulk(find(k, chosen[i]));
        drop(k, chosen[i]);
    }
    run();
}

static bool existence_holds(size_t k, unsigned existence, const size_t *chosen, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (existence && (find(k, chosen[i]) != NULL) != (existence == 2)) return false;
    return true;
}

static void do_hsetex(size_t k) {
    enum { NONE = FORMS, KEEPTTL };
    static const char *const existences[] = {"", "FNX", "FXX"};
    unsigned option = (unsigned)below(FORMS + 2), existence = (unsigned)below(3);
    uint64_t at = NEVER;
    size_t chosen[4];
    begin("HSETEX", k);
    if (existence) word(existences[existence]);
    if (option < FORMS) {
        word(option_names[option]);
        at = time_word((enum form)option);
    } else if (option == KEEPTTL) {
        word("KEEPTTL");
    }
    size_t n = choose_fields(chosen);
    bool holds = existence_holds(k, existence, chosen, n);
    for (size_t i = 0; i < n; i++) {
        int64_t value = (int64_t)below(100000);
        field_word(chosen[i]);
        number(value);
        if (!holds) continue;
        const struct model_field *field = find(k, chosen[i]);
        set(k, chosen[i], value, option == KEEPTTL && field ? field->deadline : at);
    }
    expect_int(holds);
    run();
}

static void do_one(void) {
    static void (*const commands[])(size_t) = {
        do_hset, do_hset, do_hset,   do_hsetnx,  do_hincrby, do_hdel,    do_read,
        do_read, do_copy, do_rename, do_hexpire, do_hexpire, do_hexpire, do_hpersist,
        do_httl, do_httl, do_hgetex, do_hgetex,  do_hgetdel, do_hsetex,  do_hsetex,
    };
    commands[below(sizeof commands / sizeof commands[0])](below(KEYS));
}

static void check_all(void) {
    for (size_t k = 0; k < KEYS; k++) {
        begin("HLEN", k);
        expect_int((int64_t)count(k));
        run();
        begin("HMGET", k);
        expect_array_of(FIELDS);
        for (size_t f = 0; f < FIELDS; f++) {
            field_word(f);
            expect_bulk(find(k, f));
        }
        run();
        begin("HPEXPIRETIME", k);
        word("FIELDS");
        number(FIELDS);
        expect_array_of(FIELDS);
        for (size_t f = 0; f < FIELDS; f++) {
            const struct model_field *field = find(k, f);
            field_word(f);
            expect_int(!field ? -2 : field->deadline == NEVER ? -1 : (int64_t)field->deadline);
        }
        run();
    }
}

static void random_commands(void **state) {
    enum { COMMANDS = 60000 };
    for (int i = 0; i < COMMANDS; i++) {
        do_one();
        if (below(3) == 0) now += below(120);
        if (below(10) == 0) {
            engine.keyspace.now_ms = now;
            keyspace_expire(&engine.keyspace, UINT64_MAX);
            size_t live = 0;
            for (size_t k = 0; k < KEYS; k++) live += count(k) > 0;
            assert_int_equal(db_count(session.db), live);
        }
        if (below(20) == 0) check_all();
    }
    assert_true(engine.keyspace.stats.expired_parts > COMMANDS / 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_commands, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
