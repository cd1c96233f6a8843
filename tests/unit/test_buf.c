/* SPDX-License-Identifier: BSD-3-Clause */
/* Slices, and buffers against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/random.h"

static struct random rng;

/* A copy at the very end of an allocation, so that a sanitizer build sees a read past it. */
static struct slice at_end(const char *bytes, size_t len) {
    char *copy = malloc(len ? len : 1);
    memcpy(copy, bytes, len);
    return slice_of(copy, len);
}

static void slices_compare(void **unused) {
    static const struct {
        struct slice a, b;
        int order;
    } known[] = {
        {{"", 0}, {"", 0}, 0},          {{NULL, 0}, {"", 0}, 0},    {{NULL, 0}, {NULL, 0}, 0},
        {{NULL, 0}, {"a", 1}, -1},      {{"a", 1}, {"a", 1}, 0},    {{"a", 1}, {"b", 1}, -1},
        {{"a", 1}, {"ab", 2}, -1},      {{"ab", 2}, {"b", 1}, -1},  {{"\xff", 1}, {"a", 1}, 1},
        {{"a\0b", 3}, {"a\0c", 3}, -1}, {{"a\0b", 3}, {"a", 1}, 1}, {{"A", 1}, {"a", 1}, -1},
        {{"abcd", 4}, {"abcd", 4}, 0},  {{"\0", 1}, {NULL, 0}, 1},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int order = slice_cmp(known[i].a, known[i].b), back = slice_cmp(known[i].b, known[i].a);
        assert_int_equal((order > 0) - (order < 0), known[i].order);
        assert_int_equal((back > 0) - (back < 0), -known[i].order);
        assert_int_equal(slice_eq(known[i].a, known[i].b), known[i].order == 0);
        assert_int_equal(slice_eq(known[i].b, known[i].a), known[i].order == 0);
    }
}

/* Every text that differs from the word in length, in a byte, or by NULs behind it. */
static void slice_is_word(void **unused) {
    static const struct {
        struct slice text;
        const char *word;
        bool is;
    } known[] = {
        {{"match", 5}, "match", true},
        {{"MATCH", 5}, "match", true},
        {{"mAtCh", 5}, "MATCH", true},
        {{"match", 4}, "match", false},
        {{"matchx", 6}, "match", false},
        {{"match\0", 6}, "match", false},
        {{"m\0tch", 5}, "match", false},
        {{"match\0\0\0", 8}, "match", false},
        {{"m\0\0\0\0", 5}, "m", false},
        {{"", 0}, "match", false},
        {{"", 0}, "", true},
        {{NULL, 0}, "", true},
        {{NULL, 0}, "x", false},
        {{"\0", 1}, "", false},
        {{"[", 1}, "{", false},
        {{"@", 1}, "`", false},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct slice text = known[i].text;
        if (text.ptr) text = at_end(text.ptr, text.len);
        struct slice word = at_end(known[i].word, strlen(known[i].word) + 1);
        assert_int_equal(slice_is(text, word.ptr), known[i].is);
        if (known[i].text.ptr) free((void *)text.ptr);
        free((void *)word.ptr);
    }
}

static void slice_put_copies(void **unused) {
    char to[4] = "....";
    slice_put(to, SLICE("ab"));
    slice_put(to + 3, slice_of(NULL, 0));
    assert_memory_equal(to, "ab..", 4);
    assert_int_equal(slice_str("abc").len, 3);
}

/* What a buffer must hold. */
struct model {
    char bytes[400000];
    size_t len;
};

static struct model model;

static void model_add(const void *bytes, size_t len) {
    memcpy(model.bytes + model.len, bytes, len);
    model.len += len;
}

static void check(const struct buf *b) {
    assert_int_equal(b->len, model.len);
    assert_int_equal(buf_slice(b).len, model.len);
    if (!b->data) {
        assert_int_equal(model.len, 0);
        return;
    }
    assert_true(b->cap > b->len);
    assert_true(mem_usable_size(b->data) >= b->cap);
    assert_memory_equal(b->data, model.bytes, model.len);
    assert_int_equal(b->data[b->len], 0);
}

