/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/stream_node.h"

#include "base/assert.h"

enum entry_flag { DELETED = 1, SAME_FIELDS = 2 };

enum {
    HEAD = 3,  /* elements before an entry's values: flags and differences */
    BATCH = 32 /* elements appended at once */
};

static int64_t number_at(const uint8_t *at) {
    int64_t number = 0;
    (void)listpack_number(at, &number);
    return number;
}

/* Elements on their way into the block. */
struct batch {
    uint8_t **node;
    size_t count;
    struct listpack_key keys[BATCH];
};

static void batch_flush(struct batch *b) {
    listpack_append_keys(b->node, b->keys, b->count);
    b->count = 0;
}

static inline struct listpack_key *batch_next(struct batch *b) {
    if (b->count == BATCH) batch_flush(b);
    return &b->keys[b->count++];
}

static inline void batch_text(struct batch *b, struct slice text) {
    *batch_next(b) = listpack_key(text);
}

static inline void batch_number(struct batch *b, int64_t number) {
    *batch_next(b) = listpack_number_key(number);
}

uint8_t *stream_node_new(const struct slice *pairs, size_t count) {
    uint8_t *node = listpack_new();
    struct batch b;
    b.node = &node;
    b.count = 0;
    batch_number(&b, 0);
    batch_number(&b, 0);
    batch_number(&b, (int64_t)count);
    for (size_t i = 0; i < count; i++) batch_text(&b, pairs[2 * i]);
    batch_number(&b, 0);
    batch_flush(&b);
    return node;
}

static bool same_names(const struct stream_reader *r, const struct slice *pairs, size_t count) {
    if (r->name_count != count) return false;
    const uint8_t *at = r->names;
    char digits[NUM_I64_MAX];
    for (size_t i = 0; i < count; i++, at = listpack_next(r->node, at))
        if (!slice_eq(listpack_view(at, digits), pairs[2 * i])) return false;
    return true;
}

/* The numbers of live and deleted entries. */
static void count_entries(uint8_t **node, int64_t live, int64_t deleted) {
    const uint8_t *at = listpack_first(*node);
    at = listpack_replace_number(node, at, number_at(at) + live);
    if (!deleted) return;
    at = listpack_next(*node, at);
    listpack_replace_number(node, at, number_at(at) + deleted);
}

void stream_node_append(uint8_t **node, struct stream_id first, struct stream_id id,
                        const struct slice *pairs, size_t count) {
    struct stream_reader r = stream_node_open(*node, first);
    bool same = same_names(&r, pairs, count);
    count_entries(node, 1, 0);
    struct batch b;
    b.node = node;
    b.count = 0;
    batch_number(&b, same ? SAME_FIELDS : 0);
    batch_number(&b, (int64_t)(id.ms - first.ms));
    batch_number(&b, (int64_t)(id.seq - first.seq));
    if (!same) batch_number(&b, (int64_t)count);
    for (size_t i = 0; i < 2 * count; i++)
        if (i % 2 || !same) batch_text(&b, pairs[i]);
    batch_number(&b, (int64_t)(same ? HEAD + count : HEAD + 1 + 2 * count));
    batch_flush(&b);
}

size_t stream_node_live(const uint8_t *node) {
    return (size_t)number_at(listpack_first(node));
}

size_t stream_node_deleted(const uint8_t *node) {
    return (size_t)number_at(listpack_next(node, listpack_first(node)));
}

/* Walking. */

static const uint8_t *skip(const uint8_t *node, const uint8_t *at, size_t count) {
    while (count-- && at) at = listpack_next(node, at);
    return at;
}

struct stream_reader stream_node_open(const uint8_t *node, struct stream_id first) {
    struct stream_reader r = {.node = node, .first = first};
    const uint8_t *count = skip(node, listpack_first(node), 2);
    r.name_count = (size_t)number_at(count);
    r.names = listpack_next(node, count);
    r.entries = listpack_next(node, skip(node, r.names, r.name_count));
    return r;
}

