/* SPDX-License-Identifier: BSD-3-Clause */
/* Hashes against a model: an array of fields with value and deadline, and a clock. Seeds are fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "type/t_hash.h"

enum { FIELDS = 90, NAME_MAX_LEN = 600, VALUE_MAX = 3000 };

struct model_field {
    bool in;
    char *value;
    size_t len;
    uint64_t deadline;
};

struct model {
    struct entry *e;
    struct type_settings settings;
    struct model_field *fields;
    char (*names)[NAME_MAX_LEN];
    size_t *name_lens;
    size_t count; /* of fields that there can be */
    uint64_t now;
};

static const struct hash_seed seed = {21, 22};
static struct random rng;

static size_t below(size_t n) {
    return (size_t)random_below(&rng, n);
}

/* Names of all lengths around the limit of the short form, the empty one, numbers, binary. */
static void names_init(struct model *m) {
    static const size_t lens[] = {255, 256, 257, NAME_MAX_LEN};
    for (size_t i = 0; i < m->count; i++) {
        size_t len = i == 0 ? 0 : i < 5 ? lens[i - 1] : 4 + below(30);
        for (size_t at = 0; at < len; at++) m->names[i][at] = (char)random_u64(&rng);
        if (len) memcpy(m->names[i], &(uint32_t){(uint32_t)i}, 4);
        if (i % 3 == 1 && i > 5) len = (size_t)sprintf(m->names[i], "%d", (int)i * 7919 - 100000);
        m->name_lens[i] = len;
    }
}

static struct model *model_new(size_t count, int64_t max_entries, uint64_t max_value) {
    struct model *m = calloc(1, sizeof *m);
    m->settings = (struct type_settings)TYPE_SETTINGS_DEFAULT;
    m->settings.seed = &seed;
    m->settings.hash_max_listpack_entries = max_entries;
    m->settings.hash_max_listpack_value = max_value;
    m->e = type_new(SLICE("key"), TYPE_HASH, &m->settings);
    m->count = count;
    m->fields = calloc(count, sizeof *m->fields);
    m->names = calloc(count, sizeof *m->names);
    m->name_lens = calloc(count, sizeof *m->name_lens);
    m->now = 1000000;
    names_init(m);
    return m;
}

static void model_forget(struct model_field *f) {
    free(f->value);
    *f = (struct model_field){0};
}

static void model_free(struct model *m) {
    for (size_t i = 0; i < m->count; i++) model_forget(&m->fields[i]);
    entry_free(m->e);
    free(m->fields);
    free(m->names);
    free(m->name_lens);
    free(m);
}

static struct slice name_at(const struct model *m, size_t i) {
    return slice_of(m->names[i], m->name_lens[i]);
}

/* The model's field if it's there at this time, else NULL. */
static struct model_field *model_find(struct model *m, size_t i) {
    struct model_field *f = &m->fields[i];
    if (f->in && f->deadline <= m->now) model_forget(f);
    return f->in ? f : NULL;
}

static size_t model_count(struct model *m) {
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) n += model_find(m, i) != NULL;
    return n;
}

static bool marked(const struct model *m) {
    return m->e->flags & ENTRY_PART_DEADLINES;
}

/* Lets time pass, as look-ups of the key do. */
static void pass(struct model *m, uint64_t ms) {
    m->now += ms;
    if (marked(m)) type_hash.parts->settle(m->e, &(struct type_expiry){.now_ms = m->now});
}

/* Checks. */

static void check_item(struct model *m, size_t i, const struct hash_item *item) {
    char digits[NUM_I64_MAX];
    const struct model_field *f = model_find(m, i);
    assert_non_null(f);
    assert_true(slice_eq(hash_text_view(&item->field, digits), name_at(m, i)));
    struct slice value = hash_text_view(&item->value, digits);
    assert_int_equal(value.len, f->len);
    assert_memory_equal(value.ptr, f->value, f->len);
    assert_int_equal(item->deadline, f->deadline);
    if (item->value.bytes) assert_true(slice_eq(bytes_slice(item->value.bytes), value));
}

static size_t index_of(const struct model *m, struct slice name) {
    for (size_t i = 0; i < m->count; i++)
        if (slice_eq(name, name_at(m, i))) return i;
    fail_msg("a field that was never set");
    return 0;
}

static void check_walk(struct model *m) {
    struct hash_iter it;
    struct hash_item item;
    char digits[NUM_I64_MAX];
    size_t seen = 0;
    bool *met = calloc(m->count, sizeof *met);
    hash_iter_init(&it, m->e);
    while (hash_iter_next(&it, &item)) {
        size_t i = index_of(m, hash_text_view(&item.field, digits));
        assert_false(met[i]);
        met[i] = true;
        check_item(m, i, &item);
        seen++;
    }
    assert_int_equal(seen, model_count(m));
    free(met);
}

