/* SPDX-License-Identifier: BSD-3-Clause */
/* Entries against a plain model of what they hold, through random changes of shape, deadline and
 * key. The value is a word that the entry's type leaves alone (a string's integer) or embedded
 * bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cell.h"
#include "base/random.h"
#include "type/entry.h"
#include "type/t_string.h"
#include "type/type.h"

enum { KEYS = 12, ENTRIES = 24, EMBEDDED_MAX = 65535 };

struct model {
    struct entry *entry;
    struct slice key;
    unsigned type, encoding, access;
    bool edited, has_word;
    uint64_t deadline;
    int64_t word;
    size_t embedded_len;
    char *embedded;
};

static struct random rng;
static struct slice keys[KEYS];
static struct model models[ENTRIES];

static void make_keys(void) {
    static const size_t lens[KEYS] = {0, 1, 2, 8, 15, 40, 254, 255, 256, 257, 1000, 70000};
    for (int i = 0; i < KEYS; i++) {
        char *bytes = malloc(lens[i] + !lens[i]);
        for (size_t at = 0; at < lens[i]; at++) bytes[at] = (char)random_u64(&rng);
        keys[i] = slice_of(bytes, lens[i]);
    }
}

static void free_keys(void) {
    for (int i = 0; i < KEYS; i++) free((void *)keys[i].ptr);
}

static void check(const struct model *m) {
    const struct entry *e = m->entry;
    assert_true(slice_eq(entry_key(e), m->key));
    assert_int_equal(e->type, m->type);
    assert_int_equal(e->encoding, m->encoding);
    assert_int_equal(e->access, m->access);
    assert_int_equal(e->flags & ENTRY_EDITED, m->edited ? ENTRY_EDITED : 0);
    assert_true(entry_deadline(e) == m->deadline);
    assert_int_equal(e->flags & ENTRY_WORD, m->has_word ? ENTRY_WORD : 0);
    if (m->has_word) assert_true(entry_int(e) == m->word);
    assert_int_equal(e->embedded_len, m->embedded_len);
    assert_memory_equal(entry_embedded(e), m->embedded, m->embedded_len);

    size_t size = 8 + m->key.len + m->embedded_len + (m->key.len > 255 ? 8 : 0) +
                  (m->has_word ? 8 : 0) + (m->deadline != ENTRY_NO_DEADLINE ? 8 : 0);
    assert_int_equal(entry_size(e), size);
    assert_int_equal(type_memory(e, 0), cell_size(size));
}

/* The value, after the entry was made or reshaped. */
static void fill(struct model *m, unsigned flags, size_t embedded_len) {
    m->has_word = flags & ENTRY_WORD;
    m->embedded_len = embedded_len;
    if (m->has_word) {
        m->word = (int64_t)random_u64(&rng);
        entry_set_int(m->entry, m->word);
        return;
    }
    for (size_t i = 0; i < embedded_len; i++) m->embedded[i] = (char)random_u64(&rng);
    memcpy(entry_embedded(m->entry), m->embedded, embedded_len);
}

static uint64_t random_deadline(void) {
    return random_below(&rng, 2) ? random_u64(&rng) >> 1 : ENTRY_NO_DEADLINE;
}

static void random_shape(unsigned *flags, size_t *embedded_len) {
    static const size_t lens[] = {44, 64, 1024, EMBEDDED_MAX};
    *flags = random_below(&rng, 3) ? 0 : ENTRY_WORD;
    *embedded_len = random_below(&rng, 100);
    if (random_below(&rng, 4) == 0) *embedded_len = lens[random_below(&rng, 4)];
    if (random_below(&rng, 20) == 0) *embedded_len = random_below(&rng, EMBEDDED_MAX + 1);
    if (*flags) *embedded_len = 0;
}

