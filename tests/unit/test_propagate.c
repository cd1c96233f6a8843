/* SPDX-License-Identifier: BSD-3-Clause */
/* What the engine feeds: units, their order and wrapping; what handlers say in place of a command;
 * what goes by itself. The text fed is read back as lines of words, with the database in front:
 * "0 SET a 1", "- MULTI". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "exec/blocking_keys.h"
#include "unit/engine_fixture.h"

enum { ARGS_MAX = 64, DBS = 4 };

static struct engine engine;
static struct session session, other;
static struct buf fed, fed_replicas;

/* Reads one "<sign><number>\r\n". */
static size_t number(const char **at, char sign) {
    char *end;
    assert_int_equal(**at, sign);
    size_t n = strtoul(*at + 1, &end, 10);
    assert_memory_equal(end, "\r\n", 2);
    *at = end + 2;
    return n;
}

static void note(struct buf *to, uint32_t db, struct slice command) {
    const char *at = command.ptr;
    size_t words = number(&at, '*');
    if (db == PROPAGATE_ANY_DB)
        buf_append_char(to, '-');
    else
        buf_append_i64(to, db);
    for (; words; words--) {
        size_t len = number(&at, '$');
        buf_append_char(to, ' ');
        buf_append(to, at, len);
        assert_memory_equal(at + len, "\r\n", 2);
        at += len + 2;
    }
    buf_append_char(to, '\n');
    assert_ptr_equal(at, command.ptr + command.len);
}

static void feed(struct engine *e, uint32_t db, struct slice command) {
    note(&fed, db, command);
}

static void feed_replicas(struct engine *e, uint32_t db, struct slice command) {
    note(&fed_replicas, db, command);
}

/* Own commands: one says two things, one says nothing though it changes something, one runs a
 * command inside itself and waits for nothing. */

static void change(struct call *c) {
    db_set_string(c->db, db_key(c->db, SLICE("own")), SLICE("v"), ENTRY_NO_DEADLINE, EVENT_SET);
    reply_ok(c->reply);
}

static void cmd_twice(struct call *c) {
    propagate_instead(c, 2, (struct slice[]){SLICE("ONE"), SLICE("")});
    propagate_open(c, 3);
    propagate_word(c, SLICE("TWO"));
    propagate_i64(c, INT64_MIN);
    propagate_u64(c, UINT64_MAX);
    change(c);
}

static void cmd_silent(struct call *c) {
    propagate_nothing(c);
    change(c);
}

static void cmd_always(struct call *c) {
    propagate_as_it_was(c);
    reply_ok(c->reply);
}

static void cmd_tell(struct call *c) {
    propagate_to_replicas(c);
    reply_ok(c->reply);
}

static void cmd_untold(struct call *c) {
    c->session->unpropagated = 1 << PROPAGATE_AOF;
    change(c);
    propagate_as_it_was(c);
    c->session->unpropagated = 0;
}

static void cmd_off(struct call *c) {
    propagate_switch(c->engine, PROPAGATE_AOF, false);
    change(c);
}

static void cmd_on(struct call *c) {
    change(c);
    propagate_switch(c->engine, PROPAGATE_AOF, true);
}

static void cmd_behind(struct call *c) {
    reply_i64(c->reply, propagate_is_behind(c->engine));
}

static const struct command rows[] = {
    {.name = "x.twice", .run = cmd_twice, .arity = 1, .flags = CMD_WRITE},
    {.name = "x.silent", .run = cmd_silent, .arity = 1, .flags = CMD_WRITE},
    {.name = "x.always", .run = cmd_always, .arity = -1, .flags = CMD_WRITE},
    {.name = "x.tell", .run = cmd_tell, .arity = -1, .flags = CMD_MAY_REPLICATE},
    {.name = "x.untold", .run = cmd_untold, .arity = 1, .flags = CMD_WRITE},
    {.name = "x.off", .run = cmd_off, .arity = 1, .flags = 0},
    {.name = "x.on", .run = cmd_on, .arity = 1, .flags = 0},
    {.name = "x.behind", .run = cmd_behind, .arity = 1, .flags = 0},
    {.name = NULL},
};
static const struct command *const families[] = {rows, NULL};
static struct engine_fixture fixture = {.engine = &engine,
                                        .sessions = &session,
                                        .session_count = 1,
                                        .databases = DBS,
                                        .families = families};

