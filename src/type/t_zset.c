/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/t_zset.h"

#include <math.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "ds/listpack.h"
#include "ds/scored.h"
#include "type/compact.h"
#include "type/rdb_types.h"
#include "type/rewrite.h"

struct zset {
    struct table members;
    struct ranked order;
};

static enum zset_encoding encoding(const struct entry *e) {
    return (enum zset_encoding)e->encoding;
}

/* Packed ones. */

static double packed_score(const uint8_t *at) {
    struct listpack_value v = listpack_get(at);
    double score = 0;
    if (!v.text) return (double)v.number;
    num_to_double(slice_of(v.text, v.len), &score);
    return score;
}

/* The position of the member, its score's follows it; NULL: it isn't there. */
static const uint8_t *packed_find(const uint8_t *lp, struct slice member, double *score) {
    struct listpack_key key = listpack_key(member);
    const uint8_t *at = listpack_find(lp, listpack_first(lp), &key, 1);
    if (at) *score = packed_score(listpack_next(lp, at));
    return at;
}

static size_t packed_count(const uint8_t *lp) {
    return listpack_count(lp) / 2;
}

/* A score of -0 turns into 0 here, as in Redis, since whole numbers are stored as integers. */
static void packed_put(uint8_t **lp, const uint8_t *before, struct slice member, double score) {
    char digits[NUM_DOUBLE_MAX];
    if (score == 0) score = 0;
    struct slice pair[] = {member, slice_of(digits, num_from_double(digits, score))};
    listpack_insert_many(lp, before, pair, 2);
}

/* How many pairs come first of which `before` says that they come before the bound. */
struct packed_bound {
    enum { BY_SCORE, BY_MEMBER, BY_BOTH } by;
    double score;
    struct slice member;
    bool inclusive;
};

static bool packed_before(const struct packed_bound *b, const uint8_t *lp, const uint8_t *at) {
    char digits[NUM_I64_MAX];
    if (b->by != BY_MEMBER) {
        double score = packed_score(listpack_next(lp, at));
        if (score != b->score) return score < b->score;
        if (b->by == BY_SCORE) return b->inclusive;
    }
    int order = slice_cmp(listpack_view(at, digits), b->member);
    return order ? order < 0 : b->inclusive;
}

/* Returns the first pair that doesn't (NULL: all do), their number in *count. */
static const uint8_t *packed_seek(const uint8_t *lp, const struct packed_bound *b, size_t *count) {
    const uint8_t *at = listpack_first(lp);
    *count = 0;
    while (at && packed_before(b, lp, at)) {
        at = listpack_next(lp, listpack_next(lp, at));
        ++*count;
    }
    return at;
}

static void packed_insert(uint8_t **lp, struct slice member, double score) {
    struct packed_bound b = {BY_BOTH, score, member, false};
    size_t count;
    packed_put(lp, packed_seek(*lp, &b, &count), member, score);
}

/* Those with table and tree. */

static const struct table_ops member_ops = {.key = scored_member};

static struct zset *tree_new(const struct hash_seed *seed) {
    struct zset *z = mem_alloc(sizeof *z);
    table_init(&z->members, &member_ops, seed);
    ranked_init(&z->order);
    return z;
}

static void tree_free(struct zset *z) {
    ranked_release(&z->order);
    table_release(&z->members, scored_free);
    mem_free_sized(z, sizeof *z);
}

static inline struct scored *tree_find(const struct zset *z, uint64_t hash, struct slice member,
                                       struct table_ref *ref) {
    return table_find_by(&z->members, hash, member, ref, scored_member);
}

static struct scored *tree_look_up(const struct zset *z, struct slice member) {
    return tree_find(z, table_hash(&z->members, member), member, NULL);
}

static void tree_append(struct zset *z, struct slice member, double score) {
    struct scored *s = scored_new(member, score);
    table_insert(&z->members, table_hash(&z->members, member), s);
    ranked_append(&z->order, s);
}

static bool tree_remove(struct zset *z, struct slice member) {
    uint64_t hash = table_hash(&z->members, member);
    struct table_ref ref;
    struct scored *s = tree_find(z, hash, member, &ref);
    if (!s) return false;
    table_remove(&z->members, hash, ref);
    ranked_remove(&z->order, s);
    scored_free(s);
    return true;
}

/* Taken out of the tree: forgets it. */
static void forget(void *zset, struct scored *s) {
    struct zset *z = zset;
    struct slice member = scored_member(s);
    uint64_t hash = table_hash(&z->members, member);
    struct table_ref ref;
    tree_find(z, hash, member, &ref);
    table_remove(&z->members, hash, ref);
    scored_free(s);
}

