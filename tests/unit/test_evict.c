/* SPDX-License-Identifier: BSD-3-Clause */
/* Eviction: which keys each policy takes, over databases of all kinds, and that memory keeps to its
 * limit. The clock is the test's, seeds are fixed, hash seeds too: a run is always the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "db/evict.h"
#include "type/t_hash.h"
#include "type/t_string.h"

enum { DBS = 4, NAME_MAX_LEN = 32 };
static const uint64_t NOW_MS = 1700000000000;

struct setup {
    struct keyspace ks;
    struct type_settings types;
    struct db_config cfg;
    struct evict_pool pool;
    size_t evicted_events, discarded;
};

static void on_event(void *ctx, struct db *db, struct slice key, enum db_event event) {
    ((struct setup *)ctx)->evicted_events += event == EVENT_EVICTED;
}

static void on_discard(void *ctx, struct entry *e) {
    ((struct setup *)ctx)->discarded++;
    entry_free(e);
}

static void start(struct setup *s, enum db_policy policy) {
    *s = (struct setup){.cfg = {.maxmemory_policy = policy, .samples = 5, .tenacity = 100}};
    keyspace_init(&s->ks, DBS, &s->types);
    memset(&s->ks.seed, 7, sizeof s->ks.seed);
    random_seed_fixed(&s->ks.rng, 20260917 + policy);
    s->ks.now_ms = NOW_MS;
    keyspace_set_policy(&s->ks, &s->cfg);
    s->ks.hooks = (struct keyspace_hooks){.ctx = s, .event = on_event, .discard = on_discard};
}

static void stop(struct setup *s) {
    for (uint32_t i = 0; i < DBS; i++) table_check(&s->ks.dbs[i].table);
    keyspace_release(&s->ks);
}

static struct key key_of(struct db *db, size_t i, char name[NAME_MAX_LEN]) {
    int len = snprintf(name, NAME_MAX_LEN, "key:%zu", i);
    return db_key(db, slice_of(name, (size_t)len));
}

static void put(struct db *db, size_t i, uint64_t deadline) {
    char name[NAME_MAX_LEN];
    db_set_string(db, key_of(db, i, name), SLICE("a value of some bytes"), deadline, EVENT_SET);
}

static struct entry *find(struct db *db, size_t i) {
    char name[NAME_MAX_LEN];
    return db_find(db, key_of(db, i, name), DB_PEEK);
}

/* Keys first, first + step, ... below end that are still there. */
static size_t left(struct db *db, size_t first, size_t end, size_t step) {
    size_t n = 0;
    for (size_t i = first; i < end; i += step) n += find(db, i) != NULL;
    return n;
}

/* Evicts `n` keys, one by one as commands do, or fewer if there are no more. */
static size_t evict(struct setup *s, size_t n) {
    size_t before = s->ks.stats.evicted;
    for (size_t done = 0; done < n; done = s->ks.stats.evicted - before) {
        s->cfg.maxmemory = mem_used() - 1;
        if (evict_run(&s->pool, &s->ks, &s->cfg, s->cfg.maxmemory) == EVICT_NOTHING) break;
    }
    s->cfg.maxmemory = 0;
    return s->ks.stats.evicted - before;
}

/* The older half of the keys has to go. One in ten of the newer may go in place of an older one,
 * which is hard to come by at the end; at random it would be half. */
static void lru_for(enum db_policy policy, uint64_t deadline, size_t dbs) {
    enum { N = 20000 };
    struct setup s;
    start(&s, policy);
    for (size_t i = 0; i < N; i++) {
        s.ks.now_ms = NOW_MS + i * 100;
        put(&s.ks.dbs[i % dbs], i, deadline);
    }
    s.ks.now_ms = NOW_MS + N * 100;
    assert_int_equal(evict(&s, N / 2), N / 2);
    size_t newer = 0, all = 0;
    for (size_t d = 0; d < dbs; d++) {
        size_t first_newer = N / 2 + (dbs - N / 2 % dbs) % dbs + d;
        newer += left(&s.ks.dbs[d], first_newer, N, dbs);
        all += db_count(&s.ks.dbs[d]);
    }
    assert_int_equal(all, N / 2);
    assert_true(newer >= N / 2 - N / 2 / 10);
    assert_int_equal(s.evicted_events, N / 2);
    stop(&s);
}

