/* SPDX-License-Identifier: BSD-3-Clause */
/* The packed list against a model: an array of texts. After each operation the block must be valid
 * and walk to the model's texts from either end. Seeds are fixed, so that a failure comes again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "ds/listpack.h"

static struct random rng;

/* ---- the model ---- */

enum { MODEL_MAX = 64 };

struct model {
    struct slice v[MODEL_MAX]; /* each owned */
    size_t count;
};

static struct slice own(struct slice text) {
    char *copy = mem_alloc(text.len);
    slice_put(copy, text);
    return slice_of(copy, text.len);
}

static void disown(struct slice text) {
    mem_free((char *)text.ptr);
}

static void model_insert(struct model *m, size_t at, const struct slice *texts, size_t count) {
    assert_true(m->count + count <= MODEL_MAX);
    memmove(m->v + at + count, m->v + at, (m->count - at) * sizeof *m->v);
    for (size_t i = 0; i < count; i++) m->v[at + i] = own(texts[i]);
    m->count += count;
}

static void model_delete(struct model *m, size_t at, size_t count) {
    for (size_t i = 0; i < count; i++) disown(m->v[at + i]);
    memmove(m->v + at, m->v + at + count, (m->count - at - count) * sizeof *m->v);
    m->count -= count;
}

static void assert_text(const uint8_t *at, struct slice text) {
    char digits[NUM_I64_MAX];
    int64_t expected, number;
    assert_non_null(at);
    assert_true(slice_eq(listpack_view(at, digits), text));
    bool is_number = num_to_i64(text, &expected);
    assert_int_equal(listpack_number(at, &number), is_number);
    assert_int_equal(listpack_get(at).text == NULL, is_number);
    if (is_number) assert_int_equal(number, expected);
}

static void assert_model(const uint8_t *lp, const struct model *m) {
    assert_true(listpack_valid(lp, listpack_bytes(lp)));
    assert_int_equal(listpack_memory(lp), mem_class_size(listpack_bytes(lp)));
    assert_int_equal(listpack_count(lp), m->count);
    size_t bytes = LISTPACK_HEADER + 1;
    const uint8_t *at = listpack_first(lp);
    for (size_t i = 0; i < m->count; i++, at = listpack_next(lp, at)) {
        assert_text(at, m->v[i]);
        assert_ptr_equal(listpack_at(lp, (int64_t)i), at);
        assert_ptr_equal(listpack_at(lp, (int64_t)i - (int64_t)m->count), at);
        bytes += listpack_size_of(m->v[i]);
    }
    assert_null(at);
    assert_int_equal(listpack_bytes(lp), bytes);
    at = listpack_last(lp);
    for (size_t i = m->count; i-- > 0; at = listpack_prev(lp, at)) assert_text(at, m->v[i]);
    assert_null(at);
    assert_null(listpack_at(lp, (int64_t)m->count));
    assert_null(listpack_at(lp, -(int64_t)m->count - 1));
    assert_null(listpack_at(lp, INT64_MIN));
    assert_null(listpack_at(lp, INT64_MAX));
}

/* ---- texts ---- */

enum { TEXT_MAX = 20000 };

/* Numbers of all widths, texts of few and of many lengths, and what nearly is a number; room:
 * TEXT_MAX bytes. */
static struct slice random_text(char *room) {
    static const size_t lengths[] = {0, 1, 63, 64, 125, 126, 127, 128, 4095, 4096, 16378, 16383};
    size_t len = random_below(&rng, 12);
    switch (random_below(&rng, 8)) {
    case 0:
    case 1: return slice_of(room, num_from_u64(room, random_below(&rng, 200)));
    case 2:
    case 3: {
        int64_t number = (int64_t)random_u64(&rng) >> random_below(&rng, 64);
        return slice_of(room, num_from_i64(room, number));
    }
    case 4: return slice_of(room, (size_t)sprintf(room, "0%u", (unsigned)random_below(&rng, 99)));
    case 5:
        if (random_below(&rng, 8) == 0)
            len = lengths[random_below(&rng, sizeof lengths / sizeof *lengths)];
        break;
    default: break;
    }
    for (size_t i = 0; i < len; i++) room[i] = (char)(random_below(&rng, 3) + "a0\xff"[i % 3]);
    return slice_of(room, len);
}