static void check_all(struct model *m) {
    size_t live = model_count(m);
    hash_check(m->e);
    for (size_t i = 0; i < m->count; i++) {
        struct hash_item item;
        bool found = hash_get(m->e, name_at(m, i), &item);
        assert_int_equal(found, model_find(m, i) != NULL);
        if (found) check_item(m, i, &item);
    }
    assert_int_equal(hash_len(m->e), live);
    assert_int_equal(type_hash.is_empty(m->e), live == 0);
    check_walk(m);
}

/* Operations. */

static struct slice random_value(char bytes[VALUE_MAX]) {
    size_t limits[] = {4, 30, 80, VALUE_MAX}, len = below(limits[below(4)]);
    if (below(3) == 0) return slice_of(bytes, (size_t)sprintf(bytes, "%d", (int)random_u64(&rng)));
    for (size_t i = 0; i < len; i++) bytes[i] = (char)random_u64(&rng);
    return slice_of(bytes, len);
}

static void do_set(struct model *m, size_t i, bool deadlines) {
    char bytes[VALUE_MAX];
    struct slice value = random_value(bytes);
    uint64_t choices[] = {HASH_NO_DEADLINE, HASH_KEEP_DEADLINE, m->now + 1 + below(3000)};
    struct hash_input in = {value, NULL, choices[below(deadlines ? 3 : 2)]};
    if (below(4) == 0) in.own = bytes_copy(value);
    struct model_field *f = &m->fields[i];
    bool had = model_find(m, i);
    uint64_t deadline = in.deadline;
    if (deadline == HASH_KEEP_DEADLINE) deadline = had ? f->deadline : HASH_NO_DEADLINE;
    model_forget(f);
    *f = (struct model_field){true, malloc(value.len + 1), value.len, deadline};
    memcpy(f->value, value.ptr, value.len);
    assert_int_equal(hash_set(m->e, &m->settings, name_at(m, i), &in), !had);
    if (in.own) bytes_unref(in.own);
}

static void do_delete(struct model *m, size_t i) {
    bool had = model_find(m, i);
    assert_int_equal(hash_delete(m->e, name_at(m, i)), had);
    model_forget(&m->fields[i]);
}

static void do_set_deadline(struct model *m, size_t i) {
    if (!model_find(m, i)) return;
    uint64_t deadline = below(3) ? m->now + 1 + below(3000) : HASH_NO_DEADLINE;
    hash_set_deadline(m->e, name_at(m, i), deadline);
    m->fields[i].deadline = deadline;
}

/* The copy takes the original's place. */
static void do_copy(struct model *m) {
    struct entry *copy = entry_copy(m->e, SLICE("another key"));
    struct digest a = DIGEST_INIT, b = DIGEST_INIT;
    type_hash.digest(m->e, &a);
    type_hash.digest(copy, &b);
    assert_memory_equal(&a, &b, sizeof a);
    entry_free(m->e);
    m->e = copy;
}

static void do_expire(struct model *m) {
    size_t removed = 0;
    m->now += below(300);
    if (!marked(m)) return;
    struct type_expiry x = {.now_ms = m->now};
    uint64_t next = type_hash.parts->expire(m->e, &x, &removed);
    if (next <= m->now) pass(m, 0);
}

static void do_one(struct model *m, bool deadlines) {
    size_t i = below(m->count);
    switch (below(10)) {
    case 0:
    case 1:
    case 2:
    case 3: do_set(m, i, deadlines); break;
    case 4:
    case 5: do_delete(m, i); break;
    case 6:
        if (deadlines) do_set_deadline(m, i);
        break;
    case 7:
        if (deadlines) pass(m, below(200));
        break;
    case 8:
        if (deadlines) do_expire(m);
        break;
    case 9: do_copy(m); break;
    }
}

static void run(size_t steps, int64_t max_entries, uint64_t max_value, bool deadlines) {
    struct model *m = model_new(FIELDS, max_entries, max_value);
    for (size_t i = 0; i < steps; i++) {
        do_one(m, deadlines);
        check_all(m);
    }
    model_free(m);
}

static void random_operations(void **state) {
    run(1500, INT64_MAX, UINT64_MAX, false); /* a listpack throughout */
    run(1500, 20, 64, false);
    run(1500, 0, 64, false);
    run(3000, 20, 64, true);
    run(3000, INT64_MAX, UINT64_MAX, true);
}

