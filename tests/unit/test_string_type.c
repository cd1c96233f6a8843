/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings of every encoding against a model that holds the text and knows what OBJECT ENCODING has
 * to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cell.h"
#include "base/random.h"
#include "type/t_string.h"

enum { KEYS = 6, ENTRIES = 16, VALUE_MAX = 140000 };

struct model {
    struct entry *entry;
    struct slice key;
    uint64_t deadline;
    char *value;
    size_t len;
    const char *encoding;
};

static struct random rng;
static struct slice keys[KEYS];
static struct model models[ENTRIES];
static char scratch[VALUE_MAX];

/* Bytes that an entry holds while somebody else holds them, too. */
static struct bytes *held;
static char held_copy[VALUE_MAX];

static void make_keys(void) {
    static const size_t lens[KEYS] = {0, 1, 30, 255, 256, 70000};
    for (int i = 0; i < KEYS; i++) {
        char *bytes = malloc(lens[i] + !lens[i]);
        memset(bytes, 'a' + i, lens[i]);
        keys[i] = slice_of(bytes, lens[i]);
    }
}

/* The plain way to know whether a text is the canonical form of an int64_t. */
static bool is_number(const char *text, size_t len, int64_t *number) {
    char copy[32], again[32];
    if (len == 0 || len > 20 || memchr(text, '\0', len)) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    *number = strtoll(copy, NULL, 10);
    snprintf(again, sizeof(again), "%lld", (long long)*number);
    return strcmp(copy, again) == 0;
}

static const char *encoding_of_text(size_t len) {
    return len <= 44 ? "embstr" : "raw";
}

static void check(const struct model *m) {
    const struct entry *e = m->entry;
    char digits[NUM_I64_MAX];
    assert_true(slice_eq(entry_key(e), m->key));
    assert_true(entry_deadline(e) == m->deadline);
    assert_int_equal(e->type, TYPE_STRING);
    assert_true(slice_eq(string_view(e, digits), slice_of(m->value, m->len)));
    assert_int_equal(string_len(e), m->len);
    assert_string_equal(type_of(e)->encoding_name(e), m->encoding);
    int64_t number = 0, found = 0;
    assert_int_equal(string_to_i64(e, &found), is_number(m->value, m->len, &number));
    assert_true(found == number || !is_number(m->value, m->len, &number));
    size_t memory = cell_size(entry_size(e));
    if (e->encoding == STRING_BYTES) memory += mem_usable_size(entry_ptr(e));
    assert_int_equal(type_memory(e, 0), memory);
    assert_in_range(type_of(e)->free_effort(e), 1, 1 + memory / 65536);
}

static uint64_t random_deadline(void) {
    return random_below(&rng, 2) ? random_u64(&rng) >> 1 : ENTRY_NO_DEADLINE;
}

static size_t random_len(void) {
    static const size_t edges[] = {0, 20, 44, 64, 1024, 65535};
    if (random_below(&rng, 3) == 0) return random_below(&rng, 100);
    if (random_below(&rng, 20) == 0) return random_below(&rng, VALUE_MAX);
    size_t edge = edges[random_below(&rng, 6)], by = random_below(&rng, 3);
    return edge + by > 0 ? edge + by - 1 : 0;
}

/* Text, numbers, and what is nearly a number. */
static struct slice random_value(void) {
    static const char *const odd[] = {"9223372036854775807",
                                      "9223372036854775808",
                                      "-9223372036854775808",
                                      "-9223372036854775809",
                                      "-0",
                                      "00",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "-",
                                      "1e3",
                                      "0"};
    size_t kind = random_below(&rng, 6);
    if (kind == 0) return slice_str(odd[random_below(&rng, sizeof(odd) / sizeof(odd[0]))]);
    if (kind <= 2) {
        long long number = (long long)(random_u64(&rng) >> random_below(&rng, 64));
        return slice_of(scratch, (size_t)sprintf(scratch, "%lld", number));
    }
    size_t len = random_len();
    for (size_t i = 0; i < len; i++) scratch[i] = (char)random_u64(&rng);
    return len || random_below(&rng, 2) ? slice_of(scratch, len) : slice_of(NULL, 0);
}

static void set_model(struct model *m, struct slice value, bool may_be_int) {
    int64_t number;
    slice_put(m->value, value);
    m->len = value.len;
    m->encoding =
        may_be_int && is_number(m->value, m->len, &number) ? "int" : encoding_of_text(m->len);
}

static void set_model_int(struct model *m, int64_t number) {
    m->len = (size_t)sprintf(m->value, "%lld", (long long)number);
    m->encoding = "int";
}

static void make(struct model *m) {
    m->key = keys[random_below(&rng, KEYS)];
    m->deadline = random_deadline();
    m->value = malloc(VALUE_MAX + 1);
    struct slice value = random_value();
    int64_t number = (int64_t)random_u64(&rng);
    switch (random_below(&rng, 3)) {
    case 0:
        m->entry = string_new(m->key, value, m->deadline);
        set_model(m, value, true);
        break;
    case 1:
        m->entry = string_new_text(m->key, value, m->deadline);
        set_model(m, value, false);
        break;
    default:
        m->entry = string_new_int(m->key, number, m->deadline);
        set_model_int(m, number);
        break;
    }
}

