/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/t_set.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cell.h"
#include "ds/intset.h"
#include "ds/listpack.h"
#include "type/compact.h"
#include "type/rdb_types.h"
#include "type/rewrite.h"

enum {
    LONG_MEMBER = 255, /* this first byte says that eight bytes of length follow */
    AHEAD = 32,        /* members that are looked up together */
};

/* Cells: the members of tables. */

static inline struct slice cell_text(const void *cell) {
    const uint8_t *at = cell;
    if (__builtin_expect(*at != LONG_MEMBER, 1)) return slice_of(at + 1, *at);
    uint64_t len;
    memcpy(&len, at + 1, sizeof len);
    return slice_of(at + 1 + sizeof len, len);
}

static size_t cell_bytes(struct slice text) {
    return 1 + (text.len < LONG_MEMBER ? 0 : sizeof(uint64_t)) + text.len;
}

static void *cell_new(struct slice text) {
    uint8_t *cell = cell_alloc(cell_bytes(text)), *at = cell;
    *at++ = text.len < LONG_MEMBER ? (uint8_t)text.len : LONG_MEMBER;
    if (text.len >= LONG_MEMBER) {
        uint64_t len = text.len;
        memcpy(at, &len, sizeof len);
        at += sizeof len;
    }
    slice_put(at, text);
    return cell;
}

static void cell_drop(void *cell) {
    cell_free(cell, cell_bytes(cell_text(cell)));
}

static void *cell_copy(const void *cell) {
    size_t bytes = cell_bytes(cell_text(cell));
    return memcpy(cell_alloc(bytes), cell, bytes);
}

struct slice set_table_member(const void *cell) {
    return cell_text(cell);
}

static const struct table_ops member_ops = {.key = set_table_member};

static struct table *table_new(const struct type_settings *settings) {
    struct table *t = mem_alloc(sizeof *t);
    table_init(t, &member_ops, settings->seed);
    return t;
}

static inline void *member_find(const struct table *t, uint64_t hash, struct slice text,
                                struct table_ref *ref) {
    return table_find_by(t, hash, text, ref, cell_text);
}

static inline bool table_add(struct table *t, uint64_t hash, struct slice text) {
    if (member_find(t, hash, text, NULL)) return false;
    table_insert(t, hash, cell_new(text));
    return true;
}

static bool table_drop(struct table *t, uint64_t hash, struct slice text) {
    struct table_ref ref;
    void *cell = member_find(t, hash, text, &ref);
    if (!cell) return false;
    table_remove(t, hash, ref);
    cell_drop(cell);
    return true;
}

/* Members. */

struct slice set_member_text(const struct set_member *m, char digits[NUM_I64_MAX]) {
    if (!m->is_number) return m->text;
    return slice_of(digits, num_from_i64(digits, m->number));
}

static bool member_number(const struct set_member *m, int64_t *out) {
    if (!m->is_number) return num_to_i64(m->text, out);
    *out = m->number;
    return true;
}

static struct listpack_key member_key(const struct set_member *m, char digits[NUM_I64_MAX]) {
    if (!m->is_number) return listpack_key(m->text);
    return (struct listpack_key){set_member_text(m, digits), m->number, true};
}

static struct set_member number_member(int64_t number) {
    return (struct set_member){.number = number, .is_number = true};
}

struct set_member set_listpack_member(const uint8_t *at) {
    struct listpack_value v = listpack_get(at);
    return v.text ? set_member(slice_of(v.text, v.len)) : number_member(v.number);
}

/* The value. */

static enum set_encoding encoding(const struct entry *e) {
    return (enum set_encoding)e->encoding;
}

static void set_value(struct entry *e, enum set_encoding how, void *value) {
    e->encoding = how;
    entry_set_ptr(e, value);
}

static void free_value(enum set_encoding how, void *value) {
    if (how == SET_INTSET) intset_free(value);
    if (how == SET_LISTPACK) listpack_free(value);
    if (how != SET_TABLE) return;
    table_release(value, cell_drop);
    mem_free_sized(value, sizeof(struct table));
}