struct texts {
    char room[4][TEXT_MAX];
    struct slice v[4];
};

static void random_texts(struct texts *t, size_t count) {
    for (size_t i = 0; i < count; i++) t->v[i] = random_text(t->room[i]);
}

/* ---- random operations ---- */

/* Where one may insert: each element, and behind them all. */
static const uint8_t *place(const uint8_t *lp, size_t at) {
    return listpack_at(lp, (int64_t)at);
}

static void insert_some(uint8_t **lp, struct model *m, struct texts *t) {
    size_t at = random_below(&rng, m->count + 1);
    size_t count = random_below(&rng, 5);
    if (m->count + count > MODEL_MAX) return;
    random_texts(t, count);
    const uint8_t *first = count == 1 ? listpack_insert(lp, place(*lp, at), t->v[0])
                                      : listpack_insert_many(lp, place(*lp, at), t->v, count);
    model_insert(m, at, t->v, count);
    assert_ptr_equal(first, place(*lp, at));
}

/* Numbers are given without their text. */
static void append_keys(uint8_t **lp, struct model *m, struct texts *t) {
    struct listpack_key keys[4];
    size_t count = random_below(&rng, 5), at = m->count;
    if (m->count + count > MODEL_MAX) return;
    random_texts(t, count);
    for (size_t i = 0; i < count; i++) {
        keys[i] = listpack_key(t->v[i]);
        if (keys[i].is_number) keys[i] = listpack_number_key(keys[i].number);
    }
    listpack_append_keys(lp, keys, count);
    model_insert(m, at, t->v, count);
}

static void insert_number(uint8_t **lp, struct model *m, struct texts *t) {
    size_t at = random_below(&rng, m->count + 1);
    int64_t number = (int64_t)random_u64(&rng) >> random_below(&rng, 64);
    if (m->count == MODEL_MAX) return;
    const uint8_t *first = listpack_insert_number(lp, place(*lp, at), number);
    assert_ptr_equal(first, place(*lp, at));
    t->v[0] = slice_of(t->room[0], num_from_i64(t->room[0], number));
    model_insert(m, at, t->v, 1);
}

static void replace_one(uint8_t **lp, struct model *m, struct texts *t) {
    if (m->count == 0) return;
    size_t at = random_below(&rng, m->count);
    random_texts(t, 1);
    int64_t number;
    const uint8_t *now = random_below(&rng, 2) && num_to_i64(t->v[0], &number)
                             ? listpack_replace_number(lp, place(*lp, at), number)
                             : listpack_replace(lp, place(*lp, at), t->v[0]);
    assert_ptr_equal(now, place(*lp, at));
    disown(m->v[at]);
    m->v[at] = own(t->v[0]);
}

static void delete_some(uint8_t **lp, struct model *m) {
    size_t at = random_below(&rng, m->count + 1), count = random_below(&rng, 6), left;
    if (random_below(&rng, 50) == 0) count = SIZE_MAX;
    left = m->count - at;
    const uint8_t *follows = listpack_delete(lp, place(*lp, at), count);
    model_delete(m, at, count < left ? count : left);
    assert_ptr_equal(follows, place(*lp, at));
}

static void split_and_join(uint8_t **lp, const struct model *m) {
    size_t at = random_below(&rng, m->count + 1);
    uint8_t *tail = listpack_split(lp, place(*lp, at));
    struct model head_model = *m, tail_model = {.count = m->count - at};
    head_model.count = at;
    memcpy(tail_model.v, m->v + at, tail_model.count * sizeof *m->v);
    assert_model(*lp, &head_model);
    assert_model(tail, &tail_model);
    listpack_join(lp, tail);
}

static void find_one(const uint8_t *lp, const struct model *m, struct texts *t) {
    random_texts(t, 1);
    struct slice text =
        m->count && random_below(&rng, 3) ? m->v[random_below(&rng, m->count)] : t->v[0];
    struct listpack_key key = listpack_key(text);
    unsigned skip = (unsigned)random_below(&rng, 3);
    size_t from = random_below(&rng, m->count + 1), at = from;
    while (at < m->count && !slice_eq(m->v[at], text)) at += skip + 1;
    assert_ptr_equal(listpack_find(lp, place(lp, from), &key, skip), place(lp, at));
    for (size_t i = 0; i < m->count; i++)
        assert_int_equal(listpack_is(place(lp, i), &key), slice_eq(m->v[i], text));
}

