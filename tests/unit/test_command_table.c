/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking commands up against a list searched letter by letter, renaming them, and finding keys by
 * every kind of specification. */
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
#include "cmd/families.h"
#include "exec/command_table.h"

static struct random rng;

/* All commands of the program. */
static struct command_table *full_table(void) {
    struct command_table *t = command_table_new();
    for (const struct command *const *family = command_families; *family; family++)
        command_table_add(t, *family);
    return t;
}

static char fold(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static bool same_name(struct slice a, const char *b) {
    if (a.len != strlen(b)) return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.ptr[i]) != fold(b[i])) return false;
    return true;
}

static struct command_entry *find_plainly(const struct command_table *t, struct slice name) {
    for (size_t i = 0; i < command_table_count(t); i++) {
        struct command_entry *e = command_table_at(t, i);
        if (name.len && same_name(name, e->name)) return e;
    }
    return NULL;
}

/* A copy at the very end of an allocation, so that a sanitizer build sees a read past it. */
static struct slice copy_of(struct slice s) {
    char *bytes = malloc(s.len + !s.len);
    slice_put(bytes, s);
    return slice_of(bytes, s.len);
}

static void any_case(char *name, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (name[i] >= 'a' && name[i] <= 'z' && random_below(&rng, 2)) name[i] -= 32;
}

/* Changes a bit, cuts, or adds a byte. */
static struct slice near_miss(struct slice name) {
    char bytes[80];
    size_t len = name.len;
    memcpy(bytes, name.ptr, len);
    bytes[len] = (char)(random_below(&rng, 2) ? 0 : 's');
    switch (random_below(&rng, 4)) {
    case 0: len++; break;
    case 1: len -= random_below(&rng, len); break;
    default: bytes[random_below(&rng, len)] ^= (char)(1 << random_below(&rng, 8)); break;
    }
    return copy_of(slice_of(bytes, len));
}

static void check_look_ups(const struct command_table *t, int rounds) {
    for (int round = 0; round < rounds; round++) {
        struct command_entry *e = command_table_at(t, random_below(&rng, command_table_count(t)));
        struct slice name = copy_of(slice_str(e->name[0] ? e->name : "x"));
        any_case((char *)name.ptr, name.len);
        if (e->name[0]) assert_ptr_equal(command_find(t, name), e);
        struct slice other = near_miss(name);
        assert_ptr_equal(command_find(t, other), find_plainly(t, other));
        free((void *)name.ptr);
        free((void *)other.ptr);
    }
    assert_null(command_find(t, SLICE("")));
    assert_null(command_find(t, slice_of(NULL, 0)));
}

static void all_names_in_any_case(void **unused) {
    random_seed_fixed(&rng, 31);
    size_t before = mem_used();
    struct command_table *t = full_table();
    assert_true(command_table_count(t) > 60);
    check_look_ups(t, 100000);
    command_table_free(t);
    assert_int_equal(mem_used(), before);
}

/* Whatever was renamed or removed, names lead to what has them. */
static void renamed_at_random(void **unused) {
    random_seed_fixed(&rng, 32);
    struct command_table *t = full_table();
    for (int round = 0; round < 300; round++) {
        struct command_entry *e = command_table_at(t, random_below(&rng, command_table_count(t)));
        struct command_entry *o = command_table_at(t, random_below(&rng, command_table_count(t)));
        char to[32] = "";
        if (random_below(&rng, 4))
            snprintf(to, sizeof(to), "Moved_%d", (int)random_below(&rng, 99));
        if (random_below(&rng, 4) == 0) snprintf(to, sizeof(to), "%s", o->row->name);
        bool possible = e->name[0] && !find_plainly(t, slice_str(to));
        struct slice from = copy_of(slice_str(e->name));
        assert_int_equal(command_table_rename(t, from, slice_str(to)), possible);
        if (possible) assert_true(same_name(slice_str(to), e->name));
        if (possible) assert_null(find_plainly(t, from));
        free((void *)from.ptr);
        check_look_ups(t, 20);
    }
    command_table_free(t);
}

/* Rows for what follows. */

static void no_handler(struct call *c) {}