static void *new_value(enum set_encoding how, const struct type_settings *settings) {
    if (how == SET_INTSET) return intset_new();
    return how == SET_LISTPACK ? (void *)listpack_new() : table_new(settings);
}

void set_start(struct entry *e, enum set_encoding how, const struct type_settings *settings) {
    DASSERT(set_count(e) == 0);
    if (encoding(e) == how) return;
    free_value(encoding(e), entry_ptr(e));
    set_value(e, how, new_value(how, settings));
}

void set_swap(struct entry *a, struct entry *b) {
    enum set_encoding how = encoding(a);
    void *value = entry_ptr(a);
    set_value(a, encoding(b), entry_ptr(b));
    set_value(b, how, value);
}

size_t set_count(const struct entry *e) {
    if (encoding(e) == SET_INTSET) return intset_count(entry_ptr(e));
    if (encoding(e) == SET_LISTPACK) return listpack_count(entry_ptr(e));
    return table_count(entry_ptr(e));
}

const struct table *set_table(const struct entry *e) {
    return encoding(e) == SET_TABLE ? entry_ptr(e) : NULL;
}

/* Walking. */

void set_iter_init(struct set_iter *it, const struct entry *e) {
    it->entry = e;
    it->index = 0;
    if (encoding(e) == SET_LISTPACK) it->at = listpack_first(entry_ptr(e));
    if (encoding(e) == SET_TABLE) table_iter_init(&it->table, entry_ptr(e));
}

bool set_iter_next(struct set_iter *it, struct set_member *m) {
    const void *value = entry_ptr(it->entry);
    if (encoding(it->entry) == SET_TABLE) {
        const void *cell = table_iter_next(&it->table);
        if (cell) *m = set_member(cell_text(cell));
        return cell != NULL;
    }
    if (encoding(it->entry) == SET_INTSET) {
        if (it->index == intset_count(value)) return false;
        *m = number_member(intset_at(value, it->index++));
        return true;
    }
    if (!it->at) return false;
    *m = set_listpack_member(it->at);
    it->at = listpack_next(value, it->at);
    return true;
}

/* Conversion. */

static void to_table(struct entry *e, const struct type_settings *settings) {
    struct table *t = table_new(settings);
    struct set_iter it;
    struct set_member m;
    char digits[NUM_I64_MAX];
    set_iter_init(&it, e);
    while (set_iter_next(&it, &m)) {
        struct slice text = set_member_text(&m, digits);
        table_insert(t, table_hash(t, text), cell_new(text));
    }
    free_value(encoding(e), entry_ptr(e));
    set_value(e, SET_TABLE, t);
}

static void intset_to_listpack(struct entry *e) {
    uint8_t *set = entry_ptr(e), *lp = listpack_new();
    char digits[NUM_I64_MAX];
    for (size_t i = 0, n = intset_count(set); i < n; i++)
        listpack_append(&lp, slice_of(digits, num_from_i64(digits, intset_at(set, i))));
    intset_free(set);
    set_value(e, SET_LISTPACK, lp);
}

static bool above(size_t count, int64_t limit) {
    return count > (uint64_t)limit;
}

static bool too_many_for_intset(size_t count, const struct type_settings *settings) {
    return above(count, settings->set_max_intset_entries) || count > INTSET_MAX;
}

/* May a listpack of `count` members and `bytes` bytes take this one, too? */
static bool fits_listpack(size_t count, size_t bytes, struct slice text,
                          const struct type_settings *settings) {
    return !above(count + 1, settings->set_max_listpack_entries) &&
           text.len <= settings->set_max_listpack_value &&
           bytes + listpack_size_of(text) <= LISTPACK_MAX_BYTES;
}

