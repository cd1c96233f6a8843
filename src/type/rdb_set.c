/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/alloc.h"
#include "ds/intset.h"
#include "type/rdb_types.h"
#include "type/t_set.h"

static const char twice[] = "the same member twice";

static enum rdb_code code(const struct entry *e, unsigned version) {
    if (e->encoding == SET_INTSET) return RDB_SET_INTSET;
    return e->encoding == SET_LISTPACK && version > RDB_VERSION_OLD ? RDB_SET_LISTPACK : RDB_SET;
}

static bool put_members(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at,
                        size_t limit) {
    struct set_iter it;
    struct set_member m;
    char digits[NUM_I64_MAX];
    if (at->part == 0) {
        rdb_put_len(w, set_count(e));
        set_iter_init(&it, e);
    } else {
        it = (struct set_iter){.entry = e, .at = at->place, .table = at->table};
    }
    at->part = 1;
    for (;;) {
        at->place = it.at;
        at->table = it.table;
        if (w->buf.len >= limit) return false;
        if (!set_iter_next(&it, &m)) return true;
        if (!rdb_put_string_part(w, set_member_text(&m, digits), at, limit)) return false;
    }
}

static bool save(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    const uint8_t *block = entry_ptr(e);
    enum rdb_code form = code(e, w->version);
    if (form == RDB_SET) return put_members(e, w, at, limit);
    if (form == RDB_SET_LISTPACK) return rdb_put_listpack(block, w, at, limit);
    return rdb_put_string_part(w, slice_of((const char *)block, intset_bytes(block)), at, limit);
}

static bool get_members(struct rdb_reader *r, struct entry *e,
                        const struct type_settings *settings) {
    uint64_t count;
    struct slice text;
    if (!rdb_get_len(r, &count)) return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!rdb_get_string(r, &text)) return false;
        if (i == 0) set_expect(e, text, count, settings);
        struct set_member m = set_member(text);
        if (!set_add(e, &m, settings)) return rdb_fail(r, twice);
    }
    return true;
}

/* One that is too large by the settings turns into a table. */
static bool get_intset(struct rdb_reader *r, struct entry *e,
                       const struct type_settings *settings) {
    uint8_t *block;
    size_t len;
    if (!rdb_get_block(r, &block, &len)) return false;
    if (!intset_valid(block, len) || intset_count(block) == 0) {
        mem_free(block);
        return rdb_fail(r, "Intset integrity check failed");
    }
    size_t count = intset_count(block);
    if (count <= (uint64_t)settings->set_max_intset_entries) {
        set_start(e, SET_INTSET, settings);
        intset_free(entry_ptr(e));
        entry_set_ptr(e, block);
        return true;
    }
    set_start(e, SET_TABLE, settings);
    for (size_t i = 0; i < count; i++) {
        struct set_member m = {.number = intset_at(block, i), .is_number = true};
        set_add(e, &m, settings);
    }
    intset_free(block);
    return true;
}

static bool get_listpack(struct rdb_reader *r, struct entry *e,
                         const struct type_settings *settings) {
    uint8_t *lp = rdb_get_listpack(r, 1, "Set listpack integrity check failed");
    if (!lp) return false;
    if (listpack_count(lp) <= (uint64_t)settings->set_max_listpack_entries) {
        set_start(e, SET_LISTPACK, settings);
        listpack_free(entry_ptr(e));
        entry_set_ptr(e, lp);
        return true;
    }
    bool ok = true;
    set_start(e, SET_TABLE, settings);
    for (const uint8_t *at = listpack_first(lp); at && ok; at = listpack_next(lp, at)) {
        struct set_member m = set_listpack_member(at);
        ok = set_add(e, &m, settings);
    }
    listpack_free(lp);
    return ok ? true : rdb_fail(r, twice);
}

static struct entry *load(struct rdb_reader *r, enum rdb_code form, struct slice key,
                          const struct type_settings *settings) {
    struct entry *e = type_new(key, TYPE_SET, settings);
    bool ok = form == RDB_SET          ? get_members(r, e, settings)
              : form == RDB_SET_INTSET ? get_intset(r, e, settings)
                                       : get_listpack(r, e, settings);
    return rdb_loaded(r, e, ok);
}

const struct type_rdb set_rdb = {
    1u << RDB_SET | 1u << RDB_SET_INTSET | 1u << RDB_SET_LISTPACK,
    code,
    save,
    load,
};
