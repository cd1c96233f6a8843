/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/t_hash.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "ds/listpack.h"
#include "type/compact.h"
#include "type/rdb_types.h"
#include "type/rewrite.h"

enum {
    SETTLE_SEGMENTS = 2,  /* of a table, cleared of what is due by a look-up, */
    EXPIRE_SEGMENTS = 4,  /* and by a call in the background */
    RESWEEP_MS_MAX = 250, /* a segment of a large table is looked through at most this often */
};

/* Kept while any field has a deadline. */
struct hash_expiry {
    size_t count;    /* fields with a deadline, those in the table that are due counted */
    uint64_t latest; /* no deadline is later */
    uint64_t as_of;  /* what is due by then isn't there */
};

struct hash {
    struct table table;
    struct hash_expiry *expiry; /* NULL: no field has a deadline */
};

static const struct table_ops hash_table_ops = {.key = hash_field_key};

static struct hash *hash_of(const struct entry *e) {
    DASSERT(e->encoding == HASH_TABLE);
    return entry_ptr(e);
}

static const struct table *table_of(const struct entry *e) {
    return e->encoding == HASH_TABLE ? &hash_of(e)->table : NULL;
}

static struct hash_field *find(const struct hash *h, uint64_t hash, struct slice name,
                               struct table_ref *ref) {
    return table_find_by(&h->table, hash, name, ref, hash_field_key);
}

static inline bool is_due(const struct hash *h, const struct hash_field *f) {
    return (f->flags & HASH_FIELD_DEADLINE) && hash_field_deadline(f) <= h->expiry->as_of;
}

/* Deadlines. */

static void expiry_drop_unused(struct entry *e, struct hash *h) {
    if (!h->expiry || h->expiry->count) return;
    mem_free_sized(h->expiry, sizeof *h->expiry);
    h->expiry = NULL;
    e->flags &= (uint8_t)~ENTRY_PART_DEADLINES;
}

static void count_deadline(struct hash *h, uint64_t hash, uint64_t before, uint64_t after) {
    if (before == after) return;
    struct hash_expiry *x = h->expiry;
    if (!x) x = h->expiry = mem_zalloc(sizeof *x);
    x->count += (after != HASH_NO_DEADLINE) - (size_t)(before != HASH_NO_DEADLINE);
    if (after == HASH_NO_DEADLINE) return;
    if (after > x->latest) x->latest = after;
    table_due_note(&h->table, hash, after);
}

/* After a field's deadline has changed: HASH_NO_DEADLINE where there was or is none. */
static void deadline_changed(struct entry *e, uint64_t hash, uint64_t before, uint64_t after) {
    if (before == after) return;
    struct hash *h = hash_of(e);
    count_deadline(h, hash, before, after);
    e->flags |= ENTRY_PART_DEADLINES;
    expiry_drop_unused(e, h);
}

static size_t deadlines(const struct entry *e) {
    if (e->encoding == HASH_DATED) return ((const struct hash_dated *)entry_ptr(e))->count;
    const struct hash *h = hash_of(e);
    return h->expiry ? h->expiry->count : 0;
}

static uint64_t next_due(const struct entry *e) {
    if (e->encoding == HASH_DATED) return ((const struct hash_dated *)entry_ptr(e))->next;
    return table_due_next(&hash_of(e)->table);
}

static bool all_due(const struct entry *e, uint64_t now_ms) {
    if (e->encoding == HASH_DATED) return hash_packed_all_due(e, now_ms);
    const struct hash *h = hash_of(e);
    return h->expiry && h->expiry->count == h->table.count && h->expiry->latest <= now_ms;
}

