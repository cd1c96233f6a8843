/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "type/rdb_types.h"
#include "type/t_zset.h"

static enum rdb_code code(const struct entry *e, unsigned version) {
    return e->encoding == ZSET_LISTPACK ? RDB_ZSET_LISTPACK : RDB_ZSET;
}

/* From the highest on, as Redis does, for which that's the quicker order to read. */
static bool put_members(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at,
                        size_t limit) {
    struct zset_iter it;
    struct zset_item item;
    size_t count = zset_count(e);
    if (at->index == count) return true;
    zset_iter_init(&it, e, count - 1 - at->index, true);
    while (zset_iter_next(&it, &item)) {
        if (w->buf.len >= limit || !rdb_put_string_part(w, item.member, at, limit)) return false;
        rdb_put_double(w, item.score);
        at->index++;
    }
    return true;
}

static bool save(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    if (e->encoding == ZSET_LISTPACK) return rdb_put_listpack(entry_ptr(e), w, at, limit);
    if (at->part == 0) rdb_put_len(w, zset_count(e));
    at->part = 1;
    return put_members(e, w, at, limit);
}

static bool add(struct rdb_reader *r, struct entry *e, struct slice member, double score,
                const struct type_settings *settings) {
    if (isnan(score)) return rdb_fail(r, "a score that's no number");
    if (zset_add(e, member, 0, &score, settings) == ZSET_ADDED) return true;
    return rdb_fail(r, "the same member twice");
}

static bool get_members(struct rdb_reader *r, enum rdb_code form, struct entry *e,
                        const struct type_settings *settings) {
    uint64_t count;
    struct buf member = BUF_INIT;
    bool ok = rdb_get_len(r, &count);
    zset_expect(e, SIZE_MAX, 0, settings); /* packed at the end if it can be: a listpack loses -0 */
    for (uint64_t i = 0; ok && i < count; i++) {
        double score = 0;
        ok = rdb_get_string_to(r, &member) &&
             (form == RDB_ZSET ? rdb_get_double(r, &score) : rdb_get_double_text(r, &score)) &&
             add(r, e, buf_slice(&member), score, settings);
    }
    if (ok) zset_try_listpack(e, settings);
    buf_release(&member);
    return ok;
}

static double score_at(const uint8_t *at) {
    char digits[NUM_I64_MAX];
    double score;
    return num_to_double(listpack_view(at, digits), &score) ? score : NAN;
}

/* Pairs in order, none too many: they can stay as they are. */
static bool in_order(const uint8_t *lp) {
    const uint8_t *before = NULL, *next;
    char digits[2][NUM_I64_MAX];
    double least = -INFINITY;
    for (const uint8_t *at = listpack_first(lp); at; before = at, at = next) {
        const uint8_t *score = listpack_next(lp, at);
        double value = score_at(score);
        if (!(value >= least)) return false;
        if (before && value == least &&
            slice_cmp(listpack_view(before, digits[0]), listpack_view(at, digits[1])) >= 0)
            return false;
        least = value;
        next = listpack_next(lp, score);
    }
    return true;
}

static bool add_pairs(struct rdb_reader *r, struct entry *e, const uint8_t *lp,
                      const struct type_settings *settings) {
    char digits[NUM_I64_MAX];
    const uint8_t *at = listpack_first(lp);
    bool ok = true;
    zset_expect(e, listpack_count(lp) / 2, 0, settings);
    while (ok && at) {
        const uint8_t *score = listpack_next(lp, at);
        ok = add(r, e, listpack_view(at, digits), score_at(score), settings);
        at = listpack_next(lp, score);
    }
    return ok;
}

static bool get_packed(struct rdb_reader *r, enum rdb_code form, struct entry *e,
                       const struct type_settings *settings) {
    uint8_t *lp = form == RDB_ZSET_ZIPLIST
                      ? rdb_get_ziplist(r, 2, "Zset ziplist integrity check failed")
                      : rdb_get_listpack(r, 2, "Zset listpack integrity check failed");
    if (!lp) return false;
    if (listpack_count(lp) / 2 <= (uint64_t)settings->zset_max_listpack_entries && in_order(lp)) {
        listpack_free(entry_ptr(e));
        entry_set_ptr(e, lp);
        return true;
    }
    bool ok = add_pairs(r, e, lp, settings);
    listpack_free(lp);
    return ok;
}

static struct entry *load(struct rdb_reader *r, enum rdb_code form, struct slice key,
                          const struct type_settings *settings) {
    struct entry *e = type_new(key, TYPE_ZSET, settings);
    bool packed = form == RDB_ZSET_ZIPLIST || form == RDB_ZSET_LISTPACK;
    bool ok = packed ? get_packed(r, form, e, settings) : get_members(r, form, e, settings);
    return rdb_loaded(r, e, ok);
}

const struct type_rdb zset_rdb = {
    1u << RDB_ZSET | 1u << RDB_ZSET_TEXT | 1u << RDB_ZSET_ZIPLIST | 1u << RDB_ZSET_LISTPACK,
    code,
    save,
    load,
};