static void on_block(struct session *s) {}

static int set_up(void **unused) {
    engine_fixture_open(&fixture);
    engine.feed[PROPAGATE_AOF] = feed;
    engine.feed[PROPAGATE_REPLICAS] = feed_replicas;
    engine.blocking.hooks =
        (struct blocking_hooks){on_block, on_block, on_block, on_block, on_block};
    propagate_switch(&engine, PROPAGATE_AOF, true);
    session_init(&other, &engine, &fixture.pool);
    other.can_wait = true;
    return 0;
}

static int tear_down(void **unused) {
    session_release(&other);
    buf_release(&fed);
    buf_release(&fed_replicas);
    engine_fixture_close(&fixture);
    return 0;
}

/* Runs the line, whose time is `now_ms` if it's not 0; the reply is dropped. */
static void run_at(struct session *s, uint64_t now_ms, const char *line) {
    char copy[4096], *rest;
    struct slice argv[ARGS_MAX];
    struct request r = {.argv = argv};
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[r.argc++] = slice_str(word);
    engine_tick(&engine);
    if (now_ms) engine.keyspace.now_ms = now_ms;
    dispatch_prepare_all(s, &r, 1);
    dispatch_run(s, &r);
    dispatch_settle(&engine);
    reply_consume(s->reply, reply_len(s->reply));
}

static void run(const char *line) {
    run_at(&session, 0, line);
}

static void expect_in(struct buf *lines_fed, const char *lines) {
    buf_append_char(lines_fed, '\0');
    assert_string_equal(lines_fed->data, lines);
    buf_clear(lines_fed);
}

/* What has been fed since the last call. */
static void expect(const char *lines) {
    expect_in(&fed, lines);
}

static void one_command(void **unused) {
    run("SET a 1");
    run("GET a");
    run("set a 2 XX");
    run("SET a 3 NX");
    run("INCR a b");
    expect("0 SET a 1\n0 set a 2 XX\n");
    run("SELECT 3");
    run("DEL a");
    run("LPUSH a x y");
    expect("3 LPUSH a x y\n");
    run("MOVE a 1");
    expect("3 MOVE a 1\n");
}

static void words_of_all_lengths(void **unused) {
    char line[1300], wanted[1400];
    for (size_t len = 1; len < 1200; len += 1 + len / 16) {
        snprintf(line, sizeof line, "SET k %.*s", (int)len, "");
        memset(line + 6, 'v', len);
        line[6 + len] = '\0';
        run(line);
        snprintf(wanted, sizeof wanted, "0 %s\n", line);
        expect(wanted);
    }
}

static void what_handlers_say(void **unused) {
    run("x.twice");
    expect("- MULTI\n0 ONE \n0 TWO -9223372036854775808 18446744073709551615\n- EXEC\n");
    run("x.silent");
    expect("");
    run("x.always a b");
    expect("0 x.always a b\n");
}

static void transactions(void **unused) {
    run("MULTI");
    run("GET a");
    run("EXEC");
    expect("");
    run("MULTI");
    run("SET a 1");
    run("EXEC");
    expect("0 SET a 1\n");
    run("MULTI");
    run("SET a 1");
    run("LPUSH a x");
    run("x.silent");
    run("SELECT 2");
    run("x.twice");
    run("SET b 1");
    run("x.behind");
    expect("");
    run("EXEC");
    expect("- MULTI\n0 SET a 1\n2 ONE \n2 TWO -9223372036854775808 18446744073709551615\n"
           "2 SET b 1\n- EXEC\n");
    run("MULTI");
    run("SET a 1");
    run("DISCARD");
    expect("");
}

