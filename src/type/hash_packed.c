/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/hash_packed.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "ds/listpack.h"
#include "type/compact.h"
#include "type/type.h"

static struct hash_dated *dated_of(const struct entry *e) {
    DASSERT(e->encoding == HASH_DATED);
    return entry_ptr(e);
}

/* Elements of a field. */
static inline unsigned stride(const struct entry *e) {
    return e->encoding == HASH_DATED ? 3 : 2;
}

static inline uint8_t *block(const struct entry *e) {
    return e->encoding == HASH_DATED ? dated_of(e)->lp : entry_ptr(e);
}

static inline void set_block(struct entry *e, uint8_t *lp) {
    if (e->encoding == HASH_DATED)
        dated_of(e)->lp = lp;
    else
        entry_set_ptr(e, lp);
}

void hash_packed_create(struct entry *e) {
    e->encoding = HASH_PACKED;
    entry_set_ptr(e, listpack_new());
}

void hash_packed_release(struct entry *e) {
    listpack_free(block(e));
    if (e->encoding == HASH_DATED) mem_free_sized(entry_ptr(e), sizeof(struct hash_dated));
}

void hash_packed_copy(struct entry *to, const struct entry *from) {
    if (from->encoding == HASH_DATED) {
        struct hash_dated *d = mem_alloc(sizeof *d);
        *d = *dated_of(from);
        entry_set_ptr(to, d);
    }
    set_block(to, listpack_copy(block(from)));
}

void hash_packed_compact(struct entry *e, struct compact_count *count) {
    set_block(e, compact_block(count, block(e)));
}

size_t hash_packed_memory(const struct entry *e) {
    size_t head = e->encoding == HASH_DATED ? mem_class_size(sizeof(struct hash_dated)) : 0;
    return head + listpack_memory(block(e));
}

size_t hash_packed_len(const struct entry *e) {
    return listpack_count(block(e)) / stride(e);
}

size_t hash_packed_bytes(const struct entry *e) {
    return listpack_bytes(block(e));
}

/* Reading. */

static uint64_t deadline_at(const uint8_t *at) {
    int64_t deadline = 0;
    bool is_number = listpack_number(at, &deadline);
    DASSERT(is_number);
    return deadline ? (uint64_t)deadline : HASH_NO_DEADLINE;
}

const uint8_t *hash_packed_first(const struct entry *e) {
    return listpack_first(block(e));
}

void hash_packed_next(const struct entry *e, const uint8_t **at, struct hash_item *item) {
    const uint8_t *lp = block(e), *value_at = listpack_next(lp, *at), *last = value_at;
    struct listpack_value field = listpack_get(*at), value = listpack_get(value_at);
    *item = (struct hash_item){
        .field = {.text = slice_of(field.text, field.len), .number = field.number},
        .value = {.text = slice_of(value.text, value.len), .number = value.number},
        .deadline = HASH_NO_DEADLINE,
    };
    if (e->encoding == HASH_DATED) {
        last = listpack_next(lp, value_at);
        item->deadline = deadline_at(last);
    }
    *at = listpack_next(lp, last);
}

static const uint8_t *find(const struct entry *e, struct slice name) {
    const uint8_t *lp = block(e);
    struct listpack_key key = listpack_key(name);
    return listpack_find(lp, listpack_first(lp), &key, stride(e) - 1);
}

bool hash_packed_get(const struct entry *e, struct slice field, struct hash_item *item) {
    const uint8_t *at = find(e, field);
    if (!at) return false;
    hash_packed_next(e, &at, item);
    return true;
}

void hash_packed_random(const struct entry *e, struct random *rng, struct hash_item *item) {
    size_t index = (size_t)random_below(rng, hash_packed_len(e)) * stride(e);
    const uint8_t *at = listpack_at(block(e), (int64_t)index);
    hash_packed_next(e, &at, item);
}

/* Changing. */

/* After a field's deadline has changed: HASH_NO_DEADLINE where there was or is none. */
static void deadline_changed(struct entry *e, uint64_t before, uint64_t after) {
    if (before == after) return;
    struct hash_dated *d = dated_of(e);
    if (after < d->next) d->next = after;
    d->count += (after != HASH_NO_DEADLINE) - (size_t)(before != HASH_NO_DEADLINE);
    if (d->count) {
        e->flags |= ENTRY_PART_DEADLINES;
    } else {
        e->flags &= (uint8_t)~ENTRY_PART_DEADLINES;
        d->next = HASH_NO_DEADLINE;
    }
}

static int64_t deadline_number(uint64_t deadline) {
    return deadline == HASH_NO_DEADLINE ? 0 : (int64_t)deadline;
}

/* Changes the deadline that stands at `at`. */
static void put_deadline(struct entry *e, const uint8_t *at, uint64_t deadline) {
    uint8_t *lp = block(e);
    uint64_t before = deadline_at(at);
    if (before == deadline) return;
    listpack_replace_number(&lp, at, deadline_number(deadline));
    set_block(e, lp);
    deadline_changed(e, before, deadline);
}