static void copy_whole(uint8_t **lp) {
    uint8_t *copy = listpack_copy(*lp);
    assert_memory_equal(copy, *lp, listpack_bytes(*lp));
    listpack_free(*lp);
    *lp = copy;
}

static void random_operation(uint8_t **lp, struct model *m, struct texts *t) {
    switch (random_below(&rng, 10)) {
    case 0: append_keys(lp, m, t); break;
    case 1:
    case 2: insert_some(lp, m, t); break;
    case 3: insert_number(lp, m, t); break;
    case 4: replace_one(lp, m, t); break;
    case 5:
    case 6: delete_some(lp, m); break;
    case 7: split_and_join(lp, m); break;
    case 8: find_one(*lp, m, t); break;
    default: copy_whole(lp); break;
    }
}

static void random_operations(void **unused) {
    random_seed_fixed(&rng, 1);
    size_t used = mem_used();
    struct texts *t = malloc(sizeof *t);
    for (int round = 0; round < 20; round++) {
        struct model m = {.count = 0};
        uint8_t *lp = listpack_new();
        for (int op = 0; op < 500; op++) {
            random_operation(&lp, &m, t);
            assert_model(lp, &m);
        }
        listpack_free(lp);
        model_delete(&m, 0, m.count);
    }
    free(t);
    assert_int_equal(mem_used(), used);
}

/* ---- the format, byte by byte ---- */

static uint8_t *list_of_one(struct slice text) {
    uint8_t *lp = listpack_new();
    listpack_append(&lp, text);
    return lp;
}

