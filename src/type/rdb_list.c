/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists go to files as nodes: listpacks, and elements too long for one. A block of a deque becomes
 * a node; as blocks have a format of their own, their elements are packed anew. */
#include "type/rdb_types.h"
#include "type/t_list.h"

enum { NODE_PLAIN = 1, NODE_PACKED = 2 };

static enum rdb_code code(const struct entry *e, unsigned version) {
    return RDB_LIST_LISTPACKS;
}

/* Writing. */

enum { PART_BEGIN, PART_KIND, PART_NODE };

/* All that the iterator's block holds; the caller's to free. */
static uint8_t *pack_block(struct deque_iter *it) {
    uint8_t *lp = listpack_new();
    struct deque_value v;
    char digits[NUM_I64_MAX];
    while (it->left && deque_next(it, &v)) listpack_append(&lp, list_value_text(&v, digits));
    return lp;
}

static bool put_node(struct deque_iter *it, struct rdb_writer *w, struct rdb_walk *at,
                     size_t limit) {
    if (at->part == PART_KIND) rdb_put_len(w, it->bytes ? NODE_PLAIN : NODE_PACKED);
    at->part = PART_NODE;
    if (it->bytes) return rdb_put_string_part(w, bytes_slice(it->bytes), at, limit);
    uint8_t *lp = pack_block(it);
    bool done = rdb_put_listpack(lp, w, at, limit);
    listpack_free(lp);
    return done;
}

static bool save_deque(const struct deque *d, struct rdb_writer *w, struct rdb_walk *at,
                       size_t limit) {
    if (at->part == PART_BEGIN) {
        rdb_put_len(w, deque_blocks(d));
        at->part = PART_KIND;
    }
    while (at->index < deque_blocks(d)) {
        if (w->buf.len >= limit) return false;
        struct deque_iter it;
        deque_iter_init_block(&it, d, at->index);
        bool done = put_node(&it, w, at, limit);
        deque_iter_end(&it);
        if (!done) return false;
        at->part = PART_KIND;
        at->index++;
    }
    return true;
}

static bool save(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    if (e->encoding == LIST_DEQUE) return save_deque(entry_ptr(e), w, at, limit);
    if (at->part == PART_BEGIN) {
        rdb_put_len(w, 1);
        rdb_put_len(w, NODE_PACKED);
        at->part = PART_NODE;
    }
    return rdb_put_listpack(entry_ptr(e), w, at, limit);
}

/* Reading. */

static const char ziplist_damaged[] = "List ziplist integrity check failed";
static const char node_damaged[] = "List listpack integrity check failed";

static void push(struct entry *e, struct slice text, const struct type_settings *settings) {
    struct deque_item item = list_item(text, NULL);
    list_expect(e, 1, listpack_size_of(text), settings);
    list_push(e, &item, false);
}

/* Redis 7.2 keeps a list of several nodes or a plain one, and what was a ziplist, as a quicklist,
 * however short it is. */
static void be_deque(struct entry *e, const struct type_settings *settings) {
    list_expect(e, 0, SIZE_MAX, settings);
}

/* Takes over `lp`. NULL: reading it failed. */
static bool push_listpack(struct entry *e, uint8_t *lp, const struct type_settings *settings) {
    char digits[NUM_I64_MAX];
    if (!lp) return false;
    for (const uint8_t *at = listpack_first(lp); at; at = listpack_next(lp, at))
        push(e, listpack_view(at, digits), settings);
    listpack_free(lp);
    return true;
}

static bool get_element(struct rdb_reader *r, struct entry *e,
                        const struct type_settings *settings) {
    struct slice text;
    if (!rdb_get_string(r, &text)) return false;
    push(e, text, settings);
    return true;
}

/* A plain node is never of an empty text. */
static bool get_plain(struct rdb_reader *r, struct entry *e, const struct type_settings *settings) {
    struct slice text;
    if (!rdb_get_string(r, &text)) return false;
    if (!text.len) return rdb_fail(r, node_damaged);
    be_deque(e, settings);
    push(e, text, settings);
    return true;
}

static bool get_node(struct rdb_reader *r, struct entry *e, const struct type_settings *settings) {
    uint64_t kind;
    if (!rdb_get_len(r, &kind)) return false;
    if (kind == NODE_PLAIN) return get_plain(r, e, settings);
    if (kind == NODE_PACKED)
        return push_listpack(e, rdb_get_listpack(r, 0, node_damaged), settings);
    return rdb_fail(r, "an unknown kind of list node");
}

static bool get_all(struct rdb_reader *r, enum rdb_code form, struct entry *e,
                    const struct type_settings *settings) {
    uint64_t count;
    if (form == RDB_LIST_ZIPLIST) {
        be_deque(e, settings);
        return push_listpack(e, rdb_get_ziplist(r, 0, ziplist_damaged), settings);
    }
    if (!rdb_get_len(r, &count)) return false;
    if (form != RDB_LIST && count > 1) be_deque(e, settings);
    bool ok = true;
    for (uint64_t i = 0; ok && i < count; i++) {
        if (form == RDB_LIST)
            ok = get_element(r, e, settings);
        else if (form == RDB_LIST_ZIPLISTS)
            ok = push_listpack(e, rdb_get_ziplist(r, 0, ziplist_damaged), settings);
        else
            ok = get_node(r, e, settings);
    }
    return ok;
}

static struct entry *load(struct rdb_reader *r, enum rdb_code form, struct slice key,
                          const struct type_settings *settings) {
    struct entry *e = type_new(key, TYPE_LIST, settings);
    return rdb_loaded(r, e, get_all(r, form, e, settings));
}

const struct type_rdb list_rdb = {
    1u << RDB_LIST | 1u << RDB_LIST_ZIPLIST | 1u << RDB_LIST_ZIPLISTS | 1u << RDB_LIST_LISTPACKS,
    code,
    save,
    load,
};