static void append(struct entry *e, struct slice field, const struct hash_input *in) {
    uint8_t *lp = block(e);
    uint64_t deadline = in->deadline == HASH_KEEP_DEADLINE ? HASH_NO_DEADLINE : in->deadline;
    listpack_insert_many(&lp, NULL, (struct slice[]){field, in->value}, 2);
    if (e->encoding == HASH_DATED) listpack_insert_number(&lp, NULL, deadline_number(deadline));
    set_block(e, lp);
    deadline_changed(e, HASH_NO_DEADLINE, deadline);
}

bool hash_packed_set(struct entry *e, struct slice field, const struct hash_input *in) {
    const uint8_t *at = find(e, field);
    if (!at) {
        append(e, field, in);
        return true;
    }
    uint8_t *lp = block(e);
    at = listpack_replace(&lp, listpack_next(lp, at), in->value);
    set_block(e, lp);
    if (e->encoding == HASH_DATED && in->deadline != HASH_KEEP_DEADLINE)
        put_deadline(e, listpack_next(lp, at), in->deadline);
    return false;
}

bool hash_packed_delete(struct entry *e, struct slice field) {
    uint8_t *lp = block(e);
    const uint8_t *at = find(e, field);
    if (!at) return false;
    uint64_t before = HASH_NO_DEADLINE;
    if (e->encoding == HASH_DATED) before = deadline_at(listpack_next(lp, listpack_next(lp, at)));
    listpack_delete(&lp, at, stride(e));
    set_block(e, lp);
    deadline_changed(e, before, HASH_NO_DEADLINE);
    return true;
}

/* Deadlines. */

void hash_packed_add_deadlines(struct entry *e) {
    uint8_t *lp = block(e);
    for (const uint8_t *at = listpack_first(lp); at;) {
        at = listpack_next(lp, listpack_next(lp, at));
        at = listpack_insert_number(&lp, at, 0);
        at = listpack_next(lp, at);
    }
    struct hash_dated *d = mem_alloc(sizeof *d);
    *d = (struct hash_dated){.lp = lp, .next = HASH_NO_DEADLINE};
    entry_set_ptr(e, d);
    e->encoding = HASH_DATED;
}

void hash_packed_set_deadline(struct entry *e, struct slice field, uint64_t deadline) {
    const uint8_t *lp = block(e), *at = find(e, field);
    ASSERT(at != NULL);
    put_deadline(e, listpack_next(lp, listpack_next(lp, at)), deadline);
}

static void tell_of_field(const struct type_expiry *x, const struct entry *e, const uint8_t *at) {
    char digits[NUM_I64_MAX];
    struct hash_item item;
    if (!x->tell) return;
    hash_packed_next(e, &at, &item);
    x->tell(x->ctx, hash_text_view(&item.field, digits));
}

size_t hash_packed_expire(struct entry *e, const struct type_expiry *x) {
    struct hash_dated *d = dated_of(e);
    uint64_t next = HASH_NO_DEADLINE;
    size_t removed = 0;
    if (d->next > x->now_ms) return 0;
    for (const uint8_t *at = listpack_first(d->lp); at;) {
        const uint8_t *last = listpack_next(d->lp, listpack_next(d->lp, at));
        uint64_t deadline = deadline_at(last);
        if (deadline <= x->now_ms) {
            tell_of_field(x, e, at);
            at = listpack_delete(&d->lp, at, 3);
            deadline_changed(e, deadline, HASH_NO_DEADLINE);
            removed++;
            continue;
        }
        if (deadline < next) next = deadline;
        at = listpack_next(d->lp, last);
    }
    d->next = next;
    return removed;
}

bool hash_packed_all_due(const struct entry *e, uint64_t now_ms) {
    const struct hash_dated *d = dated_of(e);
    if (d->next > now_ms || d->count < hash_packed_len(e)) return false;
    struct hash_item item;
    for (const uint8_t *at = listpack_first(d->lp); at;) {
        hash_packed_next(e, &at, &item);
        if (item.deadline > now_ms) return false;
    }
    return true;
}

void hash_packed_check(const struct entry *e) {
    const uint8_t *lp = block(e);
    ASSERT(listpack_valid(lp, listpack_bytes(lp)) && listpack_count(lp) % stride(e) == 0);
    size_t deadlines = 0;
    struct hash_item item;
    for (const uint8_t *at = listpack_first(lp); at;) {
        hash_packed_next(e, &at, &item);
        deadlines += item.deadline != HASH_NO_DEADLINE;
        ASSERT(e->encoding == HASH_PACKED || item.deadline >= dated_of(e)->next);
    }
    ASSERT(((e->flags & ENTRY_PART_DEADLINES) != 0) == (deadlines != 0));
    ASSERT(e->encoding == HASH_PACKED || dated_of(e)->count == deadlines);
}
