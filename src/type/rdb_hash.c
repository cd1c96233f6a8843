/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/ziplist.h"
#include "type/rdb_types.h"
#include "type/t_hash.h"

/* Those with deadlines are written in the one form that has no order. */
static enum rdb_code code(const struct entry *e, unsigned version) {
    if (e->encoding == HASH_PACKED) return RDB_HASH_LISTPACK;
    return e->flags & ENTRY_PART_DEADLINES ? RDB_HASH_DATED : RDB_HASH;
}

/* What of a field comes next. */
enum { PART_BEGIN, PART_TTL, PART_NAME, PART_VALUE };

/* Of a table all fields are written, those that are due, too: what is seen of it may depend on when
 * it was last looked at. */
static size_t count_of(const struct entry *e) {
    const struct table *table = type_hash.table(e);
    return table ? table_count(table) : hash_len(e);
}

/* The next field of all that are stored; false: there's none. */
static bool next_item(struct hash_iter *it, struct hash_item *item) {
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

/* Differences count from 1 at a time that none is before, 0 means that there's none. */
static bool put_field(const struct hash_item *item, const uint64_t *least, struct rdb_writer *w,
                      struct rdb_walk *at, size_t limit) {
    char digits[NUM_I64_MAX];
    if (at->part == PART_TTL) {
        if (least)
            rdb_put_len(w, item->deadline == HASH_NO_DEADLINE ? 0 : item->deadline - *least + 1);
        at->part = PART_NAME;
    }
    if (at->part == PART_NAME) {
        if (!rdb_put_string_part(w, hash_text_view(&item->field, digits), at, limit)) return false;
        at->part = PART_VALUE;
    }
    if (!rdb_put_string_part(w, hash_text_view(&item->value, digits), at, limit)) return false;
    at->part = PART_TTL;
    return true;
}

static void begin(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at,
                  const uint64_t *least) {
    struct hash_iter it;
    if (least) rdb_put_u64(w, *least);
    rdb_put_len(w, count_of(e));
    hash_iter_init(&it, e);
    at->place = it.at;
    at->table = it.table;
    at->part = PART_TTL;
}

static bool save(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    if (e->encoding == HASH_PACKED) return rdb_put_listpack(entry_ptr(e), w, at, limit);
    uint64_t bound = 0;
    const uint64_t *least = NULL;
    if (e->flags & ENTRY_PART_DEADLINES) {
        bound = type_hash.parts->next_due(e);
        least = &bound;
    }
    if (at->part == PART_BEGIN) begin(e, w, at, least);
    struct hash_iter it = {.e = e, .at = at->place, .table = at->table};
    struct hash_item item;
    for (;;) {
        if (w->buf.len >= limit) return false;
        if (!next_item(&it, &item)) return true;
        if (!put_field(&item, least, w, at, limit)) return false;
        at->place = it.at;
        at->table = it.table;
    }
}

static bool add(struct rdb_reader *r, struct entry *e, struct slice field,
                const struct hash_input *in, const struct type_settings *settings) {
    if (in->deadline == 0 || in->deadline == HASH_KEEP_DEADLINE)
        return rdb_fail(r, "an impossible deadline of a field");
    return hash_set(e, settings, field, in) ? true : rdb_fail(r, "the same field twice");
}

static bool get_deadline(struct rdb_reader *r, uint64_t least, uint64_t *deadline) {
    uint64_t ttl;
    if (!rdb_get_len(r, &ttl)) return false;
    *deadline = HASH_NO_DEADLINE;
    if (ttl && __builtin_add_overflow(least, ttl - 1, deadline)) *deadline = 0;
    return true;
}

static bool get_fields(struct rdb_reader *r, enum rdb_code form, struct entry *e,
                       const struct type_settings *settings) {
    uint64_t count, least = 1;
    struct buf field = BUF_INIT;
    struct hash_input in = {.deadline = HASH_NO_DEADLINE};
    bool ok = form != RDB_HASH_DATED || rdb_get_u64(r, &least);
    ok = ok && rdb_get_len(r, &count);
    for (uint64_t i = 0; ok && i < count; i++) {
        ok = (form == RDB_HASH || get_deadline(r, least, &in.deadline)) &&
             rdb_get_string_to(r, &field) && rdb_get_string(r, &in.value) &&
             add(r, e, buf_slice(&field), &in, settings);
    }
    buf_release(&field);
    return ok;
}

/* Fields of a listpack of pairs, or of triples with the deadline, one by one. */
static bool add_fields(struct rdb_reader *r, struct entry *e, const uint8_t *lp, bool dated,
                       const struct type_settings *settings) {
    char digits[2][NUM_I64_MAX];
    bool ok = true;
    for (const uint8_t *at = listpack_first(lp); at && ok; at = listpack_next(lp, at)) {
        struct hash_input in = {.deadline = HASH_NO_DEADLINE};
        struct slice field = listpack_view(at, digits[0]);
        at = listpack_next(lp, at);
        in.value = listpack_view(at, digits[1]);
        if (dated) {
            int64_t deadline;
            at = listpack_next(lp, at);
            if (!listpack_number(at, &deadline) || deadline < 0)
                return rdb_fail(r, "an impossible deadline of a field");
            if (deadline) in.deadline = (uint64_t)deadline;
        }
        ok = add(r, e, field, &in, settings);
    }
    return ok;
}

static bool get_packed(struct rdb_reader *r, enum rdb_code form, struct entry *e,
                       const struct type_settings *settings) {
    bool dated = form == RDB_HASH_LISTPACK_DATED || form == RDB_HASH_LISTPACK_DATED_PRE;
    uint64_t least;
    if (form == RDB_HASH_LISTPACK_DATED && !rdb_get_u64(r, &least)) return false;
    uint8_t *lp = form == RDB_HASH_ZIPLIST
                      ? rdb_get_ziplist(r, 2, "Hash ziplist integrity check failed")
                      : rdb_get_listpack(r, dated ? 3 : 2, "Hash listpack integrity check failed");
    if (!lp) return false;
    if (!dated && listpack_count(lp) / 2 <= (uint64_t)settings->hash_max_listpack_entries) {
        listpack_free(entry_ptr(e));
        entry_set_ptr(e, lp);
        return true;
    }
    bool ok = add_fields(r, e, lp, dated, settings);
    if (dated && e->encoding == HASH_PACKED) hash_packed_add_deadlines(e); /* none has one now */
    listpack_free(lp);
    return ok;
}

static bool get_zipmap(struct rdb_reader *r, struct entry *e,
                       const struct type_settings *settings) {
    struct slice bytes, field;
    struct hash_input in = {.deadline = HASH_NO_DEADLINE};
    struct zipmap_iter it;
    bool ok = rdb_get_string(r, &bytes);
    if (!ok) return false;
    zipmap_iter_init(&it, bytes);
    while (ok && zipmap_next(&it, &field, &in.value)) ok = add(r, e, field, &in, settings);
    bool sound = !it.bad && (!ok || hash_len(e)); /* Redis takes none that's empty, either */
    return sound ? ok : rdb_fail(r, "Zipmap integrity check failed");
}

static struct entry *load(struct rdb_reader *r, enum rdb_code form, struct slice key,
                          const struct type_settings *settings) {
    struct entry *e = type_new(key, TYPE_HASH, settings);
    bool ok;
    if (form == RDB_HASH_ZIPMAP)
        ok = get_zipmap(r, e, settings);
    else if (form == RDB_HASH || form == RDB_HASH_DATED || form == RDB_HASH_DATED_PRE)
        ok = get_fields(r, form, e, settings);
    else
        ok = get_packed(r, form, e, settings);
    return rdb_loaded(r, e, ok);
}

const struct type_rdb hash_rdb = {
    1u << RDB_HASH | 1u << RDB_HASH_ZIPMAP | 1u << RDB_HASH_ZIPLIST | 1u << RDB_HASH_LISTPACK |
        1u << RDB_HASH_DATED_PRE | 1u << RDB_HASH_LISTPACK_DATED_PRE | 1u << RDB_HASH_DATED |
        1u << RDB_HASH_LISTPACK_DATED,
    code,
    save,
    load,
};
