/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/rewrite.h"

#include "base/num.h"
#include "type/t_hash.h"
#include "type/t_list.h"
#include "type/t_set.h"
#include "type/t_string.h"
#include "type/t_zset.h"

/* Words. */

static void put_header(struct rdb_writer *w, char mark, size_t number) {
    char digits[NUM_I64_MAX];
    buf_append_char(&w->buf, mark);
    buf_append(&w->buf, digits, num_from_u64(digits, number));
    buf_append(&w->buf, "\r\n", 2);
}

void rewrite_begin(struct rdb_writer *w, size_t words) {
    put_header(w, '*', words);
}

void rewrite_word(struct rdb_writer *w, struct slice word) {
    put_header(w, '$', word.len);
    buf_append_slice(&w->buf, word);
    buf_append(&w->buf, "\r\n", 2);
}

void rewrite_u64(struct rdb_writer *w, uint64_t number) {
    char digits[NUM_I64_MAX];
    rewrite_word(w, slice_of(digits, num_from_u64(digits, number)));
}

void rewrite_i64(struct rdb_writer *w, int64_t number) {
    char digits[NUM_I64_MAX];
    rewrite_word(w, slice_of(digits, num_from_i64(digits, number)));
}

void rewrite_id(struct rdb_writer *w, struct stream_id id) {
    char text[STREAM_ID_TEXT_MAX];
    rewrite_word(w, slice_of(text, stream_id_print(text, id)));
}

/* Is a word half written? */
static bool in_word(const struct rdb_walk *at) {
    return at->form;
}

/* False: there's more of it. */
static bool put_word_part(struct rdb_writer *w, struct slice word, struct rdb_walk *at,
                          size_t limit) {
    if (word.len <= RDB_PIECE) {
        rewrite_word(w, word);
        return true;
    }
    if (!in_word(at)) put_header(w, '$', word.len);
    at->form = 1;
    while (at->done < word.len) {
        size_t rest = word.len - at->done, len = rest < RDB_PIECE ? rest : RDB_PIECE;
        if (w->buf.len >= limit) return false;
        buf_append(&w->buf, word.ptr + at->done, len);
        at->done += len;
    }
    buf_append(&w->buf, "\r\n", 2);
    at->form = 0;
    at->done = 0;
    return true;
}

/* The command that adds to a collection. */
struct adding {
    const char *name;
    struct slice key;
    size_t words; /* of an element */
};

/* What comes next has the number `index` of `count`: a command begins with it, or none does. */
static void begin_if_due(struct rdb_writer *w, const struct adding *a, size_t index, size_t count) {
    if (index % REWRITE_ITEMS) return;
    size_t n = count - index < REWRITE_ITEMS ? count - index : REWRITE_ITEMS;
    rewrite_begin(w, 2 + n * a->words);
    rewrite_word(w, slice_str(a->name));
    rewrite_word(w, a->key);
}

/* Strings. */

bool rewrite_string(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at,
                    size_t limit) {
    char digits[NUM_I64_MAX];
    if (!in_word(at)) {
        rewrite_begin(w, 3);
        rewrite_word(w, SLICE("SET"));
        rewrite_word(w, entry_key(e));
    }
    return put_word_part(w, string_view(e, digits), at, limit);
}

/* Lists. */

static const char rpush[] = "RPUSH";

static void put_packed_list(const struct entry *e, struct rdb_writer *w) {
    const struct adding a = {rpush, entry_key(e), 1};
    const uint8_t *lp = entry_ptr(e);
    size_t index = 0, count = listpack_count(lp);
    char digits[NUM_I64_MAX];
    for (const uint8_t *at = listpack_first(lp); at; at = listpack_next(lp, at)) {
        begin_if_due(w, &a, index++, count);
        rewrite_word(w, listpack_view(at, digits));
    }
}

/* An element with a place of its own is a command of its own. */
static bool put_block(struct deque_iter *it, const struct adding *a, struct rdb_writer *w,
                      struct rdb_walk *at, size_t limit) {
    struct deque_value v;
    char digits[NUM_I64_MAX];
    if (it->bytes) {
        if (!in_word(at)) begin_if_due(w, a, 0, 1);
        return put_word_part(w, bytes_slice(it->bytes), at, limit);
    }
    for (size_t index = 0, count = it->left; index < count && deque_next(it, &v); index++) {
        begin_if_due(w, a, index, count);
        rewrite_word(w, list_value_text(&v, digits));
    }
    return true;
}

bool rewrite_list(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    const struct adding a = {rpush, entry_key(e), 1};
    if (e->encoding != LIST_DEQUE) {
        put_packed_list(e, w);
        return true;
    }
    const struct deque *d = entry_ptr(e);
    for (; at->index < deque_blocks(d); at->index++) {
        if (w->buf.len >= limit) return false;
        struct deque_iter it;
        deque_iter_init_block(&it, d, at->index);
        bool done = put_block(&it, &a, w, at, limit);
        deque_iter_end(&it);
        if (!done) return false;
    }
    return true;
}