/* A unit of more than the memory that's kept. */
static void large_unit(void **unused) {
    char line[2000];
    memset(line, 'x', sizeof line);
    memcpy(line, "SET k ", 6);
    line[sizeof line - 1] = '\0';
    run("MULTI");
    for (int i = 0; i < 5000; i++) run(line);
    run("EXEC");
    size_t lines = 0;
    for (size_t i = 0; i < fed.len; i++) lines += fed.data[i] == '\n';
    assert_int_equal(lines, 5002);
    assert_int_equal(memcmp(fed.data, "- MULTI\n0 SET", 13), 0);
    assert_int_equal(memcmp(fed.data + fed.len - 7, "- EXEC\n", 7), 0);
    assert_true(engine.propagate.text.cap <= 1024 * 1024 && engine.propagate.cap <= 4096);
    buf_release(&fed);
}

static void switched_midway(void **unused) {
    run("x.off");
    run("SET a 1");
    expect("");
    run("x.on");
    run("SET a 1");
    expect("0 SET a 1\n");
    run("MULTI");
    run("SET a 1");
    run("x.off");
    run("SET a 2");
    run("EXEC");
    expect("");
    run("MULTI");
    run("SET a 1");
    run("x.on");
    run("SET a 2");
    run("SET a 3");
    run("EXEC");
    run("SET a 4");
    expect("0 SET a 2\n0 SET a 3\n0 SET a 4\n");
}

/* Each taker gets what is for it, wrapped if that's several commands. */
static void takers(void **unused) {
    run("x.tell a");
    expect("");
    propagate_switch(&engine, PROPAGATE_REPLICAS, true);
    run("x.tell a");
    run("SET a 1");
    expect("0 SET a 1\n");
    expect_in(&fed_replicas, "0 x.tell a\n0 SET a 1\n");
    run("MULTI");
    run("SET a 1");
    run("x.tell b");
    run("x.untold");
    run("EXEC");
    expect("0 SET a 1\n");
    expect_in(&fed_replicas, "- MULTI\n0 SET a 1\n0 x.tell b\n0 x.untold\n- EXEC\n");
    unsigned paused = propagate_pause(&engine);
    run("SET a 1");
    propagate_resume(&engine, paused);
    run("SET a 2");
    propagate_switch(&engine, PROPAGATE_AOF, false);
    run("SET a 3");
    expect("0 SET a 2\n");
    expect_in(&fed_replicas, "0 SET a 2\n0 SET a 3\n");
    propagate_switch(&engine, PROPAGATE_REPLICAS, false);
    run("SET a 4");
    expect("");
    expect_in(&fed_replicas, "");
}

/* Keys that expire on a command's way come before it, in the same unit. */
static void expired(void **unused) {
    uint64_t now = (uint64_t)clock_wall_ms();
    run("SELECT 1");
    run("SET a 1 PXAT 5000000000000");
    run("SET b 1 PXAT 5000000000000");
    run("SET c 1 PXAT 5000000000000");
    run("SELECT 0");
    buf_clear(&fed);
    run("SELECT 1");
    run_at(&session, 5000000000001, "GET a");
    expect("1 UNLINK a\n");
    run_at(&session, 5000000000001, "SET b 2");
    expect("- MULTI\n1 UNLINK b\n1 SET b 2\n- EXEC\n");
    engine.keyspace.lazy_expire = false;
    engine.keyspace.now_ms = 5000000000001;
    keyspace_expire(&engine.keyspace, UINT64_MAX);
    expect("1 DEL c\n");
    assert_true(now < 5000000000000);
}

static void expired_fields(void **unused) {
    run("HSET h a 1 b 2 c 3");
    run("HPEXPIREAT h 5000000000000 FIELDS 2 a b");
    buf_clear(&fed);
    run_at(&session, 5000000000001, "HSETNX h a 2");
    expect("- MULTI\n0 HDEL h a\n0 HDEL h b\n0 HSETNX h a 2\n- EXEC\n");
    run("HPEXPIREAT h 5000000000000 FIELDS 2 a c");
    buf_clear(&fed);
    run_at(&session, 5000000000001, "HGET h a");
    expect("0 UNLINK h\n");
}