/* Reading. */

size_t zset_count(const struct entry *e) {
    const struct zset *z = entry_ptr(e);
    if (encoding(e) == ZSET_LISTPACK) return packed_count(entry_ptr(e));
    return table_count(&z->members);
}

bool zset_find(const struct entry *e, struct slice member, double *score) {
    if (encoding(e) == ZSET_LISTPACK) return packed_find(entry_ptr(e), member, score) != NULL;
    const struct scored *s = tree_look_up(entry_ptr(e), member);
    if (s) *score = scored_score(s);
    return s != NULL;
}

bool zset_rank(const struct entry *e, struct slice member, size_t *rank, double *score) {
    if (encoding(e) == ZSET_TREE) {
        const struct zset *z = entry_ptr(e);
        const struct scored *s = tree_look_up(z, member);
        if (!s) return false;
        *rank = ranked_rank(&z->order, s);
        *score = scored_score(s);
        return true;
    }
    const uint8_t *lp = entry_ptr(e), *at = packed_find(lp, member, score);
    if (!at) return false;
    *rank = 0;
    for (const uint8_t *i = listpack_first(lp); i != at; ++*rank)
        i = listpack_next(lp, listpack_next(lp, i));
    return true;
}

size_t zset_before_score(const struct entry *e, double score, bool inclusive) {
    if (encoding(e) == ZSET_TREE)
        return ranked_before_score(&((struct zset *)entry_ptr(e))->order, score, inclusive);
    struct packed_bound b = {BY_SCORE, score, {0}, inclusive};
    size_t count;
    packed_seek(entry_ptr(e), &b, &count);
    return count;
}

size_t zset_before_member(const struct entry *e, struct slice member, bool inclusive) {
    if (encoding(e) == ZSET_TREE)
        return ranked_before_member(&((struct zset *)entry_ptr(e))->order, member, inclusive);
    struct packed_bound b = {BY_MEMBER, 0, member, inclusive};
    size_t count;
    packed_seek(entry_ptr(e), &b, &count);
    return count;
}

const struct table *zset_table(const struct entry *e) {
    return encoding(e) == ZSET_TREE ? &((struct zset *)entry_ptr(e))->members : NULL;
}

/* Walking. */

void zset_iter_init(struct zset_iter *it, const struct entry *e, size_t rank, bool reverse) {
    size_t count = zset_count(e);
    it->lp = it->at = NULL;
    it->reverse = reverse;
    it->left = rank >= count ? 0 : reverse ? rank + 1 : count - rank;
    if (encoding(e) == ZSET_LISTPACK) {
        it->lp = entry_ptr(e);
        if (it->left) it->at = listpack_at(it->lp, 2 * (int64_t)rank);
    } else if (it->left) {
        it->pos = ranked_at(&((struct zset *)entry_ptr(e))->order, rank);
    }
}

static void packed_step(struct zset_iter *it) {
    const uint8_t *lp = it->lp, *at = it->at;
    if (it->reverse)
        at = listpack_prev(lp, listpack_prev(lp, at));
    else
        at = listpack_next(lp, listpack_next(lp, at));
    it->at = at;
}

bool zset_iter_next(struct zset_iter *it, struct zset_item *item) {
    if (it->left == 0) return false;
    it->left--;
    if (it->lp) {
        item->member = listpack_view(it->at, it->digits);
        item->score = packed_score(listpack_next(it->lp, it->at));
        if (it->left) packed_step(it);
        return true;
    }
    item->member = scored_member(ranked_get(&it->pos));
    item->score = ranked_score(&it->pos);
    if (it->left) (void)(it->reverse ? ranked_prev(&it->pos) : ranked_next(&it->pos));
    return true;
}

/* Conversion. */

static void to_tree(struct entry *e, const struct type_settings *settings) {
    uint8_t *lp = entry_ptr(e);
    struct zset *z = tree_new(settings->seed);
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, e, 0, false);
    while (zset_iter_next(&it, &item)) tree_append(z, item.member, item.score);
    listpack_free(lp);
    e->encoding = ZSET_TREE;
    entry_set_ptr(e, z);
}

static bool fits_packed(size_t count, size_t len, const struct type_settings *settings) {
    return count <= (uint64_t)settings->zset_max_listpack_entries &&
           len <= settings->zset_max_listpack_value;
}

void zset_expect(struct entry *e, size_t count, size_t len, const struct type_settings *settings) {
    if (encoding(e) == ZSET_LISTPACK && !fits_packed(count, len, settings)) to_tree(e, settings);
}

