/* SPDX-License-Identifier: BSD-3-Clause */
/* The hash table against a model: an array of items that know whether they're in the table. Seeds
 * are fixed, of the hash as well, so that a failure comes again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "ds/table.h"

struct item {
    uint64_t key;
    uint64_t hash;
    uint64_t due; /* TABLE_NEVER: has no deadline */
    unsigned seen;
    bool in;
};

static const struct hash_seed seed = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
static struct random rng;

static struct slice key_of(const void *entry) {
    const struct item *item = entry;
    return slice_of(&item->key, sizeof item->key);
}

static const struct table_ops ops = {.key = key_of};

static void item_init(struct item *item, uint64_t number) {
    *item = (struct item){.key = number, .due = TABLE_NEVER};
    item->hash = hash_bytes(&seed, key_of(item));
}

static struct item *items_new(size_t n) {
    struct item *items = malloc(n * sizeof *items);
    for (size_t i = 0; i < n; i++) item_init(&items[i], i);
    return items;
}

/* n items whose hashes agree with `pattern` where `mask` has ones: found by trying keys. */
static struct item *items_colliding(size_t n, uint64_t mask, uint64_t pattern) {
    struct item *items = malloc(n * sizeof *items);
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++) do
            item_init(&items[i], number++);
        while ((items[i].hash & mask) != (pattern & mask));
    return items;
}

static void insert(struct table *t, struct item *item) {
    table_insert(t, item->hash, item);
    item->in = true;
}

static struct table_ref find(const struct table *t, const struct item *item) {
    struct table_ref ref = {0};
    assert_ptr_equal(table_find(t, item->hash, key_of(item), &ref), item->in ? item : NULL);
    return ref;
}

static void take_out(struct table *t, struct item *item) {
    table_remove(t, item->hash, find(t, item));
    item->in = false;
}

static size_t count_in(const struct item *items, size_t n) {
    size_t in = 0;
    for (size_t i = 0; i < n; i++) in += items[i].in;
    return in;
}

/* What is seen ahead of an entry that is in is that, or another of the same tag before it; where
 * nothing is seen none is in. */
static void look_ahead(const struct table *t, const struct item *items, size_t n) {
    struct table_look looks[TABLE_LOOKS];
    for (size_t from = 0; from < n; from += TABLE_LOOKS) {
        size_t count = n - from < TABLE_LOOKS ? n - from : TABLE_LOOKS;
        for (size_t i = 0; i < count; i++) looks[i] = table_look_at(t, items[from + i].hash);
        table_look_ahead(looks, count);
        for (size_t i = 0; i < count; i++) {
            const struct item *seen = looks[i].guess, *item = &items[from + i];
            if (item->in) assert_non_null(seen);
            if (seen) assert_int_equal(table_tag(seen->hash), table_tag(item->hash));
        }
    }
}

/* All of the model: what is in is found, walked over in three ways, once in each, what isn't is
 * not. */
static void visit(void *ctx, void *entry) {
    (void)ctx;
    ((struct item *)entry)->seen++;
}

static void check_all(const struct table *t, struct item *items, size_t n) {
    table_check(t);
    assert_int_equal(table_count(t), count_in(items, n));
    for (size_t i = 0; i < n; i++) {
        items[i].seen = 0;
        find(t, &items[i]);
    }
    look_ahead(t, items, n);
    struct table_iter it;
    table_iter_init(&it, t);
    for (struct item *item; (item = table_iter_next(&it)) != NULL;) item->seen++;
    uint64_t cursor = 0;
    do {
        cursor = table_scan(t, cursor, visit, NULL);
        assert_true(cursor < 1ULL << 48);
    } while (cursor);
    uint64_t hash = 0;
    do hash = table_walk(t, hash, visit, NULL);
    while (hash);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(items[i].seen, items[i].in ? 3 : 0);
        assert_int_equal(table_holds(t, items[i].hash, &items[i]), items[i].in);
    }
}

/* In phases: most operations insert, then most remove. */
static void random_operations(size_t universe, size_t operations, size_t check_every) {
    struct item *items = items_new(universe);
    struct table t;
    table_init(&t, &ops, &seed);
    for (size_t op = 0; op < operations; op++) {
        struct item *item = &items[random_below(&rng, universe)];
        bool growing = op / (2 * universe) % 2 == 0;
        bool wants_in = (random_below(&rng, 5) != 0) == growing;
        if (wants_in && !item->in) insert(&t, item);
        if (!wants_in && item->in) take_out(&t, item);
        if (op % check_every == 0) check_all(&t, items, universe);
    }
    check_all(&t, items, universe);
    table_release(&t, NULL);
    free(items);
}

