/* SPDX-License-Identifier: BSD-3-Clause */
/* Snapshots while commands change the data: whatever runs between the slices, the file holds just
 * what there was when it was begun. Commands are random, over few keys of all types and sizes, so
 * that entries are changed, deleted, renamed, moved and flushed before, while and after they're
 * written. Seeds are fixed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "cmd/families.h"
#include "exec/config.h"
#include "exec/dispatch.h"
#include "persist/persist.h"
#include "persist/rdb_load.h"
#include "type/t_hash.h"
#include "type/type.h"

enum { DATABASES = 3, KEYS = 60, LARGE = 700, ARGS_MAX = 8, ENDED_NOT = -1 };

struct instance {
    struct config *config;
    struct engine engine;
    struct persist persist;
    struct reply_pool pool;
    struct session session;
};

static struct random rng;
static char folder[] = "/tmp/drey-snapshot-XXXXXX", path[64], name[64];
static size_t memory_before;
static int ended; /* what the last snapshot ended with */

static size_t below(size_t n) {
    return random_below(&rng, n);
}

static void open_instance(struct instance *in) {
    in->config = config_new("1.0");
    engine_init(&in->engine, in->config);
    engine_add_families(&in->engine, command_families);
    persist_init(&in->persist, &in->engine, in->config);
    in->engine.flushed_all = NULL; /* what FLUSHALL does beside is another matter */
    engine_open(&in->engine, DATABASES);
    session_init(&in->session, &in->engine, &in->pool);
}

static void close_instance(struct instance *in) {
    persist_release(&in->persist);
    session_release(&in->session);
    reply_pool_release(&in->pool);
    engine_release(&in->engine);
    config_free(in->config);
}

__attribute__((format(printf, 2, 3))) static void run(struct instance *in, const char *format,
                                                      ...) {
    char line[256], *rest;
    struct slice argv[ARGS_MAX];
    int argc = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = slice_str(word);
    struct request r = {.argv = argv, .argc = argc};
    engine_tick(&in->engine);
    dispatch_prepare_all(&in->session, &r, 1);
    dispatch_run(&in->session, &r);
    dispatch_settle(&in->engine);
    reply_consume(in->session.reply, reply_len(in->session.reply));
}

/* What all databases hold. */
static struct digest contents(const struct engine *e) {
    struct digest all = DIGEST_INIT;
    for (uint32_t i = 0; i < e->keyspace.count; i++) {
        struct table_iter it;
        table_iter_init(&it, &e->keyspace.dbs[i].table);
        for (const struct entry *entry; (entry = table_iter_next(&it)) != NULL;) {
            struct digest d = DIGEST_INIT;
            uint64_t deadline = entry_deadline(entry);
            digest_chain(&d, slice_of((const char *)&i, sizeof i));
            digest_chain(&d, entry_key(entry));
            digest_chain(&d, slice_of((const char *)&deadline, sizeof deadline));
            type_of(entry)->digest(entry, &d);
            digest_add(&all, &d);
        }
    }
    return all;
}

static void grow(struct instance *in, const char *format, size_t key) {
    char line[128];
    size_t times = below(4) ? 3 : LARGE;
    for (size_t i = 0; i < times; i++) {
        snprintf(line, sizeof line, format, key, below(2000), below(100000));
        run(in, "%s", line);
    }
}

/* Each key has a type of its own most of the time. */
static void change(struct instance *in, size_t key) {
    static const char *const more[] = {"RPUSH %zu %zu-%zu",    "SADD %zu m%zu-%zu",
                                       "HSET %zu f%zu v%zu",   "ZADD %zu %zu z%zu",
                                       "SETRANGE %zu %zu %zu", "XADD %zu * f%zu v%zu"};
    static const char *const less[] = {"LPOP %zu",    "SPOP %zu",     "HDEL %zu f1 f2 f3 f4",
                                       "ZPOPMIN %zu", "APPEND %zu x", "XTRIM %zu MAXLEN 5"};
    size_t type = key % (sizeof more / sizeof *more);
    if (below(3))
        grow(in, more[type], key);
    else
        run(in, less[type], key);
}

