/* SPDX-License-Identifier: BSD-3-Clause */
/* What LRFU eviction counts and remembers: counters, their ageing, keys that come back, and when it
 * finds that the popular keys have become others. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "db/evict_history.h"

enum { KEYS = 4096 };

static uint64_t hash_of(uint64_t key) {
    struct hash_seed seed = {1, 2};
    return hash_bytes(&seed, slice_of((const char *)&key, sizeof key));
}

static double value_of(unsigned counter) {
    return exp2(counter / (double)ACCESS_DOUBLING);
}

static void counts_uses(void **state) {
    struct access_policy p = {.kind = ACCESS_LRFU};
    struct random rng;
    random_seed_fixed(&rng, 1);
    for (unsigned uses = 1; uses <= 4096; uses *= 4) {
        double sum = 0;
        for (int round = 0; round < 200; round++) {
            uint32_t bits = access_new(&p, 0);
            for (unsigned i = 1; i < uses; i++) bits = access_used(&p, bits, 0, &rng);
            sum += value_of(access_frequency(&p, bits, 0));
        }
        if (fabs(sum / 200 - uses) > 0.06 * uses) fail_msg("%u uses: %.1f", uses, sum / 200);
    }
    assert_int_equal(access_grown(255, UINT64_MAX), 255);
}

static void ages(void **state) {
    struct access_policy p = {.kind = ACCESS_LRFU, .clock = UINT16_MAX - ACCESS_HALF_LIFE / 2};
    uint32_t bits = access_bits(&p, 100);
    assert_int_equal(access_counter(&p, bits), 100);
    p.clock += ACCESS_HALF_LIFE; /* it wraps */
    assert_int_equal(access_counter(&p, bits), 100 - ACCESS_DOUBLING);
    p.clock += 10 * ACCESS_HALF_LIFE;
    assert_int_equal(access_counter(&p, bits), 0);
}

static void generation(struct evict_history *h, struct access_policy *p) {
    for (int i = 0; i < KEYS; i++) history_advance(h, p, KEYS, h->hits_before + KEYS);
}

static void remembers(void **state) {
    struct access_policy p = {.kind = ACCESS_LRFU};
    struct evict_history h = {0};
    size_t back = 0, strangers = 0;
    generation(&h, &p);
    for (uint64_t i = 0; i < KEYS / 8; i++) history_leave(&h, &p, hash_of(i), access_bits(&p, 160));
    for (uint64_t i = 0; i < KEYS / 8; i++) {
        back += access_counter(&p, history_enter(&h, &p, hash_of(i))) >= 160;
        strangers += access_counter(&p, history_enter(&h, &p, hash_of(i + KEYS))) > 0;
    }
    assert_true(back > KEYS / 8 * 85 / 100);
    assert_true(strangers < KEYS / 8 / 50);
    for (int i = 0; i < 6; i++) generation(&h, &p);
    back = 0;
    for (uint64_t i = 0; i < KEYS / 8; i++) {
        unsigned aged = access_counter(&p, history_enter(&h, &p, hash_of(i)));
        back += aged >= 160 - ACCESS_DOUBLING - 8 && aged <= 160 - ACCESS_DOUBLING + 8;
    }
    assert_true(back > KEYS / 8 * 85 / 100);
    history_release(&h);
    assert_int_equal(access_counter(&p, history_enter(&h, &p, hash_of(1))), 0);
}

/* So many windows of look-ups, with `returns` of 1000 keys that come having been there lately. */
static void windows(struct evict_history *h, struct access_policy *p, unsigned count,
                    unsigned returns, unsigned hits) {
    uint64_t hits_at = h->hits_before;
    static uint64_t fresh = 1 << 20;
    for (unsigned w = 0; w < count; w++) {
        for (unsigned i = 0; i < 1000; i++) {
            uint64_t key = fresh++;
            if (i < returns) history_leave(h, p, hash_of(key), access_bits(p, 32));
            history_enter(h, p, hash_of(key));
            history_advance(h, p, KEYS, hits_at);
        }
        hits_at += hits;
        history_advance(h, p, KEYS, hits_at);
    }
}

/* A cache that holds many of the keys evicts few of them: much happens in its first generations. */
static void finds_early_shifts(void **state) {
    struct access_policy p = {.kind = ACCESS_LRFU};
    struct evict_history h = {0};
    history_advance(&h, &p, KEYS, 0);
    windows(&h, &p, 2 * KEYS / 1000, 100, 3000);
    assert_in_range(p.clock, 3 * ACCESS_GENERATION / 2, 5 * ACCESS_GENERATION / 2);
    assert_int_equal(h.shifts, 0);
    windows(&h, &p, 2, 300, 2000);
    assert_int_equal(h.shifts, 1);
    history_release(&h);
}

static void finds_shifts(void **state) {
    struct access_policy p = {.kind = ACCESS_LRFU};
    struct evict_history h = {0};
    history_advance(&h, &p, KEYS, 0);
    windows(&h, &p, 100, 100, 3000);
    assert_int_equal(h.shifts, 0);
    uint32_t before = access_bits(&p, 96);
    windows(&h, &p, 20, 0, 50); /* a scan isn't one */
    assert_int_equal(h.shifts, 0);
    windows(&h, &p, 2, 300, 2000);
    assert_int_equal(h.shifts, 1);
    assert_in_range(access_counter(&p, before), 0, 1);
    windows(&h, &p, 100, 300, 2000); /* this is usual from now on */
    assert_int_equal(h.shifts, 1);
    assert_false(h.cyclic);
    windows(&h, &p, 2, 900, 100);
    assert_true(h.cyclic);
    history_release(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_uses),  cmocka_unit_test(ages),
        cmocka_unit_test(remembers),    cmocka_unit_test(finds_early_shifts),
        cmocka_unit_test(finds_shifts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