/* Clears the segment that is due first; returns how many fields went. */
static size_t sweep(struct hash *h, const struct type_expiry *x) {
    void *fields[TABLE_SEGMENT_MAX];
    uint64_t first, next = TABLE_NEVER;
    size_t removed = 0, n = table_due_take(&h->table, fields, &first);
    for (size_t i = 0; i < n; i++) {
        struct hash_field *f = fields[i];
        uint64_t deadline = hash_field_deadline(f);
        if (deadline <= x->now_ms) {
            struct table_ref ref;
            struct slice name = hash_field_name(f);
            if (x->tell) x->tell(x->ctx, name);
            uint64_t hash = table_hash(&h->table, name);
            find(h, hash, name, &ref);
            table_remove(&h->table, hash, ref);
            hash_field_free(f);
            removed++;
        } else if (deadline < next) {
            next = deadline;
        }
    }
    table_due_note(&h->table, first, next);
    h->expiry->count -= removed;
    return removed;
}

static size_t sweep_some(struct entry *e, const struct type_expiry *x, unsigned segments) {
    struct hash *h = hash_of(e);
    size_t removed = 0;
    h->expiry->as_of = x->now_ms;
    for (; (x->all || segments) && table_due_next(&h->table) <= x->now_ms; segments--)
        removed += sweep(h, x);
    expiry_drop_unused(e, h);
    return removed;
}

static size_t settle(struct entry *e, const struct type_expiry *x) {
    if (e->encoding == HASH_DATED) return hash_packed_expire(e, x);
    return sweep_some(e, x, x->later ? 0 : SETTLE_SEGMENTS);
}

/* What is due in a large table waits for others, so that no segment is looked through for every
 * single field of it: nobody sees it meanwhile. */
static uint64_t expire(struct entry *e, const struct type_expiry *x, size_t *removed) {
    uint64_t now_ms = x->now_ms;
    if (e->encoding == HASH_DATED) {
        *removed += hash_packed_expire(e, x);
        return next_due(e);
    }
    const struct hash *h = hash_of(e);
    *removed += sweep_some(e, x, EXPIRE_SEGMENTS);
    uint64_t next = table_due_next(&h->table), wait = h->table.segments / 8;
    if (next <= now_ms || next == TABLE_NEVER) return next;
    uint64_t soonest = now_ms + (wait < RESWEEP_MS_MAX ? wait : RESWEEP_MS_MAX);
    return next < soonest ? soonest : next;
}

static const struct type_parts parts = {
    .count = deadlines,
    .next_due = next_due,
    .all_due = all_due,
    .settle = settle,
    .expire = expire,
};

/* Items. */

static void item_of_field(const struct hash_field *f, struct hash_item *item) {
    *item = (struct hash_item){
        .field = {.text = hash_field_name(f)},
        .value = {.text = hash_field_value(f), .bytes = hash_field_bytes(f)},
        .deadline = hash_field_deadline(f),
    };
}

bool hash_field_item(const struct entry *e, const struct hash_field *f, struct hash_item *item) {
    if (is_due(hash_of(e), f)) return false;
    item_of_field(f, item);
    return true;
}

bool hash_get_hashed(const struct entry *e, struct slice field, uint64_t hash,
                     struct hash_item *item) {
    if (e->encoding != HASH_TABLE) return hash_packed_get(e, field, item);
    const struct hash_field *f = find(hash_of(e), hash, field, NULL);
    return f && hash_field_item(e, f, item);
}

bool hash_get(const struct entry *e, struct slice field, struct hash_item *item) {
    uint64_t hash = e->encoding == HASH_TABLE ? table_hash(&hash_of(e)->table, field) : 0;
    return hash_get_hashed(e, field, hash, item);
}

void hash_touch(const struct entry *e, const struct slice *fields, size_t count, size_t step) {
    const struct table *t = table_of(e);
    if (!t || count < 2) return;
    if (count > HASH_TOUCH_MAX) count = HASH_TOUCH_MAX;
    uint64_t hashes[HASH_TOUCH_MAX];
    for (size_t i = 0; i < count; i++) hashes[i] = table_hash(t, fields[i * step]);
    table_touch_all(t, hashes, count);
}

