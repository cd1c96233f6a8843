/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists go to files as nodes: listpacks, and elements too long for one. Blocks of a deque have a
 * format of their own, so their elements are packed anew. */
#include "type/rdb_types.h"
#include "type/t_list.h"

enum { NODE_PLAIN = 1, NODE_PACKED = 2, NODE_BYTES = 8192 };

static enum rdb_code code(const struct entry *e, unsigned version) {
    return RDB_LIST_LISTPACKS;
}

/* Writing: nodes are gathered to be counted. */

struct nodes {
    struct rdb_writer out;
    uint8_t *lp; /* the node that is being filled; NULL: there's none */
    size_t count;
};

static void put_node(struct rdb_writer *w, unsigned kind, struct slice bytes) {
    rdb_put_len(w, kind);
    rdb_put_string(w, bytes);
}

static void end_packed(struct nodes *n) {
    if (!n->lp) return;
    put_node(&n->out, NODE_PACKED, slice_of((const char *)n->lp, listpack_bytes(n->lp)));
    listpack_free(n->lp);
    n->lp = NULL;
    n->count++;
}

static void add_element(struct nodes *n, struct slice text) {
    size_t size = listpack_size_of(text);
    if (size > NODE_BYTES) {
        end_packed(n);
        put_node(&n->out, NODE_PLAIN, text);
        n->count++;
        return;
    }
    if (n->lp && listpack_bytes(n->lp) + size > NODE_BYTES) end_packed(n);
    if (!n->lp) n->lp = listpack_new();
    listpack_append(&n->lp, text);
}

static void save(const struct entry *e, struct rdb_writer *w) {
    if (e->encoding == LIST_LISTPACK) {
        const uint8_t *lp = entry_ptr(e);
        rdb_put_len(w, 1);
        put_node(w, NODE_PACKED, slice_of((const char *)lp, listpack_bytes(lp)));
        return;
    }
    struct nodes n = {.out = {.version = w->version, .compress = w->compress}};
    struct list_iter it;
    struct deque_value v;
    char digits[NUM_I64_MAX];
    list_iter_init(&it, e, 0, false);
    while (list_next(&it, &v)) add_element(&n, list_value_text(&v, digits));
    list_iter_end(&it);
    end_packed(&n);
    rdb_put_len(w, n.count);
    buf_append_slice(&w->buf, buf_slice(&n.out.buf));
    buf_release(&n.out.buf);
}

/* Reading. */

static void push(struct entry *e, struct slice text, const struct type_settings *settings) {
    struct deque_item item = list_item(text, NULL);
    list_expect(e, 1, listpack_size_of(text), settings);
    list_push(e, &item, false);
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

static bool get_node(struct rdb_reader *r, struct entry *e, const struct type_settings *settings) {
    uint64_t kind;
    if (!rdb_get_len(r, &kind)) return false;
    if (kind == NODE_PLAIN) return get_element(r, e, settings);
    if (kind == NODE_PACKED) return push_listpack(e, rdb_get_listpack(r, 0), settings);
    return rdb_fail(r, "an unknown kind of list node");
}

static bool get_all(struct rdb_reader *r, enum rdb_code form, struct entry *e,
                    const struct type_settings *settings) {
    uint64_t count;
    if (form == RDB_LIST_ZIPLIST) return push_listpack(e, rdb_get_ziplist(r, 0), settings);
    if (!rdb_get_len(r, &count)) return false;
    bool ok = true;
    for (uint64_t i = 0; ok && i < count; i++) {
        if (form == RDB_LIST)
            ok = get_element(r, e, settings);
        else if (form == RDB_LIST_ZIPLISTS)
            ok = push_listpack(e, rdb_get_ziplist(r, 0), settings);
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
