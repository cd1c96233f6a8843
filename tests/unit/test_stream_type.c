/* SPDX-License-Identifier: BSD-3-Clause */
/* Streams against a model: an array of entries, and of groups what is pending for whom. The seeds
 * are fixed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "type/stream_group.h"
#include "type/t_stream.h"

enum { MODEL_MAX = 3000, PAIRS_MAX = 40, CONSUMERS = 3 };

struct model_entry {
    struct stream_id id;
    unsigned kind; /* what its pairs are made from */
    int consumer;  /* for whom it's pending; -1: it isn't */
    uint64_t deliveries;
    bool gone; /* from the stream, but perhaps pending */
};

struct model {
    struct model_entry entries[MODEL_MAX];
    size_t count, live, pending;
    struct stream_id last, max_deleted;
};

static const char *const consumer_names[CONSUMERS] = {"amy", "bob", ""};

/* Texts of all sizes, and numbers. Names repeat, so that entries share them, or nearly. */
static size_t make_pairs(unsigned kind, struct slice pairs[2 * PAIRS_MAX],
                         char texts[2 * PAIRS_MAX][320]) {
    static const size_t sizes[] = {0, 1, 3, 63, 64, 300};
    size_t count = kind % 7 == 0 ? PAIRS_MAX : kind % 4 + 1;
    for (size_t i = 0; i < 2 * count; i++) {
        unsigned seed = i % 2 ? kind + (unsigned)i : kind / 3 % 3 + (unsigned)i;
        size_t len = sizes[seed % 6];
        if (seed % 5 == 0)
            len =
                (size_t)snprintf(texts[i], 320, "%lld", (long long)seed * seed * seed * 977 - 500);
        else
            memset(texts[i], 'a' + (int)(seed % 26), len);
        pairs[i] = slice_of(texts[i], len);
    }
    return count;
}

static void assert_entry(const struct model_entry *m, const struct stream_entry *e,
                         const uint8_t *node) {
    struct slice pairs[2 * PAIRS_MAX];
    char texts[2 * PAIRS_MAX][320], digits[NUM_I64_MAX];
    struct stream_entry rest = *e;
    assert_true(stream_id_eq(m->id, e->id));
    assert_int_equal(e->pairs, make_pairs(m->kind, pairs, texts));
    for (size_t i = 0; i < e->pairs; i++) {
        const uint8_t *name, *value;
        stream_entry_pair(&rest, node, &name, &value);
        assert_true(slice_eq(listpack_view(name, digits), pairs[2 * i]));
        assert_true(slice_eq(listpack_view(value, digits), pairs[2 * i + 1]));
    }
}

static void assert_range(const struct stream *s, const struct model *m, struct stream_id from,
                         struct stream_id to, bool backwards) {
    struct stream_iter it;
    struct stream_entry e;
    stream_iter_init(&it, s, from, to, backwards);
    for (size_t i = 0; i < m->count; i++) {
        const struct model_entry *entry = &m->entries[backwards ? m->count - 1 - i : i];
        if (entry->gone || stream_id_cmp(entry->id, from) < 0 || stream_id_cmp(entry->id, to) > 0)
            continue;
        assert_true(stream_iter_next(&it, &e));
        assert_entry(entry, &e, it.reader.node);
    }
    assert_false(stream_iter_next(&it, &e));
}

static struct stream_id random_id(const struct model *m, struct random *rng) {
    return (struct stream_id){random_below(rng, m->last.ms + 2), random_below(rng, 3)};
}

static void append(struct stream *s, struct model *m, struct random *rng,
                   const struct type_settings *settings) {
    struct slice pairs[2 * PAIRS_MAX];
    char texts[2 * PAIRS_MAX][320];
    struct model_entry *entry = &m->entries[m->count];
    *entry = (struct model_entry){.kind = (unsigned)random_below(rng, 30), .consumer = -1};
    struct stream_id_wish wish = {.has_ms = true, .id.ms = m->last.ms + random_below(rng, 3)};
    assert_true(stream_id_for(s, &wish, 0, &entry->id));
    assert_true(stream_id_cmp(m->last, entry->id) < 0 && entry->id.ms == wish.id.ms);
    size_t count = make_pairs(entry->kind, pairs, texts);
    assert_true(stream_append(s, entry->id, pairs, count, settings));
    m->last = entry->id;
    m->count++;
    m->live++;
}

