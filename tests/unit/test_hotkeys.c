/* SPDX-License-Identifier: BSD-3-Clause */
/* Hot keys and big keys on an engine without a server, against exact counts and against a look at
 * every key. Seeds are fixed, but for that of the gaps: what depends on those has room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/random.h"
#include "exec/config.h"
#include "type/type.h"
#include "unit/engine_fixture.h"

enum { LINE_MAX = 8192 };

static struct engine engine;
static struct session session;
static struct engine_fixture fixture = {
    .engine = &engine, .sessions = &session, .session_count = 1};
static struct random rng;

static int set_up(void **state) {
    engine_fixture_open(&fixture);
    random_seed_fixed(&rng, 77);
    return 0;
}

static int tear_down(void **state) {
    engine_fixture_close(&fixture);
    return 0;
}

/* Runs a line of words; returns the length of the reply, which is an error only if it may be. */
static size_t run(const char *format, ...) {
    char line[LINE_MAX];
    va_list args;
    va_start(args, format);
    assert_in_range(vsnprintf(line, sizeof line, format, args), 1, sizeof line - 1);
    va_end(args);
    engine_run_line(&session, line);
    size_t len = reply_len(session.reply);
    reply_consume(session.reply, len);
    return len;
}

/* Every request is looked at from now on. */
static void look_at_all(void) {
    engine.hotkeys.every = 1;
    engine.hotkeys.weight = 1;
    engine.hotkeys.left = 1;
    hotkeys_reset(&engine.hotkeys);
}

static double count_of(struct hitters *h, const char *name, uint32_t db) {
    struct hitter top[100];
    size_t n = hitters_top(h, engine.now_us, top, 100);
    for (size_t i = 0; i < n; i++)
        if (top[i].space == db && slice_eq(top[i].name, slice_str(name))) return top[i].count;
    return 0;
}

static void expect_uses(const char *name, uint32_t db, double uses) {
    double got = count_of(engine.hotkeys.uses, name, db);
    if (fabs(got - uses) > 1e-6) fail_msg("%s: %g uses, not %g", name, got, uses);
}

/* --- Hot keys --- */

static void test_uses(void **state) {
    look_at_all();
    for (int i = 0; i < 30; i++) run("GET a");
    for (int i = 0; i < 10; i++) run("SET b x");
    run("MGET a b c");
    run("LPUSH b x"); /* refused by the command is used all the same */
    run("GET");       /* never came to the command */
    run("PING");
    run("SELECT 3");
    run("RENAME none a");
    run("SELECT 0");
    expect_uses("a", 0, 31);
    expect_uses("b", 0, 12);
    expect_uses("c", 0, 1);
    expect_uses("a", 3, 1);
    expect_uses("none", 3, 1);
    assert_true(hitters_sum(engine.hotkeys.uses, engine.now_us).count == 46);
    hotkeys_reset(&engine.hotkeys);
    expect_uses("a", 0, 0);
}

static void test_transactions(void **state) {
    look_at_all();
    run("MULTI");
    run("INCR a");
    run("MGET a b");
    run("EXEC");
    expect_uses("a", 0, 2);
    expect_uses("b", 0, 1);
    run("MULTI");
    run("INCR a");
    run("DISCARD");
    expect_uses("a", 0, 2);
}

static void test_bytes(void **state) {
    char value[1001];
    memset(value, 'v', 1000);
    value[1000] = '\0';
    run("SET large %s", value);
    run("SET small v");
    look_at_all();
    double large = 0, small = 0;
    for (int i = 0; i < 3; i++) large += (double)run("GET large");
    for (int i = 0; i < 300; i++) small += (double)run("GET small");
    assert_true(fabs(count_of(engine.hotkeys.bytes, "large", 0) - large) < 1e-6);
    assert_true(fabs(count_of(engine.hotkeys.bytes, "small", 0) - small) < 1e-6);
    double both = (double)run("MGET large small") / 2;
    assert_true(fabs(count_of(engine.hotkeys.bytes, "large", 0) - large - both) < 1);
    assert_true(fabs(count_of(engine.hotkeys.bytes, "small", 0) - small - both) < 1);
}

/* Of many keys some are drawn and count for all. */
static void test_many_keys(void **state) {
    char line[LINE_MAX] = "MGET";
    for (int i = 0; i < 64 * 3; i++) sprintf(line + strlen(line), " k%d", i);
    look_at_all();
    for (int i = 0; i < 100; i++) run("%s", line);
    assert_true(hitters_sum(engine.hotkeys.uses, engine.now_us).count == 100 * 64 * 3);
    struct hitter top[100];
    assert_int_equal(hitters_top(engine.hotkeys.uses, engine.now_us, top, 100), 100);
    assert_true(top[0].count < 400); /* all are used 100 times */
}

