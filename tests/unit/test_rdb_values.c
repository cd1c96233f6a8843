/* SPDX-License-Identifier: BSD-3-Clause */
/* Values of all types and encodings, written as RDB files have them: in portions of any size they
 * come to the same bytes as in one go, and read again they are what they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "type/rdb_types.h"
#include "type/stream_group.h"
#include "type/t_hash.h"
#include "type/t_list.h"
#include "type/t_set.h"
#include "type/t_stream.h"
#include "type/t_string.h"
#include "type/t_zset.h"

enum { LONG = 3 * RDB_PIECE + 77 };

static struct hash_seed seed;
static struct type_settings settings = TYPE_SETTINGS_DEFAULT;

/* Texts. */

static struct buf text_buf[2];

/* Text number i: `noise` of 8 letters are random, so it can be compressed, or not. */
static struct slice text(unsigned which, size_t i, size_t len, unsigned noise) {
    struct buf *b = &text_buf[which];
    struct random rng;
    random_seed_fixed(&rng, i);
    buf_clear(b);
    buf_appendf(b, "t%zu.", i);
    while (b->len < len)
        buf_append_char(b, (char)(b->len % 8 < noise ? random_below(&rng, 256) : 'a' + i % 26));
    return slice_of(b->data, len ? len : b->len);
}

static struct slice number(size_t i) {
    buf_clear(&text_buf[0]);
    buf_append_i64(&text_buf[0], (int64_t)(i * i * i * 977) - 500);
    return buf_slice(&text_buf[0]);
}

/* Values. */

static void string_put(struct entry **e, struct slice value) {
    *e = string_assign_text(*e, value, ENTRY_NO_DEADLINE);
}

static struct entry *string_empty(void) {
    return string_new_text(SLICE("key"), SLICE(""), ENTRY_NO_DEADLINE);
}

static void list_put(struct entry *e, struct slice value) {
    struct deque_item item = list_item(value, NULL);
    list_expect(e, 1, listpack_size_of(value), &settings);
    list_push(e, &item, false);
}

static void set_put(struct entry *e, struct slice value) {
    struct set_member m = set_member(value);
    set_add(e, &m, &settings);
}

static void zset_put(struct entry *e, struct slice value, double score) {
    zset_add(e, value, 0, &score, &settings);
}

static void hash_put(struct entry *e, struct slice field, struct slice value, uint64_t deadline) {
    struct hash_input in = {value, NULL, deadline};
    hash_set(e, &settings, field, &in);
}

static void stream_put(struct entry *e, size_t i, struct slice name, struct slice value) {
    struct slice pairs[] = {name, value};
    struct stream_id id = {i / 3 + 1, i % 3};
    assert_true(stream_append(stream_of(e), id, pairs, 1, &settings));
}

static void add_group(struct stream *s, struct slice name, size_t consumers, size_t pending) {
    struct stream_group *g = stream_group_add(s, name, s->last_id, (int64_t)s->entries_added - 1);
    for (size_t i = 0; i < consumers; i++)
        stream_consumer_add(g, text(1, i, i == 1 ? LONG : 0, 3), 1000 + i)->active_ms =
            i ? 2000 : STREAM_NEVER;
    for (size_t i = 0; i < pending; i++) {
        struct stream_consumer *c = stream_consumer_at(g, i % consumers);
        struct stream_id id = {i / 3 + 1, i % 3};
        stream_pending_add(g, c, id, 5000 + i)->deliveries = i;
    }
}

/* In portions, and in one go. */

static void assert_same(const struct buf *a, const struct buf *b) {
    assert_int_equal(a->len, b->len);
    if (a->len) assert_memory_equal(a->data, b->data, a->len);
}

/* Each portion stays near its limit, and there's an end. */
static struct buf save_portions(const struct entry *e, struct rdb_writer w, size_t limit) {
    struct buf all = BUF_INIT;
    struct rdb_walk at = {0};
    bool done;
    w.buf = (struct buf)BUF_INIT;
    rdb_put_byte(&w, type_of(e)->rdb->code(e, w.version));
    do {
        buf_append_slice(&all, buf_slice(&w.buf));
        buf_clear(&w.buf);
        done = type_of(e)->rdb->save(e, &w, &at, limit);
        assert_true(w.buf.len <= limit + RDB_PIECE + 64);
    } while (!done);
    buf_append_slice(&all, buf_slice(&w.buf));
    assert_null(at.packed.data);
    buf_release(&w.buf);
    return all;
}

