/* SPDX-License-Identifier: BSD-3-Clause */
/* The prefix tree against a plain list of keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "ds/prefix_tree.h"

enum { KEYS = 400, KEY_MAX = 9, ROUNDS = 60000 };

struct key {
    char text[KEY_MAX];
    size_t len;
    bool in;
};

static struct key keys[KEYS];
static size_t count;
static struct random rng;

static struct slice text_of(const struct key *k) {
    return slice_of(k->text, k->len);
}

/* Few letters, zero bytes among them, so that many keys begin alike. */
static struct slice random_text(char *to, size_t max) {
    size_t len = random_below(&rng, max + 1);
    for (size_t i = 0; i < len; i++) to[i] = "ab\0\xff"[random_below(&rng, 4)];
    return slice_of(to, len);
}

/* The key of that text, or a free place. */
static struct key *key_of(struct slice text) {
    struct key *unused = NULL;
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].in && slice_eq(text_of(&keys[i]), text)) return &keys[i];
        if (!keys[i].in) unused = &keys[i];
    }
    if (unused) {
        slice_put(unused->text, text);
        unused->len = text.len;
    }
    return unused;
}

static void add(struct prefix_tree *t, struct key *k) {
    void **place = prefix_tree_place(t, text_of(k));
    assert_ptr_equal(*place, k->in ? k : NULL);
    *place = k;
    count += !k->in;
    k->in = true;
}

static void take(struct prefix_tree *t, struct key *k) {
    assert_ptr_equal(prefix_tree_remove(t, text_of(k)), k->in ? k : NULL);
    count -= k->in;
    k->in = false;
}

static bool begins_with(struct slice text, const struct key *k) {
    return k->in && text.len >= k->len && memcmp(text.ptr, k->text, k->len) == 0;
}

/* The walk finds all keys that the text begins with, shortest first. */
static void walk(const struct prefix_tree *t) {
    char buf[2 * KEY_MAX];
    struct slice text = random_text(buf, sizeof buf);
    size_t wanted = 0, found = 0, longest = 0;
    for (size_t i = 0; i < KEYS; i++) wanted += begins_with(text, &keys[i]);
    struct prefix_walk w;
    const struct key *k;
    prefix_walk_init(&w, t, text);
    while ((k = prefix_walk_next(&w))) {
        assert_true(begins_with(text, k));
        assert_true(found == 0 || k->len > longest);
        longest = k->len;
        found++;
    }
    assert_int_equal(found, wanted);
}

static void random_operations(void **unused) {
    struct prefix_tree t = PREFIX_TREE_INIT;
    size_t before = mem_used();
    random_seed_fixed(&rng, 11);
    for (size_t i = 0; i < ROUNDS; i++) {
        char buf[KEY_MAX];
        struct key *k = key_of(random_text(buf, 1 + random_below(&rng, KEY_MAX)));
        bool growing = i / 5000 % 2 == 0;
        if (k && random_below(&rng, 4) < (growing ? 3 : 1))
            add(&t, k);
        else if (k)
            take(&t, k);
        if (k) assert_ptr_equal(prefix_tree_find(&t, text_of(k)), k->in ? k : NULL);
        walk(&t);
        assert_int_equal(t.count, count);
        if (i % 16 == 0) prefix_tree_check(&t);
    }
    for (size_t i = 0; i < KEYS; i++)
        if (keys[i].in) take(&t, &keys[i]);
    assert_int_equal(t.count, 0);
    assert_int_equal(mem_used(), before);
}

/* Keys each of which begins with the one before, more of them than the stack has room for. */
static void a_long_chain(void **unused) {
    enum { LONG = 20000 };
    char *text = mem_alloc(LONG);
    memset(text, 'a', LONG);
    struct prefix_tree t = PREFIX_TREE_INIT;
    for (size_t len = 0; len < LONG; len++) *prefix_tree_place(&t, slice_of(text, len)) = text;
    struct prefix_walk w;
    size_t found = 0;
    prefix_walk_init(&w, &t, slice_of(text, LONG));
    while (prefix_walk_next(&w)) found++;
    assert_int_equal(found, LONG);
    prefix_tree_release(&t);
    assert_null(prefix_tree_find(&t, SLICE("a")));
    mem_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations),
        cmocka_unit_test(a_long_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