/* Of a table too large to be cleared at once, before a write nothing that is due stays. */
static void expired_fields_of_many(void **unused) {
    char line[100];
    enum { FIELDS = 3000 };
    for (int i = 0; i < FIELDS; i++) {
        snprintf(line, sizeof line, "HSET h f%d 1", i);
        run(line);
        snprintf(line, sizeof line, "HPEXPIREAT h 5000000000000 FIELDS 1 f%d", i);
        run(line);
    }
    run("HSET h stays 1");
    buf_clear(&fed);
    run_at(&session, 5000000000001, "HSETNX h f7 2");
    size_t deletions = 0;
    buf_append_char(&fed, '\0');
    for (const char *at = fed.data; (at = strstr(at, "0 HDEL h f")); at++) deletions++;
    assert_int_equal(deletions, FIELDS);
    assert_non_null(strstr(fed.data, "0 HSETNX h f7 2\n- EXEC\n"));
    buf_clear(&fed);
}

/* Who waited is a unit of its own, behind that of who made the key ready. */
static void waiting(void **unused) {
    run_at(&other, 0, "BLPOP l 0");
    expect("");
    run("RPUSH l a b");
    expect("0 RPUSH l a b\n0 LPOP l\n");
    run_at(&other, 0, "BLPOP m 0");
    run("MULTI");
    run("RPUSH m a");
    run("RPUSH m b");
    run("EXEC");
    expect("- MULTI\n0 RPUSH m a\n0 RPUSH m b\n- EXEC\n0 LPOP m\n");
}

static void evicted(void **unused) {
    run("SET a 1");
    run("SET b 1");
    buf_clear(&fed);
    struct db *db = &engine.keyspace.dbs[0];
    db_delete(db, db_key(db, SLICE("a")), false, EVENT_EVICTED);
    db_delete(db, db_key(db, SLICE("b")), true, EVENT_EVICTED);
    expect("0 DEL a\n0 UNLINK b\n");
}

/* What other servers don't have, so that it isn't compared with them: times become Unix times, and
 * only what was changed goes out. Each line is followed by what it brings. */