void hash_iter_init(struct hash_iter *it, const struct entry *e) {
    *it = (struct hash_iter){.e = e};
    if (e->encoding == HASH_TABLE)
        table_iter_init(&it->table, &hash_of(e)->table);
    else
        it->at = hash_packed_first(e);
}

bool hash_iter_next(struct hash_iter *it, struct hash_item *item) {
    if (it->e->encoding != HASH_TABLE) {
        bool more = it->at;
        if (more) hash_packed_next(it->e, &it->at, item);
        return more;
    }
    for (const struct hash_field *f; (f = table_iter_next(&it->table));)
        if (hash_field_item(it->e, f, item)) return true;
    return false;
}

size_t hash_len(const struct entry *e) {
    if (e->encoding != HASH_TABLE) return hash_packed_len(e);
    const struct hash *h = hash_of(e);
    if (!h->expiry || next_due(e) > h->expiry->as_of) return table_count(&h->table);
    struct hash_iter it;
    struct hash_item item;
    size_t count = 0;
    hash_iter_init(&it, e);
    while (hash_iter_next(&it, &item)) count++;
    return count;
}

void hash_random(const struct entry *e, struct random *rng, struct hash_item *item) {
    if (e->encoding != HASH_TABLE) {
        hash_packed_random(e, rng, item);
        return;
    }
    const struct hash *h = hash_of(e);
    while (!hash_field_item(e, table_random(&h->table, rng), item)) continue;
}

/* Changes. */

static void to_table(struct entry *e, const struct type_settings *settings) {
    struct hash *h = mem_alloc(sizeof *h);
    h->expiry = NULL;
    table_init(&h->table, &hash_table_ops, settings->seed);
    struct hash_iter it;
    struct hash_item item;
    hash_iter_init(&it, e);
    while (hash_iter_next(&it, &item)) {
        char digits[2][NUM_I64_MAX];
        struct slice name = hash_text_view(&item.field, digits[0]);
        uint64_t hash = table_hash(&h->table, name);
        struct hash_input in = {hash_text_view(&item.value, digits[1]), NULL, item.deadline};
        table_insert(&h->table, hash, hash_field_new(name, &in));
        count_deadline(h, hash, HASH_NO_DEADLINE, item.deadline);
    }
    hash_packed_release(e);
    entry_set_ptr(e, h);
    e->encoding = HASH_TABLE;
}

/* Gets a small hash ready for a field to be set: as a listpack if that may hold it, and with
 * deadlines if it has one. */
static void prepare(struct entry *e, const struct type_settings *settings, struct slice field,
                    const struct hash_input *in) {
    uint64_t max = settings->hash_max_listpack_value;
    size_t more = listpack_size_of(field) + listpack_size_of(in->value);
    bool fits = field.len <= max && in->value.len <= max &&
                hash_packed_bytes(e) + more <= LISTPACK_MAX_BYTES;
    if (!fits)
        to_table(e, settings);
    else if (in->deadline < HASH_KEEP_DEADLINE && e->encoding == HASH_PACKED)
        hash_packed_add_deadlines(e);
}

static bool table_set(struct entry *e, struct slice field, uint64_t hash,
                      const struct hash_input *in) {
    struct hash *h = hash_of(e);
    struct table_ref ref;
    uint64_t before = HASH_NO_DEADLINE;
    struct hash_field *f = find(h, hash, field, &ref), *to;
    bool is_new = !f || is_due(h, f);
    if (f) {
        before = hash_field_deadline(f);
        struct hash_input fresh = *in;
        if (is_new && in->deadline == HASH_KEEP_DEADLINE) fresh.deadline = HASH_NO_DEADLINE;
        to = hash_field_assign(f, &fresh);
        if (to != f) table_replace(ref, to);
    } else {
        to = hash_field_new(field, in);
        table_insert(&h->table, hash, to);
    }
    deadline_changed(e, hash, before, hash_field_deadline(to));
    return is_new;
}