static void lose(struct model *m, size_t i) {
    m->entries[i].gone = true;
    m->live--;
}

static void delete_one(struct stream *s, struct model *m, struct random *rng) {
    size_t i = random_below(rng, m->count + 1);
    if (i == m->count) {
        assert_false(stream_delete(s, STREAM_ID_MAX));
        return;
    }
    struct model_entry *entry = &m->entries[i];
    assert_int_equal(stream_has(s, entry->id), !entry->gone);
    assert_int_equal(stream_delete(s, entry->id), !entry->gone);
    if (entry->gone) return;
    lose(m, i);
    if (stream_id_cmp(entry->id, m->max_deleted) > 0) m->max_deleted = entry->id;
}

/* By whole blocks less may go, but the oldest first, and with LIMIT no more than that. */
static void trim(struct stream *s, struct model *m, struct random *rng) {
    bool by_id = random_below(rng, 2);
    struct stream_trim how = {
        .by = by_id ? STREAM_TRIM_MINID : STREAM_TRIM_MAXLEN,
        .whole_nodes = random_below(rng, 2),
        .max_len = m->live - random_below(rng, m->live + 1) / 4,
        .min_id = m->entries[random_below(rng, m->count)].id,
    };
    if (how.whole_nodes) how.limit = random_below(rng, 3) * 20;
    uint64_t removed = stream_trim(s, &how), expected = 0;
    for (size_t i = 0; i < m->count; i++) {
        const struct model_entry *entry = &m->entries[i];
        if (entry->gone) continue;
        if (by_id ? stream_id_cmp(entry->id, how.min_id) >= 0 : m->live <= how.max_len) break;
        if (how.whole_nodes && expected == removed) break;
        lose(m, i);
        expected++;
    }
    assert_int_equal(removed, expected);
    if (how.limit) assert_true(removed <= how.limit);
}

/* Groups. */

static void deliver(struct stream_group *g, struct model *m, struct random *rng, uint64_t now) {
    struct model_entry *entry = &m->entries[random_below(rng, m->count)];
    int to = (int)random_below(rng, CONSUMERS);
    struct stream_consumer *c = stream_consumer_find(g, slice_str(consumer_names[to]));
    if (!c) c = stream_consumer_add(g, slice_str(consumer_names[to]), now);
    assert_null(stream_consumer_add(g, slice_str(consumer_names[to]), now));
    struct stream_pending *p = stream_pending_find(g, entry->id);
    assert_int_equal(p != NULL, entry->consumer >= 0);
    if (p) {
        assert_true(slice_eq(p->consumer->named.name, slice_str(consumer_names[entry->consumer])));
        assert_int_equal(p->deliveries, entry->deliveries);
        stream_pending_move(p, c, entry->id);
    } else {
        p = stream_pending_add(g, c, entry->id, now);
        entry->deliveries = 0;
        m->pending++;
    }
    p->deliveries = ++entry->deliveries;
    entry->consumer = to;
}

static void acknowledge(struct stream_group *g, struct model *m, struct random *rng) {
    struct model_entry *entry = &m->entries[random_below(rng, m->count)];
    assert_int_equal(stream_pending_remove(g, entry->id), entry->consumer >= 0);
    m->pending -= entry->consumer >= 0;
    entry->consumer = -1;
}

static void remove_consumer(struct stream_group *g, struct model *m, struct random *rng) {
    int gone = (int)random_below(rng, CONSUMERS);
    size_t expected = 0;
    struct stream_consumer *c = stream_consumer_find(g, slice_str(consumer_names[gone]));
    if (!c) return;
    for (size_t i = 0; i < m->count; i++) {
        if (m->entries[i].consumer != gone) continue;
        m->entries[i].consumer = -1;
        expected++;
    }
    m->pending -= expected;
    assert_int_equal(stream_consumer_remove(g, c), expected);
}

