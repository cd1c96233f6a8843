/* SPDX-License-Identifier: BSD-3-Clause */
/* Libraries of functions on an engine without a server: loading, deleting, dumping and restoring at
 * random against a model of which library has which functions, and payloads with damage. Seeds are
 * fixed. */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc64.h"
#include "base/random.h"
#include "script/library_dump.h"
#include "script/script_engine.h"
#include "unit/engine_fixture.h"

enum { LIBRARIES = 4, FUNCTIONS = 8, ROUNDS = 3000 };

/* What each library's functions return, 0: it has none of that name; a whole row of 0: it isn't
 * there. */
struct model {
    int value[LIBRARIES][FUNCTIONS];
};

static struct engine engine;
static struct session session;
static struct engine_fixture fixture = {
    .engine = &engine, .sessions = &session, .session_count = 1, .scripts = true};
static struct random rng;
static struct buf reply;
static struct model model;

static int set_up(void **state) {
    engine_fixture_open(&fixture);
    random_seed_fixed(&rng, 20261121);
    model = (struct model){0};
    return 0;
}

static int tear_down(void **state) {
    buf_release(&reply);
    engine_fixture_close(&fixture);
    return 0;
}

static size_t below(size_t n) {
    return (size_t)random_below(&rng, n);
}

static void ask(const struct slice *argv, int argc) {
    engine_run(&session, argv, argc);
    buf_clear(&reply);
    engine_take_replies(&session, &reply);
}

static bool failed(void) {
    return reply.data[0] == '-';
}

/* --- The model -----------------------------------------------------------------------------------
 */

static bool is_there(const struct model *m, int library) {
    for (int f = 0; f < FUNCTIONS; f++)
        if (m->value[library][f]) return true;
    return false;
}

/* Does another library than that one of `m` have a function of the row? */
static bool clashes(const struct model *m, const int *row, int library) {
    for (int l = 0; l < LIBRARIES; l++)
        for (int f = 0; f < FUNCTIONS; f++)
            if (l != library && row[f] && m->value[l][f]) return true;
    return false;
}

/* Every name is asked for, in a case that it wasn't registered in. */
static void assert_as_model(void) {
    for (int f = 0; f < FUNCTIONS; f++) {
        char name[] = {'F', (char)('0' + f)};
        struct slice argv[] = {SLICE("FCALL"), slice_of(name, sizeof name), SLICE("0")};
        int value = 0;
        for (int l = 0; l < LIBRARIES; l++) value += model.value[l][f];
        ask(argv, 3);
        if (value)
            assert_int_equal(strtol(reply.data + 1, NULL, 10), value);
        else
            assert_string_equal(reply.data, "-ERR Function not found\r\n");
    }
}

/* --- Operations ----------------------------------------------------------------------------------
 */

static void load(void) {
    int library = (int)below(LIBRARIES), row[FUNCTIONS] = {0};
    bool replace = below(2), broken = below(8) == 0;
    struct buf text = BUF_INIT;
    buf_appendf(&text, "#!lua name=lib%d\n", library);
    for (int i = 0; i < 2; i++) {
        int f = (int)below(FUNCTIONS);
        if (row[f]) continue;
        row[f] = (int)below(1000000) + 1;
        buf_appendf(&text, "redis.register_function('f%d', function() return %d end)\n", f, row[f]);
    }
    if (broken) buf_append_str(&text, "nonsense()");
    struct slice argv[] = {SLICE("FUNCTION"), SLICE("LOAD"), SLICE("REPLACE"), buf_slice(&text)};
    if (!replace) argv[2] = argv[3];
    ask(argv, replace ? 4 : 3);
    bool refused =
        broken || (!replace && is_there(&model, library)) || clashes(&model, row, library);
    assert_int_equal(failed(), refused);
    if (!refused) memcpy(model.value[library], row, sizeof row);
    buf_release(&text);
}

static void delete (void) {
    int library = (int)below(LIBRARIES);
    char name[] = {'l', 'i', 'b', (char)('0' + library)};
    struct slice argv[] = {SLICE("FUNCTION"), SLICE("DELETE"), slice_of(name, sizeof name)};
    ask(argv, 3);
    assert_int_equal(failed(), !is_there(&model, library));
    memset(model.value[library], 0, sizeof model.value[library]);
}

/* The payload and what's in it. */
static struct buf dumped;
static struct model of_dump;

static void dump(void) {
    buf_release(&dumped);
    dumped = library_dump(&engine.scripts->libraries);
    of_dump = model;
}

static bool restore_in_model(bool replace) {
    struct model after = model;
    for (int l = 0; l < LIBRARIES; l++) {
        if (!is_there(&of_dump, l)) continue;
        if (is_there(&model, l) && !replace) return false;
        memset(after.value[l], 0, sizeof after.value[l]);
    }
    for (int l = 0; l < LIBRARIES; l++)
        if (clashes(&after, of_dump.value[l], l)) return false;
    for (int l = 0; l < LIBRARIES; l++)
        if (is_there(&of_dump, l)) memcpy(after.value[l], of_dump.value[l], sizeof after.value[l]);
    model = after;
    return true;
}

static void restore(void) {
    static const char *const policies[] = {"APPEND", "REPLACE", "FLUSH"};
    size_t policy = below(3);
    if (!dumped.data) dump();
    struct slice argv[] = {SLICE("FUNCTION"), SLICE("RESTORE"), buf_slice(&dumped),
                           slice_str(policies[policy])};
    if (policy == 2) model = (struct model){0};
    bool restored = restore_in_model(policy == 1);
    ask(argv, 4);
    assert_int_equal(failed(), !restored);
}

static void test_random_operations(void **state) {
    for (int round = 0; round < ROUNDS; round++) {
        switch (below(8)) {
        case 0: delete (); break;
        case 1: dump(); break;
        case 2: restore(); break;
        default: load(); break;
        }
        assert_as_model();
    }
    buf_release(&dumped);
    library_store_check(&engine.scripts->libraries);
}

/* --- Payloads ------------------------------------------------------------------------------------
 */

static void test_damaged_payloads(void **state) {
    for (int i = 0; i < 20; i++) load();
    struct buf payload = library_dump(&engine.scripts->libraries);
    for (int round = 0; round < ROUNDS; round++) {
        struct buf damaged = BUF_INIT;
        buf_append_slice(&damaged, buf_slice(&payload));
        damaged.data[below(damaged.len)] ^= (char)(1 + below(255));
        assert_false(library_dump_is_valid(buf_slice(&damaged)));
        /* With the checksum put right it's what is read that must hold. */
        uint64_t sum = htole64(crc64(0, damaged.data, damaged.len - sizeof sum));
        memcpy(damaged.data + damaged.len - sizeof sum, &sum, sizeof sum);
        struct slice argv[] = {SLICE("FUNCTION"), SLICE("RESTORE"), buf_slice(&damaged),
                               SLICE("REPLACE")};
        ask(argv, 4);
        library_store_check(&engine.scripts->libraries);
        buf_release(&damaged);
    }
    buf_release(&payload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_operations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_payloads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