bool hash_set(struct entry *e, const struct type_settings *settings, struct slice field,
              const struct hash_input *in) {
    if (e->encoding != HASH_TABLE) prepare(e, settings, field, in);
    if (e->encoding == HASH_TABLE)
        return table_set(e, field, table_hash(&hash_of(e)->table, field), in);
    bool is_new = hash_packed_set(e, field, in);
    if ((int64_t)hash_packed_len(e) > settings->hash_max_listpack_entries) to_table(e, settings);
    return is_new;
}

bool hash_set_hashed(struct entry *e, const struct type_settings *settings, struct slice field,
                     uint64_t hash, const struct hash_input *in) {
    if (e->encoding == HASH_TABLE) return table_set(e, field, hash, in);
    return hash_set(e, settings, field, in);
}

static void table_set_deadline(struct entry *e, struct slice field, uint64_t deadline) {
    struct hash *h = hash_of(e);
    struct table_ref ref;
    uint64_t hash = table_hash(&h->table, field);
    struct hash_field *f = find(h, hash, field, &ref);
    ASSERT(f != NULL);
    uint64_t before = hash_field_deadline(f);
    struct hash_field *to = hash_field_with_deadline(f, deadline);
    if (to != f) table_replace(ref, to);
    deadline_changed(e, hash, before, deadline);
}

void hash_set_deadline(struct entry *e, struct slice field, uint64_t deadline) {
    if (e->encoding == HASH_PACKED && deadline == HASH_NO_DEADLINE) return;
    if (e->encoding == HASH_PACKED) hash_packed_add_deadlines(e);
    if (e->encoding == HASH_DATED)
        hash_packed_set_deadline(e, field, deadline);
    else
        table_set_deadline(e, field, deadline);
}

bool hash_delete(struct entry *e, struct slice field) {
    if (e->encoding != HASH_TABLE) return hash_packed_delete(e, field);
    struct hash *h = hash_of(e);
    struct table_ref ref;
    uint64_t hash = table_hash(&h->table, field);
    struct hash_field *f = find(h, hash, field, &ref);
    if (!f) return false;
    bool was_there = !is_due(h, f);
    uint64_t before = hash_field_deadline(f);
    table_remove(&h->table, hash, ref);
    hash_field_free(f);
    deadline_changed(e, hash, before, HASH_NO_DEADLINE);
    return was_there;
}

/* The type. */

static const char *encoding_name(const struct entry *e) {
    static const char *const names[] = {
        [HASH_PACKED] = "listpack", [HASH_DATED] = "listpackex", [HASH_TABLE] = "hashtable"};
    return names[e->encoding];
}

static void create(struct entry *e, const struct type_settings *settings) {
    hash_packed_create(e);
}

static bool is_empty(const struct entry *e) {
    if (e->encoding != HASH_TABLE) return !hash_packed_first(e);
    const struct hash *h = hash_of(e);
    return table_count(&h->table) == 0 || (h->expiry && all_due(e, h->expiry->as_of));
}

static void free_field(void *field) {
    hash_field_free(field);
}

static void release(struct entry *e) {
    if (e->encoding != HASH_TABLE) {
        hash_packed_release(e);
        return;
    }
    struct hash *h = hash_of(e);
    table_release(&h->table, free_field);
    if (h->expiry) mem_free_sized(h->expiry, sizeof *h->expiry);
    mem_free_sized(h, sizeof *h);
}

static void *copy_field(const void *field) {
    return hash_field_copy(field);
}

static void copy(struct entry *to, const struct entry *from) {
    if (from->encoding != HASH_TABLE) {
        hash_packed_copy(to, from);
        return;
    }
    const struct hash *old = hash_of(from);
    struct hash *h = mem_alloc(sizeof *h);
    h->expiry = NULL;
    table_copy(&h->table, &old->table, copy_field);
    if (old->expiry) {
        h->expiry = mem_alloc(sizeof *h->expiry);
        *h->expiry = *old->expiry;
    }
    entry_set_ptr(to, h);
}

