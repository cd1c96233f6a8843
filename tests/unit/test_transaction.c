/* SPDX-License-Identifier: BSD-3-Clause */
/* Transactions: sessions that watch keys and change them at random, against a model that counts the
 * changes of each key; what a transaction keeps of its requests; memory that all of it gives back.
 */
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
#include "exec/config.h"
#include "exec/transaction.h"
#include "unit/engine_fixture.h"

enum { SESSIONS = 8, DBS = 3, KEYS = 6, ARGS_MAX = 4, REPLY_MAX = 16384 };

static struct engine engine;
static struct session sessions[SESSIONS];
static struct engine_fixture fixture = {
    .engine = &engine, .sessions = sessions, .session_count = SESSIONS, .databases = DBS};
static struct random rng;

static int set_up(void **unused) {
    random_seed_fixed(&rng, 7);
    engine_fixture_open(&fixture);
    return 0;
}

static int tear_down(void **unused) {
    engine_fixture_close(&fixture);
    return 0;
}

/* What the session gets for the words of `line`. */
static const char *run(struct session *s, const char *line) {
    static char text[REPLY_MAX];
    struct slice argv[ARGS_MAX], pieces[8];
    struct request r = {.argv = argv};
    for (const char *at = line; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        argv[r.argc++] = slice_of(at, len);
        at += len;
    }
    dispatch_prepare_all(s, &r, 1);
    dispatch_run(s, &r);
    dispatch_settle(&engine);
    size_t n = reply_slices(s->reply, pieces, 8), len = 0;
    for (size_t i = 0; i < n; len += pieces[i++].len)
        memcpy(text + len, pieces[i].ptr, pieces[i].len);
    text[len] = '\0';
    reply_consume(s->reply, len);
    return text;
}

static const char *runf(struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static const char *runf(struct session *s, const char *format, ...) {
    char line[256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return run(s, line);
}

/* --- Watching --- */

static unsigned changes[DBS][KEYS];
static bool there[DBS][KEYS];

struct model {
    unsigned db;
    bool watched[DBS][KEYS];
    unsigned seen[DBS][KEYS];
};
static struct model models[SESSIONS];

static void model_forget(struct model *m) {
    memset(m->watched, 0, sizeof m->watched);
}

static bool model_holds(const struct model *m) {
    for (size_t d = 0; d < DBS; d++)
        for (size_t k = 0; k < KEYS; k++)
            if (m->watched[d][k] && m->seen[d][k] != changes[d][k]) return false;
    return true;
}

static void change(unsigned db, unsigned key, bool exists) {
    changes[db][key] += there[db][key] || exists;
    there[db][key] = exists;
}

static void swap_model(unsigned a, unsigned b) {
    if (a == b) return;
    for (unsigned k = 0; k < KEYS; k++) {
        bool in_a = there[a][k], in_b = there[b][k];
        changes[a][k] += in_a || in_b;
        changes[b][k] += in_a || in_b;
        there[a][k] = in_b;
        there[b][k] = in_a;
    }
}

static void watch_step(struct session *s, struct model *m, unsigned key) {
    assert_string_equal(runf(s, "WATCH k%u", key), "+OK\r\n");
    if (!m->watched[m->db][key]) m->seen[m->db][key] = changes[m->db][key];
    m->watched[m->db][key] = true;
}

static void exec_step(struct session *s, struct model *m) {
    bool holds = model_holds(m);
    assert_string_equal(run(s, "MULTI"), "+OK\r\n");
    assert_string_equal(run(s, "DBSIZE"), "+QUEUED\r\n");
    assert_int_equal(strncmp(run(s, "EXEC"), holds ? "*1" : "*-", 2), 0);
    model_forget(m);
}

static void change_step(struct session *s, struct model *m, unsigned key, unsigned what) {
    if (what == 0) {
        runf(s, "SET k%u v", key);
        change(m->db, key, true);
    } else if (what == 1) {
        runf(s, "DEL k%u", key);
        change(m->db, key, false);
    } else if (what == 2) { /* as if it had expired */
        if (!there[m->db][key]) return;
        runf(s, "PEXPIREAT k%u 1", key);
        change(m->db, key, false);
    } else if (what == 3) {
        run(s, "FLUSHDB");
        for (unsigned k = 0; k < KEYS; k++) change(m->db, k, false);
    } else if (what == 4) {
        unsigned to = (unsigned)random_below(&rng, DBS);
        runf(s, "SWAPDB %u %u", m->db, to);
        swap_model(m->db, to);
    }
}

static void test_watching_as_the_model(void **unused) {
    for (int step = 0; step < 40000; step++) {
        size_t i = (size_t)random_below(&rng, SESSIONS);
        struct session *s = &sessions[i];
        struct model *m = &models[i];
        unsigned key = (unsigned)random_below(&rng, KEYS), dice = (unsigned)random_below(&rng, 100);
        if (dice < 30) {
            watch_step(s, m, key);
        } else if (dice < 50) {
            exec_step(s, m);
        } else if (dice < 55) {
            run(s, "UNWATCH");
            model_forget(m);
        } else if (dice < 65) {
            m->db = (unsigned)random_below(&rng, DBS);
            runf(s, "SELECT %u", m->db);
        } else {
            static const uint8_t whats[] = {0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4};
            change_step(s, m, key, whats[random_below(&rng, sizeof whats)]);
        }
    }
    for (size_t i = 0; i < SESSIONS; i++) run(&sessions[i], "UNWATCH");
    assert_int_equal(engine.watching, 0);
    assert_false(engine.watched.open);
    assert_int_equal(engine.listeners, 0);
}

/* --- Queueing --- */

/* The bytes a request came in are used for others before it runs. */
static void test_requests_are_copied(void **unused) {
    char line[64];
    struct session *s = &sessions[0];
    run(s, "MULTI");
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof line, "SET key:%d value:%d", i, i);
        assert_string_equal(run(s, line), "+QUEUED\r\n");
        memset(line, 'x', sizeof line);
    }
    assert_int_equal(transaction_count(s), 1000);
    assert_true(transaction_memory(s) > 20000);
    run(s, "EXEC");
    assert_int_equal(transaction_count(s), -1);
    assert_int_equal(transaction_memory(s), 0);
    assert_string_equal(run(s, "GET key:999"), "$9\r\nvalue:999\r\n");
}