/* Would its integers do as a listpack? The first or the last has the most digits. */
static bool integers_fit_listpack(const uint8_t *set, struct slice text,
                                  const struct type_settings *settings) {
    enum { ELEMENT_MAX = 10 }; /* bytes of an integer in a listpack */
    char digits[NUM_I64_MAX];
    size_t count = intset_count(set), longest = 0;
    if (count) {
        size_t first = num_from_i64(digits, intset_at(set, 0));
        size_t last = num_from_i64(digits, intset_at(set, count - 1));
        longest = first > last ? first : last;
    }
    return longest <= settings->set_max_listpack_value &&
           fits_listpack(count, count * ELEMENT_MAX, text, settings);
}

void set_try_intset(struct entry *e, const struct type_settings *settings) {
    if (encoding(e) == SET_INTSET || too_many_for_intset(set_count(e), settings)) return;
    uint8_t *set = intset_new();
    struct set_iter it;
    struct set_member m;
    int64_t number;
    set_iter_init(&it, e);
    while (set_iter_next(&it, &m)) {
        if (!member_number(&m, &number)) {
            intset_free(set);
            return;
        }
        intset_add(&set, number);
    }
    free_value(encoding(e), entry_ptr(e));
    set_value(e, SET_INTSET, set);
}

void set_expect(struct entry *e, struct slice first, size_t count,
                const struct type_settings *settings) {
    int64_t number;
    bool ints = !too_many_for_intset(count, settings);
    bool packs = !above(count, settings->set_max_listpack_entries);
    if (set_count(e) == 0) {
        bool packed_as_ints = ints && num_to_i64(first, &number);
        set_start(e, packed_as_ints ? SET_INTSET : packs ? SET_LISTPACK : SET_TABLE, settings);
    } else if ((encoding(e) == SET_INTSET && !ints) || (encoding(e) == SET_LISTPACK && !packs)) {
        to_table(e, settings);
    }
}

/* Looking up. */

static const uint8_t *packed_find(const uint8_t *lp, const struct listpack_key *key) {
    return listpack_find(lp, listpack_first(lp), key, 0);
}

bool set_has(const struct entry *e, const struct set_member *m) {
    const void *value = entry_ptr(e);
    char digits[NUM_I64_MAX];
    int64_t number;
    if (encoding(e) == SET_INTSET) return member_number(m, &number) && intset_has(value, number);
    if (encoding(e) == SET_LISTPACK) {
        struct listpack_key key = member_key(m, digits);
        return packed_find(value, &key) != NULL;
    }
    struct slice text = set_member_text(m, digits);
    return member_find(value, table_hash(value, text), text, NULL) != NULL;
}

/* The hashes of up to AHEAD members; what look-ups of them need is fetched, so that cache misses
 * overlap. Returns how many. */
static size_t look_ahead(const struct table *t, const struct slice *members, size_t count,
                         uint64_t hashes[AHEAD]) {
    if (count > AHEAD) count = AHEAD;
    for (size_t i = 0; i < count; i++) hashes[i] = table_hash(t, members[i]);
    if (count > 1) table_touch_all(t, hashes, count);
    return count;
}

void set_has_all(const struct entry *e, const struct slice *members, size_t count, bool *has) {
    uint64_t hashes[AHEAD];
    const struct table *t = set_table(e);
    for (size_t i = 0; i < count && !t; i++) {
        struct set_member m = set_member(members[i]);
        has[i] = set_has(e, &m);
    }
    for (size_t i = 0, n; t && i < count; i += n) {
        n = look_ahead(t, members + i, count - i, hashes);
        for (size_t k = 0; k < n; k++)
            has[i + k] = member_find(t, hashes[k], members[i + k], NULL) != NULL;
    }
}

/* Adding. */

static bool add_to_table(struct entry *e, const struct set_member *m) {
    char digits[NUM_I64_MAX];
    struct table *t = entry_ptr(e);
    struct slice text = set_member_text(m, digits);
    return table_add(t, table_hash(t, text), text);
}