static void lru_takes_the_old(void **state) {
    lru_for(DB_POLICY_ALLKEYS_LRU, ENTRY_NO_DEADLINE, 1);
    lru_for(DB_POLICY_ALLKEYS_LRU, ENTRY_NO_DEADLINE, DBS);
    lru_for(DB_POLICY_VOLATILE_LRU, NOW_MS * 2, 1);
}

/* Keys in use stay while there are others: with 7 keys to a sample, and the pool, as good as
 * always. */
static void lru_spares_the_used(void **state) {
    enum { N = 5000, HOT = 100 };
    struct setup s;
    char name[NAME_MAX_LEN];
    start(&s, DB_POLICY_ALLKEYS_LRU);
    for (size_t i = 0; i < N; i++) put(&s.ks.dbs[0], i, ENTRY_NO_DEADLINE);
    for (size_t round = 0; round < N - 4 * HOT; round++) {
        s.ks.now_ms += 1000;
        assert_int_equal(evict(&s, 1), 1);
        for (size_t i = 0; i < HOT; i++)
            db_find(&s.ks.dbs[0], key_of(&s.ks.dbs[0], i, name), DB_READ);
    }
    assert_int_equal(left(&s.ks.dbs[0], 0, HOT, 1), HOT);
    stop(&s);
}

static void lfu_takes_the_rare(void **state) {
    enum { N = 6000, USES = 100 };
    static const enum db_policy policies[] = {DB_POLICY_ALLKEYS_LFU, DB_POLICY_VOLATILE_LFU};
    for (size_t p = 0; p < 2; p++) {
        struct setup s;
        char name[NAME_MAX_LEN];
        start(&s, policies[p]);
        struct db *db = &s.ks.dbs[1];
        for (size_t i = 0; i < N; i++) put(db, i, NOW_MS * 2);
        for (size_t i = 0; i < N; i += 2)
            for (size_t use = 0; use < USES; use++) db_find(db, key_of(db, i, name), DB_READ);
        assert_int_equal(evict(&s, N / 4), N / 4);
        assert_true(left(db, 0, N, 2) >= N / 2 - N / 2 / 50);
        stop(&s);
    }
}

static void ttl_takes_the_nearest(void **state) {
    enum { N = 20000 };
    struct setup s;
    start(&s, DB_POLICY_VOLATILE_TTL);
    for (size_t i = 0; i < N; i++) put(&s.ks.dbs[0], i, NOW_MS + 1000 + (N - i));
    assert_int_equal(evict(&s, N / 2), N / 2);
    assert_true(left(&s.ks.dbs[0], 0, N / 2, 1) >= N / 2 - N / 2 / 10);
    stop(&s);
}

/* Whatever the share of keys with a deadline: these go, all of them, and no other. */
static void volatile_only_for(enum db_policy policy, size_t step) {
    enum { N = 12000 };
    struct setup s;
    start(&s, policy);
    size_t dated = 0;
    for (size_t i = 0; i < N; i++) {
        bool has = i % step == step - 1;
        put(&s.ks.dbs[i / step % 2], i, has ? NOW_MS + 1000 + i : ENTRY_NO_DEADLINE);
        dated += has;
    }
    assert_int_equal(evict_allowed(&s.ks, policy), dated);
    assert_int_equal(evict(&s, N), dated);
    assert_int_equal(evict_allowed(&s.ks, policy), 0);
    assert_int_equal(db_count(&s.ks.dbs[0]) + db_count(&s.ks.dbs[1]), N - dated);
    assert_int_equal(left(&s.ks.dbs[0], 0, N, 1) + left(&s.ks.dbs[1], 0, N, 1), N - dated);
    stop(&s);
}

static void volatile_takes_only_dated(void **state) {
    static const enum db_policy policies[] = {DB_POLICY_VOLATILE_LRU, DB_POLICY_VOLATILE_LFU,
                                              DB_POLICY_VOLATILE_RANDOM, DB_POLICY_VOLATILE_TTL};
    static const size_t steps[] = {1, 2, 20, 400, 6000, 12001};
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++)
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
            volatile_only_for(policies[p], steps[i]);
}

