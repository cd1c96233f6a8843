/* SPDX-License-Identifier: BSD-3-Clause */
/* What the engine says of memory above its limit, while a helper thread that frees it is held up:
 * that nothing goes in place of what is on its way, and that commands which take memory are to wait
 * before it grows far. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "exec/admission.h"
#include "unit/engine_fixture.h"

enum { LARGE = 8 * 1024 * 1024, SMALL = 1000 };

static struct engine engine;
static struct session session;
static struct loop *loop;
static sem_t gate;

static void prepare(struct engine *e) {
    e->background = background_new(loop);
}

static struct engine_fixture fixture = {
    .engine = &engine, .sessions = &session, .session_count = 1, .prepare = prepare};

static void wait_at_gate(struct background_job *job) {
    sem_wait(&gate);
}

static int set_up(void **unused) {
    loop = loop_new();
    sem_init(&gate, 0, 0);
    engine_fixture_open(&fixture);
    return 0;
}

static int tear_down(void **unused) {
    background_free(engine.background);
    engine_fixture_close(&fixture);
    loop_free(loop);
    sem_destroy(&gate);
    return 0;
}

static void limit(size_t bytes, enum db_policy policy) {
    engine.settings.db.maxmemory = bytes;
    engine.settings.db.maxmemory_policy = policy;
    engine.settings.hooks.memory_changed(&engine);
}

static void run(const char *line) {
    char words[256];
    struct buf replies = BUF_INIT;
    snprintf(words, sizeof words, "%s", line);
    engine_run_line(&session, words);
    engine_take_replies(&session, &replies);
    assert_int_not_equal(replies.data[0], '-');
    buf_release(&replies);
}

static void set_small(int number) {
    char line[64];
    snprintf(line, sizeof line, "SETRANGE small:%d %d x", number, SMALL - 1);
    run(line);
}

static bool awaits_memory(const char *word) {
    struct slice argv[] = {slice_str(word), SLICE("key"), SLICE("value")};
    struct request r = {.argv = argv, .argc = 3};
    engine_tick(&engine);
    dispatch_prepare_all(&session, &r, 1);
    return admission_awaits_memory(&session, &r);
}

static void writers_wait_for_the_helper(void **state) {
    struct background_job held_up = {.run = wait_at_gate};
    char line[64];
    snprintf(line, sizeof line, "SETRANGE large %d x", LARGE - 1);
    for (int i = 0; i < 100; i++) set_small(i);
    run(line);
    background_add(engine.background, BACKGROUND_FREE, &held_up);
    run("UNLINK large");
    assert_in_range(engine.keyspace.leaving, LARGE, 2 * LARGE);

    size_t bytes = mem_used();
    limit(bytes, DB_POLICY_ALLKEYS_RANDOM);
    int sets = 100;
    for (; !awaits_memory("set"); sets++) {
        assert_true(mem_used() <= bytes + bytes / 32 + 2 * SMALL);
        set_small(sets);
    }
    assert_true(mem_used() > bytes + bytes / 64);
    assert_false(awaits_memory("get"));
    assert_false(awaits_memory("unlink"));
    assert_int_equal(engine_make_room(&engine, false), EVICT_ROOM);
    assert_int_equal(engine.keyspace.stats.evicted, 0);

    sem_post(&gate);
    background_drain(engine.background, BACKGROUND_FREE);
    assert_int_equal(engine.keyspace.leaving, 0);
    assert_false(awaits_memory("set"));
    assert_int_equal(db_count(session.db), sets);
}

/* As much as there is when the limit is lowered may be there, and less and less from then on. */
static void memory_above_may_not_grow(void **state) {
    enum { SETS = 4000, SLICES = 100 };
    for (int i = 0; i < SETS; i++) set_small(i);
    size_t bytes = mem_used() / 2;
    limit(bytes, DB_POLICY_ALLKEYS_RANDOM);
    engine.settings.db.tenacity = 0;
    assert_false(awaits_memory("set"));
    for (int i = 0; i < SLICES; i++) assert_int_equal(engine_make_room(&engine, false), EVICT_MORE);
    assert_false(awaits_memory("set"));
    void *some = mem_alloc(bytes / 64), *more = mem_alloc(bytes / 32);
    assert_true(awaits_memory("set"));
    mem_free(some);
    mem_free(more);
    assert_false(awaits_memory("set"));
    more = mem_alloc(bytes / 16);
    assert_true(awaits_memory("set"));
    limit(bytes, DB_POLICY_NOEVICTION);
    assert_false(awaits_memory("set")); /* waiting doesn't help: it's refused */
    mem_free(more);
    engine.settings.db.tenacity = 100;
    limit(bytes, DB_POLICY_ALLKEYS_RANDOM);
    assert_int_equal(engine_make_room(&engine, false), EVICT_ROOM);
    assert_false(awaits_memory("set"));
    more = mem_alloc(bytes / 16);
    assert_true(awaits_memory("set"));
    mem_free(more);
}

/* A turn with many commands that take memory hasn't as many slices of eviction: while those go by
 * themselves a command brings memory back to where it was, and no further. */
static void commands_take_back_what_they_add(void **state) {
    enum { SETS = 4000, MORE_SETS = 100 };
    for (int i = 0; i < SETS; i++) set_small(i);
    limit(mem_used() / 2, DB_POLICY_ALLKEYS_RANDOM);
    engine.settings.db.tenacity = 0;
    assert_int_equal(engine_make_room(&engine, false), EVICT_MORE);
    engine.evicting = true;
    engine_tick(&engine);
    uint64_t before = engine.keyspace.stats.evicted;
    size_t bytes = mem_used();
    assert_int_equal(engine_make_room(&engine, true), EVICT_ROOM);
    assert_int_equal(engine.keyspace.stats.evicted, before);
    for (int i = 0; i < MORE_SETS; i++) set_small(SETS + i);
    assert_true(mem_used() <= bytes + 4 * SMALL);
    assert_in_range(engine.keyspace.stats.evicted - before, MORE_SETS / 2, 4 * MORE_SETS);
    engine.evicting = false;
    assert_int_equal(engine_make_room(&engine, true), EVICT_MORE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commands_take_back_what_they_add, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writers_wait_for_the_helper, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_above_may_not_grow, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