void zset_try_listpack(struct entry *e, const struct type_settings *settings) {
    struct zset_iter it;
    struct zset_item item;
    if (encoding(e) == ZSET_LISTPACK || !fits_packed(zset_count(e), 0, settings)) return;
    uint8_t *lp = listpack_new();
    zset_iter_init(&it, e, 0, false);
    while (zset_iter_next(&it, &item)) {
        size_t bytes = listpack_bytes(lp) + listpack_size_of(item.member);
        if (!fits_packed(0, item.member.len, settings) || bytes >= LISTPACK_MAX_BYTES) {
            listpack_free(lp);
            return;
        }
        packed_put(&lp, NULL, item.member, item.score);
    }
    tree_free(entry_ptr(e));
    e->encoding = ZSET_LISTPACK;
    entry_set_ptr(e, lp);
}

/* Makes room for one more member, in the form that has it. */
static void expect_one(struct entry *e, struct slice member, const struct type_settings *settings) {
    const uint8_t *lp = entry_ptr(e);
    bool safe = listpack_bytes(lp) + listpack_size_of(member) < LISTPACK_MAX_BYTES;
    if (!safe || !fits_packed(packed_count(lp) + 1, member.len, settings)) to_tree(e, settings);
}

/* Changing. */

/* The new score of a member that has `old`. */
static enum zset_change rescore(unsigned flags, double old, double *score) {
    if (flags & ZSET_NX) return ZSET_REFUSED;
    double next = flags & ZSET_INCR ? old + *score : *score;
    if (isnan(next)) return ZSET_NAN;
    if ((flags & ZSET_LT) && next >= old) return ZSET_REFUSED;
    if ((flags & ZSET_GT) && next <= old) return ZSET_REFUSED;
    *score = next;
    return next == old ? ZSET_SAME : ZSET_UPDATED;
}

static enum zset_change tree_add(struct zset *z, struct slice member, unsigned flags,
                                 double *score) {
    uint64_t hash = table_hash(&z->members, member);
    struct table_ref ref;
    struct scored *s = tree_find(z, hash, member, &ref);
    if (s) {
        enum zset_change change = rescore(flags, scored_score(s), score);
        if (change != ZSET_UPDATED) return change;
        struct scored *moved = ranked_move(&z->order, s, *score);
        if (moved != s) table_replace(ref, moved);
        return ZSET_UPDATED;
    }
    if (flags & ZSET_XX) return ZSET_REFUSED;
    s = scored_new(member, *score);
    table_insert(&z->members, hash, s);
    ranked_insert(&z->order, s);
    return ZSET_ADDED;
}

enum zset_change zset_add(struct entry *e, struct slice member, unsigned flags, double *score,
                          const struct type_settings *settings) {
    if (encoding(e) == ZSET_TREE) return tree_add(entry_ptr(e), member, flags, score);
    uint8_t *lp = entry_ptr(e);
    double old;
    const uint8_t *at = packed_find(lp, member, &old);
    if (at) {
        enum zset_change change = rescore(flags, old, score);
        if (change != ZSET_UPDATED) return change;
        listpack_delete(&lp, at, 2);
        packed_insert(&lp, member, *score);
        entry_set_ptr(e, lp);
        return ZSET_UPDATED;
    }
    if (flags & ZSET_XX) return ZSET_REFUSED;
    expect_one(e, member, settings);
    if (encoding(e) == ZSET_TREE) return tree_add(entry_ptr(e), member, flags, score);
    packed_insert(&lp, member, *score);
    entry_set_ptr(e, lp);
    return ZSET_ADDED;
}

void zset_append(struct entry *e, struct slice member, double score,
                 const struct type_settings *settings) {
    if (encoding(e) == ZSET_LISTPACK) expect_one(e, member, settings);
    if (encoding(e) == ZSET_TREE) {
        tree_append(entry_ptr(e), member, score);
        return;
    }
    uint8_t *lp = entry_ptr(e);
    packed_put(&lp, NULL, member, score);
    entry_set_ptr(e, lp);
}

bool zset_remove(struct entry *e, struct slice member) {
    if (encoding(e) == ZSET_TREE) return tree_remove(entry_ptr(e), member);
    uint8_t *lp = entry_ptr(e);
    double score;
    const uint8_t *at = packed_find(lp, member, &score);
    if (at) listpack_delete(&lp, at, 2);
    entry_set_ptr(e, lp);
    return at != NULL;
}