static void random_operations_small(void **state) {
    for (size_t universe = 1; universe < 40; universe += 3) random_operations(universe, 2000, 1);
}

static void random_operations_large(void **state) {
    random_operations(600, 20000, 97);
    random_operations(20000, 300000, 15013);
}

/* An entry in another's place is found instead of it. */
static void replacing(void **state) {
    enum { N = 1000 };
    struct item *items = items_new(N), *others = items_new(N);
    struct table t;
    table_init(&t, &ops, &seed);
    for (size_t i = 0; i < N; i++) insert(&t, &items[i]);
    for (size_t i = 0; i < N; i += 2) {
        table_replace(find(&t, &items[i]), &others[i]);
        items[i].in = false;
        others[i].in = true;
    }
    table_check(&t);
    for (size_t i = 0; i < N; i++) find(&t, i % 2 ? &items[i] : &others[i]);
    table_release(&t, NULL);
    free(items);
    free(others);
}

static size_t released;

static void count_released(void *entry) {
    assert_true(((struct item *)entry)->in);
    ((struct item *)entry)->in = false;
    released++;
}

static void releasing_frees_each_entry_once(void **state) {
    enum { N = 5000 };
    struct item *items = items_new(N);
    struct table t;
    table_init(&t, &ops, &seed);
    for (size_t i = 0; i < N; i++) insert(&t, &items[i]);
    released = 0;
    table_release(&t, count_released);
    assert_int_equal(released, N);
    free(items);
}

static void shuffle(struct item **order, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t other = random_below(&rng, i);
        struct item *was = order[i - 1];
        order[i - 1] = order[other];
        order[other] = was;
    }
}

/* The table's own bytes per key stay within what the header promises, going up and coming down. */
static void growth_and_shrinkage(void **state) {
    enum { N = 300000, STEP = 25000 };
    struct item *items = items_new(N), **order = malloc(N * sizeof *order);
    struct table t;
    table_init(&t, &ops, &seed);
    size_t empty = table_overhead(&t);
    for (size_t i = 0; i < N; i++) {
        order[i] = &items[i];
        insert(&t, &items[i]);
        if (i % STEP != STEP - 1) continue;
        table_check(&t);
        assert_true(table_overhead(&t) <= 12 * (i + 1));
    }
    check_all(&t, items, N);
    shuffle(order, N);
    for (size_t i = 0; i < N; i++) {
        take_out(&t, order[i]);
        if (i % STEP != STEP - 1) continue;
        table_check(&t);
        assert_true(table_overhead(&t) <= 24 * table_count(&t) + empty);
    }
    assert_int_equal(table_count(&t), 0);
    assert_int_equal(t.segments, 1);
    assert_int_equal(t.depth, 0);
    assert_int_equal(table_overhead(&t), empty);
    assert_null(table_random(&t, &rng));
    table_release(&t, NULL);
    free(items);
    free(order);
}

/* All come, or some, or none; room that they don't fill goes. */
static void reserving(void **state) {
    enum { N = 60000 };
    static const size_t sizes[] = {0, 1, 9, 300, 500, 4000, N};
    struct item *items = items_new(N);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (size_t part = 0; part <= 4; part++) {
            size_t in = sizes[s] * part / 4;
            struct table t;
            table_init(&t, &ops, &seed);
            size_t empty = table_overhead(&t);
            table_reserve(&t, sizes[s]);
            size_t segments = t.segments;
            for (size_t i = 0; i < in; i++) insert(&t, &items[i]);
            assert_true(t.segments <= segments + segments / 8);
            check_all(&t, items, N);
            table_trim(&t);
            check_all(&t, items, N);
            assert_true(table_overhead(&t) <= 24 * in + empty);
            for (size_t i = 0; i < in; i++) take_out(&t, &items[i]);
            assert_int_equal(t.segments, 1);
            table_release(&t, NULL);
        }
    }
    free(items);
}

/* Emptied from one end of hash space to the other: no sibling shrinks along, and still all merge.
 */
static int by_hash(const void *a, const void *b) {
    uint64_t x = (*(struct item *const *)a)->hash, y = (*(struct item *const *)b)->hash;
    return (x > y) - (x < y);
}

