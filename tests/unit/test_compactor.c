/* SPDX-License-Identifier: BSD-3-Clause */
/* Active defragmentation: values of all types, of which most are deleted, are the same after their
 * parts have moved, all structures hold together, and slabs that held little are given back. In
 * builds with libc's malloc everything moves. The seed is fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/cell.h"
#include "base/heap.h"
#include "base/random.h"
#include "db/compactor.h"
#include "db/keyspace_check.h"
#include "type/type.h"
#include "unit/engine_fixture.h"

enum { KEYS = 6000, LARGE = 3000, KEPT = 10, WORDS = 8192 };

static struct engine engine;
static struct session session;
static struct engine_fixture fixture = {
    .engine = &engine, .sessions = &session, .session_count = 1};
static struct random rng;

static int set_up(void **unused) {
    engine_fixture_open(&fixture);
    random_seed_fixed(&rng, 20261121);
    return 0;
}

static int tear_down(void **unused) {
    engine_fixture_close(&fixture);
    return 0;
}

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...) {
    static char line[WORDS];
    struct buf replies = BUF_INIT;
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    engine_run_line(&session, line);
    engine_take_replies(&session, &replies);
    if (replies.data[0] == '-') fail_msg("%s", replies.data);
    buf_release(&replies);
}

/* `count` words after one another: "name:7 value:7 ..." or only the first of each. */
static const char *words(size_t count, bool pairs) {
    static char text[WORDS];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && len < WORDS - 64; i++) {
        unsigned number = (unsigned)random_below(&rng, 1000000);
        len += (size_t)snprintf(text + len, WORDS - len, pairs ? " %u %u" : " word:%u", number,
                                number / 3);
    }
    return text;
}

static void make_key(int i) {
    static char text[WORDS / 2];
    size_t len = random_below(&rng, i % 50 ? 120 : 3000);
    memset(text, 'a' + i % 26, len);
    text[len] = '\0';
    switch (i % 6) {
    case 0: run("SET key:%d v%s", i, text); break;
    case 1: run("SET key:%d v%s EX 1000", i, text); break;
    case 2: run("HSET key:%d field v%s%s", i, text, words(1 + random_below(&rng, 8), true)); break;
    case 3: run("SADD key:%d%s", i, words(1 + random_below(&rng, 8), false)); break;
    case 4: run("ZADD key:%d%s", i, words(1 + random_below(&rng, 8), true)); break;
    case 5: run("RPUSH key:%d%s", i, words(1 + random_below(&rng, 8), false)); break;
    }
}

/* In pieces, between which others come. */
static void make_large(int piece) {
    static const char *const commands[] = {"SADD", "HSET", "ZADD", "RPUSH"};
    for (int i = 0; i < 4; i++) run("%s large:%d%s", commands[i], i, words(10, i == 1 || i == 2));
    run("HSET large:1 long:%d %0*d", piece, piece % 20 ? 40 : 2000, piece);
    run("XADD stream * field v:%d", piece);
}

static struct digest digest_of_all(void) {
    struct digest sum = DIGEST_INIT;
    struct table_iter it;
    table_iter_init(&it, &session.db->table);
    for (const struct entry *e; (e = table_iter_next(&it));) {
        struct digest one = DIGEST_INIT;
        uint64_t deadline = entry_deadline(e);
        digest_chain(&one, entry_key(e));
        digest_chain(&one, slice_of((const char *)&deadline, sizeof deadline));
        type_of(e)->digest(e, &one);
        digest_add(&sum, &one);
    }
    return sum;
}

static void values_stay_the_same(void **state) {
    for (int i = 0; i < KEYS; i++) {
        make_key(i);
        if (i % (KEYS / LARGE * 10) == 0) make_large(i);
    }
    run("HPEXPIRE large:1 1000000 FIELDS 1 long:0");
    run("SET beside 1");
    for (int i = 0; i < KEYS; i++)
        if (random_below(&rng, KEPT)) run("DEL key:%d", i);
    cell_flush();
    struct digest before = digest_of_all(), after;
    struct keyspace_sums sums_before = keyspace_check(&engine.keyspace), sums;
    struct cell_stats cells_before = cell_stats(), cells;
    size_t used = mem_used();

    struct compactor c = {.at_once = 100};
    unsigned slices = 1;
    while (!compactor_run(&c, &engine.keyspace, 0)) {
        run("SET beside %u", slices++); /* it's no other value in the end */
        if (slices % 64 == 0) sums = keyspace_check(&engine.keyspace);
    }
    run("SET beside 1");
    sums = keyspace_check(&engine.keyspace);
    after = digest_of_all();
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(sums.keys, sums_before.keys);
    assert_int_equal(sums.bytes, sums_before.bytes);
    assert_int_equal(mem_used(), used);
    assert_in_range(c.keys_moved, KEYS / KEPT / 4, KEYS);
    assert_true(slices > 90); /* forty for each of the large set and hash, wherever they are met */
    cell_flush();
    cell_check();
    cells = cell_stats();
    assert_int_equal(cells.cell_bytes, cells_before.cell_bytes);
    assert_true(cells.slab_bytes <= cells_before.slab_bytes);
}

/* One key in ten stays, in a cell, or in a block of the allocator's. */
static void sparse_pages_come_free(void **state) {
    enum { STAY = 3000 };
    for (int i = 0; i < STAY * 10; i++) run("SET key:%d %0*d", i, i % 20 < 10 ? 40 : 800, i);
    for (int i = 0; i < STAY * 10; i++)
        if (i % 10) run("DEL key:%d", i);
    cell_flush();
    struct cell_stats cells_before = cell_stats();
    struct heap_stats heap_before = heap_stats();
    struct compactor c = {.at_once = 100};
    while (!compactor_run(&c, &engine.keyspace, 0)) {
    }
    keyspace_check(&engine.keyspace);
    assert_true(c.keys_moved > STAY / 4);
    if (!heap_knows_waste() || !cells_before.slab_bytes) return;
    assert_true(cell_stats().slab_bytes < cells_before.slab_bytes / 2);
    struct heap_stats heap = heap_stats();
    assert_true(heap.active - heap.allocated < (heap_before.active - heap_before.allocated) / 2);
}

/* A walk goes on in whatever has come meanwhile. */
static void walks_survive_changes(void **state) {
    struct compactor c = {.at_once = 10};
    for (int i = 0; i < KEYS; i++) make_key(i);
    for (int piece = 0; piece < LARGE / 10; piece++) make_large(piece);
    for (int round = 0; round < 400; round++) {
        compactor_run(&c, &engine.keyspace, 0);
        int i = (int)random_below(&rng, KEYS);
        run("DEL key:%d large:%d", i, i % 40);
        make_key(i);
        if (round % 50 == 10) run("SWAPDB 0 1");
        if (round % 50 == 20) run("SWAPDB 0 1");
        if (round % 100 == 30) run("FLUSHDB");
        if (round % 10 == 0) keyspace_check(&engine.keyspace);
    }
    while (!compactor_run(&c, &engine.keyspace, 0)) {
    }
    keyspace_check(&engine.keyspace);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_stay_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sparse_pages_come_free, set_up, tear_down),
        cmocka_unit_test_setup_teardown(walks_survive_changes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