static void assert_same(const struct stream *s, const struct model *m) {
    const struct stream_group *g = stream_group_find(s, SLICE("g"));
    stream_check(s);
    stream_groups_check(s);
    assert_int_equal(s->length, m->live);
    assert_int_equal(s->entries_added, m->count);
    assert_true(stream_id_eq(s->last_id, m->last));
    assert_true(stream_id_eq(s->max_deleted_id, m->max_deleted));
    assert_int_equal(id_map_count(&g->pending), m->pending);
}

static struct entry *copy_of(struct entry *e) {
    struct entry *copy = entry_copy(e, SLICE("copy"));
    struct digest a = DIGEST_INIT, b = DIGEST_INIT;
    type_stream.digest(e, &a);
    type_stream.digest(copy, &b);
    assert_memory_equal(a.lanes, b.lanes, sizeof a.lanes);
    assert_true(type_stream.memory(copy, 0) > 0);
    entry_free(e);
    return copy;
}

static void step(struct entry *e, struct model *m, struct random *rng,
                 const struct type_settings *settings) {
    struct stream *s = stream_of(e);
    struct stream_group *g = stream_group_find(s, SLICE("g"));
    unsigned what = (unsigned)random_below(rng, 100);
    if (m->count == 0 || (what < 50 && m->count < MODEL_MAX))
        append(s, m, rng, settings);
    else if (what < 64)
        delete_one(s, m, rng);
    else if (what < 66)
        trim(s, m, rng);
    else if (what < 86)
        deliver(g, m, rng, 1);
    else if (what < 97)
        acknowledge(g, m, rng);
    else if (what == 97)
        remove_consumer(g, m, rng);
}

static void play(uint64_t seed, const struct type_settings *settings) {
    struct entry *e = type_new(SLICE("key"), TYPE_STREAM, settings);
    struct model *m = mem_zalloc(sizeof *m);
    struct random rng;
    random_seed_fixed(&rng, seed);
    assert_non_null(stream_group_add(stream_of(e), SLICE("g"), STREAM_ID_MIN, 0));
    assert_null(stream_group_add(stream_of(e), SLICE("g"), STREAM_ID_MIN, 0));
    for (int i = 0; i < 1500; i++) {
        step(e, m, &rng, settings);
        assert_same(stream_of(e), m);
        struct stream_id from = random_id(m, &rng), to = random_id(m, &rng);
        if (i % 20 == 0) assert_range(stream_of(e), m, from, to, i % 40 == 0);
        if (i % 100 == 99) e = copy_of(e);
    }
    assert_range(stream_of(e), m, STREAM_ID_MIN, STREAM_ID_MAX, false);
    assert_range(stream_of(e), m, STREAM_ID_MIN, STREAM_ID_MAX, true);
    assert_true(stream_group_remove(stream_of(e), SLICE("g")));
    assert_false(stream_group_remove(stream_of(e), SLICE("g")));
    entry_free(e);
    mem_free(m);
}

static void test_random(void **state) {
    struct type_settings settings = TYPE_SETTINGS_DEFAULT;
    play(1, &settings);
    settings.stream_node_max_entries = 5;
    play(2, &settings);
    settings.stream_node_max_entries = 0;
    settings.stream_node_max_bytes = 300;
    play(3, &settings);
    settings.stream_node_max_bytes = 0;
    play(4, &settings);
    settings.stream_node_max_bytes = 1;
    play(5, &settings);
}