static const struct command part_rows[] = {
    {.name = "list", .run = no_handler, .arity = -2, .flags = CMD_ADMIN},
    {.name = "kill", .run = no_handler, .arity = -3, .keys = {KEY_AT(2, KEY_RO)}},
    {.name = NULL},
};

static const struct command own_rows[] = {
    {.name = "part", .arity = -2, .subcommands = part_rows},
    {.name = "eval_ro",
     .run = no_handler,
     .arity = 3,
     .flags = CMD_READONLY,
     .categories = ACL_SCRIPTING,
     .keys = {KEYS_COUNTED(2, KEY_RO)}},
    {.name = "eval-ro", .run = no_handler, .arity = 3, .flags = CMD_WRITE | CMD_FAST},
    {.name = "longer-than-eight", .run = no_handler, .arity = 1},
    {.name = NULL},
};

static struct command_table *own_table(void) {
    struct command_table *t = command_table_new();
    command_table_add(t, own_rows);
    return t;
}

static const char *found_name(const struct command_table *t, const char *name) {
    const struct command_entry *e = command_find_full(t, slice_str(name));
    return e ? e->full_name : "none";
}

static void subcommands(void **unused) {
    static const char *const known[][2] = {
        {"part", "part"},
        {"PART|LIST", "part|list"},
        {"part|Kill", "part|kill"},
        {"part|", "none"},
        {"part|kil", "none"},
        {"part|kills", "none"},
        {"|list", "none"},
        {"list", "none"},
        {"eval_ro|list", "none"},
        {"part|list|list", "none"},
        {"nope|list", "none"},
        {"", "none"},
        {"eval_ro", "eval_ro"},
        {"EVAL-RO", "eval-ro"},
        {"eval\x7fro", "none"},
        {"eval\rro", "none"},
        {"Longer-Than-Eight", "longer-than-eight"},
        {"longer-than-nine!", "none"},
    };
    struct command_table *t = own_table();
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        assert_string_equal(found_name(t, known[i][0]), known[i][1]);
    assert_null(command_find_full(t, SLICE("part|kill\0")));
    struct command_entry *part = command_find(t, SLICE("part"));
    struct command_entry *kill = command_find_sub(part, SLICE("KILL"));
    assert_ptr_equal(kill->parent, part);
    assert_int_equal(part->sub_count, 2);
    assert_null(command_find_sub(kill, SLICE("kill")));
    command_table_free(t);
}

static void derived_from_rows(void **unused) {
    struct command_table *t = own_table();
    const struct command_entry *e = command_find(t, SLICE("eval_ro"));
    assert_int_equal(e->categories, ACL_SCRIPTING | ACL_SLOW);
    assert_int_equal(e->flags, CMD_READONLY | CMD_MOVABLE_KEYS);
    assert_int_equal(e->first_key, 0);
    e = command_find(t, SLICE("eval-ro"));
    assert_int_equal(e->categories, ACL_WRITE | ACL_FAST);
    e = command_find_full(t, SLICE("part|list"));
    assert_int_equal(e->categories, ACL_ADMIN | ACL_DANGEROUS | ACL_SLOW);
    e = command_find_full(t, SLICE("part|kill"));
    assert_int_equal(e->first_key, 2);
    assert_int_equal(e->flags & CMD_MOVABLE_KEYS, 0);
    command_table_free(t);
}

static void renaming(void **unused) {
    char long_name[66];
    memset(long_name, 'n', 65);
    struct command_table *t = own_table();
    struct command_entry *part = command_find(t, SLICE("part"));
    assert_false(command_table_rename(t, SLICE("nope"), SLICE("other")));
    assert_false(command_table_rename(t, SLICE("part"), SLICE("EVAL_RO")));
    assert_false(command_table_rename(t, SLICE("part"), slice_of(long_name, 65)));
    assert_ptr_equal(command_find(t, SLICE("part")), part);
    assert_true(command_table_rename(t, SLICE("PART"), slice_of(long_name, 64)));
    assert_null(command_find(t, SLICE("part")));
    assert_ptr_equal(command_find(t, slice_of(long_name, 64)), part);
    assert_true(command_table_rename(t, slice_of(long_name, 64), SLICE("Piece")));
    assert_string_equal(part->name, "piece");
    assert_string_equal(part->full_name, "part");
    assert_string_equal(found_name(t, "pIECE|LIST"), "part|list");
    assert_true(command_table_rename(t, SLICE("piece"), SLICE("")));
    assert_null(command_find(t, SLICE("piece")));
    assert_false(command_table_rename(t, SLICE(""), SLICE("part")));
    assert_int_equal(command_table_count(t), 4);
    command_table_free(t);
}