static void random_command(struct instance *in) {
    size_t key = below(KEYS), other = below(KEYS);
    switch (below(24)) {
    case 0: run(in, "SET %zu %zu", key, below(1000)); break;
    case 1: run(in, "DEL %zu", key); break;
    case 2: run(in, "RENAME %zu %zu", key, other); break;
    case 3: run(in, "COPY %zu %zu DB %zu REPLACE", key, other, below(DATABASES)); break;
    case 4: run(in, "MOVE %zu %zu", key, below(DATABASES)); break;
    case 5: run(in, "PEXPIRE %zu 100000000", key); break;
    case 6: run(in, "PERSIST %zu", key); break;
    case 7: run(in, "SELECT %zu", below(DATABASES)); break;
    case 8: run(in, "SUNIONSTORE %zu %zu %zu", key, other, below(KEYS)); break;
    case 9: run(in, "GETDEL %zu", key); break;
    case 10:
        if (!in->engine.keyspace.no_expiry) run(in, "PEXPIREAT %zu 1000", key);
        break;
    case 11: run(in, "UNLINK %zu %zu", key, other); break;
    case 12:
        if (below(10) == 0) run(in, below(2) ? "FLUSHDB" : "FLUSHALL");
        break;
    case 13:
        if (below(4) == 0) run(in, "SWAPDB %zu %zu", below(DATABASES), below(DATABASES));
        break;
    case 14: run(in, "SETRANGE %zu 100000 x", key); break;
    case 15: run(in, "HPEXPIRE %zu %zu FIELDS 1 f1", key, below(3)); break;
    case 16: run(in, "HGETALL %zu", key); break;
    default: change(in, key);
    }
}

static void on_ended(void *ctx, int error) {
    assert_int_equal(ended, ENDED_NOT);
    ended = error;
}

static const struct snapshot_plan plan = {
    .path = path,
    .name = name,
    .options = {.version = RDB_VERSION, .compress = true, .checksum = true},
    .done = on_ended,
};

static void begin(struct instance *in) {
    ended = ENDED_NOT;
    assert_true(snapshot_start(&in->persist.snapshot, &plan));
}

static void assert_file_holds(const struct digest *expected) {
    struct instance *other = calloc(1, sizeof *other);
    struct rdb_load load = {.checksum = true, .loading = &other->persist.loading};
    struct buf why = BUF_INIT;
    open_instance(other);
    other->engine.keyspace.no_expiry = true;
    loading_begin(load.loading, 0);
    if (!rdb_load(&other->engine, name, &load, &why)) fail_msg("%s", why.data);
    loading_end(load.loading);
    struct digest got = contents(&other->engine);
    assert_memory_equal(&got, expected, sizeof got);
    buf_release(&why);
    close_instance(other);
    free(other);
}

static void random_commands(struct instance *in, size_t count) {
    for (size_t i = 0; i < count; i++) random_command(in);
}

static void test_cut_holds(void **unused) {
    struct instance *in = calloc(1, sizeof *in);
    open_instance(in);
    /* What is late isn't there, in the file as in the keyspace. */
    in->engine.keyspace.no_expiry = true;
    for (int round = 0; round < 60; round++) {
        random_commands(in, 60);
        struct digest expected = contents(&in->engine);
        begin(in);
        while (ended == ENDED_NOT) {
            random_commands(in, below(3));
            snapshot_run(&in->persist.snapshot, 0);
        }
        assert_int_equal(ended, 0);
        assert_file_holds(&expected);
    }
    close_instance(in);
    free(in);
}