static struct entry *load(const struct buf *bytes) {
    struct rdb_reader r;
    unsigned code;
    rdb_reader_init(&r, buf_slice(bytes));
    assert_true(rdb_get_byte(&r, &code));
    struct entry *e = rdb_load_value(&r, code, SLICE("key"), &settings);
    if (!e) fail_msg("%s", r.error);
    assert_ptr_equal(r.pos, r.end);
    rdb_reader_release(&r);
    return e;
}

static void assert_equal(const struct entry *a, const struct entry *b) {
    struct digest da = DIGEST_INIT, db = DIGEST_INIT;
    assert_int_equal(a->type, b->type);
    assert_string_equal(type_of(a)->encoding_name(a), type_of(b)->encoding_name(b));
    type_of(a)->digest(a, &da);
    type_of(b)->digest(b, &db);
    assert_memory_equal(da.lanes, db.lanes, sizeof da.lanes);
}

/* What was read is written as it was, unless its order comes from a hash table, or its bounds. */
static bool is_ordered(const struct entry *e) {
    const struct type *type = type_of(e);
    return (!type->table || !type->table(e) || e->type == TYPE_ZSET) &&
           !(e->flags & ENTRY_PART_DEADLINES);
}

static void check_by(const struct entry *e, const struct rdb_writer *how) {
    static const size_t limits[] = {1, 7, 100, 4000, RDB_PIECE, 1 << 20};
    struct rdb_writer whole = *how, again = *how;
    rdb_save_value(e, &whole);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (whole.buf.len / limits[i] > 500) continue;
        struct buf portions = save_portions(e, *how, limits[i]);
        assert_same(&whole.buf, &portions);
        buf_release(&portions);
    }
    struct entry *loaded = load(&whole.buf);
    assert_equal(e, loaded);
    rdb_save_value(loaded, &again);
    if (is_ordered(e)) assert_same(&whole.buf, &again.buf);
    entry_free(loaded);
    buf_release(&whole.buf);
    buf_release(&again.buf);
}

/* As commands. What is packed comes in one go, so portions have no bound here. */
static struct buf rewrite_portions(const struct entry *e, size_t limit) {
    struct rdb_writer w = {.buf = BUF_INIT};
    struct buf all = BUF_INIT;
    struct rdb_walk at = {0};
    bool done;
    do {
        done = type_of(e)->rewrite(e, &w, &at, limit);
        buf_append_slice(&all, buf_slice(&w.buf));
        buf_clear(&w.buf);
    } while (!done);
    buf_release(&w.buf);
    return all;
}

/* Whole commands, with as many words as they say. */
static void check_commands(struct slice text) {
    const char *at = text.ptr, *end = text.ptr + text.len;
    while (at < end) {
        assert_int_equal(*at, '*');
        long words = strtol(at + 1, (char **)&at, 10);
        assert_true(words >= 3 && words <= 3 + 2 * 2000);
        for (at += 2; words; words--) {
            assert_int_equal(*at, '$');
            long len = strtol(at + 1, (char **)&at, 10);
            at += 2 + len;
            assert_memory_equal(at, "\r\n", 2);
            at += 2;
        }
    }
    assert_ptr_equal(at, end);
}

static void check_rewrite(const struct entry *e) {
    static const size_t limits[] = {1, 100, 4000, 1 << 20};
    struct buf whole = rewrite_portions(e, SIZE_MAX);
    check_commands(buf_slice(&whole));
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct buf portions = rewrite_portions(e, limits[i]);
        assert_same(&whole, &portions);
        buf_release(&portions);
    }
    buf_release(&whole);
}

/* Takes the entry. */
static void check(struct entry *e) {
    check_rewrite(e);
    for (unsigned version = RDB_VERSION_OLD; version <= RDB_VERSION; version++) {
        check_by(e, &(struct rdb_writer){BUF_INIT, version, false});
        check_by(e, &(struct rdb_writer){BUF_INIT, version, true});
    }
    entry_free(e);
}

