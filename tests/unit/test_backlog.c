/* SPDX-License-Identifier: BSD-3-Clause */
/* The backlog, at random, against all bytes that ever were: what its readers get, from wherever
 * they begin and however slow they are, and that no more is kept than is asked for or needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "repl/backlog.h"

enum { READERS = 4, TOTAL = 1 << 20, LARGEST = 40000, SMALLEST_BLOCKS = 16 };

static char history[TOTAL];

struct reader {
    struct backlog_cursor cursor;
    struct bytes *sent; /* the block of the last piece, as a reply would refer to it; or NULL */
};

static void leave(struct reader *r) {
    backlog_leave(&r->cursor);
    if (r->sent) bytes_unref(r->sent);
    r->sent = NULL;
}

/* A piece, which must be what the history has there. */
static void read_some(struct reader *r, size_t most) {
    struct bytes *block;
    size_t from;
    int64_t position = backlog_position(&r->cursor);
    size_t len = backlog_next(&r->cursor, most, &block, &from);
    assert_true(len <= most);
    if (!len) return;
    assert_memory_equal(block->data + from, history + position, len);
    assert_int_equal(backlog_position(&r->cursor), position + (int64_t)len);
    bytes_ref(block);
    if (r->sent) bytes_unref(r->sent);
    r->sent = block;
}

static void begin_somewhere(struct backlog *b, struct reader *readers, size_t i,
                            struct random *rng) {
    int64_t kept = b->end - backlog_start(b);
    int64_t position = backlog_start(b) + (int64_t)random_below(rng, (uint64_t)kept + 1);
    size_t other = (size_t)random_below(rng, READERS);
    if (readers[other].cursor.block && other != i)
        backlog_cursor_copy(&readers[i].cursor, &readers[other].cursor);
    else
        backlog_seek(b, &readers[i].cursor, position);
}

static void check_size(const struct backlog *b, const struct reader *readers) {
    uint64_t kept = (uint64_t)(b->end - backlog_start(b)), largest = b->size / SMALLEST_BLOCKS;
    for (size_t i = 0; i < READERS; i++)
        if (readers[i].cursor.block || readers[i].sent) return;
    if (largest < LARGEST) largest = LARGEST;
    assert_true(kept <= b->size + largest);
}

static void at_random(uint64_t size) {
    struct backlog b = {.size = size};
    struct reader readers[READERS] = {0};
    struct random rng;
    size_t memory = mem_used();
    random_seed_fixed(&rng, size);
    for (size_t i = 0; i < TOTAL; i++) history[i] = (char)random_u64(&rng);
    backlog_begin(&b, 0);
    assert_true(backlog_has(&b, 0) && !backlog_has(&b, 1));
    while (b.end < TOTAL - LARGEST) {
        size_t i = (size_t)random_below(&rng, READERS);
        size_t len = (size_t)random_below(&rng, random_below(&rng, 20) ? 200 : LARGEST);
        backlog_append(&b, slice_of(history + b.end, len));
        if (!readers[i].cursor.block)
            begin_somewhere(&b, readers, i, &rng);
        else if (random_below(&rng, 50) == 0)
            leave(&readers[i]);
        else
            read_some(&readers[i], 1 + (size_t)random_below(&rng, LARGEST));
        backlog_trim(&b);
        backlog_check(&b);
        check_size(&b, readers);
    }
    for (size_t i = 0; i < READERS; i++) leave(&readers[i]);
    backlog_trim(&b);
    check_size(&b, readers);
    assert_true(backlog_has(&b, b.end) && !backlog_has(&b, b.end + 1));
    assert_false(backlog_has(&b, backlog_start(&b) - 1));
    backlog_release(&b);
    assert_int_equal(b.memory, 0);
    assert_int_equal(mem_used(), memory);
}

static void sizes(void **unused) {
    static const uint64_t all[] = {1, 1000, 16384, 100000, 1 << 20};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) at_random(all[i]);
}

/* As much as is asked for stays, whoever reads or doesn't. */
static void keeps_its_size(void **unused) {
    struct backlog b = {.size = 10000};
    backlog_begin(&b, 500);
    for (int i = 0; i < 1000; i++) {
        backlog_append(&b, SLICE("a hundred bytes, or about so many"));
        assert_true(b.end - backlog_start(&b) >= (b.end - 500 < 10000 ? b.end - 500 : 10000));
    }
    assert_false(backlog_has(&b, 500));
    backlog_release(&b);
}

/* Who lags holds on to all that comes behind. */
static void who_lags(void **unused) {
    struct backlog b = {.size = 2000};
    struct backlog_cursor c = {0};
    backlog_begin(&b, 0);
    backlog_seek(&b, &c, 0);
    for (int i = 0; i < 10000; i++) backlog_append(&b, SLICE("0123456789"));
    assert_true(backlog_has(&b, 0));
    assert_true(b.memory > 100000);
    backlog_leave(&c);
    backlog_trim(&b);
    assert_true(b.memory < 40000); /* two blocks of the size that they then have */
    backlog_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(keeps_its_size),
        cmocka_unit_test(who_lags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