/* Looking for the few that may go doesn't make it forgotten when fields of hashes are due. */
static void sampling_keeps_deadlines_of_fields(void **state) {
    enum { N = 12000 };
    struct setup s;
    start(&s, DB_POLICY_VOLATILE_LRU);
    s.types = (struct type_settings)TYPE_SETTINGS_DEFAULT;
    struct db *db = &s.ks.dbs[0];
    for (size_t i = 0; i < N; i++) put(db, i, ENTRY_NO_DEADLINE);
    struct key k = db_key(db, SLICE("hash"));
    struct entry *e = db_edit(db, k, NULL, TYPE_HASH);
    struct hash_input in = {.value = SLICE("value"), .deadline = NOW_MS + 1000};
    hash_set(e, &s.types, SLICE("field"), &in);
    db_edited(db, k, e, EVENT_HSET, 1);
    put(db, N, NOW_MS + 9000);
    assert_int_equal(table_due_next(&db->table), NOW_MS + 1000);
    for (size_t i = 0; i < 50; i++) {
        s.cfg.maxmemory = mem_used() - 1;
        evict_run(&s.pool, &s.ks, &s.cfg, s.cfg.maxmemory);
        put(db, N, NOW_MS + 9000);
    }
    assert_int_equal(table_due_next(&db->table), NOW_MS + 1000);
    stop(&s);
}

/* Candidates in the pool lose their deadline, are used, moved, deleted and replaced before their
 * time comes. */
static void pool_follows_writes(void **state) {
    enum { N = 400, ROUNDS = 20000 };
    static const enum db_policy policies[] = {DB_POLICY_VOLATILE_LRU, DB_POLICY_VOLATILE_TTL,
                                              DB_POLICY_VOLATILE_RANDOM, DB_POLICY_ALLKEYS_LFU};
    struct setup s;
    char name[NAME_MAX_LEN];
    start(&s, policies[0]);
    bool dated[N] = {false};
    size_t persisted = 0, gone = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        struct db *db = &s.ks.dbs[0];
        size_t i = random_below(&s.ks.rng, N);
        struct key k = key_of(db, i, name);
        unsigned choice = (unsigned)random_below(&s.ks.rng, 8);
        s.ks.now_ms += 100;
        if (choice < 3) {
            dated[i] = choice > 0;
            put(db, i, dated[i] ? s.ks.now_ms * 2 : ENTRY_NO_DEADLINE);
        } else if (choice == 3 && find(db, i)) {
            dated[i] = !dated[i];
            db_set_deadline(db, k, dated[i] ? s.ks.now_ms * 2 : ENTRY_NO_DEADLINE, EVENT_EXPIRE);
        } else if (choice == 4) {
            db_delete(db, k, false, EVENT_DEL);
            dated[i] = false;
        } else if (choice == 5) {
            db_swap(&s.ks, 0, 1);
            db_swap(&s.ks, 0, 1);
        } else if (round % 1000 == 999) {
            s.cfg.maxmemory_policy = policies[random_below(&s.ks.rng, 4)];
        } else {
            size_t undated = 0, after = 0;
            for (size_t at = 0; at < N; at++) undated += !dated[at] && find(db, at);
            gone += evict(&s, 1);
            for (size_t at = 0; at < N; at++) {
                after += !dated[at] && find(db, at);
                dated[at] = dated[at] && find(db, at);
            }
            if (s.cfg.maxmemory_policy != DB_POLICY_ALLKEYS_LFU) assert_int_equal(after, undated);
            persisted += undated;
        }
    }
    assert_true(gone > ROUNDS / 10 && persisted > 0);
    stop(&s);
}

/* Chi-square over keys by number of evictions: one of 64 goes, and comes back. */
static void random_for(enum db_policy policy, size_t undated) {
    enum { N = 64, DRAWS = 200 * N };
    struct setup s;
    start(&s, policy);
    struct db *db = &s.ks.dbs[2];
    size_t gone[N] = {0};
    for (size_t i = 0; i < N; i++) put(db, i, NOW_MS * 2);
    for (size_t i = N; i < N + undated; i++) put(db, i, ENTRY_NO_DEADLINE);
    for (size_t draw = 0; draw < DRAWS; draw++) {
        assert_int_equal(evict(&s, 1), 1);
        for (size_t i = 0; i < N; i++) {
            if (find(db, i)) continue;
            gone[i]++;
            put(db, i, NOW_MS * 2);
        }
    }
    double expected = (double)DRAWS / N, sum = 0;
    for (size_t i = 0; i < N; i++)
        sum += ((double)gone[i] - expected) * ((double)gone[i] - expected) / expected;
    assert_true(sum < N - 1 + 6 * 11.2); /* deviation: sqrt(2 * 63) = 11.2 */
    stop(&s);
}

