/* SPDX-License-Identifier: BSD-3-Clause */
/* A stream in a file: its blocks as they are, each behind the id that it's known by (16 bytes,
 * big-endian), the figures, the groups. A group's pending entries stand there once with times and
 * counts, and again, as ids, with the consumers that have them. */
#include <endian.h>

#include "base/alloc.h"
#include "type/rdb_types.h"
#include "type/stream_group.h"
#include "type/t_stream.h"

enum { ID_BYTES = 16 };

static enum rdb_code code(const struct entry *e, unsigned version) {
    return version > RDB_VERSION_OLD ? RDB_STREAM_3 : RDB_STREAM_2;
}

/* Writing. */

static void put_id(struct rdb_writer *w, struct stream_id id) {
    rdb_put_len(w, id.ms);
    rdb_put_len(w, id.seq);
}

static void put_raw_id(struct rdb_writer *w, struct stream_id id) {
    uint64_t raw[] = {htobe64(id.ms), htobe64(id.seq)};
    buf_append(&w->buf, raw, sizeof raw);
}

static void put_nodes(struct rdb_writer *w, const struct stream *s) {
    rdb_put_len(w, id_map_count(&s->nodes));
    const struct id_map_item *item;
    for (struct id_map_pos pos = id_map_first(&s->nodes); (item = id_map_at(&s->nodes, pos));
         pos = id_map_next(&s->nodes, pos)) {
        rdb_put_len(w, ID_BYTES);
        put_raw_id(w, item->id);
        rdb_put_string(w, slice_of(item->value, listpack_bytes(item->value)));
    }
}

static void put_consumer(struct rdb_writer *w, const struct stream_consumer *c) {
    rdb_put_string(w, c->named.name);
    rdb_put_u64(w, c->seen_ms);
    if (w->version > RDB_VERSION_OLD) rdb_put_u64(w, (uint64_t)c->active_ms);
    rdb_put_len(w, id_map_count(&c->pending));
    const struct id_map_item *item;
    for (struct id_map_pos pos = id_map_first(&c->pending); (item = id_map_at(&c->pending, pos));
         pos = id_map_next(&c->pending, pos))
        put_raw_id(w, item->id);
}

static void put_group(struct rdb_writer *w, const struct stream_group *g) {
    rdb_put_string(w, g->named.name);
    put_id(w, g->last_id);
    rdb_put_len(w, (uint64_t)g->entries_read);
    rdb_put_len(w, id_map_count(&g->pending));
    const struct id_map_item *item;
    for (struct id_map_pos pos = id_map_first(&g->pending); (item = id_map_at(&g->pending, pos));
         pos = id_map_next(&g->pending, pos)) {
        const struct stream_pending *p = item->value;
        put_raw_id(w, item->id);
        rdb_put_u64(w, p->delivered_ms);
        rdb_put_len(w, p->deliveries);
    }
    rdb_put_len(w, g->consumers.count);
    for (size_t i = 0; i < g->consumers.count; i++) put_consumer(w, stream_consumer_at(g, i));
}

static void save(const struct entry *e, struct rdb_writer *w) {
    const struct stream *s = stream_of(e);
    put_nodes(w, s);
    rdb_put_len(w, s->length);
    put_id(w, s->last_id);
    put_id(w, s->first_id);
    put_id(w, s->max_deleted_id);
    rdb_put_len(w, s->entries_added);
    rdb_put_len(w, s->groups.count);
    for (size_t i = 0; i < s->groups.count; i++) put_group(w, stream_group_at(s, i));
}

/* Reading. */

static bool get_id(struct rdb_reader *r, struct stream_id *id) {
    return rdb_get_len(r, &id->ms) && rdb_get_len(r, &id->seq);
}

static bool get_raw_id(struct rdb_reader *r, struct stream_id *id) {
    struct slice bytes;
    uint64_t raw[2];
    if (!rdb_get_raw(r, sizeof raw, &bytes)) return false;
    memcpy(raw, bytes.ptr, sizeof raw);
    *id = (struct stream_id){be64toh(raw[0]), be64toh(raw[1])};
    return true;
}

/* The greatest id of a block, deleted entries counted. */
static struct stream_id last_in_node(const uint8_t *node, struct stream_id first) {
    struct stream_reader reader = stream_node_open(node, first);
    const uint8_t *at = stream_node_prev(&reader, NULL);
    return at ? stream_node_read(&reader, at).id : first;
}

/* `*last`: the greatest id of the blocks before, which this one must be above. */
static bool get_node(struct rdb_reader *r, struct stream *s, struct stream_id *last) {
    uint64_t len;
    struct stream_id first;
    if (!rdb_get_len(r, &len)) return false;
    if (len != ID_BYTES) return rdb_fail(r, "a stream's block without an id");
    if (!get_raw_id(r, &first)) return false;
    uint8_t *node = rdb_get_listpack(r, 0);
    if (!node) return false;
    if (!stream_node_valid(node, first) || (s->nodes.count && stream_id_cmp(first, *last) <= 0)) {
        listpack_free(node);
        return rdb_fail(r, "a stream's block is damaged");
    }
    *last = last_in_node(node, first);
    id_map_insert(&s->nodes, first, node);
    s->length += stream_node_live(node);
    return true;
}

