/* SPDX-License-Identifier: BSD-3-Clause */
/* HyperLogLog: bytes and counts as a Redis 7.0.15 server gives them for the same commands (the
 * bytes by their FNV-1a hash), equivalences between ways to the same registers, and hostile bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "type/hll.h"
#include "type/hll_sparse.h"

static uint64_t state = 99;

static uint64_t rnd_below(uint64_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % n;
}

static uint64_t fnv(struct slice s) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < s.len; i++)
        hash = (hash ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Adds prefix0 .. prefix(n-1). */
static void add_many(struct buf *hll, char prefix, unsigned n, size_t sparse_max) {
    char text[16];
    for (unsigned i = 0; i < n; i++) {
        size_t len = (size_t)snprintf(text, sizeof(text), "%c%u", prefix, i);
        assert_int_not_equal(hll_add(hll, slice_of(text, len), sparse_max), HLL_CORRUPT);
    }
}

static uint64_t count_of(const struct buf *hll) {
    uint64_t count = 0;
    assert_int_equal(hll_count(buf_slice(hll), &count), HLL_UNCHANGED);
    return count;
}

static void known_adds(void **unused) {
    static const struct {
        unsigned n;
        size_t sparse_max, len;
        uint64_t hash, count;
    } known[] = {
        {0, 3000, 18, UINT64_C(0x524bc36d036c0579), 0},
        {1, 3000, 21, UINT64_C(0x7e2a886085fae61b), 1},
        {3, 3000, 27, UINT64_C(0xf0442e77e856340b), 3},
        {10, 3000, 47, UINT64_C(0x603ed1a1bf9d3ea9), 10},
        {100, 3000, 282, UINT64_C(0x0de7bcc682d62424), 100},
        {500, 3000, 1041, UINT64_C(0xcdb2cd751f30b12c), 496},
        {1000, 3000, 1902, UINT64_C(0xab01ec4d3ed1485b), 998},
        {2000, 3000, 12304, UINT64_C(0x1daee940bd54c0e6), 1976},
        {5000, 3000, 12304, UINT64_C(0x9e4c31ccb44ecfec), 4993},
        {20000, 3000, 12304, UINT64_C(0x3046ae8e57398e5a), 20107},
        {100000, 3000, 12304, UINT64_C(0x2cccd9e8a3f288f4), 100216},
        {2000, 16000, 3455, UINT64_C(0x1cee97f04e23dfe6), 1976},
        {5000, 16000, 7156, UINT64_C(0x5097f6b2a81e82e1), 4993},
        {20000, 16000, 13040, UINT64_C(0x205c0be12ff6cdd5), 20107},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct buf hll = BUF_INIT;
        hll_create(&hll);
        hll_drop_cached_count(hll.data); /* PFADD does, also when it only creates */
        add_many(&hll, 'k', known[i].n, known[i].sparse_max);
        assert_int_equal(hll.len, known[i].len);
        assert_true(fnv(buf_slice(&hll)) == known[i].hash);
        assert_int_equal(count_of(&hll), known[i].count);
        buf_release(&hll);
    }
}

static void known_bytes(void **unused) {
    static const char after_add[] =
        "HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x5c\xb3\x90\x42\x07\x84\x48\x58\x80\x58\xe7";
    struct buf hll = BUF_INIT, text = BUF_INIT;
    hll_create(&hll);
    assert_int_equal(hll_add(&hll, SLICE("foo"), 3000), HLL_CHANGED);
    assert_int_equal(hll_add(&hll, SLICE("bar"), 3000), HLL_CHANGED);
    assert_int_equal(hll_add(&hll, SLICE("zap"), 3000), HLL_CHANGED);
    assert_int_equal(hll_add(&hll, SLICE("foo"), 3000), HLL_UNCHANGED);
    assert_true(slice_eq(buf_slice(&hll), SLICE(after_add)));
    assert_int_equal(hll_decode(buf_slice(&hll), &text), HLL_UNCHANGED);
    assert_string_equal(text.data, "Z:7348 v:5,1 Z:520 v:2,1 Z:2137 v:1,1 Z:6376");

    uint64_t count = 7;
    assert_false(hll_cached_count(buf_slice(&hll), &count));
    assert_int_equal(count, 7);
    hll_cache_count(hll.data, count_of(&hll));
    assert_true(hll_cached_count(buf_slice(&hll), &count));
    assert_int_equal(count, 3);
    assert_memory_equal(hll.data + 8, "\3\0\0\0\0\0\0\0", 8);
    buf_release(&hll);
    buf_release(&text);
}