/* A pipeline that repeats itself has each of its keys looked at alike. */
static void test_gaps(void **state) {
    enum { PERIOD = 7, ROUNDS = 20000 };
    engine.hotkeys.every = 7;
    uint64_t looked = engine.hotkeys.looked;
    for (int i = 0; i < ROUNDS * PERIOD; i++) {
        run("GET k%d", i % PERIOD);
        engine.hotkeys.looked_in_round = 0;
    }
    looked = engine.hotkeys.looked - looked;
    assert_in_range(looked, ROUNDS * 0.95, ROUNDS * 1.05);
    for (int i = 0; i < PERIOD; i++) {
        char name[16];
        sprintf(name, "k%d", i);
        double uses = count_of(engine.hotkeys.uses, name, 0);
        if (fabs(uses - ROUNDS) > 0.15 * ROUNDS) fail_msg("%s: %g of %d", name, uses, ROUNDS);
    }
}

static void test_adapting(void **state) {
    struct hotkeys *h = &engine.hotkeys;
    h->cost_ns = 100;
    hotkeys_adapt(&engine, 0);
    /* 1 % of the time of a request of 4000 ns is 40 ns, of one of 100 ns it's 1. */
    static const double ns[] = {4000, 100};
    uint64_t busy = 0, every[2];
    for (int i = 0; i < 2; i++) {
        engine.stats.commands += 10000000;
        busy += (uint64_t)(1e7 * ns[i]);
        hotkeys_adapt(&engine, busy);
        every[i] = h->every;
        assert_in_range(every[i], 100 / (0.01 * ns[i]), 5 * 100 / (0.01 * ns[i]));
    }
    assert_true(every[1] > 10 * every[0]);
    engine.stats.commands += 10; /* too few to tell anything from */
    hotkeys_adapt(&engine, busy + 1);
    assert_int_equal(h->every, every[1]);

    engine_reset_stats(&engine);
    hotkeys_adapt(&engine, 5);
    assert_int_equal(h->every, every[1]);
    engine.stats.commands += 2000;
    hotkeys_adapt(&engine, 6); /* so short that the budget is nothing */
    assert_in_range(h->every, 1, 1024);
}

/* Without the cron coming by, short gaps grow. */
static void test_surge(void **state) {
    look_at_all();
    for (int i = 0; i < 30000; i++) run("GET a");
    assert_true(engine.hotkeys.every > 4);
    assert_true(engine.hotkeys.looked < 15000);
    double uses = count_of(engine.hotkeys.uses, "a", 0);
    assert_true(uses > 28000 && uses < 32000);
}

static void set(const char *name, const char *value) {
    struct slice words[] = {slice_str(name), slice_str(value)};
    struct buf error = BUF_INIT;
    assert_true(config_set(fixture.config, words, 2, (struct config_set_options){0}, &error));
    buf_release(&error);
}

static void test_off_and_on(void **state) {
    assert_in_range(hotkeys_bytes(&engine.hotkeys) + bigkeys_bytes(&engine.bigkeys), 1, 65536);
    size_t with = mem_used();
    set("hotkeys-tracking", "no");
    set("bigkeys-tracking", "no");
    assert_true(with - mem_used() <= 65536);
    assert_int_equal(hotkeys_bytes(&engine.hotkeys) + bigkeys_bytes(&engine.bigkeys), 0);
    for (int i = 0; i < 3000; i++) run("SET a %d", i);
    hotkeys_reset(&engine.hotkeys);
    assert_true(run("HOTKEYS") == sizeof "-ERR hotkeys-tracking is off\r\n" - 1);
    assert_true(run("BIGKEYS") == sizeof "-ERR bigkeys-tracking is off\r\n" - 1);
    bigkeys_round(&engine, 1000000000);
    set("hotkeys-tracking", "yes");
    set("bigkeys-tracking", "yes");
    look_at_all();
    run("SET a 1");
    expect_uses("a", 0, 1);
    struct bigkey largest[BIGKEYS_KEPT];
    bigkeys_walk(&engine, UINT64_MAX);
    assert_int_equal(bigkeys_largest(&engine, TYPE_STRING, BIGKEYS_MEMORY, largest), 1);
}

/* --- Big keys --- */

static size_t size_now(const struct entry *e, enum bigkeys_by by) {
    if (by == BIGKEYS_ELEMENTS) return type_of(e)->elements(e);
    return type_memory(e, 5) + sizeof(struct table_bucket) / TABLE_SLOTS;
}

static int descending(const void *a, const void *b) {
    size_t one = *(const size_t *)a, other = *(const size_t *)b;
    return one < other ? 1 : one > other ? -1 : 0;
}

