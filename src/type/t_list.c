/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/t_list.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "ds/deque_edit.h"
#include "type/compact.h"
#include "type/rdb_types.h"
#include "type/rewrite.h"

enum {
    COUNTED_BLOCK_BYTES = 8192, /* if the limit is one of elements */
    COUNT_MAX = 32767,          /* Redis's parameters are no larger */
    DEPTH_MAX = 65535,
    BLOCKS_SHORT = 2, /* a list of more blocks isn't looked at for shrinking */
};

/* list_max_listpack_size: elements, or -1 to -5 for 4 to 64 KB; 0 is 1, less than -5 is -5. */
static struct deque_limits limits_of(const struct type_settings *settings) {
    int64_t size = settings->list_max_listpack_size, depth = settings->list_compress_depth;
    struct deque_limits limits = {.block_count = UINT32_MAX, .block_bytes = COUNTED_BLOCK_BYTES};
    if (size < 0) {
        limits.block_bytes = 4096u << (size < -5 ? 4 : -1 - size);
    } else {
        limits.block_count = size == 0 ? 1 : size < COUNT_MAX ? (uint32_t)size : COUNT_MAX;
    }
    limits.depth = depth < DEPTH_MAX ? (uint32_t)depth : DEPTH_MAX;
    limits.text_max = limits.block_bytes - LIST_BLOCK_OVERHEAD;
    if (limits.text_max > LIST_BLOCK_TEXT_MAX) limits.text_max = LIST_BLOCK_TEXT_MAX;
    uint64_t own = settings->list_own_place_from;
    if (own && own <= limits.text_max) limits.text_max = own - 1;
    return limits;
}

static struct deque *deque_of(const struct entry *e) {
    return entry_ptr(e);
}

/* The listpack as the variable that its functions want, and back into the entry. */
#define LIST_EDIT(e, lp, call)                                                                     \
    do {                                                                                           \
        uint8_t *lp = entry_ptr(e);                                                                \
        call;                                                                                      \
        entry_set_ptr(e, lp);                                                                      \
    } while (0)

size_t list_count(const struct entry *e) {
    return e->encoding == LIST_LISTPACK ? listpack_count(entry_ptr(e)) : deque_count(deque_of(e));
}

struct slice list_value_text(const struct deque_value *v, char digits[NUM_I64_MAX]) {
    if (v->value.text) return slice_of(v->value.text, v->value.len);
    return slice_of(digits, num_from_i64(digits, v->value.number));
}

void list_iter_init(struct list_iter *it, const struct entry *e, size_t index, bool backward) {
    it->backward = backward;
    it->listpack = NULL;
    if (e->encoding == LIST_DEQUE) {
        deque_iter_init(&it->deque, deque_of(e), index, backward);
        return;
    }
    it->listpack = entry_ptr(e);
    it->at = index <= INT64_MAX ? listpack_at(it->listpack, (int64_t)index) : NULL;
}

size_t list_find(const struct entry *e, const struct listpack_key *key) {
    struct list_iter it;
    struct deque_value v;
    size_t index = 0;
    bool found = false;
    list_iter_init(&it, e, 0, false);
    while (list_next(&it, &v) && !(found = deque_value_is(&v, key))) index++;
    list_iter_end(&it);
    return found ? index : LIST_NONE;
}

/* Encodings. */

static void to_deque(struct entry *e, const struct deque_limits *limits) {
    struct deque *d = deque_new(limits);
    struct list_iter it;
    struct deque_value v;
    char digits[NUM_I64_MAX];
    list_iter_init(&it, e, 0, false);
    while (list_next(&it, &v)) {
        struct deque_item item = list_item(list_value_text(&v, digits), NULL);
        deque_push(d, &item, false);
    }
    listpack_free(entry_ptr(e));
    entry_set_ptr(e, d);
    e->encoding = LIST_DEQUE;
}

void list_expect(struct entry *e, size_t count, size_t bytes,
                 const struct type_settings *settings) {
    if (e->encoding != LIST_LISTPACK) return;
    struct deque_limits limits = limits_of(settings);
    const uint8_t *lp = entry_ptr(e);
    if (bytes > limits.block_bytes || listpack_bytes(lp) + bytes > limits.block_bytes ||
        listpack_count(lp) + count > limits.block_count)
        to_deque(e, &limits);
}