static void test_strings(void **state) {
    static const size_t lens[] = {1,    20,     21, 1000, RDB_PIECE, RDB_PIECE + 1, RDB_PIECE * 2,
                                  LONG, 1 << 20};
    check(string_new_int(SLICE("key"), -77, ENTRY_NO_DEADLINE));
    check(string_new_int(SLICE("key"), INT64_MIN, ENTRY_NO_DEADLINE));
    check(string_empty());
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        for (unsigned noise = 0; noise <= 8; noise += 4) {
            struct entry *e = string_empty();
            string_put(&e, text(0, i, lens[i], noise));
            check(e);
        }
    }
}

/* Pieces that can't be compressed stand among others as they are; if there's no gain so far, the
 * string is given up; and some are too long for it. */
static void test_compression_by_pieces(void **state) {
    struct rdb_writer w = {BUF_INIT, RDB_VERSION, true};
    struct buf value = BUF_INIT;
    for (size_t i = 0; i < 9; i++) {
        buf_append_slice(&value, text(0, i, RDB_PIECE, i % 3 == 2 ? 8 : 1));
        buf_append_slice(&value, text(0, i, 11, 8));
    }
    rdb_put_string(&w, buf_slice(&value));
    assert_true(w.buf.len < value.len * 3 / 4);
    struct entry *e = string_empty();
    string_put(&e, buf_slice(&value));
    check(e);

    size_t len = RDB_PIECE * 3;
    buf_clear(&w.buf);
    rdb_put_string(&w, text(0, 1, len, 8));
    assert_int_equal(w.buf.len, 5 + len);

    buf_clear(&value);
    memset(buf_reserve(&value, RDB_COMPRESS_MAX + 1), 'x', RDB_COMPRESS_MAX + 1);
    value.len = RDB_COMPRESS_MAX;
    buf_clear(&w.buf);
    rdb_put_string(&w, buf_slice(&value));
    assert_true(w.buf.len < value.len / 50);
    value.len++;
    buf_clear(&w.buf);
    rdb_put_string(&w, buf_slice(&value));
    assert_int_equal(w.buf.len, 5 + value.len);
    buf_release(&value);
    buf_release(&w.buf);
}

/* A walk that isn't ended gives back what it holds. */
static void test_abandoned(void **state) {
    struct rdb_writer w = {BUF_INIT, RDB_VERSION, true};
    struct rdb_walk at = {0};
    struct entry *e = string_empty();
    string_put(&e, text(0, 1, LONG, 1));
    assert_false(type_of(e)->rdb->save(e, &w, &at, 100));
    assert_non_null(at.packed.data);
    rdb_walk_release(&at);
    assert_null(at.packed.data);
    entry_free(e);
    buf_release(&w.buf);
}

static struct entry *new_of(enum type_id type) {
    return type_new(SLICE("key"), type, &settings);
}

static void test_lists(void **state) {
    static const size_t counts[] = {1, 30, 3000};
    for (size_t depth = 0; depth < 2; depth++) {
        settings.list_compress_depth = (int64_t)depth;
        for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
            struct entry *e = new_of(TYPE_LIST);
            for (size_t i = 0; i < counts[n]; i++)
                list_put(e, i % 3 ? text(0, i, i % 100, 2) : number(i));
            check(e);
        }
        struct entry *e = new_of(TYPE_LIST);
        for (size_t i = 0; i < 40; i++)
            list_put(e, text(0, i, i % 8 == 0 ? LONG : i % 8 == 1 ? 9000 : 4000, i % 9));
        assert_int_equal(e->encoding, LIST_DEQUE);
        check(e);
    }
    settings.list_compress_depth = 0;
    settings.list_max_listpack_size = -5;
    struct entry *e = new_of(TYPE_LIST);
    for (size_t i = 0; i < 20000; i++) list_put(e, text(0, i % 10, 1, 0));
    check(e);
    settings.list_max_listpack_size = -2;
}

static void test_sets(void **state) {
    static const size_t counts[] = {1, 100, 500, 5000};
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        struct entry *numbers = new_of(TYPE_SET), *texts = new_of(TYPE_SET);
        for (size_t i = 0; i < counts[n]; i++) {
            set_put(numbers, number(i));
            set_put(texts, text(0, i, 0, 0));
        }
        check(numbers);
        check(texts);
    }
    struct entry *e = new_of(TYPE_SET);
    for (size_t i = 0; i < 40; i++) set_put(e, text(0, i, i % 4 ? 30 : LONG, i % 9));
    check(e);
}