/* The sizes told are the largest that a look at every key finds. */
static void check_largest(enum type_id type, enum bigkeys_by by) {
    static size_t sizes[20000];
    size_t n = 0;
    for (uint32_t i = 0; i < engine.keyspace.count; i++) {
        struct table_iter it;
        table_iter_init(&it, &engine.keyspace.dbs[i].table);
        for (const struct entry *e; (e = table_iter_next(&it));)
            if (e->type == type) sizes[n++] = size_now(e, by);
    }
    qsort(sizes, n, sizeof *sizes, descending);
    struct bigkey told[BIGKEYS_KEPT];
    size_t count = bigkeys_largest(&engine, type, by, told);
    assert_int_equal(count, n < BIGKEYS_KEPT ? n : BIGKEYS_KEPT);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(size_now(told[i].entry, by), sizes[i]);
        assert_int_equal(by == BIGKEYS_MEMORY ? told[i].memory : told[i].elements, sizes[i]);
        struct slice name = entry_key(told[i].entry);
        assert_ptr_equal(db_find(told[i].db, db_key(told[i].db, name), DB_PEEK), told[i].entry);
    }
}

static void change_something(void) {
    int key = (int)random_below(&rng, 800), n = 1 + (int)random_below(&rng, 9);
    switch (random_below(&rng, 12)) {
    case 0: run("DEL s%d l%d h%d z%d", key, key, key, key); break;
    case 1: run("SELECT %d", n % 2); break;
    case 2: run("SETRANGE s%d %d x", key, n * n * n * 10); break;
    case 3: run("SET s%d %d", key, n); break;
    case 4: run("LTRIM l%d 0 %d", key / 40, n); break;
    case 5: run("XADD x%d * f v", key / 100); break;
    case 6: run("ZADD z%d %d m%d", key / 40, n, (int)random_below(&rng, 1000)); break;
    case 7: run("SADD e%d %d", key / 40, (int)random_below(&rng, 1000)); break;
    case 8: run("HSET h%d f%d %d", key / 40, (int)random_below(&rng, 1000), n); break;
    case 9: run("RPUSH l%d a b c %d", key / 40, n); break;
    case 10: run("SPOP e%d %d", key / 40, n); break;
    default: run("APPEND s%d abcdefgh", key); break;
    }
}

static void test_walk(void **state) {
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 1000; i++) change_something();
        if (round % 10 == 9) run("FLUSHDB");
        if (round % 10 == 4) run("SWAPDB 0 1");
        bigkeys_walk(&engine, random_below(&rng, 20000)); /* part of a walk, out of date soon */
        for (int i = 0; i < 100; i++) change_something();
        bigkeys_walk(&engine, UINT64_MAX);
        assert_true(bigkeys_seen(&engine.bigkeys, &engine.keyspace) == 100);
        for (int type = 0; type < TYPE_COUNT; type++) {
            check_largest((enum type_id)type, BIGKEYS_MEMORY);
            check_largest((enum type_id)type, BIGKEYS_ELEMENTS);
        }
    }
    uint64_t spent = engine.bigkeys.spent_ns;
    for (int i = 0; i < 100; i++) bigkeys_round(&engine, 0);
    assert_true(engine.bigkeys.spent_ns == spent); /* nothing has changed: it rests */
}

/* A list that holds what has gone takes others in. */
static void test_gone(void **state) {
    for (int i = 0; i < 1000; i++) run("SETRANGE k%d %d x", i, i * 10);
    bigkeys_walk(&engine, UINT64_MAX);
    for (int i = 990; i < 1000; i++) run("DEL k%d", i);
    struct bigkey told[BIGKEYS_KEPT];
    size_t n = bigkeys_largest(&engine, TYPE_STRING, BIGKEYS_ELEMENTS, told);
    assert_int_equal(n, BIGKEYS_KEPT - 10);
    assert_int_equal(told[0].elements, 9891);
    bigkeys_walk(&engine, UINT64_MAX);
    check_largest(TYPE_STRING, BIGKEYS_ELEMENTS);
    run("FLUSHALL");
    assert_int_equal(bigkeys_largest(&engine, TYPE_STRING, BIGKEYS_MEMORY, told), 0);
}

/* What is written and looked at is found before the walk comes by. */
static void test_noted(void **state) {
    for (int i = 0; i < 20000; i++) run("SETRANGE k%d 1000 x", i);
    bigkeys_walk(&engine, UINT64_MAX);
    look_at_all();
    for (int i = 0; i < 100; i++) run("RPUSH list a b c d");
    run("SETRANGE k17 100000 x");
    bigkeys_walk(&engine, 1);
    assert_true(bigkeys_seen(&engine.bigkeys, &engine.keyspace) < 50);
    struct bigkey told[BIGKEYS_KEPT];
    assert_int_equal(bigkeys_largest(&engine, TYPE_LIST, BIGKEYS_ELEMENTS, told), 1);
    assert_int_equal(told[0].elements, 400);
    bigkeys_largest(&engine, TYPE_STRING, BIGKEYS_MEMORY, told);
    assert_int_equal(told[0].elements, 100001);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_uses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_transactions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_adapting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_surge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_off_and_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_walk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_noted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