/* Bytes of the deque's elements as a listpack; 0 if one of them has a place of its own. */
static size_t bytes_as_listpack(const struct entry *e) {
    struct list_iter it;
    struct deque_value v;
    char digits[NUM_I64_MAX];
    size_t bytes = LISTPACK_HEADER + 1;
    list_iter_init(&it, e, 0, false);
    while (bytes && list_next(&it, &v))
        bytes = v.bytes ? 0 : bytes + listpack_size_of(list_value_text(&v, digits));
    list_iter_end(&it);
    return bytes;
}

static void to_listpack(struct entry *e) {
    uint8_t *lp = listpack_new();
    struct list_iter it;
    struct deque_value v;
    char digits[NUM_I64_MAX];
    list_iter_init(&it, e, 0, false);
    while (list_next(&it, &v)) listpack_append(&lp, list_value_text(&v, digits));
    list_iter_end(&it);
    deque_free(deque_of(e));
    entry_set_ptr(e, lp);
    e->encoding = LIST_LISTPACK;
}

/* A deque takes no less than its elements do as a listpack but for a byte each, so nearly always it
 * isn't walked. */
static void try_shrink(struct entry *e, const struct type_settings *settings) {
    if (e->encoding != LIST_DEQUE || deque_blocks(deque_of(e)) > BLOCKS_SHORT) return;
    struct deque_limits limits = limits_of(settings);
    if (deque_count(deque_of(e)) > limits.block_count / 2) return;
    bool counted = limits.block_count != UINT32_MAX;
    size_t most = counted ? LISTPACK_MAX_BYTES : limits.block_bytes / 2;
    if (deque_used(deque_of(e)) > most) return;
    size_t bytes = bytes_as_listpack(e);
    if (bytes && bytes <= most) to_listpack(e);
}

/* Changing. */

void list_push(struct entry *e, const struct deque_item *item, bool front) {
    if (e->encoding == LIST_DEQUE) {
        deque_push(deque_of(e), item, front);
        return;
    }
    LIST_EDIT(e, lp, listpack_insert(&lp, front ? listpack_first(lp) : NULL, item->key.text));
}

void list_insert(struct entry *e, size_t index, const struct deque_item *item,
                 const struct type_settings *settings) {
    list_expect(e, 1, item->key.text.len, settings);
    if (e->encoding == LIST_DEQUE) {
        deque_insert(deque_of(e), index, item);
        return;
    }
    LIST_EDIT(e, lp, listpack_insert(&lp, listpack_at(lp, (int64_t)index), item->key.text));
}

void list_replace(struct entry *e, size_t index, const struct deque_item *item,
                  const struct type_settings *settings) {
    list_expect(e, 1, item->key.text.len, settings); /* Redis counts it as one more, too */
    if (e->encoding == LIST_DEQUE) {
        deque_replace(deque_of(e), index, item);
        try_shrink(e, settings);
        return;
    }
    LIST_EDIT(e, lp, listpack_replace(&lp, listpack_at(lp, (int64_t)index), item->key.text));
}

void list_drop(struct entry *e, size_t n, bool front, const struct type_settings *settings) {
    if (!n) return;
    if (e->encoding == LIST_DEQUE) {
        deque_drop(deque_of(e), n, front);
        try_shrink(e, settings);
        return;
    }
    LIST_EDIT(e, lp, listpack_delete(&lp, listpack_at(lp, front ? 0 : -(int64_t)n), n));
}

/* From the front runs of equal elements go at once. */
static size_t remove_forward(uint8_t **lp, const struct listpack_key *key, size_t max) {
    size_t removed = 0;
    const uint8_t *at = listpack_first(*lp);
    while (removed < max && (at = listpack_find(*lp, at, key, 0))) {
        size_t run = 1;
        const uint8_t *next = listpack_next(*lp, at);
        for (; next && removed + run < max && listpack_is(next, key); run++)
            next = listpack_next(*lp, next);
        at = listpack_delete(lp, at, run);
        removed += run;
    }
    return removed;
}

