/* SPDX-License-Identifier: BSD-3-Clause */
/* Hash slots of names and patterns, and the keyspace's index of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "db/keyspace.h"
#include "type/t_string.h"

/* As redis-server's CLUSTER KEYSLOT says. */
static void known_slots(void **state) {
    static const struct {
        const char *name;
        unsigned slot;
    } known[] = {
        {"", 0},
        {"a", 15495},
        {"123456789", 12739},
        {"foo", 12182},
        {"{foo}bar", 12182},
        {"foo{}{bar}", 8363},
        {"foo{{bar}}zap", 4015},
        {"foo{bar}{zap}", 5061},
        {"{a", 10276},
        {"}a{", 11710},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_int_equal(slot_of(slice_str(known[i].name)), known[i].slot);
}

static void slots_of_patterns(void **state) {
    int foo = (int)slot_of(SLICE("foo"));
    assert_int_equal(slot_of_pattern(SLICE("foo")), foo);
    assert_int_equal(slot_of_pattern(SLICE("{foo}*")), foo);
    assert_int_equal(slot_of_pattern(SLICE("x{foo}[a-z]")), foo);
    assert_int_equal(slot_of_pattern(SLICE("*{foo}")), -1);
    assert_int_equal(slot_of_pattern(SLICE("?{foo}")), -1);
    assert_int_equal(slot_of_pattern(SLICE("{f?o}")), -1);
    assert_int_equal(slot_of_pattern(SLICE("{f\\oo}")), -1);
    assert_int_equal(slot_of_pattern(SLICE("{}*")), -1);
    assert_int_equal(slot_of_pattern(SLICE("{foo*")), -1);
    assert_int_equal(slot_of_pattern(SLICE("foo*")), -1);
}

/* Every key of database 0 is in the index, under its slot, and nothing else is. */
static void check(const struct keyspace *ks) {
    size_t total = 0;
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        size_t count = slot_index_count(ks->slots, slot);
        struct entry **entries = calloc(count + 2, sizeof *entries);
        assert_int_equal(keyspace_slot_entries(ks, slot, entries, count + 1), count);
        for (size_t i = 0; i < count; i++) assert_int_equal(slot_of(entry_key(entries[i])), slot);
        free(entries);
        total += count;
    }
    assert_int_equal(total, db_count(&ks->dbs[0]));
}

static struct slice name_of(struct random *rng, char *text, size_t size) {
    unsigned n = (unsigned)random_below(rng, 500);
    snprintf(text, size, n % 3 ? "key%u" : "{tag}%u", n);
    return slice_str(text);
}

static void index_follows_keyspace(void **state) {
    struct keyspace ks;
    struct type_settings types = {0};
    struct random rng;
    char text[32], other[32];
    random_seed_fixed(&rng, 9);
    keyspace_init(&ks, 2, &types);
    keyspace_index_slots(&ks);
    struct db *db = &ks.dbs[0];
    for (int i = 0; i < 20000; i++) {
        struct key k = db_key(db, name_of(&rng, text, sizeof text));
        struct key to = db_key(db, name_of(&rng, other, sizeof other));
        uint64_t soon = ks.now_ms + random_below(&rng, 50);
        bool here = db_has(db, k);
        switch (random_below(&rng, 8)) {
        case 0: db_delete(db, k, false, EVENT_DEL); break;
        case 1: db_set_string(db, k, SLICE("v"), soon, EVENT_SET); break;
        case 2:
            if (here && !slice_eq(k.name, to.name)) db_move(db, k, db, to);
            break;
        case 3: db_set_string(&ks.dbs[1], k, SLICE("v"), ENTRY_NO_DEADLINE, EVENT_SET); break;
        case 4: ks.now_ms += random_below(&rng, 4); break;
        case 5: keyspace_expire(&ks, UINT64_MAX); break;
        default: db_set_string(db, k, SLICE("v"), ENTRY_NO_DEADLINE, EVENT_SET);
        }
        if (i % 1000 == 999) check(&ks);
    }
    db_flush(db, false);
    check(&ks);
    keyspace_release(&ks);
}

/* A data set that takes the place of another brings its index along. */
static void index_follows_exchange(void **state) {
    struct keyspace ks, aside;
    struct type_settings types = {0};
    keyspace_init(&ks, 2, &types);
    keyspace_index_slots(&ks);
    db_set_string(&ks.dbs[0], db_key(&ks.dbs[0], SLICE("before")), SLICE("v"), ENTRY_NO_DEADLINE,
                  EVENT_SET);
    keyspace_init_aside(&aside, &ks);
    for (uint32_t db = 0; db < 2; db++) {
        struct entry *entries[] = {string_new(SLICE("a"), SLICE("1"), ENTRY_NO_DEADLINE),
                                   string_new(SLICE("b"), SLICE("2"), ENTRY_NO_DEADLINE)};
        assert_int_equal(db_load(&aside.dbs[db], entries, 2), 2);
    }
    keyspace_exchange(&ks, &aside, false);
    check(&ks);
    assert_int_equal(slot_index_count(ks.slots, slot_of(SLICE("a"))), 1);
    assert_int_equal(slot_index_count(ks.slots, slot_of(SLICE("before"))), 0);
    keyspace_release(&ks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_slots),
        cmocka_unit_test(slots_of_patterns),
        cmocka_unit_test(index_follows_keyspace),
        cmocka_unit_test(index_follows_exchange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