/* Merges a and b into an empty one, as PFMERGE does with a destination that doesn't exist. */
static void merge_new(struct buf *to, const struct buf *a, const struct buf *b, size_t sparse_max) {
    uint8_t registers[HLL_REGISTERS] = {0};
    hll_create(to);
    assert_int_equal(hll_merge(registers, buf_slice(a)), HLL_UNCHANGED);
    assert_int_equal(hll_merge(registers, buf_slice(b)), HLL_UNCHANGED);
    assert_int_equal(hll_store(to, registers, sparse_max), HLL_CHANGED);
    assert_int_equal(hll_count_registers(registers), count_of(to));
}

static void known_merges(void **unused) {
    struct buf a = BUF_INIT, b = BUF_INIT, sparse = BUF_INIT, dense = BUF_INIT;
    hll_create(&a);
    hll_create(&b);
    add_many(&a, 'a', 2000, 16000);
    add_many(&b, 'b', 3000, 16000);
    merge_new(&sparse, &a, &b, 16000);
    assert_int_equal(sparse.len, 7197);
    assert_true(fnv(buf_slice(&sparse)) == UINT64_C(0xf331e9a01a0c24a6));
    assert_int_equal(count_of(&sparse), 5031);
    merge_new(&dense, &a, &b, 3000);
    assert_int_equal(dense.len, HLL_DENSE_SIZE);
    assert_true(fnv(buf_slice(&dense)) == UINT64_C(0xb5054f28095567c3));
    assert_int_equal(count_of(&dense), 5031);
    assert_int_equal(hll_to_dense(&sparse), HLL_CHANGED);
    assert_int_equal(hll_to_dense(&sparse), HLL_UNCHANGED);
    assert_true(slice_eq(buf_slice(&sparse), buf_slice(&dense)));
    buf_release(&a);
    buf_release(&b);
    buf_release(&sparse);
    buf_release(&dense);
}

enum { PART = 1024 }; /* registers that the next test deals with: raising one by one is quadratic */

/* Replaces the runs by random short ones that Redis would have joined, and one for the rest. */
static void forge_unjoined(struct buf *hll, uint8_t *registers) {
    hll->len = HLL_HEADER_SIZE;
    for (unsigned i = 0; i < PART;) {
        unsigned value = (unsigned)rnd_below(3), len = 1 + (unsigned)rnd_below(4);
        if (len > PART - i) len = PART - i;
        buf_append_char(hll, (char)(value ? 0x80 | (value - 1) << 2 | (len - 1) : len - 1));
        memset(registers + i, (int)value, len);
        i += len;
    }
    unsigned rest = HLL_REGISTERS - PART - 1;
    buf_append_char(hll, (char)(0x40 | rest >> 8));
    buf_append_char(hll, (char)rest);
}

/* Storing many registers with a running cursor gives the bytes that raising each from the beginning
 * does. Both are equal before. */
static void store_and_raise(struct buf *store, struct buf *single, const uint8_t *registers) {
    for (unsigned i = 0; i < PART; i++) {
        struct hll_cursor cursor = HLL_CURSOR_INIT;
        if (registers[i]) hll_sparse_raise(single, i, registers[i], SIZE_MAX, &cursor);
    }
    hll_store(store, registers, SIZE_MAX);
    hll_drop_cached_count(single->data);
    assert_true(slice_eq(buf_slice(store), buf_slice(single)));
    uint8_t again[HLL_REGISTERS] = {0};
    assert_int_equal(hll_merge(again, buf_slice(store)), HLL_UNCHANGED);
    assert_memory_equal(again, registers, sizeof(again));
}