static void rules(void **unused) {
    static const char *const lines[][2] = {
        {"SET a 1", "0 SET a 1\n"},
        {"SET a 2 IFEQ 2", ""},
        {"SET a 2 IFEQ 1 GET KEEPTTL", "0 SET a 2 KEEPTTL\n"},
        {"SET a 2 GET", "0 SET a 2\n"},
        {"SET a 3 IFEQ 2 EXAT 5000000000", "0 SET a 3 PXAT 5000000000000\n"},
        {"DELIFEQ a 1", ""},
        {"DELIFEQ a 3", "0 DEL a\n"},
        {"MSETEX 2 a 1 b 2 NX EXAT 5000000000", "0 MSETEX 2 a 1 b 2 PXAT 5000000000000\n"},
        {"MSETEX 1 a 1 NX EXAT 5000000000", ""},
        {"MSETEX 1 a 1 KEEPTTL XX", "0 MSETEX 1 a 1 KEEPTTL XX\n"},
        {"DELPATTERN a", "0 UNLINK a\n"},
        {"DELPATTERN b*", "0 UNLINK b\n"},
        {"DELPATTERN b", ""},
        {"HSET h a 1 b 2 c 3 d 4", "0 HSET h a 1 b 2 c 3 d 4\n"},
        {"HEXPIREAT h 5000000000 FIELDS 2 a x", "0 HPEXPIREAT h 5000000000000 FIELDS 1 a\n"},
        {"HEXPIREAT h 4000000000 GT FIELDS 1 a", ""},
        {"HINCRBYFLOAT h a 1.5",
         "- MULTI\n0 HSET h a 2.5\n0 HPEXPIREAT h 5000000000000 FIELDS 1 a\n- EXEC\n"},
        {"HINCRBYFLOAT h b 1.5", "0 HSET h b 3.5\n"},
        {"HPERSIST h FIELDS 2 a b", "0 HPERSIST h FIELDS 2 a b\n"},
        {"HGETEX h EXAT 5000000000 FIELDS 2 b x", "0 HPEXPIREAT h 5000000000000 FIELDS 1 b\n"},
        {"HGETEX h PERSIST FIELDS 2 a b", "0 HPERSIST h FIELDS 1 b\n"},
        {"HGETEX h FIELDS 2 a b", ""},
        {"HGETEX h PXAT 1 FIELDS 2 b x", "0 HDEL h b\n"},
        {"HSETEX h FNX EXAT 5000000000 FIELDS 1 e 1",
         "0 HSETEX h PXAT 5000000000000 FIELDS 1 e 1\n"},
        {"HSETEX h FNX EXAT 5000000000 FIELDS 1 e 1", ""},
        {"HSETEX h KEEPTTL FIELDS 1 e 2", "0 HSETEX h KEEPTTL FIELDS 1 e 2\n"},
        {"HSETEX h PXAT 1 FIELDS 2 e 1 x 1", "0 HDEL h e\n"},
        {"HPEXPIRE h 0 FIELDS 2 c x", "0 HDEL h c\n"},
        {"HGETDEL h FIELDS 2 a x", "0 HDEL h a\n"},
        {"HGETDEL h FIELDS 1 x", ""},
        {"HPEXPIREAT h 1 FIELDS 1 d", "0 HDEL h d\n"},
        {"XADD s MAXLEN ~ 5 LIMIT 7 1-1 a b", "0 XADD s MAXLEN = 1 1-1 a b\n"},
        {"XADD s 1-* a b", "0 XADD s 1-2 a b\n"},
        {"XADD s MINID = 1-2 5 a b", "0 XADD s MINID = 1-2 5 a b\n"},
        {"XTRIM s MINID ~ 1 LIMIT 7", ""},
        {"FLUSHALL", "0 FLUSHALL\n"},
        {"FLUSHDB ASYNC", "0 FLUSHDB ASYNC\n"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        run(lines[i][0]);
        expect(lines[i][1]);
    }
}

/* What Redis writes to its files is a syntax error to all but who loads them. */
static void exact_threshold_with_limit(void **unused) {
    run("XADD s MAXLEN = 5 LIMIT 10 1-1 a b");
    expect("");
    engine.keyspace.no_expiry = true;
    run("XADD s MAXLEN = 5 LIMIT 10 1-1 a b");
    engine.keyspace.no_expiry = false;
    expect("0 XADD s MAXLEN = 5 LIMIT 10 1-1 a b\n");
}

/* More members than one SREM takes. */
static void popped(void **unused) {
    char line[40];
    size_t commands = 0, words = 0;
    for (int i = 0; i < 2500; i++) {
        snprintf(line, sizeof line, "SADD s m%d", i);
        run(line);
    }
    buf_clear(&fed);
    run("SPOP s 2049");
    for (size_t i = 0; i < fed.len; i++) commands += fed.data[i] == '\n';
    for (size_t i = 0; i < fed.len; i++) words += fed.data[i] == ' ';
    assert_int_equal(commands, 5);
    assert_int_equal(words, 2 + 3 * 2 + 2049);
    buf_clear(&fed);
    run("SPOP s 451");
    expect("0 DEL s\n");
    run("SADD s 7");
    run("SPOP s");
    expect("0 SADD s 7\n0 SREM s 7\n");
}

static void withheld(void **unused) {
    session.unpropagated = UINT8_MAX;
    run("SET a 1");
    run("x.twice");
    expect("");
    session.unpropagated = 0;
    run("SET a 1");
    expect("0 SET a 1\n");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_command),
        TEST(words_of_all_lengths),
        TEST(what_handlers_say),
        TEST(transactions),
        TEST(large_unit),
        TEST(switched_midway),
        TEST(takers),
        TEST(expired),
        TEST(expired_fields),
        TEST(expired_fields_of_many),
        TEST(waiting),
        TEST(evicted),
        TEST(rules),
        TEST(exact_threshold_with_limit),
        TEST(popped),
        TEST(withheld),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