static void shrinkage_in_hash_order(void **state) {
    enum { N = 30000 };
    struct item *items = items_new(N), **order = malloc(N * sizeof *order);
    struct table t;
    table_init(&t, &ops, &seed);
    for (size_t i = 0; i < N; i++) {
        order[i] = &items[i];
        insert(&t, &items[i]);
    }
    qsort(order, N, sizeof *order, by_hash);
    for (size_t i = 0; i < N; i++) {
        take_out(&t, order[i]);
        if (i % 1000 == 0) table_check(&t);
    }
    assert_int_equal(t.segments, 1);
    table_release(&t, NULL);
    free(items);
    free(order);
}

/* Between any two steps of a scan the table grows or shrinks by much; what stays is found. */
static uint64_t scan_step(const struct table *t, uint64_t from) {
    return table_scan(t, from, visit, NULL);
}

static uint64_t walk_step(const struct table *t, uint64_t from) {
    uint64_t next = table_walk(t, from, visit, NULL);
    assert_true(next == 0 || next > from);
    return next;
}

typedef uint64_t step_fn(const struct table *t, uint64_t from);

/* Some that stay while others come and go between the steps; `most` is how often one of those that
 * stay may be met. */
static void scan_guarantee_for(size_t stays, size_t comes_and_goes, step_fn *step, unsigned most) {
    struct item *items = items_new(stays + comes_and_goes), *guests = items + stays;
    struct table t;
    table_init(&t, &ops, &seed);
    for (size_t i = 0; i < stays; i++) insert(&t, &items[i]);
    for (int round = 0; round < 12; round++) {
        size_t steps = 0, direction = random_below(&rng, 3);
        uint64_t cursor = 0;
        for (size_t i = 0; i < stays; i++) items[i].seen = 0;
        do {
            cursor = step(&t, cursor);
            for (size_t k = random_below(&rng, comes_and_goes / 8); k; k--) {
                struct item *guest = &guests[random_below(&rng, comes_and_goes)];
                bool wants_in = direction == 2 ? random_below(&rng, 2) : direction;
                if (wants_in && !guest->in) insert(&t, guest);
                if (!wants_in && guest->in) take_out(&t, guest);
            }
            if (random_below(&rng, 16) == 0) direction = random_below(&rng, 3);
            assert_true(++steps < stays + comes_and_goes);
        } while (cursor);
        for (size_t i = 0; i < stays; i++) assert_in_range(items[i].seen, 1, most);
        table_check(&t);
    }
    table_release(&t, NULL);
    free(items);
}

static void scan_guarantee(void **state) {
    scan_guarantee_for(3, 40, scan_step, UINT32_MAX);
    scan_guarantee_for(50, 1000, scan_step, UINT32_MAX);
    scan_guarantee_for(500, 3000, scan_step, UINT32_MAX);
    scan_guarantee_for(4000, 12000, scan_step, UINT32_MAX);
}

static void walk_guarantee(void **state) {
    scan_guarantee_for(3, 40, walk_step, 1);
    scan_guarantee_for(50, 1000, walk_step, 1);
    scan_guarantee_for(500, 3000, walk_step, 1);
    scan_guarantee_for(4000, 12000, walk_step, 1);
}

/* Any number is a cursor: the scan ends, and finds what is behind it. */
static void scan_from_anywhere(void **state) {
    enum { N = 3000 };
    struct item *items = items_new(N);
    struct table t;
    table_init(&t, &ops, &seed);
    for (size_t i = 0; i < N; i++) insert(&t, &items[i]);
    for (int round = 0; round < 200; round++) {
        uint64_t start = random_u64(&rng) >> 16, cursor = start;
        for (size_t i = 0; i < N; i++) items[i].seen = 0;
        do {
            cursor = table_scan(&t, cursor, visit, NULL);
            assert_true(cursor == 0 || cursor > start);
        } while (cursor);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(items[i].seen, items[i].hash >> 16 >= start ? 1 : 0);
    }
    table_release(&t, NULL);
    free(items);
}

/* Hashes that hardly differ: all in one bucket's chain, all on one side of many splits, all with
 * the same tag. It gets slow, not wrong. */
static void collisions_for(size_t n, uint64_t mask, uint64_t pattern) {
    struct item *items = items_colliding(n, mask, pattern);
    struct table t;
    table_init(&t, &ops, &seed);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < n; i++)
            if (!items[i].in) insert(&t, &items[i]);
        check_all(&t, items, n);
        for (size_t i = 0; i < n / 2 + (size_t)round; i++) {
            struct item *item = &items[random_below(&rng, n)];
            if (item->in) take_out(&t, item);
            if (i % 50 == 0) check_all(&t, items, n);
        }
        check_all(&t, items, n);
    }
    for (size_t i = 0; i < n; i++)
        if (items[i].in) take_out(&t, &items[i]);
    check_all(&t, items, n);
    assert_int_equal(t.segments, 1);
    table_release(&t, NULL);
    free(items);
}