static void stats_are_reset(void **unused) {
    struct command_table *t = own_table();
    struct command_entry *e[] = {command_find(t, SLICE("part")),
                                 command_find_full(t, SLICE("part|kill"))};
    for (int i = 0; i < 2; i++) {
        e[i]->stats = (struct command_stats){.calls = 1, .failed = 2, .rejected = 3};
        e[i]->stats.latency = mem_zalloc(sizeof(struct histogram));
    }
    command_table_reset_stats(t);
    for (int i = 0; i < 2; i++) {
        const struct command_stats *stats = &e[i]->stats;
        assert_true(!stats->calls && !stats->failed && !stats->rejected && !stats->latency);
    }
    command_table_free(t);
}

/* Keys. */

/* One key, two of them, and then "deep" alone: what specifications can't tell. */
static int keys_by_hand(const struct slice *argv, int argc, struct key_use *uses) {
    if (argc < 3) return -1;
    uses[0] = (struct key_use){2, KEY_RW};
    return slice_is(argv[1], "deep") ? 1 : 0;
}

#define BEHIND(word, from, last_index, key_step, half)                                             \
    {                                                                                              \
        .flags = KEY_RO, .kind = KEYS_RANGE, .keyword = (word), .begin = (from),                   \
        .last = (last_index), .step = (key_step), .limit = (half)                                  \
    }

static const struct command key_rows[] = {
    {.name = "none"},
    {.name = "one", .keys = {KEY_AT(1, KEY_RO)}},
    {.name = "all", .keys = {KEYS_FROM(1, -1, 1, KEY_RO)}},
    {.name = "but-last", .keys = {KEYS_FROM(1, -2, 1, KEY_RO)}},
    {.name = "pairs", .keys = {KEYS_FROM(1, -1, 2, KEY_OW)}},
    {.name = "two", .keys = {KEYS_FROM(1, 1, 1, KEY_RO)}},
    {.name = "to-from", .keys = {KEY_AT(2, KEY_OW), KEYS_FROM(3, -1, 1, KEY_RO)}},
    {.name = "counted", .keys = {KEYS_COUNTED(1, KEY_RO)}},
    {.name = "script", .flags = CMD_NO_MANDATORY_KEYS, .keys = {KEYS_COUNTED(2, KEY_RO)}},
    {.name = "to-counted", .keys = {KEY_AT(1, KEY_OW), KEYS_COUNTED(2, KEY_RO)}},
    {.name = "counted-pairs",
     .keys = {{.flags = KEY_OW, .kind = KEYS_NUMBER, .begin = 1, .first = 1, .step = 2}}},
    {.name = "streams", .keys = {BEHIND("STREAMS", 1, -1, 1, 2)}},
    {.name = "store", .keys = {KEY_AT(1, KEY_RO), BEHIND("store", 4, 0, 1, 0)}},
    {.name = "from-end", .keys = {KEY_AT(1, KEY_RO), BEHIND("KEYS", -2, -1, 1, 0)}},
    {.name = "by-hand", .keys = {{.kind = KEYS_UNKNOWN}}, .keys_of = keys_by_hand},
    {.name = NULL},
};

/* The request, and the keys' indexes as digits; "-" for a request that isn't valid. As redis-server
 * answers COMMAND GETKEYS for commands with the same specifications. */