static void test_zsets(void **state) {
    static const size_t counts[] = {1, 100, 5000};
    for (size_t n = 0; n < sizeof counts / sizeof *counts; n++) {
        struct entry *e = new_of(TYPE_ZSET);
        for (size_t i = 0; i < counts[n]; i++)
            zset_put(e, text(0, i, 0, 0), (double)(i * 7919 % 1000) / 8 - 50);
        check(e);
    }
    struct entry *e = new_of(TYPE_ZSET);
    for (size_t i = 0; i < 40; i++) zset_put(e, text(0, i, i % 4 ? 30 : LONG, i % 9), -(double)i);
    check(e);
}

static void check_hash(size_t count, size_t len, bool dated) {
    struct entry *e = new_of(TYPE_HASH);
    for (size_t i = 0; i < count; i++) {
        uint64_t deadline = dated && i % 3 ? 1000000 + i * 1000 : HASH_NO_DEADLINE;
        struct slice name = text(0, i, i % 16 == 3 ? len : 0, 2);
        hash_put(e, name, text(1, i, i % 4 ? 0 : len, i % 9), deadline);
    }
    check(e);
}

static void test_hashes(void **state) {
    for (unsigned dated = 0; dated < 2; dated++) {
        check_hash(1, 5, dated);
        check_hash(100, 40, dated);
        check_hash(3000, 100, dated);
        check_hash(30, LONG, dated);
    }
}

/* A listpack may be as long as the settings allow. */
static void test_long_listpacks(void **state) {
    struct type_settings before = settings;
    settings.hash_max_listpack_entries = settings.zset_max_listpack_entries = 4000;
    settings.set_max_listpack_entries = settings.list_max_listpack_size = 4000;
    struct entry *hash = new_of(TYPE_HASH), *zset = new_of(TYPE_ZSET), *set = new_of(TYPE_SET);
    set_start(set, SET_LISTPACK, &settings);
    for (size_t i = 0; i < 2500; i++) {
        hash_put(hash, text(0, i, 40, 1), text(1, i, 40, 2), HASH_NO_DEADLINE);
        zset_put(zset, text(0, i, 40, 1), (double)i);
        set_put(set, text(0, i, 40, 1));
    }
    assert_int_equal(hash->encoding, HASH_PACKED);
    assert_int_equal(zset->encoding, ZSET_LISTPACK);
    assert_int_equal(set->encoding, SET_LISTPACK);
    check(hash);
    check(zset);
    struct rdb_writer w = {BUF_INIT, RDB_VERSION, true};
    check_by(set, &w); /* an older version has it as members, and a table results */
    entry_free(set);
    settings = before;
}

static void test_streams(void **state) {
    check(new_of(TYPE_STREAM));
    for (size_t n = 1; n <= 1000; n *= 10) {
        struct entry *e = new_of(TYPE_STREAM);
        for (size_t i = 0; i < n; i++) stream_put(e, i, SLICE("name"), text(0, i, i % 200, 3));
        if (n > 10) stream_delete(stream_of(e), (struct stream_id){2, 1});
        struct stream *s = stream_of(e);
        if (n < 1000) {
            add_group(s, SLICE("none"), 0, 0);
            add_group(s, SLICE("idle"), 3, 0);
        }
        add_group(s, SLICE("some"), 3, n);
        check(e);
    }
    settings.stream_node_max_bytes = 0;
    struct entry *e = new_of(TYPE_STREAM);
    for (size_t i = 0; i < 50; i++) stream_put(e, i, SLICE("name"), text(0, i, 9000, i % 9));
    add_group(stream_of(e), text(0, 3, LONG, 5), 2, 9);
    check(e);
    settings.stream_node_max_bytes = 4096;
}

static int begin(void **state) {
    seed = hash_seed_random();
    settings.seed = &seed;
    return 0;
}

static int end(void **state) {
    buf_release(&text_buf[0]);
    buf_release(&text_buf[1]);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),   cmocka_unit_test(test_compression_by_pieces),
        cmocka_unit_test(test_abandoned), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_sets),      cmocka_unit_test(test_zsets),
        cmocka_unit_test(test_hashes),    cmocka_unit_test(test_long_listpacks),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