static void collisions(void **state) {
    const uint64_t top = 0xff80000000000000ULL;
    collisions_for(450, top, 0);                  /* the first bucket's chain */
    collisions_for(450, top, ~0ULL);              /* the last one's: it goes round */
    collisions_for(450, top, 0x7ff0000000000000); /* in the middle */
    collisions_for(1500, top, 0);                 /* splits that leave one half empty */
    collisions_for(1500, top, ~0ULL);
    collisions_for(1500, top, 0xab80000000000000);
    collisions_for(3000, 0xff, 0x17);              /* one tag */
    collisions_for(3000, 0xff, 0);                 /* the tag that stands for another */
    collisions_for(700, 0xfc000000000000ffULL, 0); /* both */
}

/* Deadlines: the bound never comes after the nearest deadline, and going where it leads finds all
 * that is due, while entries come, go and change their deadlines. */
static uint64_t nearest_due(const struct item *items, size_t n) {
    uint64_t nearest = TABLE_NEVER;
    for (size_t i = 0; i < n; i++)
        if (items[i].in && items[i].due < nearest) nearest = items[i].due;
    return nearest;
}

static void expire(struct table *t, uint64_t now) {
    void *entries[TABLE_SEGMENT_MAX];
    uint64_t first, rest = TABLE_NEVER;
    size_t n = table_due_take(t, entries, &first);
    for (size_t i = 0; i < n; i++) {
        struct item *item = entries[i];
        if (item->due <= now)
            take_out(t, item);
        else if (item->due < rest)
            rest = item->due;
    }
    if (rest != TABLE_NEVER) table_due_note(t, first, rest);
}

/* Looks through some segment with a bound, and says what it found. */
static void look_again(struct table *t) {
    void *entries[TABLE_SEGMENT_MAX];
    uint64_t first, nearest = TABLE_NEVER;
    size_t n = table_due_take_random(t, &rng, entries, &first);
    for (size_t i = 0; i < n; i++) {
        const struct item *item = entries[i];
        assert_true(item->in);
        if (item->due < nearest) nearest = item->due;
    }
    if (n) table_due_note(t, first, nearest);
}

static void set_due(struct table *t, struct item *item, uint64_t due) {
    item->due = due;
    if (due != TABLE_NEVER) table_due_note(t, item->hash, due);
}

static void due_change(struct table *t, struct item *item, uint64_t now, bool growing) {
    if (!item->in && growing) insert(t, item), item->due = TABLE_NEVER;
    if (!item->in) return;
    uint64_t choice = random_below(&rng, growing ? 8 : 2);
    if (choice == 0)
        take_out(t, item);
    else if (choice <= 2)
        set_due(t, item, now + 1 + random_below(&rng, 5000));
    else if (choice == 3)
        set_due(t, item, TABLE_NEVER);
}

static void due_heap_for(size_t n) {
    struct item *items = items_new(n);
    struct table t;
    table_init(&t, &ops, &seed);
    assert_int_equal(table_due_next(&t), TABLE_NEVER);
    size_t expired = 0;
    for (uint64_t now = 0; now < 6000; now += 100) {
        bool growing = now / 1500 % 2 == 0;
        for (size_t i = 0; i < n / 10; i++)
            due_change(&t, &items[random_below(&rng, n)], now, growing);
        for (int i = 0; i < 5; i++) look_again(&t);
        assert_true(table_due_next(&t) <= nearest_due(items, n));
        size_t before = table_count(&t);
        while (table_due_next(&t) <= now) expire(&t, now);
        expired += before - table_count(&t);
        assert_true(nearest_due(items, n) > now);
        assert_true(table_due_next(&t) <= nearest_due(items, n));
        check_all(&t, items, n);
    }
    assert_true(expired > n / 20);
    for (size_t i = 0; i < n; i++) set_due(&t, &items[i], TABLE_NEVER);
    while (table_due_next(&t) != TABLE_NEVER) look_again(&t);
    table_check(&t);
    table_release(&t, NULL);
    free(items);
}