void zset_remove_range(struct entry *e, size_t rank, size_t count) {
    if (encoding(e) == ZSET_TREE) {
        struct zset *z = entry_ptr(e);
        ranked_remove_range(&z->order, rank, count, forget, z);
    } else if (count) {
        uint8_t *lp = entry_ptr(e);
        listpack_delete(&lp, listpack_at(lp, 2 * (int64_t)rank), 2 * count);
        entry_set_ptr(e, lp);
    }
}

/* The type. */

static const char *encoding_name(const struct entry *e) {
    return encoding(e) == ZSET_LISTPACK ? "listpack" : "skiplist"; /* Redis's word for the other */
}

static void create(struct entry *e, const struct type_settings *settings) {
    (void)settings;
    e->encoding = ZSET_LISTPACK;
    entry_set_ptr(e, listpack_new());
}

static bool is_empty(const struct entry *e) {
    return zset_count(e) == 0;
}

static void release(struct entry *e) {
    if (encoding(e) == ZSET_LISTPACK)
        listpack_free(entry_ptr(e));
    else
        tree_free(entry_ptr(e));
}

static void copy(struct entry *to, const struct entry *from) {
    if (encoding(from) == ZSET_LISTPACK) {
        entry_set_ptr(to, listpack_copy(entry_ptr(from)));
        return;
    }
    const struct zset *z = entry_ptr(from);
    struct zset *made = tree_new(z->members.seed);
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, from, 0, false);
    while (zset_iter_next(&it, &item)) tree_append(made, item.member, item.score);
    entry_set_ptr(to, made);
}

static size_t memory(const struct entry *e, size_t samples) {
    if (encoding(e) == ZSET_LISTPACK) return listpack_memory(entry_ptr(e));
    const struct zset *z = entry_ptr(e);
    size_t bytes = 0, seen = 0, count = table_count(&z->members);
    struct table_iter it;
    table_iter_init(&it, &z->members);
    for (const void *s; (samples == 0 || seen < samples) && (s = table_iter_next(&it));) {
        bytes += scored_memory(s);
        seen++;
    }
    if (seen) bytes = (size_t)((double)bytes / (double)seen * (double)count);
    return mem_class_size(sizeof *z) + table_overhead(&z->members) + z->order.memory + bytes;
}

static size_t free_effort(const struct entry *e) {
    return encoding(e) == ZSET_LISTPACK ? 1 : zset_count(e);
}

static void digest(const struct entry *e, struct digest *d) {
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, e, 0, false);
    while (zset_iter_next(&it, &item)) {
        struct digest part = DIGEST_INIT;
        char digits[NUM_DOUBLE_MAX];
        digest_chain(&part, item.member);
        digest_chain(&part, slice_of(digits, num_from_double(digits, item.score)));
        digest_add(d, &part);
    }
}

/* Of a tree's members both the table and the tree know where they are: they stay. */
static uint64_t compact(struct entry *e, uint64_t from, struct compact_count *count) {
    if (encoding(e) == ZSET_LISTPACK) compact_only_block(count, e);
    return 0;
}

const struct type type_zset = {
    .name = "zset",
    .encoding_name = encoding_name,
    .create = create,
    .is_empty = is_empty,
    .release = release,
    .copy = copy,
    .elements = zset_count,
    .memory = memory,
    .free_effort = free_effort,
    .digest = digest,
    .compact = compact,
    .check = zset_check,
    .table = zset_table,
    .rdb = &zset_rdb,
    .rewrite = rewrite_zset,
};

/* Checking. */

void zset_check(const struct entry *e) {
    struct zset_iter it;
    struct zset_item item, last = {.score = -INFINITY};
    char keep[NUM_I64_MAX];
    size_t count = 0;
    if (encoding(e) == ZSET_LISTPACK) {
        ASSERT(listpack_valid(entry_ptr(e), listpack_bytes(entry_ptr(e))));
    } else {
        const struct zset *z = entry_ptr(e);
        table_check(&z->members);
        ranked_check(&z->order);
        ASSERT(table_count(&z->members) == z->order.count);
    }
    zset_iter_init(&it, e, 0, false);
    for (; zset_iter_next(&it, &item); count++) {
        double score;
        ASSERT(zset_find(e, item.member, &score) && score == item.score && !isnan(score));
        ASSERT(count == 0 || last.score < item.score ||
               (last.score == item.score && slice_cmp(last.member, item.member) < 0));
        last = item;
        if (item.member.ptr == it.digits) {
            memcpy(keep, it.digits, item.member.len);
            last.member.ptr = keep;
        }
    }
    ASSERT(count == zset_count(e));
}