/* Fields and keys expire between the slices, and by look-ups. */
static void test_cut_holds_while_keys_expire(void **unused) {
    struct instance *in = calloc(1, sizeof *in);
    open_instance(in);
    for (int round = 0; round < 20; round++) {
        random_commands(in, 100);
        keyspace_expire(&in->engine.keyspace, UINT64_MAX);
        struct digest expected = contents(&in->engine);
        begin(in);
        while (ended == ENDED_NOT) {
            random_commands(in, below(3));
            keyspace_expire(&in->engine.keyspace, UINT64_MAX);
            snapshot_run(&in->persist.snapshot, 0);
        }
        assert_int_equal(ended, 0);
        assert_file_holds(&expected);
    }
    close_instance(in);
    free(in);
}

/* The one that is begun next is whole, wherever the one before was given up. */
static void test_cancel(void **unused) {
    struct instance *in = calloc(1, sizeof *in);
    open_instance(in);
    in->engine.keyspace.no_expiry = true;
    for (int round = 0; round < 40; round++) {
        random_commands(in, 40);
        begin(in);
        for (size_t steps = below(8); steps && ended == ENDED_NOT; steps--) {
            random_commands(in, below(4));
            snapshot_run(&in->persist.snapshot, 0);
        }
        bool whole = ended == 0;
        snapshot_cancel(&in->persist.snapshot);
        assert_int_equal(ended, whole ? 0 : ECANCELED);
        assert_int_equal(access(path, F_OK), -1);
        for (size_t steps = below(4); steps; steps--) snapshot_run(&in->persist.snapshot, 0);
        random_commands(in, 10);
        struct digest expected = contents(&in->engine);
        begin(in);
        random_commands(in, 10);
        snapshot_run_all(&in->persist.snapshot);
        assert_int_equal(ended, 0);
        assert_file_holds(&expected);
    }
    begin(in);
    snapshot_run(&in->persist.snapshot, 0);
    run(in, "FLUSHALL");
    snapshot_cancel(&in->persist.snapshot);
    close_instance(in);
    free(in);
}

static void test_unwritable(void **unused) {
    struct instance *in = calloc(1, sizeof *in);
    open_instance(in);
    struct snapshot_plan bad = plan;
    bad.path = "/nowhere/at/all";
    run(in, "SET k v");
    assert_false(snapshot_start(&in->persist.snapshot, &bad));
    assert_int_equal(errno, ENOENT);
    begin(in);
    assert_false(snapshot_start(&in->persist.snapshot, &plan));
    assert_int_equal(errno, EBUSY);
    snapshot_run_all(&in->persist.snapshot);
    close_instance(in);
    free(in);
}

/* A command that would change what is large is told to wait until it's written. */
static void test_must_wait(void **unused) {
    struct instance *in = calloc(1, sizeof *in);
    open_instance(in);
    struct snapshot *s = &in->persist.snapshot;
    struct db *db = &in->engine.keyspace.dbs[0];
    for (int i = 0; i < 5000; i++) run(in, "SADD large member-%d", i);
    run(in, "SADD small member");
    assert_false(snapshot_must_wait(s, db, SLICE("large"), true));
    begin(in);
    assert_false(snapshot_must_wait(s, db, SLICE("small"), true));
    assert_false(snapshot_must_wait(s, db, SLICE("none"), true));
    size_t steps = 0;
    while (snapshot_must_wait(s, db, SLICE("large"), true)) {
        snapshot_run(s, 0);
        steps++;
    }
    assert_true(steps > 2);
    assert_int_equal(ended, ENDED_NOT);
    run(in, "SADD large more");
    assert_int_equal(s->copied_bytes, 0);
    snapshot_run_all(s);
    assert_int_equal(ended, 0);
    close_instance(in);
    free(in);
}

/* So is who would change one of few but long elements, or a part of a very long string; who
 * replaces it isn't. */