static void due_heap(void **state) {
    due_heap_for(20);
    due_heap_for(800);
    due_heap_for(8000);
}

/* A copy holds an entry for each, in the same shape and with the same bounds of deadlines, and
 * lives on its own. */
static struct item *copies;
static const struct item *originals;

static void *copy_item(const void *entry) {
    struct item *copy = &copies[(const struct item *)entry - originals];
    *copy = *(const struct item *)entry;
    return copy;
}

static void copying_for(size_t n) {
    struct item *items = items_new(n), *others = items_new(n);
    struct table t, copy;
    originals = items;
    copies = others;
    table_init(&t, &ops, &seed);
    for (size_t i = 0; i < n; i++)
        if (i % 5) insert(&t, &items[i]);
    for (size_t i = 0; i < n / 20; i++) set_due(&t, &items[1], 1000 + i);
    table_copy(&copy, &t, copy_item);
    assert_int_equal(table_overhead(&copy) - copy.heap_cap * sizeof *copy.heap,
                     table_overhead(&t) - t.heap_cap * sizeof *t.heap);
    assert_true(table_due_next(&copy) == table_due_next(&t));
    for (size_t i = 0; i < n; i += 3) {
        if (others[i].in) take_out(&copy, &others[i]);
        if (!items[i].in) insert(&t, &items[i]);
    }
    check_all(&copy, others, n);
    table_release(&copy, NULL);
    check_all(&t, items, n);
    table_release(&t, NULL);
    free(items);
    free(others);
}

static void copying(void **state) {
    copying_for(1);
    copying_for(40);
    copying_for(700);
    copying_for(20000);
}

/* Chi-square of the draws: mean n - 1, deviation sqrt(2 (n - 1)), with samples of up to TABLE_SLOTS
 * that are drawn together as many times the square of that; six deviations are allowed. */
static void assert_fair(const struct table *t, struct item *items, size_t n, size_t draws,
                        bool samples) {
    for (size_t i = 0; i < n; i++) items[i].seen = 0;
    size_t drawn = 0;
    while (drawn < draws) {
        void *entries[TABLE_SLOTS];
        size_t some = samples ? table_sample(t, &rng, entries) : 1;
        if (!samples) entries[0] = table_random(t, &rng);
        for (size_t i = 0; i < some; i++) ((struct item *)entries[i])->seen++;
        drawn += some;
    }
    draws = drawn;
    double expected = (double)draws / (double)table_count(t), sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!items[i].in) assert_int_equal(items[i].seen, 0);
        double off = (double)items[i].seen - expected;
        if (items[i].in) sum += off * off / expected;
    }
    double over = sum - (double)(table_count(t) - 1);
    assert_true(over <= 0 || over * over <= 36.0 * 2.0 * (double)(table_count(t) - 1) *
                                                (samples ? TABLE_SLOTS : 1));
}

static void random_is_fair(void **state) {
    enum { N = 6000 };
    static const size_t sizes[] = {1, 2, 9, 60, 500, 700, 3000, N};
    struct item *items = items_new(N);
    struct table t;
    table_init(&t, &ops, &seed);
    assert_null(table_random(&t, &rng));
    assert_int_equal(table_sample(&t, &rng, (void *[TABLE_SLOTS]){NULL}), 0);
    size_t in = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        while (in < sizes[s]) insert(&t, &items[in++]);
        assert_fair(&t, items, N, 100 * in, false);
        assert_fair(&t, items, N, 100 * in, true);
    }
    for (size_t s = sizeof sizes / sizeof sizes[0]; s-- > 0;) {
        while (in > sizes[s]) take_out(&t, &items[--in]);
        assert_fair(&t, items, N, 100 * in, false);
        assert_fair(&t, items, N, 100 * in, true);
    }
    table_release(&t, NULL);
    free(items);
}

int main(void) {
    random_seed_fixed(&rng, 20240901);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_small),
        cmocka_unit_test(random_operations_large),
        cmocka_unit_test(replacing),
        cmocka_unit_test(releasing_frees_each_entry_once),
        cmocka_unit_test(growth_and_shrinkage),
        cmocka_unit_test(reserving),
        cmocka_unit_test(shrinkage_in_hash_order),
        cmocka_unit_test(scan_guarantee),
        cmocka_unit_test(scan_from_anywhere),
        cmocka_unit_test(collisions),
        cmocka_unit_test(due_heap),
        cmocka_unit_test(copying),
        cmocka_unit_test(random_is_fair),
        cmocka_unit_test(walk_guarantee),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