static void random_is_random(void **state) {
    random_for(DB_POLICY_ALLKEYS_RANDOM, 0);
    random_for(DB_POLICY_VOLATILE_RANDOM, 0);
    random_for(DB_POLICY_VOLATILE_RANDOM, 200);
}

static void noeviction_takes_nothing(void **state) {
    struct setup s;
    start(&s, DB_POLICY_NOEVICTION);
    for (size_t i = 0; i < 100; i++) put(&s.ks.dbs[0], i, NOW_MS * 2);
    s.cfg.maxmemory = 1;
    assert_int_equal(evict_run(&s.pool, &s.ks, &s.cfg, s.cfg.maxmemory), EVICT_NOTHING);
    s.cfg.maxmemory = 0;
    assert_int_equal(evict_run(&s.pool, &s.ks, &s.cfg, s.cfg.maxmemory), EVICT_ROOM);
    assert_int_equal(db_count(&s.ks.dbs[0]), 100);
    stop(&s);
}

/* Memory gets below its limit and no further than it takes; expired keys don't count as evicted. */
static void limit_is_kept(void **state) {
    enum { N = 20000 };
    struct setup s;
    start(&s, DB_POLICY_ALLKEYS_LRU);
    for (size_t i = 0; i < N; i++) put(&s.ks.dbs[i % DBS], i, NOW_MS + 1000);
    s.cfg.maxmemory = mem_used();
    uint64_t evicted = 0;
    for (size_t i = N; i < 2 * N; i++) {
        put(&s.ks.dbs[i % DBS], i, ENTRY_NO_DEADLINE);
        assert_int_equal(evict_run(&s.pool, &s.ks, &s.cfg, s.cfg.maxmemory), EVICT_ROOM);
        assert_true(mem_used() <= s.cfg.maxmemory);
        assert_true(s.ks.stats.evicted - evicted < 600); /* a new segment may need many */
        evicted = s.ks.stats.evicted;
    }
    assert_true(evicted > N / 2);
    s.cfg.maxmemory = 1;
    s.ks.now_ms = NOW_MS + 2000;
    assert_int_equal(evict_run(&s.pool, &s.ks, &s.cfg, s.cfg.maxmemory), EVICT_NOTHING);
    for (uint32_t i = 0; i < DBS; i++) assert_int_equal(db_count(&s.ks.dbs[i]), 0);
    assert_int_equal(s.ks.stats.evicted + s.ks.stats.expired, 2 * N);
    assert_true(s.ks.stats.expired > 0);
    stop(&s);
}

/* What somebody else has been given to free is as good as free. */
static void leaving_is_as_good_as_free(void **state) {
    enum { N = 10, LARGE = 8 * 1024 * 1024 };
    for (int lazy = 0; lazy < 2; lazy++) {
        struct setup s;
        char name[NAME_MAX_LEN];
        start(&s, DB_POLICY_ALLKEYS_RANDOM);
        s.cfg.lazy_eviction = lazy;
        struct db *db = &s.ks.dbs[0];
        for (size_t i = 0; i < N; i++)
            db_edit_string(db, key_of(db, i, name), LARGE, EVENT_SETRANGE);
        s.cfg.maxmemory = mem_used() - LARGE / 2;
        s.ks.leaving = LARGE;
        assert_int_equal(evict_run(&s.pool, &s.ks, &s.cfg, s.cfg.maxmemory), EVICT_ROOM);
        assert_int_equal(s.ks.stats.evicted, 0);
        s.ks.leaving = 0;
        assert_int_equal(evict_run(&s.pool, &s.ks, &s.cfg, s.cfg.maxmemory), EVICT_ROOM);
        assert_int_equal(s.ks.stats.evicted, 1);
        assert_int_equal(s.discarded, lazy);
        stop(&s);
    }
}