static bool get_nodes(struct rdb_reader *r, struct stream *s) {
    uint64_t count;
    struct stream_id last = STREAM_ID_MIN;
    if (!rdb_get_len(r, &count)) return false;
    for (uint64_t i = 0; i < count; i++)
        if (!get_node(r, s, &last)) return false;
    s->last_id = last;
    return true;
}

/* What earlier versions don't have follows from the entries. */
static bool get_figures(struct rdb_reader *r, enum rdb_code form, struct stream *s) {
    uint64_t length;
    struct stream_id last, unused;
    if (!rdb_get_len(r, &length) || !get_id(r, &last)) return false;
    if (length != s->length || stream_id_cmp(last, s->last_id) < 0)
        return rdb_fail(r, "a stream's figures don't fit its entries");
    s->last_id = last;
    s->first_id = stream_end_id(s, false);
    s->entries_added = length;
    if (form == RDB_STREAM) return true;
    return get_id(r, &unused) && get_id(r, &s->max_deleted_id) && rdb_get_len(r, &s->entries_added);
}

/* Pending entries of a group whose consumers aren't known yet. */
struct owed {
    uint64_t delivered_ms, deliveries;
};

static bool get_owed(struct rdb_reader *r, struct id_map *owed) {
    uint64_t count;
    if (!rdb_get_len(r, &count)) return false;
    for (uint64_t i = 0; i < count; i++) {
        struct stream_id id;
        struct owed o;
        if (!get_raw_id(r, &id) || !rdb_get_u64(r, &o.delivered_ms) ||
            !rdb_get_len(r, &o.deliveries))
            return false;
        struct owed *kept = mem_alloc(sizeof *kept);
        *kept = o;
        if (id_map_insert(owed, id, kept)) continue;
        mem_free(kept);
        return rdb_fail(r, "the same pending entry twice");
    }
    return true;
}

static bool get_pending(struct rdb_reader *r, struct stream_group *g, struct stream_consumer *c,
                        struct id_map *owed) {
    uint64_t count;
    if (!rdb_get_len(r, &count)) return false;
    for (uint64_t i = 0; i < count; i++) {
        struct stream_id id;
        if (!get_raw_id(r, &id)) return false;
        struct owed *o = id_map_remove(owed, id);
        if (!o) return rdb_fail(r, "a pending entry of a consumer isn't its group's");
        struct stream_pending *p = stream_pending_add(g, c, id, o->delivered_ms);
        p->delivered_ms = o->delivered_ms;
        p->deliveries = o->deliveries;
        mem_free(o);
    }
    return true;
}

static bool get_consumer(struct rdb_reader *r, enum rdb_code form, struct stream_group *g,
                         struct id_map *owed) {
    struct slice name;
    uint64_t active;
    if (!rdb_get_string(r, &name)) return false;
    struct stream_consumer *c = stream_consumer_add(g, name, 0);
    if (!c) return rdb_fail(r, "the same consumer twice");
    if (!rdb_get_u64(r, &c->seen_ms)) return false;
    active = c->seen_ms;
    if (form == RDB_STREAM_3 && !rdb_get_u64(r, &active)) return false;
    c->active_ms = (int64_t)active;
    return get_pending(r, g, c, owed);
}

static void free_owed(void *owed) {
    mem_free(owed);
}

static bool get_consumers(struct rdb_reader *r, enum rdb_code form, struct stream_group *g) {
    uint64_t count = 0;
    struct id_map owed = ID_MAP_INIT;
    bool ok = get_owed(r, &owed) && rdb_get_len(r, &count);
    for (uint64_t i = 0; ok && i < count; i++) ok = get_consumer(r, form, g, &owed);
    if (ok && id_map_count(&owed)) ok = rdb_fail(r, "a pending entry that no consumer has");
    id_map_release(&owed, free_owed);
    return ok;
}

static bool get_group(struct rdb_reader *r, enum rdb_code form, struct stream *s) {
    struct slice name;
    if (!rdb_get_string(r, &name)) return false;
    struct stream_group *g = stream_group_add(s, name, STREAM_ID_MIN, STREAM_UNKNOWN);
    if (!g) return rdb_fail(r, "the same group twice");
    uint64_t read;
    if (!get_id(r, &g->last_id)) return false;
    if (form == RDB_STREAM) {
        g->entries_read = stream_added_up_to(s, g->last_id);
    } else {
        if (!rdb_get_len(r, &read)) return false;
        g->entries_read = (int64_t)read;
    }
    return get_consumers(r, form, g);
}

static bool get_all(struct rdb_reader *r, enum rdb_code form, struct stream *s) {
    uint64_t groups;
    if (!get_nodes(r, s) || !get_figures(r, form, s) || !rdb_get_len(r, &groups)) return false;
    for (uint64_t i = 0; i < groups; i++)
        if (!get_group(r, form, s)) return false;
    return true;
}

static struct entry *load(struct rdb_reader *r, enum rdb_code form, struct slice key,
                          const struct type_settings *settings) {
    struct entry *e = type_new(key, TYPE_STREAM, settings);
    return rdb_loaded(r, e, get_all(r, form, stream_of(e)));
}

const struct type_rdb stream_rdb = {
    1u << RDB_STREAM | 1u << RDB_STREAM_2 | 1u << RDB_STREAM_3,
    code,
    save,
    load,
};