static const char *const key_cases[][2] = {
    {"none a b", ""},
    {"one a", "1"},
    {"one", "-"},
    {"one a b", "1"},
    {"all a b c", "123"},
    {"all", "-"},
    {"but-last a b 0", "12"},
    {"but-last a", "-"},
    {"pairs a 1 b 2", "13"},
    {"pairs a 1", "1"},
    {"pairs a 1 b", "13"},
    {"two a b c", "12"},
    {"two a", "-"},
    {"to-from and d a b", "234"},
    {"to-from and d", "-"},
    {"counted 2 a b c", "23"},
    {"counted 2 a b", "23"},
    {"counted 0 a", "-"},
    {"counted 0", "-"},
    {"counted 1x a b", "2"},
    {"counted 1.5 a b", "2"},
    {"counted 01 a b", "2"},
    {"counted +1 a b", "2"},
    {"counted -- a b", "-"},
    {"counted 4294967297 a b", "2"},
    {"counted -4294967295 a b", "2"},
    {"counted 2147483648 a b", "-"},
    {"script s 1 a b", "3"},
    {"script s 0 a b", ""},
    {"script s 3 a b", ""},
    {"script s -1 a b", ""},
    {"script s x a b", ""},
    {"counted 3 a b", "-"},
    {"counted -1 a b", "-"},
    {"counted -4294967296 a b", "-"},
    {"counted x a b", "-"},
    {"counted 9223372036854775807 a", "-"},
    {"counted 99999999999999999999 a", "-"},
    {"counted", "-"},
    {"to-counted d 2 a b c", "134"},
    {"to-counted d 3 a b", "-"},
    {"to-counted d 0 a", "-"},
    {"to-counted d", "-"},
    {"counted-pairs 2 a 1 b 2", "24"},
    {"counted-pairs 2 a 1 b", "24"},
    {"counted-pairs 2 a 1", "-"},
    {"streams streams a b 1 2", "23"},
    {"streams count 5 STREAMS a b 1 2", "45"},
    {"streams streams a 1", "2"},
    {"streams streams a b c", "2"},
    {"streams strea a b", "-"},
    {"streams a b streams", "-"},
    {"streams", "-"},
    {"store k 1 2 km STORE d", "16"},
    {"store k 1 2 km store", "1"},
    {"store k 1 2 km", "1"},
    {"store k store 2 km 3", "1"},
    {"from-end k 0 keys a b", "145"},
    {"from-end k 0 keys", "1"},
    {"from-end k 0 10", "1"},
    {"by-hand deep k", "2"},
    {"by-hand flat k", ""},
    {"by-hand deep", "-"},
};

static void keys_of_requests(void **unused) {
    struct command_table *t = command_table_new();
    command_table_add(t, key_rows);
    for (size_t i = 0; i < sizeof(key_cases) / sizeof(key_cases[0]); i++) {
        char line[100], found[16] = "", *rest;
        snprintf(line, sizeof(line), "%s", key_cases[i][0]);
        struct slice argv[10];
        int argc = 0;
        for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
            argv[argc++] = copy_of(slice_str(word));
        const struct command_entry *e = command_find(t, argv[0]);
        struct key_use *uses = malloc((size_t)argc * sizeof(*uses));
        int n = command_keys(e, argv, argc, uses);
        if (n < 0) strcpy(found, "-");
        for (int k = 0; k < n; k++) {
            found[k] = (char)('0' + uses[k].arg);
            assert_int_not_equal(uses[k].flags, 0);
        }
        if (strcmp(found, key_cases[i][1]) != 0) print_error("%s\n", key_cases[i][0]);
        assert_string_equal(found, key_cases[i][1]);
        for (int a = 0; a < argc; a++) free((void *)argv[a].ptr);
        free(uses);
    }
    command_table_free(t);
}

static void flags_of_keys(void **unused) {
    struct command_table *t = command_table_new();
    command_table_add(t, key_rows);
    const struct slice argv[] = {SLICE("to-from"), SLICE("and"), SLICE("d"), SLICE("a")};
    struct key_use uses[4];
    assert_int_equal(command_keys(command_find(t, argv[0]), argv, 4, uses), 2);
    assert_int_equal(uses[0].flags, KEY_OW);
    assert_int_equal(uses[1].flags, KEY_RO);
    command_table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_names_in_any_case),
        cmocka_unit_test(renamed_at_random),
        cmocka_unit_test(subcommands),
        cmocka_unit_test(derived_from_rows),
        cmocka_unit_test(renaming),
        cmocka_unit_test(stats_are_reset),
        cmocka_unit_test(keys_of_requests),
        cmocka_unit_test(flags_of_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