/* Without tenacity a slice is the few keys between two looks at the clock. */
static void slices_end(void **state) {
    enum { N = 1000, SLICE_MOST = 4 };
    struct setup s;
    start(&s, DB_POLICY_ALLKEYS_RANDOM);
    for (size_t i = 0; i < N; i++) put(&s.ks.dbs[0], i, ENTRY_NO_DEADLINE);
    s.cfg.maxmemory = 1;
    s.cfg.tenacity = 0;
    size_t slices = 0;
    while (evict_run(&s.pool, &s.ks, &s.cfg, s.cfg.maxmemory) == EVICT_MORE) slices++;
    assert_int_equal(slices, N / SLICE_MOST);
    assert_int_equal(db_count(&s.ks.dbs[0]), 0);
    stop(&s);
}

/* More samples than keys, and than makes sense. */
static void samples_at_the_edges(void **state) {
    static const int64_t samples[] = {1, 10, 1000000};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct setup s;
        start(&s, DB_POLICY_ALLKEYS_LRU);
        s.cfg.samples = samples[i];
        for (size_t k = 0; k < 30; k++) put(&s.ks.dbs[3], k, ENTRY_NO_DEADLINE);
        assert_int_equal(evict(&s, 40), 30);
        stop(&s);
    }
}

/* Asks for keys, more popular ones more often, and stores what isn't there; the hit ratio of the
 * second half. A fifth of memory's worth of keys is asked for once each, over and over anew. */
static double hit_ratio(enum db_policy policy, size_t scans) {
    enum { KEYS = 20000, FIT = KEYS / 10, REQUESTS = 30 * KEYS };
    struct setup s;
    size_t hits = 0, scanned = KEYS;
    start(&s, policy);
    struct random rng;
    random_seed_fixed(&rng, 4711);
    for (size_t i = 0; i < FIT; i++) put(&s.ks.dbs[0], i, ENTRY_NO_DEADLINE);
    s.cfg.maxmemory = mem_used();
    for (size_t i = 0; i < REQUESTS; i++) {
        char name[NAME_MAX_LEN];
        /* Close to Zipf's law: as many requests for ranks 1 to 10 as for 10 to 100. */
        double u = (double)(random_u64(&rng) >> 11) * 0x1p-53;
        size_t key = (size_t)pow(KEYS, u);
        if (scans && i % scans == 0) key = scanned++;
        s.ks.now_ms = NOW_MS + i / 10;
        bool found = db_find(&s.ks.dbs[0], key_of(&s.ks.dbs[0], key, name), DB_READ);
        hits += found && i >= REQUESTS / 2;
        evict_run(&s.pool, &s.ks, &s.cfg, s.cfg.maxmemory);
        if (!found) put(&s.ks.dbs[0], key, ENTRY_NO_DEADLINE);
    }
    s.cfg.maxmemory = 0;
    stop(&s);
    return 200.0 * (double)hits / REQUESTS;
}

static void lrfu_hits_more(void **state) {
    double lru = hit_ratio(DB_POLICY_ALLKEYS_LRU, 0), lrfu = hit_ratio(DB_POLICY_ALLKEYS_LRFU, 0);
    if (lrfu < lru + 2.5) fail_msg("%.2f %%, LRU %.2f %%", lrfu, lru);
    lru = hit_ratio(DB_POLICY_ALLKEYS_LRU, 4);
    lrfu = hit_ratio(DB_POLICY_ALLKEYS_LRFU, 4);
    if (lrfu < lru + 5) fail_msg("with scans %.2f %%, LRU %.2f %%", lrfu, lru);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lru_takes_the_old),
        cmocka_unit_test(lru_spares_the_used),
        cmocka_unit_test(lfu_takes_the_rare),
        cmocka_unit_test(ttl_takes_the_nearest),
        cmocka_unit_test(volatile_takes_only_dated),
        cmocka_unit_test(sampling_keeps_deadlines_of_fields),
        cmocka_unit_test(pool_follows_writes),
        cmocka_unit_test(random_is_random),
        cmocka_unit_test(noeviction_takes_nothing),
        cmocka_unit_test(limit_is_kept),
        cmocka_unit_test(slices_end),
        cmocka_unit_test(leaving_is_as_good_as_free),
        cmocka_unit_test(samples_at_the_edges),
        cmocka_unit_test(lrfu_hits_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