/* The bytes that DUMP of Redis 7.0 shows for the same entries. */
static void test_format(void **state) {
    static const uint8_t expected[] = {
        2, 1, 0, 1, 1, 1, 0x81, 'a', 2,    0,   1, /* two there, none deleted; one name */
        2, 1, 0, 1, 0, 1, 5,    1,   4,    1,      /* the same names: 5 */
        0, 1, 1, 1, 2, 1, 1,    1,   0x81, 'b', 2, 0x81, 'x', 2, 6, 1, /* b x, ids + 1 + 2 */
    };
    struct slice first[] = {SLICE("a"), SLICE("5")}, second[] = {SLICE("b"), SLICE("x")};
    struct stream_id id = {5, 5};
    uint8_t *node = stream_node_new(first, 1);
    stream_node_append(&node, id, id, first, 1);
    stream_node_append(&node, id, (struct stream_id){6, 7}, second, 1);
    assert_memory_equal(node + LISTPACK_HEADER, expected, sizeof expected);
    assert_int_equal(listpack_bytes(node), LISTPACK_HEADER + sizeof expected + 1);
    assert_true(stream_node_valid(node, id));
    listpack_free(node);
}

/* Any byte of a block changed: it's refused, or can be walked and edited. */
static void test_damaged(void **state) {
    struct slice pairs[2 * PAIRS_MAX];
    char texts[2 * PAIRS_MAX][320];
    struct random rng;
    struct stream_id first = {1, 0};
    random_seed_fixed(&rng, 9);
    uint8_t *node = NULL;
    for (unsigned kind = 1; kind < 6; kind++) {
        size_t count = make_pairs(kind, pairs, texts);
        if (!node) node = stream_node_new(pairs, count);
        stream_node_append(&node, first, (struct stream_id){kind, kind}, pairs, count);
    }
    size_t bytes = listpack_bytes(node), valid = 0;
    for (int i = 0; i < 20000; i++) {
        uint8_t *bad = listpack_copy(node);
        bad[6 + random_below(&rng, bytes - 6)] = (uint8_t)random_u64(&rng);
        if (listpack_valid(bad, bytes) && stream_node_valid(bad, first)) {
            struct stream_reader r = stream_node_open(bad, first);
            size_t seen = 0;
            for (const uint8_t *at = r.entries; at; seen++) {
                struct stream_entry e = stream_node_read(&r, at);
                at = stream_node_next(&r, &e);
            }
            const uint8_t *at = NULL;
            for (; (at = stream_node_prev(&r, at)); seen--) continue;
            assert_int_equal(seen, 0);
            valid++;
        }
        listpack_free(bad);
    }
    assert_true(valid > 100 && valid < 20000);
    listpack_free(node);
}

static void assert_parsed(const char *text, bool valid, uint64_t ms, uint64_t seq) {
    struct stream_id id = {0, 77};
    bool has_seq;
    assert_int_equal(stream_id_parse(slice_str(text), &id, &has_seq), valid);
    if (!valid) return;
    assert_true(id.ms == ms && id.seq == seq);
    assert_int_equal(has_seq, strchr(text, '-') != NULL);
}

static void test_ids(void **state) {
    char text[STREAM_ID_TEXT_MAX];
    assert_parsed("5-6", true, 5, 6);
    assert_parsed("5", true, 5, 77);
    assert_parsed("007-+1", true, 7, 1);
    assert_parsed(" 7-\t1", true, 7, 1);
    assert_parsed("7- -1", true, 7, UINT64_MAX);
    assert_parsed("18446744073709551615-18446744073709551615", true, UINT64_MAX, UINT64_MAX);
    const char *none[] = {"", "-", "5-", "-5", "5--1", "5-x", "x", "5 ", "18446744073709551616"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) assert_parsed(none[i], false, 0, 0);
    size_t len = stream_id_print(text, STREAM_ID_MAX);
    assert_true(slice_eq(slice_of(text, len), SLICE("18446744073709551615-18446744073709551615")));

    struct stream_id id = {1, UINT64_MAX};
    assert_true(stream_id_next(&id) && id.ms == 2 && id.seq == 0);
    assert_true(stream_id_prev(&id) && id.ms == 1 && id.seq == UINT64_MAX);
    id = STREAM_ID_MAX;
    assert_false(stream_id_next(&id));
    id = STREAM_ID_MIN;
    assert_false(stream_id_prev(&id));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