/* What was received in memory of its own is shared, not copied. */
static void test_big_arguments_are_shared(void **unused) {
    struct session *s = &sessions[0];
    struct bytes *big = bytes_new(100000);
    memset(big->data, 'b', 100000);
    big->len = 100000;
    struct slice argv[] = {SLICE("SET"), SLICE("big"), bytes_slice(big)};
    struct request r = {.argv = argv, .argc = 3};
    run(s, "MULTI");
    engine.arg_bytes = &big;
    engine.arg_bytes_count = 1;
    dispatch_prepare_all(s, &r, 1);
    dispatch_run(s, &r);
    engine.arg_bytes_count = 0;
    reply_consume(s->reply, reply_len(s->reply));
    assert_int_equal(big->refs, 2);
    assert_string_equal(run(s, "EXEC"), "*1\r\n+OK\r\n");
    assert_int_equal(big->refs, 2); /* the key's now */
    run(s, "MULTI");
    engine.arg_bytes = &big;
    engine.arg_bytes_count = 1;
    dispatch_run(s, &r);
    engine.arg_bytes_count = 0;
    reply_consume(s->reply, reply_len(s->reply));
    run(s, "DISCARD");
    assert_int_equal(big->refs, 2);
    run(s, "FLUSHALL");
    assert_int_equal(big->refs, 1);
    bytes_unref(big);
}

/* A session that ends in the middle of everything leaves nothing behind. */
static void test_ending_releases_all(void **unused) {
    size_t before = mem_used();
    struct session s;
    session_init(&s, &engine, &fixture.pool);
    run(&s, "WATCH a b c");
    run(&s, "MULTI");
    for (int i = 0; i < 100; i++) runf(&s, "SET k%d v", i);
    session_release(&s);
    reply_pool_trim(&fixture.pool, 0);
    assert_int_equal(engine.watching, 0);
    assert_int_equal(mem_used(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_watching_as_the_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_requests_are_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_big_arguments_are_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ending_releases_all, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