static void test_must_wait_for_long_values(void **unused) {
    struct instance *in = calloc(1, sizeof *in);
    open_instance(in);
    struct snapshot *s = &in->persist.snapshot;
    struct db *db = &in->engine.keyspace.dbs[0];
    run(in, "SETRANGE long 5000000 x");
    run(in, "SETRANGE half 500000 x");
    run(in, "HSET few a 1");
    struct entry *e = db_edit(db, db_key(db, SLICE("few")),
                              db_find(db, db_key(db, SLICE("few")), DB_PEEK), TYPE_HASH);
    char *value = calloc(1, 100000);
    struct hash_input input = {.value = slice_of(value, 100000), .deadline = HASH_NO_DEADLINE};
    hash_set(e, &in->engine.settings.types, SLICE("b"), &input);
    db_edited(db, db_key(db, SLICE("few")), e, EVENT_HSET, 1);
    free(value);
    begin(in);
    assert_true(snapshot_must_wait(s, db, SLICE("few"), true));
    assert_true(snapshot_must_wait(s, db, SLICE("few"), false));
    assert_true(snapshot_must_wait(s, db, SLICE("long"), true));
    assert_false(snapshot_must_wait(s, db, SLICE("long"), false));
    assert_false(snapshot_must_wait(s, db, SLICE("half"), true));
    run(in, "SET long other");
    assert_false(snapshot_must_wait(s, db, SLICE("long"), true));
    snapshot_run_all(s);
    assert_int_equal(ended, 0);
    close_instance(in);
    free(in);
}

/* Fields that are due stay while removing them would mean to write the hash first, but nobody sees
 * them. */
static void test_fields_go_later(void **unused) {
    enum { FIELDS = 2000 };
    struct instance *in = calloc(1, sizeof *in);
    open_instance(in);
    struct snapshot *s = &in->persist.snapshot;
    struct keyspace *ks = &in->engine.keyspace;
    struct key k = db_key(&ks->dbs[0], SLICE("h"));
    for (int i = 0; i < FIELDS; i++) run(in, "HSETEX h PX 1000 FIELDS 1 f%d %d", i, i);
    run(in, "HSET h stays 1");
    begin(in);
    ks->now_ms += 5000;
    uint64_t again = keyspace_expire(ks, UINT64_MAX);
    assert_in_range(again, ks->now_ms + 1, ks->now_ms + 1000);
    const struct entry *e = db_find(&ks->dbs[0], k, DB_READ);
    assert_int_equal(hash_len(e), 1);
    assert_int_equal(type_of(e)->elements(e), FIELDS + 1);
    assert_int_equal(s->copied_bytes, 0);
    assert_int_equal(ks->stats.expired_parts, 0);
    snapshot_run_all(s);
    assert_int_equal(ended, 0);
    ks->now_ms = again;
    while (keyspace_expire(ks, UINT64_MAX) <= ks->now_ms) continue;
    e = db_find(&ks->dbs[0], k, DB_READ);
    assert_int_equal(type_of(e)->elements(e), 1);
    assert_int_equal(ks->stats.expired_parts, FIELDS);
    close_instance(in);
    free(in);
}

static int make_folder(void **unused) {
    random_seed_fixed(&rng, 99);
    memory_before = mem_used();
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/aside.rdb", folder);
    snprintf(name, sizeof name, "%s/dump.rdb", folder);
    return 0;
}

static int remove_folder(void **unused) {
    unlink(name);
    return rmdir(folder);
}

static int nothing_left(void **unused) {
    assert_int_equal(mem_used(), memory_before);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_cut_holds, nothing_left),
        cmocka_unit_test_teardown(test_cut_holds_while_keys_expire, nothing_left),
        cmocka_unit_test_teardown(test_cancel, nothing_left),
        cmocka_unit_test_teardown(test_unwritable, nothing_left),
        cmocka_unit_test_teardown(test_must_wait, nothing_left),
        cmocka_unit_test_teardown(test_must_wait_for_long_values, nothing_left),
        cmocka_unit_test_teardown(test_fields_go_later, nothing_left),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