static void append_number(struct buf *b) {
    int64_t value = (int64_t)(random_u64(&rng) >> random_below(&rng, 64));
    if (random_below(&rng, 2)) value = -value;
    char text[32];
    int len = snprintf(text, sizeof(text), "%lld", (long long)value);
    if (random_below(&rng, 2))
        buf_append_i64(b, value);
    else
        buf_appendf(b, "%lld", (long long)value);
    model_add(text, (size_t)len);
}

static void append_bytes(struct buf *b) {
    char bytes[5000];
    size_t len = random_below(&rng, random_below(&rng, 20) ? 50 : sizeof(bytes));
    for (size_t i = 0; i < len; i++) bytes[i] = (char)random_u64(&rng);
    model_add(bytes, len);
    if (random_below(&rng, 2)) {
        buf_append(b, bytes, len);
    } else {
        buf_append_slice(b, slice_of(bytes, len));
    }
}

static void append_text(struct buf *b) {
    char text[300];
    size_t len = random_below(&rng, sizeof(text));
    memset(text, 'a' + (int)random_below(&rng, 26), len);
    text[len] = '\0';
    model_add(text, len);
    if (random_below(&rng, 2))
        buf_append_str(b, text);
    else
        buf_appendf(b, "%s", text);
}

static void reserve(struct buf *b) {
    size_t extra = random_below(&rng, 1000), used = random_below(&rng, extra + 1);
    char *to = buf_reserve(b, extra);
    assert_ptr_equal(to, b->data + b->len);
    memset(to, 'r', extra);
    memset(model.bytes + model.len, 'r', used);
    model.len += used;
    b->len += used;
    b->data[b->len] = '\0';
}

static void empty(struct buf *b) {
    size_t which = random_below(&rng, 3);
    if (which == 0) {
        buf_clear(b);
    } else if (which == 1) {
        buf_release(b);
        assert_null(b->data);
        assert_int_equal(b->cap, 0);
    } else {
        size_t len = b->len;
        char *bytes = buf_detach(b);
        assert_non_null(bytes);
        assert_memory_equal(bytes, model.bytes, len);
        assert_int_equal(bytes[len], 0);
        assert_null(b->data);
        mem_free(bytes);
    }
    model.len = 0;
}

static void random_appends(void **unused) {
    random_seed_fixed(&rng, 3);
    size_t before = mem_used();
    struct buf b;
    buf_init(&b);
    for (int step = 0; step < 20000; step++) {
        switch (random_below(&rng, 6)) {
        case 0: append_number(&b); break;
        case 1: append_bytes(&b); break;
        case 2: append_text(&b); break;
        case 3: reserve(&b); break;
        case 4:
            buf_append_char(&b, (char)step);
            model_add((char[]){(char)step}, 1);
            break;
        default: break;
        }
        if (model.len > 350000 || random_below(&rng, 300) == 0) empty(&b);
        check(&b);
    }
    buf_release(&b);
    assert_int_equal(mem_used(), before);
}

/* A buffer to which nothing but empty pieces were added is text, too. */
static void empty_pieces(void **unused) {
    static const char none[] = "";
    struct buf b = BUF_INIT;
    assert_int_equal(buf_slice(&b).len, 0);
    buf_appendf(&b, "%s", none);
    assert_string_equal(b.data, "");
    buf_release(&b);
    buf_append(&b, NULL, 0);
    assert_string_equal(b.data, "");
    buf_append_str(&b, "old");
    buf_clear(&b);
    assert_string_equal(b.data, "");
    buf_release(&b);
    buf_clear(&b);
    assert_null(b.data);
    char *text = buf_detach(&b);
    assert_string_equal(text, "");
    mem_free(text);
}

/* Growth moves the bytes a few dozen times, not once per byte. */
static void grows_by_steps(void **unused) {
    struct buf b = BUF_INIT;
    size_t moves = 0, cap = 0;
    for (int i = 0; i < 1000000; i++) {
        buf_append_char(&b, 'x');
        moves += b.cap != cap;
        cap = b.cap;
    }
    assert_in_range(moves, 2, 60);
    assert_true(b.cap < 2 * b.len);
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare),   cmocka_unit_test(slice_is_word),
        cmocka_unit_test(slice_put_copies), cmocka_unit_test(random_appends),
        cmocka_unit_test(empty_pieces),     cmocka_unit_test(grows_by_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