static void store_is_many_raises(void **unused) {
    for (int round = 0; round < 300; round++) {
        struct buf store = BUF_INIT, single = BUF_INIT;
        uint8_t registers[HLL_REGISTERS] = {0};
        hll_create(&store);
        if (round % 2) forge_unjoined(&store, registers);
        buf_append_slice(&single, buf_slice(&store));
        for (int pass = 0; pass < 3; pass++) {
            unsigned max = (unsigned)rnd_below(4) + 1, gap = 1u << rnd_below(7);
            for (unsigned i = (unsigned)rnd_below(gap); i < PART;
                 i += 1 + (unsigned)rnd_below(gap)) {
                uint8_t rank = (uint8_t)(1 + rnd_below(max));
                if (registers[i] < rank) registers[i] = rank;
            }
            store_and_raise(&store, &single, registers);
        }
        buf_release(&store);
        buf_release(&single);
    }
}

/* Register 2 joins the runs around it to the one that the cursor stands on; splitting that for
 * register 3 must join with the run before the cursor. */
static void cursor_steps_back(void **unused) {
    struct buf store = BUF_INIT, single = BUF_INIT;
    uint8_t registers[HLL_REGISTERS] = {1, 1, 1, 5};
    hll_create(&store);
    store.len = HLL_HEADER_SIZE;
    buf_append(&store, "\x80\x80\x00\x80\x7f\xfb", 6);
    buf_append_slice(&single, buf_slice(&store));
    store_and_raise(&store, &single, registers);
    buf_release(&store);
    buf_release(&single);
}

/* Adding to a sparse and to a dense one changes the same registers; ranks above 32 make it dense.
 */
static void sparse_equals_dense(void **unused) {
    struct buf sparse = BUF_INIT, dense = BUF_INIT;
    hll_create(&sparse);
    hll_create(&dense);
    assert_int_equal(hll_to_dense(&dense), HLL_CHANGED);
    for (uint64_t n = 0; n < 8000; n++) {
        struct slice element = slice_of(&n, 1 + rnd_below(sizeof(n)));
        bool had = hll_dense_has(dense.data, element);
        enum hll_status added = hll_add_dense(dense.data, element);
        assert_int_equal(added, had ? HLL_UNCHANGED : HLL_CHANGED);
        assert_int_equal(hll_add(&sparse, element, SIZE_MAX), added);
        assert_true(hll_dense_has(dense.data, element));
        if (n % 500 == 0) assert_int_equal(count_of(&sparse), count_of(&dense));
    }
    assert_int_equal(hll_encoding(buf_slice(&sparse)), HLL_SPARSE);
    struct hll_cursor cursor = HLL_CURSOR_INIT;
    assert_int_equal(hll_sparse_raise(&sparse, 3, 33, SIZE_MAX, &cursor), HLL_SPARSE_NO_ROOM);
    assert_int_equal(hll_sparse_raise(&sparse, 3, 32, SIZE_MAX, &cursor), HLL_SPARSE_RAISED);
    buf_release(&sparse);
    buf_release(&dense);
}

/* A dense HLL in an allocation of just its size and a guard. */
static void last_register(void **unused) {
    struct buf empty = BUF_INIT;
    hll_create(&empty);
    hll_to_dense(&empty);
    char *dense = malloc(HLL_DENSE_SIZE + 1);
    memcpy(dense, empty.data, HLL_DENSE_SIZE);
    dense[HLL_DENSE_SIZE] = 0x55;
    for (uint64_t n = 0; n < 300000; n++) hll_add_dense(dense, slice_of(&n, sizeof(n)));
    assert_int_equal(dense[HLL_DENSE_SIZE], 0x55);
    assert_int_not_equal(dense[HLL_DENSE_SIZE - 1] & 0xfc, 0);
    free(dense);
    buf_release(&empty);
}

/* It may reach sparse_max but not pass it, and a change that needs no room is always made in place.
 */