static size_t remove_backward(uint8_t **lp, const struct listpack_key *key, size_t max) {
    size_t removed = 0;
    const uint8_t *at = listpack_last(*lp);
    while (at && removed < max) {
        if (listpack_is(at, key)) {
            at = listpack_delete(lp, at, 1);
            removed++;
            at = at ? listpack_prev(*lp, at) : listpack_last(*lp);
        } else {
            at = listpack_prev(*lp, at);
        }
    }
    return removed;
}

size_t list_remove(struct entry *e, const struct listpack_key *key, size_t max, bool from_back,
                   const struct type_settings *settings) {
    size_t removed;
    if (e->encoding == LIST_DEQUE) {
        removed = deque_remove(deque_of(e), key, max, from_back);
        if (removed) try_shrink(e, settings);
        return removed;
    }
    LIST_EDIT(e, lp,
              removed = from_back ? remove_backward(&lp, key, max) : remove_forward(&lp, key, max));
    return removed;
}

/* The type. */

static const char *encoding_name(const struct entry *e) {
    return e->encoding == LIST_LISTPACK ? "listpack" : "quicklist";
}

static void create(struct entry *e, const struct type_settings *settings) {
    e->encoding = LIST_LISTPACK;
    entry_set_ptr(e, listpack_new());
}

static bool is_empty(const struct entry *e) {
    return list_count(e) == 0;
}

static void release(struct entry *e) {
    if (e->encoding == LIST_LISTPACK)
        listpack_free(entry_ptr(e));
    else
        deque_free(deque_of(e));
}

static void copy(struct entry *to, const struct entry *from) {
    if (from->encoding == LIST_LISTPACK)
        entry_set_ptr(to, listpack_copy(entry_ptr(from)));
    else
        entry_set_ptr(to, deque_copy(deque_of(from)));
}

static size_t memory(const struct entry *e, size_t samples) {
    if (e->encoding == LIST_LISTPACK) return listpack_memory(entry_ptr(e));
    return deque_memory(deque_of(e), samples);
}

static size_t free_effort(const struct entry *e) {
    return e->encoding == LIST_LISTPACK ? 1 : deque_blocks(deque_of(e)) + 2;
}

static void digest(const struct entry *e, struct digest *d) {
    struct list_iter it;
    struct deque_value v;
    char digits[NUM_I64_MAX];
    list_iter_init(&it, e, 0, false);
    while (list_next(&it, &v)) digest_chain(d, list_value_text(&v, digits));
    list_iter_end(&it);
}

/* The words that Redis says of a quicklist; its nodes are our blocks. */
static void describe(const struct entry *e, const struct type_settings *settings, struct buf *out) {
    if (e->encoding != LIST_DEQUE) return;
    const struct deque *d = deque_of(e);
    struct list_iter it;
    struct deque_value v;
    char digits[NUM_I64_MAX];
    size_t bytes = 0, nodes = deque_blocks(d);
    list_iter_init(&it, e, 0, false);
    while (list_next(&it, &v)) bytes += listpack_size_of(list_value_text(&v, digits));
    list_iter_end(&it);
    buf_appendf(out, " ql_nodes:%zu ql_avg_node:%.2f ql_listpack_max:%lld ql_compressed:%d", nodes,
                nodes ? (double)deque_count(d) / (double)nodes : 0.0,
                (long long)settings->list_max_listpack_size, d->limits.depth > 0);
    buf_appendf(out, " ql_uncompressed_size:%zu", bytes);
}

/* Blocks of long lists are large: there's little to gain. */
static uint64_t compact(struct entry *e, uint64_t from, struct compact_count *count) {
    if (e->encoding == LIST_LISTPACK) compact_only_block(count, e);
    return 0;
}

const struct type type_list = {
    .name = "list",
    .encoding_name = encoding_name,
    .create = create,
    .is_empty = is_empty,
    .release = release,
    .copy = copy,
    .elements = list_count,
    .memory = memory,
    .free_effort = free_effort,
    .digest = digest,
    .compact = compact,
    .check = list_check,
    .describe = describe,
    .rdb = &list_rdb,
    .rewrite = rewrite_list,
};

void list_check(const struct entry *e) {
    ASSERT(e->type == TYPE_LIST && (e->flags & ENTRY_WORD));
    if (e->encoding == LIST_DEQUE)
        deque_check(deque_of(e));
    else
        ASSERT(listpack_valid(entry_ptr(e), listpack_bytes(entry_ptr(e))));
}