/* What real servers store for these texts. */
static void known_bytes(void **unused) {
    static const struct {
        const char *text;
        struct slice bytes;
    } cases[] = {
        {"0", SLICE("\x00\x01")},
        {"127", SLICE("\x7f\x01")},
        {"128", SLICE("\xc0\x80\x02")},
        {"4095", SLICE("\xcf\xff\x02")},
        {"-1", SLICE("\xdf\xff\x02")},
        {"-4096", SLICE("\xd0\x00\x02")},
        {"4096", SLICE("\xf1\x00\x10\x03")},
        {"-4097", SLICE("\xf1\xff\xef\x03")},
        {"32767", SLICE("\xf1\xff\x7f\x03")},
        {"-32768", SLICE("\xf1\x00\x80\x03")},
        {"32768", SLICE("\xf2\x00\x80\x00\x04")},
        {"-32769", SLICE("\xf2\xff\x7f\xff\x04")},
        {"8388607", SLICE("\xf2\xff\xff\x7f\x04")},
        {"-8388608", SLICE("\xf2\x00\x00\x80\x04")},
        {"8388608", SLICE("\xf3\x00\x00\x80\x00\x05")},
        {"-8388609", SLICE("\xf3\xff\xff\x7f\xff\x05")},
        {"2147483647", SLICE("\xf3\xff\xff\xff\x7f\x05")},
        {"-2147483648", SLICE("\xf3\x00\x00\x00\x80\x05")},
        {"2147483648", SLICE("\xf4\x00\x00\x00\x80\x00\x00\x00\x00\x09")},
        {"-2147483649", SLICE("\xf4\xff\xff\xff\x7f\xff\xff\xff\xff\x09")},
        {"9223372036854775807", SLICE("\xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09")},
        {"-9223372036854775808", SLICE("\xf4\x00\x00\x00\x00\x00\x00\x00\x80\x09")},
        {"", SLICE("\x80\x01")},
        {"-", SLICE("\x81-\x02")},
        {"-0", SLICE("\x82-0\x03")},
        {"+1", SLICE("\x82+1\x03")},
        {"01", SLICE("\x82\x30\x31\x03")},
        {" 1", SLICE("\x82 1\x03")},
        {"1 ", SLICE("\x82\x31 \x03")},
        {"1.0", SLICE("\x83\x31.0\x04")},
        {"9223372036854775808", SLICE("\x93\x39\x32\x32\x33\x33\x37\x32\x30\x33\x36\x38\x35\x34\x37"
                                      "\x37\x35\x38\x30\x38\x14")},
        {"-9223372036854775809", SLICE("\x94-9223372036854775809\x15")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice text = slice_str(cases[i].text), bytes = cases[i].bytes;
        uint8_t *lp = list_of_one(text);
        assert_int_equal(listpack_bytes(lp), LISTPACK_HEADER + bytes.len + 1);
        assert_memory_equal(lp + LISTPACK_HEADER, bytes.ptr, bytes.len);
        assert_int_equal(listpack_size_of(text), bytes.len);
        assert_text(listpack_first(lp), text);
        assert_true(listpack_valid(lp, listpack_bytes(lp)));
        listpack_free(lp);
    }
    uint8_t *empty = listpack_new();
    assert_memory_equal(empty, "\x07\0\0\0\0\0\xff", 7);
    assert_true(listpack_valid(empty, 7));
    assert_null(listpack_first(empty));
    assert_null(listpack_last(empty));
    assert_null(listpack_at(empty, 0));
    listpack_free(empty);
}

/* Lengths of texts where the encoding or the length at the back gets wider, and those bytes. */
static void known_lengths(void **unused) {
    static const struct {
        size_t len;
        struct slice head, back;
    } cases[] = {
        {63, SLICE("\xbf"), SLICE("\x40")},
        {64, SLICE("\xe0\x40"), SLICE("\x42")},
        {125, SLICE("\xe0\x7d"), SLICE("\x7f")},
        {126, SLICE("\xe0\x7e"), SLICE("\x01\x80")},
        {4095, SLICE("\xef\xff"), SLICE("\x20\x81")},
        {4096, SLICE("\xf0\x00\x10\x00\x00"), SLICE("\x20\x85")},
        {16377, SLICE("\xf0\xf9\x3f\x00\x00"), SLICE("\x7f\xfe")},
        {16378, SLICE("\xf0\xfa\x3f\x00\x00"), SLICE("\x00\xff\xff")},
        {16379, SLICE("\xf0\xfb\x3f\x00\x00"), SLICE("\x01\x80\x80")},
        {2097145, SLICE("\xf0\xf9\xff\x1f\x00"), SLICE("\x7f\xff\xfe")},
        {2097146, SLICE("\xf0\xfa\xff\x1f\x00"), SLICE("\x00\xff\xff\xff")},
        {268435449, SLICE("\xf0\xf9\xff\xff\x0f"), SLICE("\x7f\xff\xff\xfe")},
        {268435450, SLICE("\xf0\xfa\xff\xff\x0f"), SLICE("\x00\xff\xff\xff\xff")},
    };
    enum { LONGEST = 268435450 };
    char *zeros = calloc(LONGEST, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct slice head = cases[i].head, back = cases[i].back;
        uint8_t *lp = list_of_one(SLICE("first"));
        listpack_append(&lp, slice_of(zeros, cases[i].len));
        listpack_append(&lp, SLICE("last"));
        size_t bytes = listpack_bytes(lp);
        assert_true(listpack_valid(lp, bytes));
        assert_int_equal(listpack_size_of(slice_of(zeros, cases[i].len)),
                         head.len + cases[i].len + back.len);
        const uint8_t *at = listpack_at(lp, 1), *last = listpack_last(lp);
        assert_memory_equal(at, head.ptr, head.len);
        assert_memory_equal(last - back.len, back.ptr, back.len);
        assert_int_equal(listpack_get(at).len, cases[i].len);
        assert_ptr_equal(listpack_next(lp, at), last);
        assert_ptr_equal(listpack_prev(lp, last), at);
        assert_ptr_equal(listpack_prev(lp, at), listpack_first(lp));
        assert_int_equal(bytes, LISTPACK_HEADER + 7 + head.len + cases[i].len + back.len + 6 + 1);
        listpack_free(lp);
    }
    free(zeros);
}

/* ---- numbers of elements that don't fit the header ---- */

static void assert_counts(const uint8_t *lp, size_t count) {
    assert_int_equal(listpack_count(lp), count);
    assert_true(listpack_valid(lp, listpack_bytes(lp)));
    assert_text(listpack_at(lp, (int64_t)count - 1), SLICE("x"));
    assert_text(listpack_at(lp, -(int64_t)count), SLICE("0"));
    assert_null(listpack_at(lp, (int64_t)count));
    assert_null(listpack_at(lp, -(int64_t)count - 1));
}

static void many_elements(void **unused) {
    uint8_t *lp = listpack_new();
    for (int i = 0; i < 65533; i++) listpack_insert_number(&lp, NULL, i % 100);
    listpack_append(&lp, SLICE("x"));
    assert_memory_equal(lp + 4, "\xfe\xff", 2);
    assert_counts(lp, 65534);
    uint8_t *exactly = listpack_copy(lp);
    listpack_insert(&exactly, listpack_last(exactly), SLICE("65535th"));
    assert_memory_equal(exactly + 4, "\xff\xff", 2);
    assert_counts(exactly, 65535);

    listpack_join(&exactly, lp);
    assert_counts(exactly, 65535 + 65534);
    lp = listpack_split(&exactly, listpack_at(exactly, 65535));
    assert_counts(exactly, 65535);
    assert_counts(lp, 65534);
    assert_memory_equal(lp + 4, "\xfe\xff", 2);
    listpack_free(lp);

    lp = listpack_split(&exactly, listpack_at(exactly, -1));
    assert_memory_equal(exactly + 4, "\xfe\xff", 2);
    assert_memory_equal(lp + 4, "\x01\x00", 2);
    listpack_join(&exactly, lp);
    listpack_delete(&exactly, listpack_at(exactly, 10), 65000);
    assert_counts(exactly, 535);
    listpack_free(exactly);
}

/* Half of the texts end behind the first batch, and moving happens in the middle of the list. */
static void many_at_once(void **unused) {
    struct slice texts[MODEL_MAX - 2];
    char room[MODEL_MAX][NUM_I64_MAX];
    for (size_t count = 0; count <= MODEL_MAX - 2; count++) {
        struct model m = {.count = 0};
        struct slice around[] = {SLICE("a"), SLICE("b")};
        uint8_t *lp = listpack_new();
        listpack_insert_many(&lp, NULL, around, 2);
        for (size_t i = 0; i < count; i++)
            texts[i] = slice_of(room[i], num_from_u64(room[i], i * i * i));
        listpack_insert_many(&lp, listpack_last(lp), texts, count);
        model_insert(&m, 0, around, 2);
        model_insert(&m, 1, texts, count);
        assert_model(lp, &m);
        listpack_free(lp);
        model_delete(&m, 0, m.count);
    }
}

/* ---- blocks from outside ---- */

static uint8_t *block(struct slice elements, unsigned count) {
    size_t bytes = LISTPACK_HEADER + elements.len + 1;
    uint8_t *lp = mem_alloc(bytes);
    memset(lp, 0, LISTPACK_HEADER);
    lp[0] = (uint8_t)bytes;
    lp[4] = (uint8_t)count;
    memcpy(lp + LISTPACK_HEADER, elements.ptr, elements.len);
    lp[bytes - 1] = LISTPACK_END;
    return lp;
}

/* Values that other programs may have stored in a wider form are the same values. */
static void wider_than_need_be(void **unused) {
    struct slice elements = SLICE("\x81\x35\x02"
                                  "\xc0\x05\x02"
                                  "\xf1\x05\0\x03"
                                  "\xf2\x05\0\0\x04"
                                  "\xf3\x05\0\0\0\x05"
                                  "\xf4\x05\0\0\0\0\0\0\0\x09"
                                  "\xe0\x01\x35\x03"
                                  "\xf0\x01\0\0\0\x35\x06");
    uint8_t *lp = block(elements, 8);
    assert_true(listpack_valid(lp, listpack_bytes(lp)));
    struct listpack_key five = listpack_key(SLICE("5")), six = listpack_key(SLICE("6"));
    const uint8_t *at = listpack_first(lp);
    char digits[NUM_I64_MAX];
    for (int i = 0; i < 8; i++, at = listpack_next(lp, at)) {
        assert_true(slice_eq(listpack_view(at, digits), SLICE("5")));
        assert_true(listpack_is(at, &five));
        assert_false(listpack_is(at, &six));
        assert_ptr_equal(listpack_find(lp, at, &five, 0), at);
        assert_null(listpack_find(lp, at, &six, 0));
    }
    assert_null(at);
    listpack_replace(&lp, listpack_at(lp, -1), SLICE("6"));
    assert_ptr_equal(listpack_find(lp, listpack_first(lp), &six, 0), listpack_at(lp, 7));
    assert_true(listpack_valid(lp, listpack_bytes(lp)));
    listpack_free(lp);
}

static void refused(void **unused) {
    static const struct slice cases[] = {
        SLICE("\x05"),                     /* no length at the back */
        SLICE("\x05\x02"),                 /* a wrong one */
        SLICE("\x05\x81"),                 /* one that goes on */
        SLICE("\x82\x61\x03"),             /* text beyond the end */
        SLICE("\xc0"),                     /* half an integer */
        SLICE("\xf1\x05\x03"),             /* likewise */
        SLICE("\xe0"),                     /* half a length */
        SLICE("\xf0"),                     /* an encoding without its length */
        SLICE("\xf0\x01\0\0"),             /* likewise */
        SLICE("\xf0\xff\xff\xff\xff\x05"), /* a length beyond all */
        SLICE("\xf5\x01"),                 /* no encoding */
        SLICE("\xfe\x01"),                 /* likewise */
        SLICE("\xff\x01"),                 /* an end too early */
        SLICE("\xff"),
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t *lp = block(cases[i], 1);
        assert_false(listpack_valid(lp, listpack_bytes(lp)));
        mem_free(lp);
    }
    uint8_t *lp = block(SLICE("\x05\x01"), 1);
    assert_true(listpack_valid(lp, 9));
    lp[4] = 2;
    assert_false(listpack_valid(lp, 9));
    lp[4] = lp[5] = 0xff; /* not known: as good as any */
    assert_true(listpack_valid(lp, 9));
    assert_int_equal(listpack_count(lp), 1);
    lp[8] = 0xfe;
    assert_false(listpack_valid(lp, 9));
    for (size_t len = 0; len < 9; len++) assert_false(listpack_valid(lp, len));
    mem_free(lp);
}

/* Walks both ways and reads everything; sums it up so that nothing is left out. */
static size_t read_all(const uint8_t *lp) {
    char digits[NUM_I64_MAX];
    size_t sum = 0, forward = 0, back = 0;
    for (const uint8_t *at = listpack_first(lp); at; at = listpack_next(lp, at), forward++) {
        struct slice text = listpack_view(at, digits);
        for (size_t i = 0; i < text.len; i++) sum += (uint8_t)text.ptr[i];
    }
    for (const uint8_t *at = listpack_last(lp); at; at = listpack_prev(lp, at)) back++;
    assert_int_equal(forward, back);
    assert_int_equal(forward, listpack_count(lp));
    return sum;
}

/* A damaged block is refused, or it's one that can be read: a flipped bit of a text is another
 * text. In memory of just its size, so that reading beyond is seen by the address sanitizer. */
static void damaged(void **unused) {
    random_seed_fixed(&rng, 2);
    struct texts *t = malloc(sizeof *t);
    size_t yes = 0, no = 0, sum = 0;
    for (int round = 0; round < 300; round++) {
        uint8_t *lp = listpack_new();
        for (size_t n = random_below(&rng, 8); n > 0; n--) {
            random_texts(t, 1);
            if (t->v[0].len < 200) listpack_append(&lp, t->v[0]);
        }
        size_t bytes = listpack_bytes(lp);
        for (size_t len = 0; len < bytes; len++) {
            uint8_t *cut = memcpy(malloc(len + !len), lp, len);
            assert_false(listpack_valid(cut, len));
            if (len >= 4) {
                uint32_t said = htole32((uint32_t)len);
                memcpy(cut, &said, sizeof said);
            }
            assert_true(!listpack_valid(cut, len) || (cut[4] == 0xff && cut[5] == 0xff));
            free(cut);
        }
        uint8_t *flipped = memcpy(malloc(bytes), lp, bytes);
        for (size_t bit = 0; bit < bytes * 8; bit++) {
            flipped[bit / 8] ^= (uint8_t)(1 << bit % 8);
            bool valid = listpack_valid(flipped, bytes);
            if (valid) sum += read_all(flipped);
            yes += valid;
            no += !valid;
            flipped[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(flipped);
        listpack_free(lp);
    }
    free(t);
    assert_true(yes > 1000 && no > 1000 && sum > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations), cmocka_unit_test(known_bytes),
        cmocka_unit_test(known_lengths),     cmocka_unit_test(many_elements),
        cmocka_unit_test(many_at_once),      cmocka_unit_test(wider_than_need_be),
        cmocka_unit_test(refused),           cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