struct stream_entry stream_node_read(const struct stream_reader *r, const uint8_t *at) {
    struct stream_entry e = {.at = at};
    int64_t flags = number_at(at);
    at = listpack_next(r->node, at);
    e.id.ms = r->first.ms + (uint64_t)number_at(at);
    at = listpack_next(r->node, at);
    e.id.seq = r->first.seq + (uint64_t)number_at(at);
    at = listpack_next(r->node, at);
    e.deleted = flags & DELETED;
    if (flags & SAME_FIELDS) {
        e.pairs = r->name_count;
        e.names = r->names;
    } else {
        e.pairs = (size_t)number_at(at);
        at = listpack_next(r->node, at);
    }
    e.values = at;
    return e;
}

const uint8_t *stream_node_next(const struct stream_reader *r, const struct stream_entry *e) {
    size_t elements = e->names ? e->pairs : 2 * e->pairs;
    return listpack_next(r->node, skip(r->node, e->values, elements));
}

/* The 0 in front of the first entry says that there's none before it. */
const uint8_t *stream_node_prev(const struct stream_reader *r, const uint8_t *at) {
    at = at ? listpack_prev(r->node, at) : listpack_last(r->node);
    int64_t elements = number_at(at);
    if (elements == 0) return NULL;
    while (elements--) at = listpack_prev(r->node, at);
    return at;
}

/* Blocks from outside may hold flags and counts in more bytes than need be. */
const uint8_t *stream_node_delete(uint8_t **node, const uint8_t *at) {
    at = listpack_replace_number(node, at, number_at(at) | DELETED);
    size_t from_end = listpack_bytes(*node) - (size_t)(at - *node);
    count_entries(node, -1, 1);
    return *node + listpack_bytes(*node) - from_end;
}

/* Bytes from outside. */

static bool read_count(const uint8_t *at, int64_t *count) {
    return at && listpack_number(at, count) && *count >= 0;
}

/* Reads an entry; *at is where it begins, and then the next one, or NULL. */
static bool entry_valid(const struct stream_reader *r, const uint8_t **at, bool *deleted) {
    const uint8_t *here = *at;
    int64_t flags, ms, seq, pairs = (int64_t)r->name_count, elements;
    if (!listpack_number(here, &flags)) return false;
    here = listpack_next(r->node, here);
    if (!here || !listpack_number(here, &ms)) return false;
    here = listpack_next(r->node, here);
    if (!here || !listpack_number(here, &seq)) return false;
    here = listpack_next(r->node, here);
    *deleted = flags & DELETED;
    bool same = flags & SAME_FIELDS;
    if (!same) {
        if (!read_count(here, &pairs) || pairs > (int64_t)listpack_bytes(r->node)) return false;
        here = listpack_next(r->node, here);
    }
    here = skip(r->node, here, (size_t)(same ? pairs : 2 * pairs));
    int64_t expected = same ? HEAD + pairs : HEAD + 1 + 2 * pairs;
    if (!read_count(here, &elements) || elements != expected) return false;
    *at = listpack_next(r->node, here);
    return true;
}

bool stream_node_valid(const uint8_t *node, struct stream_id first) {
    int64_t live, deleted, names, zero;
    const uint8_t *at = listpack_first(node);
    if (!read_count(at, &live)) return false;
    at = listpack_next(node, at);
    if (!read_count(at, &deleted)) return false;
    at = listpack_next(node, at);
    if (!read_count(at, &names) || names > (int64_t)listpack_bytes(node)) return false;
    struct stream_reader r = {.node = node,
                              .first = first,
                              .name_count = (size_t)names,
                              .names = listpack_next(node, at)};
    at = skip(node, r.names, r.name_count);
    if (!read_count(at, &zero) || zero != 0) return false;
    at = listpack_next(node, at);
    while (at) {
        bool is_deleted;
        if (!entry_valid(&r, &at, &is_deleted)) return false;
        live -= !is_deleted;
        deleted -= is_deleted;
    }
    return live == 0 && deleted == 0;
}