static bool add_to_listpack(struct entry *e, const struct set_member *m,
                            const struct type_settings *settings) {
    char digits[NUM_I64_MAX];
    uint8_t *lp = entry_ptr(e);
    struct listpack_key key = member_key(m, digits);
    if (packed_find(lp, &key)) return false;
    if (!fits_listpack(listpack_count(lp), listpack_bytes(lp), key.text, settings)) {
        to_table(e, settings);
        return add_to_table(e, m);
    }
    listpack_append(&lp, key.text);
    entry_set_ptr(e, lp);
    return true;
}

static bool add_to_intset(struct entry *e, const struct set_member *m,
                          const struct type_settings *settings) {
    uint8_t *set = entry_ptr(e);
    int64_t number;
    if (!member_number(m, &number)) {
        if (integers_fit_listpack(set, m->text, settings))
            intset_to_listpack(e);
        else
            to_table(e, settings);
        return set_add(e, m, settings);
    }
    bool added = intset_add(&set, number);
    entry_set_ptr(e, set);
    if (added && too_many_for_intset(intset_count(set), settings)) to_table(e, settings);
    return added;
}

bool set_add(struct entry *e, const struct set_member *m, const struct type_settings *settings) {
    if (encoding(e) == SET_TABLE) return add_to_table(e, m);
    if (encoding(e) == SET_LISTPACK) return add_to_listpack(e, m, settings);
    return add_to_intset(e, m, settings);
}

bool set_add_hashed(struct entry *e, struct slice text, uint64_t hash,
                    const struct type_settings *settings) {
    struct set_member m = set_member(text);
    return encoding(e) == SET_TABLE ? table_add(entry_ptr(e), hash, text)
                                    : set_add(e, &m, settings);
}

size_t set_add_all(struct entry *e, const struct slice *members, size_t count,
                   const struct type_settings *settings) {
    uint64_t hashes[AHEAD];
    size_t added = 0, i = 0;
    for (; i < count && encoding(e) != SET_TABLE; i++) {
        struct set_member m = set_member(members[i]);
        added += set_add(e, &m, settings);
    }
    for (size_t n; i < count; i += n) {
        struct table *t = entry_ptr(e);
        n = look_ahead(t, members + i, count - i, hashes);
        for (size_t k = 0; k < n; k++) added += table_add(t, hashes[k], members[i + k]);
    }
    return added;
}

/* Removing. */

static bool remove_from_listpack(struct entry *e, const struct set_member *m) {
    char digits[NUM_I64_MAX];
    uint8_t *lp = entry_ptr(e);
    struct listpack_key key = member_key(m, digits);
    const uint8_t *at = packed_find(lp, &key);
    if (!at) return false;
    listpack_delete(&lp, at, 1);
    entry_set_ptr(e, lp);
    return true;
}

static bool remove_from_intset(struct entry *e, const struct set_member *m) {
    uint8_t *set = entry_ptr(e);
    int64_t number;
    bool removed = member_number(m, &number) && intset_remove(&set, number);
    entry_set_ptr(e, set);
    return removed;
}

bool set_remove(struct entry *e, const struct set_member *m) {
    char digits[NUM_I64_MAX];
    if (encoding(e) == SET_LISTPACK) return remove_from_listpack(e, m);
    if (encoding(e) == SET_INTSET) return remove_from_intset(e, m);
    struct table *t = entry_ptr(e);
    struct slice text = set_member_text(m, digits);
    return table_drop(t, table_hash(t, text), text);
}

size_t set_remove_all(struct entry *e, const struct slice *members, size_t count) {
    uint64_t hashes[AHEAD];
    size_t removed = 0;
    bool table = encoding(e) == SET_TABLE;
    for (size_t i = 0; i < count && !table; i++) {
        struct set_member m = set_member(members[i]);
        removed += set_remove(e, &m);
    }
    for (size_t i = 0, n; table && i < count; i += n) {
        struct table *t = entry_ptr(e);
        n = look_ahead(t, members + i, count - i, hashes);
        for (size_t k = 0; k < n; k++) removed += table_drop(t, hashes[k], members[i + k]);
    }
    return removed;
}