static void encodings(void **state) {
    struct model *m = model_new(FIELDS, 3, 10);
    struct hash_input in = {SLICE("0123456789"), NULL, HASH_NO_DEADLINE};
    for (size_t i = 10; i < 13; i++) {
        char name[] = {(char)('a' + i), 0};
        hash_set(m->e, &m->settings, slice_of(name, 1), &in);
        hash_set(m->e, &m->settings, slice_of(name, 1), &in);
    }
    assert_string_equal(type_hash.encoding_name(m->e), "listpack");
    struct entry *wide = entry_copy(m->e, SLICE("w")), *dated = entry_copy(m->e, SLICE("d"));
    hash_set(m->e, &m->settings, SLICE("fourth"), &in);
    assert_string_equal(type_hash.encoding_name(m->e), "hashtable");
    in.value = SLICE("0123456789a");
    hash_set(wide, &m->settings, SLICE("k"), &in);
    assert_string_equal(type_hash.encoding_name(wide), "hashtable");
    assert_int_equal(hash_len(wide), 3);
    hash_set_deadline(dated, SLICE("k"), HASH_NO_DEADLINE);
    assert_string_equal(type_hash.encoding_name(dated), "listpack");
    hash_set_deadline(dated, SLICE("k"), 5);
    assert_string_equal(type_hash.encoding_name(dated), "listpackex");
    hash_set_deadline(dated, SLICE("k"), HASH_NO_DEADLINE);
    assert_string_equal(type_hash.encoding_name(dated), "listpackex");
    in.value = SLICE("short");
    hash_set(dated, &m->settings, SLICE("fourth"), &in);
    assert_string_equal(type_hash.encoding_name(dated), "hashtable");
    entry_free(wide);
    entry_free(dated);
    model_free(m);
}

static void digest_knows_no_encoding(void **state) {
    struct model *packed = model_new(FIELDS, INT64_MAX, UINT64_MAX);
    struct model *table = model_new(FIELDS, 0, 64);
    for (size_t i = 0; i < FIELDS; i++) {
        char value[32];
        struct hash_input in = {slice_of(value, (size_t)sprintf(value, "%zu", below(1000))), NULL,
                                HASH_NO_DEADLINE};
        hash_set(packed->e, &packed->settings, name_at(packed, i), &in);
        hash_set(table->e, &table->settings, name_at(packed, FIELDS - 1 - i), &in);
        hash_set(table->e, &table->settings, name_at(packed, i), &in);
    }
    for (size_t i = 0; i < FIELDS; i++) {
        struct hash_input in = {SLICE("same"), NULL, HASH_NO_DEADLINE};
        hash_set(packed->e, &packed->settings, name_at(packed, i), &in);
        hash_set(table->e, &table->settings, name_at(packed, FIELDS - 1 - i), &in);
    }
    struct digest a = DIGEST_INIT, b = DIGEST_INIT, c = DIGEST_INIT;
    type_hash.digest(packed->e, &a);
    type_hash.digest(table->e, &b);
    assert_memory_equal(&a, &b, sizeof a);
    hash_delete(table->e, name_at(packed, 17));
    type_hash.digest(table->e, &c);
    assert_memory_not_equal(a.lanes, c.lanes, sizeof a.lanes);
    model_free(packed);
    model_free(table);
}

/* In a table of many segments a look-up doesn't remove all that is due, but nothing of it is seen;
 * the background gets it all, in portions. */