/* Sets. */

bool rewrite_set(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    const struct adding a = {"SADD", entry_key(e), 1};
    struct set_iter it = {.entry = e, .index = at->index, .at = at->place, .table = at->table};
    struct set_member m;
    char digits[NUM_I64_MAX];
    size_t count = set_count(e);
    if (at->part == 0) set_iter_init(&it, e);
    at->part = 1;
    for (;; at->outer++) {
        at->index = it.index;
        at->place = it.at;
        at->table = it.table;
        if (w->buf.len >= limit) return false;
        if (!set_iter_next(&it, &m)) return true;
        if (!in_word(at)) begin_if_due(w, &a, at->outer, count);
        if (!put_word_part(w, set_member_text(&m, digits), at, limit)) return false;
    }
}

/* Sorted sets. */

bool rewrite_zset(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    const struct adding a = {"ZADD", entry_key(e), 2};
    struct zset_iter it;
    struct zset_item item;
    size_t count = zset_count(e);
    if (at->index == count) return true;
    zset_iter_init(&it, e, at->index, false);
    for (; zset_iter_next(&it, &item); at->index++) {
        char score[NUM_DOUBLE_MAX];
        if (w->buf.len >= limit) return false;
        if (!in_word(at)) {
            begin_if_due(w, &a, at->index, count);
            rewrite_word(w, slice_of(score, num_from_double(score, item.score)));
        }
        if (!put_word_part(w, item.member, at, limit)) return false;
    }
    return true;
}

/* Hashes: fields and values, then the deadlines. */

enum { PART_BEGIN, PART_NAME, PART_VALUE, PART_DEADLINES_BEGIN, PART_DEADLINES };

/* Of a table all fields are written, those that are due, too, as in snapshots. */
static size_t count_fields(const struct entry *e) {
    const struct table *table = type_hash.table(e);
    return table ? table_count(table) : hash_len(e);
}

static bool next_field(struct hash_iter *it, struct hash_item *item) {
    if (it->e->encoding != HASH_TABLE) return hash_iter_next(it, item);
    const struct hash_field *f = table_iter_next(&it->table);
    if (!f) return false;
    *item = (struct hash_item){
        .field.text = hash_field_name(f),
        .value.text = hash_field_value(f),
        .deadline = hash_field_deadline(f),
    };
    return true;
}

static bool put_field(const struct entry *e, const struct hash_item *item, struct rdb_writer *w,
                      struct rdb_walk *at, size_t limit) {
    const struct adding a = {"HMSET", entry_key(e), 2};
    char digits[NUM_I64_MAX];
    if (at->part == PART_NAME) {
        if (!in_word(at)) begin_if_due(w, &a, at->outer, count_fields(e));
        if (!put_word_part(w, hash_text_view(&item->field, digits), at, limit)) return false;
        at->part = PART_VALUE;
    }
    if (!put_word_part(w, hash_text_view(&item->value, digits), at, limit)) return false;
    at->part = PART_NAME;
    at->outer++;
    return true;
}

static bool put_deadline(const struct entry *e, const struct hash_item *item, struct rdb_writer *w,
                         struct rdb_walk *at, size_t limit) {
    char digits[NUM_I64_MAX];
    if (item->deadline == HASH_NO_DEADLINE) return true;
    if (!in_word(at)) {
        rewrite_begin(w, 6);
        rewrite_word(w, SLICE("HPEXPIREAT"));
        rewrite_word(w, entry_key(e));
        rewrite_u64(w, item->deadline);
        rewrite_word(w, SLICE("FIELDS"));
        rewrite_u64(w, 1);
    }
    return put_word_part(w, hash_text_view(&item->field, digits), at, limit);
}

/* What is asked of each field, from the one on that the walk is at; false: there's more. */
static bool put_each(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at,
                     size_t limit) {
    struct hash_iter it = {.e = e, .at = at->place, .table = at->table};
    struct hash_item item;
    bool deadlines = at->part >= PART_DEADLINES_BEGIN;
    if (at->part == PART_BEGIN || at->part == PART_DEADLINES_BEGIN) {
        hash_iter_init(&it, e);
        at->part++;
    }
    for (;;) {
        at->place = it.at;
        at->table = it.table;
        if (w->buf.len >= limit) return false;
        if (!next_field(&it, &item)) return true;
        bool done =
            deadlines ? put_deadline(e, &item, w, at, limit) : put_field(e, &item, w, at, limit);
        if (!done) return false;
    }
}

bool rewrite_hash(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    if (at->part < PART_DEADLINES_BEGIN) {
        if (!put_each(e, w, at, limit)) return false;
        if (!(e->flags & ENTRY_PART_DEADLINES)) return true;
        at->part = PART_DEADLINES_BEGIN;
    }
    return put_each(e, w, at, limit);
}