static void make(struct model *m) {
    unsigned flags;
    size_t len;
    random_shape(&flags, &len);
    *m = (struct model){.key = keys[random_below(&rng, KEYS)],
                        .deadline = random_deadline(),
                        .access = (unsigned)random_below(&rng, 1 << 24),
                        .encoding = flags ? STRING_INT : STRING_EMBEDDED,
                        .embedded = malloc(EMBEDDED_MAX)};
    m->entry =
        entry_new(m->key, flags | (m->deadline != ENTRY_NO_DEADLINE ? ENTRY_DEADLINE : 0), len);
    assert_int_equal(m->entry->type | m->entry->encoding | m->entry->access, 0);
    m->entry->encoding = m->encoding & 15;
    m->entry->access = m->access & 0xffffff;
    if (m->deadline != ENTRY_NO_DEADLINE) entry_set_deadline(m->entry, m->deadline);
    if (random_below(&rng, 2)) m->entry->flags |= ENTRY_EDITED;
    m->edited = m->entry->flags & ENTRY_EDITED;
    fill(m, flags, len);
}

static void reshape(struct model *m) {
    unsigned flags;
    size_t len;
    random_shape(&flags, &len);
    bool had = m->deadline != ENTRY_NO_DEADLINE, has = random_below(&rng, 2);
    m->entry = entry_reshape(m->entry, flags | (has ? ENTRY_DEADLINE : 0), len);
    if (!has) m->deadline = ENTRY_NO_DEADLINE;
    if (has && !had) {
        m->deadline = random_u64(&rng) >> 1;
        entry_set_deadline(m->entry, m->deadline);
    }
    m->edited = false;
    m->encoding = flags ? STRING_INT : STRING_EMBEDDED;
    m->entry->encoding = m->encoding & 15;
    fill(m, flags, len);
}

static void set_deadline(struct model *m) {
    m->deadline = random_deadline();
    m->entry = entry_with_deadline(m->entry, m->deadline);
}

static void rename_to(struct model *m) {
    m->key = keys[random_below(&rng, KEYS)];
    m->entry = entry_rename(m->entry, m->key);
}

static void release(struct model *m) {
    entry_free(m->entry);
    free(m->embedded);
    m->entry = NULL;
}

static void copy(struct model *m, const struct model *from) {
    *m = *from;
    m->key = keys[random_below(&rng, KEYS)];
    m->deadline = ENTRY_NO_DEADLINE;
    m->embedded = malloc(EMBEDDED_MAX);
    memcpy(m->embedded, from->embedded, from->embedded_len);
    m->entry = entry_copy(from->entry, m->key);
    check(from);
}

static void change(struct model *m) {
    const struct model *other = &models[random_below(&rng, ENTRIES)];
    if (!m->entry) {
        if (other->entry)
            copy(m, other);
        else
            make(m);
        return;
    }
    switch (random_below(&rng, 8)) {
    case 0: release(m); break;
    case 1:
    case 2: rename_to(m); break;
    case 3:
    case 4: set_deadline(m); break;
    default: reshape(m); break;
    }
}

static void random_changes(void **unused) {
    random_seed_fixed(&rng, 21);
    size_t before = mem_used();
    make_keys();
    for (int step = 0; step < 60000; step++) {
        struct model *m = &models[random_below(&rng, ENTRIES)];
        change(m);
        if (m->entry) check(m);
    }
    for (int i = 0; i < ENTRIES; i++) {
        if (!models[i].entry) continue;
        check(&models[i]);
        release(&models[i]);
    }
    free_keys();
    assert_int_equal(mem_used(), before);
}

/* What changes its shape within a size class stays where it is. */
static void stays_within_a_class(void **unused) {
    struct entry *e = entry_new(SLICE("key"), 0, 5);
    e->type = TYPE_STRING;
    e->encoding = STRING_EMBEDDED;
    for (size_t len = 1; len < 300; len++) {
        struct entry *before = e;
        bool same = cell_size(entry_size(e)) == cell_size(8 + 3 + len);
        e = entry_reshape(e, 0, len);
        if (same) assert_ptr_equal(e, before);
    }
    entry_free(e);
}

static void keys_without_bytes(void **unused) {
    struct entry *e = entry_new(slice_of(NULL, 0), ENTRY_WORD, 0);
    entry_set_int(e, 5);
    e->encoding = STRING_INT;
    assert_int_equal(entry_key(e).len, 0);
    e = entry_rename(e, SLICE("key"));
    e = entry_rename(e, slice_of(NULL, 0));
    assert_int_equal(entry_key(e).len, 0);
    assert_int_equal(entry_int(e), 5);
    entry_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes),
        cmocka_unit_test(stays_within_a_class),
        cmocka_unit_test(keys_without_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