/* The type. */

static const char *encoding_name(const struct entry *e) {
    static const char *const names[] = {
        [SET_INTSET] = "intset", [SET_LISTPACK] = "listpack", [SET_TABLE] = "hashtable"};
    return names[e->encoding];
}

static void create(struct entry *e, const struct type_settings *settings) {
    (void)settings;
    set_value(e, SET_INTSET, intset_new());
}

static bool is_empty(const struct entry *e) {
    return set_count(e) == 0;
}

static void release(struct entry *e) {
    free_value(encoding(e), entry_ptr(e));
}

static void copy(struct entry *to, const struct entry *from) {
    const void *value = entry_ptr(from);
    if (encoding(from) == SET_TABLE) {
        struct table *t = mem_alloc(sizeof *t);
        table_copy(t, value, cell_copy);
        entry_set_ptr(to, t);
    } else {
        bool ints = encoding(from) == SET_INTSET;
        entry_set_ptr(to, ints ? intset_copy(value) : listpack_copy(value));
    }
}

static size_t memory(const struct entry *e, size_t samples) {
    const void *value = entry_ptr(e);
    if (encoding(e) == SET_INTSET) return intset_memory(value);
    if (encoding(e) == SET_LISTPACK) return listpack_memory(value);
    size_t bytes = 0, seen = 0, count = table_count(value);
    struct table_iter it;
    table_iter_init(&it, value);
    for (const void *cell; (samples == 0 || seen < samples) && (cell = table_iter_next(&it));) {
        bytes += cell_size(cell_bytes(cell_text(cell)));
        seen++;
    }
    if (seen) bytes = (size_t)((double)bytes / (double)seen * (double)count);
    return mem_class_size(sizeof(struct table)) + table_overhead(value) + bytes;
}

static size_t free_effort(const struct entry *e) {
    return encoding(e) == SET_TABLE ? table_count(entry_ptr(e)) : 1;
}

static void digest(const struct entry *e, struct digest *d) {
    struct set_iter it;
    struct set_member m;
    char digits[NUM_I64_MAX];
    set_iter_init(&it, e);
    while (set_iter_next(&it, &m)) {
        struct digest part = DIGEST_INIT;
        digest_chain(&part, set_member_text(&m, digits));
        digest_add(d, &part);
    }
}

static void *compact_member(void *count, void *cell) {
    return compact_cell(count, cell, cell_bytes(cell_text(cell)));
}

static uint64_t compact(struct entry *e, uint64_t from, struct compact_count *count) {
    if (encoding(e) == SET_TABLE) return table_renew(entry_ptr(e), from, compact_member, count);
    compact_only_block(count, e);
    return 0;
}

const struct type type_set = {
    .name = "set",
    .encoding_name = encoding_name,
    .create = create,
    .is_empty = is_empty,
    .release = release,
    .copy = copy,
    .elements = set_count,
    .memory = memory,
    .free_effort = free_effort,
    .digest = digest,
    .compact = compact,
    .check = set_check,
    .table = set_table,
    .rdb = &set_rdb,
    .rewrite = rewrite_set,
};

void set_check(const struct entry *e) {
    struct set_iter it;
    struct set_member m;
    size_t count = 0;
    const void *value = entry_ptr(e);
    if (encoding(e) == SET_INTSET) ASSERT(intset_valid(value, intset_bytes(value)));
    if (encoding(e) == SET_LISTPACK) ASSERT(listpack_valid(value, listpack_bytes(value)));
    if (encoding(e) == SET_TABLE) table_check(value);
    set_iter_init(&it, e);
    for (; set_iter_next(&it, &m); count++) ASSERT(set_has(e, &m));
    ASSERT(count == set_count(e));
}