static size_t elements(const struct entry *e) {
    return e->encoding == HASH_TABLE ? table_count(&hash_of(e)->table) : hash_packed_len(e);
}

static size_t memory(const struct entry *e, size_t samples) {
    if (e->encoding != HASH_TABLE) return hash_packed_memory(e);
    const struct hash *h = hash_of(e);
    size_t all = table_count(&h->table), seen = 0, bytes = 0;
    struct table_iter it;
    table_iter_init(&it, &h->table);
    for (const struct hash_field *f; (f = table_iter_next(&it));) {
        bytes += hash_field_memory(f);
        if (++seen == samples) break;
    }
    if (seen) bytes = (size_t)((double)bytes / (double)seen * (double)all);
    if (h->expiry) bytes += mem_class_size(sizeof *h->expiry);
    return mem_class_size(sizeof *h) + table_overhead(&h->table) + bytes;
}

static size_t free_effort(const struct entry *e) {
    return e->encoding == HASH_TABLE ? table_count(&hash_of(e)->table) : 1;
}

/* When a deadline is doesn't matter: it's told by the time left. */
static void digest(const struct entry *e, struct digest *d) {
    struct hash_iter it;
    struct hash_item item;
    hash_iter_init(&it, e);
    while (hash_iter_next(&it, &item)) {
        char digits[NUM_I64_MAX];
        struct digest pair = DIGEST_INIT;
        digest_chain(&pair, hash_text_view(&item.field, digits));
        digest_chain(&pair, hash_text_view(&item.value, digits));
        if (item.deadline != HASH_NO_DEADLINE) digest_chain(&pair, SLICE("deadline"));
        digest_add(d, &pair);
    }
}

static void *compact_field(void *count, void *field) {
    return hash_field_compact(field, count);
}

static uint64_t compact(struct entry *e, uint64_t from, struct compact_count *count) {
    if (e->encoding == HASH_TABLE)
        return table_renew(&hash_of(e)->table, from, compact_field, count);
    hash_packed_compact(e, count);
    return 0;
}

const struct type type_hash = {
    .name = "hash",
    .encoding_name = encoding_name,
    .create = create,
    .is_empty = is_empty,
    .release = release,
    .copy = copy,
    .elements = elements,
    .memory = memory,
    .free_effort = free_effort,
    .digest = digest,
    .compact = compact,
    .check = hash_check,
    .table = table_of,
    .parts = &parts,
    .rdb = &hash_rdb,
    .rewrite = rewrite_hash,
};

static void check_table(const struct entry *e) {
    const struct hash *h = hash_of(e);
    table_check(&h->table);
    struct table_iter it;
    size_t deadlines = 0;
    table_iter_init(&it, &h->table);
    for (const struct hash_field *f; (f = table_iter_next(&it));) {
        uint64_t deadline = hash_field_deadline(f);
        bool outside = hash_field_value(f).len > HASH_FIELD_INLINE_MAX;
        ASSERT(outside == ((f->flags & HASH_FIELD_OUTSIDE) != 0));
        if (deadline == HASH_NO_DEADLINE) continue;
        ASSERT(h->expiry && deadline <= h->expiry->latest && deadline >= next_due(e));
        deadlines++;
    }
    ASSERT((h->expiry != NULL) == (deadlines != 0));
    ASSERT(!h->expiry || h->expiry->count == deadlines);
    ASSERT(((e->flags & ENTRY_PART_DEADLINES) != 0) == (deadlines != 0));
}

void hash_check(const struct entry *e) {
    ASSERT(e->type == TYPE_HASH && (e->flags & ENTRY_WORD));
    if (e->encoding == HASH_TABLE)
        check_table(e);
    else
        hash_packed_check(e);
}