static void what_is_due_is_gone_at_once(void **state) {
    enum { N = 20000 };
    struct model *m = model_new(FIELDS, 0, 64);
    struct hash_item item;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t deadline = i % 4 == 0   ? HASH_NO_DEADLINE
                            : i % 4 == 1 ? m->now + 1000000
                                         : m->now + 5;
        struct hash_input in = {SLICE("v"), NULL, deadline};
        hash_set(m->e, &m->settings, slice_of(&i, sizeof i), &in);
    }
    assert_int_equal(hash_len(m->e), N);
    pass(m, 5);
    assert_true(table_count(type_hash.table(m->e)) > N / 2);
    assert_int_equal(hash_len(m->e), N / 2);
    for (uint64_t i = 0; i < N; i += 7)
        assert_int_equal(hash_get(m->e, slice_of(&i, sizeof i), &item), i % 4 < 2);
    for (size_t i = 0; i < 1000; i++) {
        uint64_t number;
        hash_random(m->e, &rng, &item);
        memcpy(&number, item.field.text.ptr, sizeof number);
        assert_true(number % 4 < 2);
    }
    /* A field that is due is set as if it had never been, and can't be deleted. */
    uint64_t again = 0;
    struct hash_input in = {SLICE("w"), NULL, HASH_KEEP_DEADLINE};
    for (uint64_t i = 2; i < N && !again; i += 4) {
        bool there = table_find(type_hash.table(m->e), hash_bytes(&seed, slice_of(&i, sizeof i)),
                                slice_of(&i, sizeof i), NULL);
        if (there) again = i;
    }
    assert_true(again != 0);
    assert_true(hash_set(m->e, &m->settings, slice_of(&again, sizeof again), &in));
    assert_true(hash_get(m->e, slice_of(&again, sizeof again), &item));
    assert_int_equal(item.deadline, HASH_NO_DEADLINE);
    assert_true(hash_delete(m->e, slice_of(&again, sizeof again)));
    size_t removed = 0, calls = 0;
    struct type_expiry x = {.now_ms = m->now};
    while (type_hash.parts->expire(m->e, &x, &removed) <= m->now) calls++;
    assert_true(calls > 1);
    hash_check(m->e);
    assert_int_equal(table_count(type_hash.table(m->e)), N / 2);
    assert_false(type_hash.parts->all_due(m->e, m->now + 2000000));
    model_free(m);
}

static void all_fields_due(void **state) {
    enum { N = 3000 };
    struct model *m = model_new(FIELDS, 0, 64);
    for (uint64_t i = 0; i < N; i++) {
        struct hash_input in = {SLICE("v"), NULL, m->now + 1 + i};
        hash_set(m->e, &m->settings, slice_of(&i, sizeof i), &in);
    }
    assert_int_equal(type_hash.parts->next_due(m->e), m->now + 1);
    assert_false(type_hash.parts->all_due(m->e, m->now + N - 1));
    assert_true(type_hash.parts->all_due(m->e, m->now + N));
    pass(m, N - 1);
    assert_false(type_hash.is_empty(m->e));
    assert_int_equal(hash_len(m->e), 1);
    pass(m, 1);
    assert_true(type_hash.is_empty(m->e));
    assert_int_equal(hash_len(m->e), 0);
    model_free(m);
}

/* Chi-square over the fields: mean n - 1, deviation sqrt(2 (n - 1)); six are allowed. */
static void random_is_fair(void **state) {
    enum { N = 40, DRAWS = 500 * N };
    for (int64_t max_entries = 0; max_entries <= N; max_entries += N) {
        struct model *m = model_new(FIELDS, max_entries, 64);
        unsigned times[N] = {0};
        for (uint64_t i = 0; i < N; i++) {
            struct hash_input in = {SLICE("v"), NULL, HASH_NO_DEADLINE};
            hash_set(m->e, &m->settings, slice_of(&i, sizeof i), &in);
        }
        for (size_t i = 0; i < DRAWS; i++) {
            struct hash_item item;
            uint64_t number;
            hash_random(m->e, &rng, &item);
            memcpy(&number, item.field.text.ptr, sizeof number);
            times[number]++;
        }
        double sum = 0, expected = (double)DRAWS / N;
        for (size_t i = 0; i < N; i++)
            sum += ((double)times[i] - expected) * ((double)times[i] - expected) / expected;
        double over = sum - (N - 1);
        assert_true(over <= 0 || over * over <= 36.0 * 2.0 * (N - 1));
        model_free(m);
    }
}

static void memory_is_counted(void **state) {
    struct model *m = model_new(FIELDS, 0, 64);
    size_t before = mem_used(), own = type_hash.memory(m->e, 0);
    char value[5000] = {0};
    for (uint64_t i = 0; i < 2000; i++) {
        struct hash_input in = {slice_of(value, i % 100 ? i % 90 : 5000), NULL,
                                i % 2 ? HASH_NO_DEADLINE : 5 + i};
        hash_set(m->e, &m->settings, slice_of(&i, sizeof i), &in);
    }
    size_t used = mem_used() - before, said = type_hash.memory(m->e, 0) - own;
    assert_true(said > used - used / 20 && said < used + used / 20);
    size_t guess = type_hash.memory(m->e, 500) - own;
    assert_true(guess > used / 2 && guess < used * 2);
    assert_true(type_hash.free_effort(m->e) >= 2000);
    model_free(m);
}

int main(void) {
    random_seed_fixed(&rng, 20250321);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),        cmocka_unit_test(encodings),
        cmocka_unit_test(digest_knows_no_encoding), cmocka_unit_test(what_is_due_is_gone_at_once),
        cmocka_unit_test(all_fields_due),           cmocka_unit_test(random_is_fair),
        cmocka_unit_test(memory_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