static void promotion(void **unused) {
    for (size_t limit = 20; limit < 30; limit++) {
        struct buf hll = BUF_INIT;
        struct hll_cursor cursor = HLL_CURSOR_INIT;
        hll_create(&hll);
        size_t want = hll.len + 3; /* XZERO to XZERO, VAL, XZERO */
        enum hll_sparse_result result = hll_sparse_raise(&hll, 5000, 1, limit, &cursor);
        assert_int_equal(result, want <= limit ? HLL_SPARSE_RAISED : HLL_SPARSE_NO_ROOM);
        if (result == HLL_SPARSE_RAISED) {
            assert_int_equal(hll.len, want);
            assert_int_equal(hll_sparse_raise(&hll, 5000, 2, 0, &cursor), HLL_SPARSE_RAISED);
            assert_int_equal(hll.len, want);
        }
        buf_release(&hll);
    }
}

/* Runs as Redis itself never leaves them, all VALs of one register: how far joining reaches shows
 * here. */
static void known_forged_merge(void **unused) {
    struct buf hll = BUF_INIT;
    uint8_t registers[HLL_REGISTERS];
    hll_create(&hll);
    hll.len = HLL_HEADER_SIZE;
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        registers[i] = (uint8_t)(1 + i / 3 % 2);
        buf_append_char(&hll, (char)(0x80 | (registers[i] - 1) << 2));
        if (i % 17 == 0 && registers[i] < 1 + i % 3) registers[i] = (uint8_t)(1 + i % 3);
    }
    assert_int_equal(hll_store(&hll, registers, SIZE_MAX), HLL_CHANGED);
    assert_int_equal(hll.len, 15438);
    assert_true(fnv(buf_slice(&hll)) == UINT64_C(0x8446a737cdbca9a9));
    assert_int_equal(count_of(&hll), 32143);
    buf_release(&hll);
}

/* Counts of registers that take the estimator to its ends. */
static void known_forged_counts(void **unused) {
    uint8_t registers[6][HLL_REGISTERS];
    static const uint64_t counts[6] = {506015, UINT64_C(1) << 63, UINT64_C(24785312075), 0,
                                       303516, UINT64_C(1) << 63};
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        registers[0][i] = (uint8_t)(i % 4 == 0 ? 51 : i % 40);
        registers[1][i] = 51;
        registers[2][i] = i % 2 ? 63 : 20;
        registers[3][i] = 0;
        registers[4][i] = (uint8_t)(i % 52);
        registers[5][i] = (uint8_t)(50 + i % 2);
    }
    for (int k = 0; k < 6; k++) assert_true(hll_count_registers(registers[k]) == counts[k]);
}

/* An HLL of the given runs that ends with its allocation, so that a sanitizer build sees a read
 * past it. */
static struct slice hostile(const void *runs, size_t len) {
    char *bytes = malloc(HLL_HEADER_SIZE + len);
    memcpy(bytes, "HYLL\1\0\0\0\0\0\0\0\0\0\0\x80", HLL_HEADER_SIZE);
    if (len) memcpy(bytes + HLL_HEADER_SIZE, runs, len);
    return slice_of(bytes, HLL_HEADER_SIZE + len);
}

/* Runs everything over it; what count says all others must say. Returns whether it's well-formed.
 */
static bool exercise(struct slice hll) {
    assert_true(hll_check(hll));
    uint8_t registers[HLL_REGISTERS] = {0};
    struct buf text = BUF_INIT, copy = BUF_INIT;
    uint64_t count;
    bool sound = hll_count(hll, &count) != HLL_CORRUPT;
    assert_int_equal(hll_merge(registers, hll) != HLL_CORRUPT, sound);
    enum hll_status decoded = hll_decode(hll, &text);
    if (sound) assert_int_equal(decoded, HLL_UNCHANGED);
    for (unsigned i = 0; i < 20; i++) {
        buf_clear(&copy);
        buf_append_slice(&copy, hll);
        enum hll_status added = hll_add(&copy, slice_of(&i, sizeof(i)), 3000);
        if (!sound) continue;
        assert_int_not_equal(added, HLL_CORRUPT);
        assert_int_not_equal(hll_count(buf_slice(&copy), &count), HLL_CORRUPT);
    }
    buf_clear(&copy);
    buf_append_slice(&copy, hll);
    assert_int_equal(hll_to_dense(&copy) != HLL_CORRUPT, sound);
    buf_clear(&copy);
    buf_append_slice(&copy, hll);
    memset(registers, 1, sizeof(registers));
    enum hll_status stored = hll_store(&copy, registers, rnd_below(2) ? 300 : SIZE_MAX);
    if (sound) assert_int_equal(stored, HLL_CHANGED);
    buf_release(&text);
    buf_release(&copy);
    free((void *)hll.ptr);
    return sound;
}