static void assign(struct model *m) {
    struct slice value = random_value();
    int64_t number = (int64_t)random_u64(&rng);
    size_t kind = random_below(&rng, 4);
    if (kind != 1) m->deadline = random_deadline();
    switch (kind) {
    case 0:
        m->entry = string_assign(m->entry, value, m->deadline);
        set_model(m, value, true);
        break;
    case 1:
        m->entry = string_assign_int(m->entry, number);
        set_model_int(m, number);
        break;
    case 2:
        m->entry = string_assign_text(m->entry, value, m->deadline);
        set_model(m, value, false);
        break;
    default:
        if (held) bytes_unref(held);
        held = bytes_ref(bytes_copy(value));
        slice_put(held_copy, value);
        m->entry = string_assign_bytes(m->entry, held, m->deadline);
        set_model(m, value, false);
        m->encoding = "raw";
        break;
    }
}

/* The value's start is kept, the rest is zeros; then some bytes are written. */
static void edit(struct model *m) {
    size_t len = random_below(&rng, 2) ? random_len() : m->len + random_below(&rng, 30);
    if (len > VALUE_MAX) len = VALUE_MAX;
    char *data;
    m->entry = string_edit(m->entry, len, &data);
    if (len > m->len) memset(m->value + m->len, 0, len - m->len);
    m->len = len;
    m->encoding = "raw";
    check(m);
    for (int i = 0; i < 5 && len > 0; i++) {
        size_t at = random_below(&rng, len);
        data[at] = m->value[at] = (char)('0' + random_below(&rng, 10));
    }
}

static void release(struct model *m) {
    entry_free(m->entry);
    free(m->value);
    m->entry = NULL;
}

static void copy(struct model *m, const struct model *from) {
    *m = *from;
    m->key = keys[random_below(&rng, KEYS)];
    m->deadline = ENTRY_NO_DEADLINE;
    m->value = malloc(VALUE_MAX + 1);
    memcpy(m->value, from->value, from->len);
    m->entry = entry_copy(from->entry, m->key);
}

static void change(struct model *m) {
    switch (random_below(&rng, 12)) {
    case 0: release(m); break;
    case 1:
        m->key = keys[random_below(&rng, KEYS)];
        m->entry = entry_rename(m->entry, m->key);
        break;
    case 2:
    case 3:
        m->deadline = random_deadline();
        m->entry = entry_with_deadline(m->entry, m->deadline);
        break;
    case 4:
    case 5:
    case 6:
    case 7: edit(m); break;
    default: assign(m); break;
    }
}

static void random_changes(void **unused) {
    random_seed_fixed(&rng, 22);
    size_t before = mem_used();
    make_keys();
    for (int step = 0; step < 30000; step++) {
        struct model *m = &models[random_below(&rng, ENTRIES)];
        const struct model *other = &models[random_below(&rng, ENTRIES)];
        if (m->entry)
            change(m);
        else if (other->entry)
            copy(m, other);
        else
            make(m);
        if (m->entry) check(m);
        if (other->entry) check(other);
        if (held) assert_memory_equal(held->data, held_copy, held->len);
    }
    for (int i = 0; i < ENTRIES; i++)
        if (models[i].entry) release(&models[i]);
    bytes_unref(held);
    held = NULL;
    for (int i = 0; i < KEYS; i++) free((void *)keys[i].ptr);
    assert_int_equal(mem_used(), before);
}

/* Appending byte by byte doesn't move the value each time once it lies outside. */
static void appends_move_rarely(void **unused) {
    struct entry *e = string_new(SLICE("key"), SLICE(""), ENTRY_NO_DEADLINE);
    char *data, *last = NULL;
    int moves = 0;
    for (size_t len = 1; len <= 300000; len++) {
        e = string_edit(e, len, &data);
        data[len - 1] = (char)len;
        moves += len > STRING_APPEND_IN_ENTRY && data != last;
        last = data;
    }
    assert_in_range(moves, 1, 40);
    for (size_t i = 0; i < 300000; i++)
        if (last[i] != (char)(i + 1)) fail();
    entry_free(e);
}

/* An entry of another type becomes a string whatever is assigned. */
static void replaces_other_types(void **unused) {
    struct entry *e = entry_new(SLICE("key"), 0, 10);
    for (int round = 0; round < 4; round++) {
        e = entry_reshape(e, 0, 10);
        e->type = TYPE_LIST;
        e->encoding = 0;
        if (round == 0) e = string_assign_int(e, 77);
        if (round == 1) e = string_assign(e, SLICE("77"), ENTRY_NO_DEADLINE);
        if (round == 2) e = string_assign_text(e, SLICE("77"), ENTRY_NO_DEADLINE);
        if (round == 3) e = string_assign_bytes(e, bytes_copy(SLICE("77")), ENTRY_NO_DEADLINE);
        char digits[NUM_I64_MAX];
        assert_int_equal(e->type, TYPE_STRING);
        assert_true(slice_eq(string_view(e, digits), SLICE("77")));
        if (round < 3) continue;
        entry_free(e);
    }
}

static void types_by_name(void **unused) {
    assert_int_equal(type_by_name(SLICE("string")), TYPE_STRING);
    assert_int_equal(type_by_name(SLICE("STRing")), TYPE_STRING);
    assert_int_equal(type_by_name(SLICE("strin")), -1);
    assert_int_equal(type_by_name(SLICE("string\0")), -1);
    assert_int_equal(type_by_name(SLICE("none")), -1);
    assert_int_equal(type_by_name(slice_of(NULL, 0)), -1);
    for (int id = 0; id < TYPE_COUNT; id++)
        if (type_table[id]) assert_int_equal(type_by_name(slice_str(type_table[id]->name)), id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(appends_move_rarely),
        cmocka_unit_test(replaces_other_types),
        cmocka_unit_test(types_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