static void hostile_runs(void **unused) {
    char many[16385];
    memset(many, 0x80, sizeof(many));
    assert_false(exercise(hostile("", 0)));
    assert_true(exercise(hostile("\x7f\xff", 2)));
    assert_false(exercise(hostile("\x7f\xff\x00", 3)));
    assert_false(exercise(hostile("\x7f\xff\x80", 3)));
    assert_false(exercise(hostile("\x7f\xfe", 2)));
    assert_true(exercise(hostile("\x7f\xfe\x80", 3)));
    assert_false(exercise(hostile("\x7f", 1)));
    assert_false(exercise(hostile("\x7f\xff\x7f\xff", 4)));
    assert_false(exercise(hostile("\x7f\xff\x7f", 3)));
    assert_true(exercise(hostile(many, 16384)));
    assert_false(exercise(hostile(many, 16385)));
    assert_false(exercise(hostile(many, 16383)));
}

static void hostile_random(void **unused) {
    struct buf base = BUF_INIT;
    hll_create(&base);
    add_many(&base, 'h', 60, 3000);
    int sound = 0;
    for (int round = 0; round < 600; round++) {
        char runs[300];
        size_t len = base.len - HLL_HEADER_SIZE;
        memcpy(runs, base.data + HLL_HEADER_SIZE, len);
        for (unsigned i = (unsigned)rnd_below(3); i > 0; i--)
            runs[rnd_below(len)] = (char)rnd_below(256);
        if (rnd_below(3) == 0) len = rnd_below(len + 1);
        sound += exercise(hostile(runs, len));
    }
    assert_in_range(sound, 50, 550);
    buf_release(&base);
}

static void checks(void **unused) {
    struct buf dense = BUF_INIT;
    hll_create(&dense);
    assert_false(hll_check(slice_of(dense.data, HLL_HEADER_SIZE - 1)));
    assert_true(hll_check(slice_of(dense.data, HLL_HEADER_SIZE)));
    assert_false(hll_check(slice_of("", 0)));
    hll_to_dense(&dense);
    assert_true(hll_check(buf_slice(&dense)));
    assert_false(hll_check(slice_of(dense.data, dense.len - 1)));
    dense.data[4] = 2;
    assert_false(hll_check(buf_slice(&dense)));
    dense.data[4] = HLL_DENSE;
    dense.data[0] = 'h';
    assert_false(hll_check(buf_slice(&dense)));

    /* A dense one may hold anything in its registers; 63 is above what elements can reach. */
    dense.data[0] = 'H';
    memset(dense.data + HLL_HEADER_SIZE, 0xff, dense.len - HLL_HEADER_SIZE);
    uint8_t registers[HLL_REGISTERS] = {0};
    hll_merge(registers, buf_slice(&dense));
    for (unsigned i = 0; i < HLL_REGISTERS; i++) assert_int_equal(registers[i], 63);
    assert_int_equal(hll_count_registers(registers), count_of(&dense));
    buf_release(&dense);
}

static void self_test(void **unused) {
    struct buf why = BUF_INIT;
    bool passed = hll_self_test(&why);
    if (!passed) fail_msg("%s", why.data);
    buf_release(&why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_adds),
        cmocka_unit_test(known_bytes),
        cmocka_unit_test(known_merges),
        cmocka_unit_test(store_is_many_raises),
        cmocka_unit_test(cursor_steps_back),
        cmocka_unit_test(sparse_equals_dense),
        cmocka_unit_test(hostile_runs),
        cmocka_unit_test(last_register),
        cmocka_unit_test(promotion),
        cmocka_unit_test(known_forged_merge),
        cmocka_unit_test(known_forged_counts),
        cmocka_unit_test(hostile_random),
        cmocka_unit_test(checks),
        cmocka_unit_test(self_test),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
