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

/* A stream is written step by step; each is the writing of one thing, and says which comes next. */
enum step {
    STEP_BEGIN,
    STEP_NODE_ID,
    STEP_NODE,
    STEP_FIGURES,
    STEP_GROUP, /* its name */
    STEP_GROUP_FIGURES,
    STEP_PENDING,
    STEP_CONSUMER, /* its name */
    STEP_CONSUMER_FIGURES,
    STEP_CONSUMER_PENDING,
    STEP_END,
};

struct saving {
    const struct stream *s;
    struct rdb_writer *w;
    struct rdb_walk *at; /* part: the step; outer: the group; index: the consumer */
    size_t limit;
};

/* The group, and the consumer, that the walk is at. */
static const struct stream_group *group_of(const struct saving *v) {
    return stream_group_at(v->s, v->at->outer);
}

static const struct stream_consumer *consumer_of(const struct saving *v) {
    return stream_consumer_at(group_of(v), v->at->index);
}

static bool go_on(struct saving *v, enum step step) {
    v->at->part = step;
    return true;
}

/* The item of a map that the walk is at; NULL: there's none left, and the walk goes on with `then`.
 */
static const struct id_map_item *item_or_step(struct saving *v, const struct id_map *m,
                                              enum step then) {
    const struct id_map_item *item = id_map_at(m, v->at->pos);
    if (!item) go_on(v, then);
    return item;
}

static bool put_nodes_begin(struct saving *v) {
    rdb_put_len(v->w, id_map_count(&v->s->nodes));
    v->at->pos = id_map_first(&v->s->nodes);
    return go_on(v, STEP_NODE_ID);
}

static bool put_node_id(struct saving *v) {
    const struct id_map_item *item = item_or_step(v, &v->s->nodes, STEP_FIGURES);
    if (!item) return true;
    rdb_put_len(v->w, ID_BYTES);
    put_raw_id(v->w, item->id);
    return go_on(v, STEP_NODE);
}

static bool put_node(struct saving *v) {
    const uint8_t *node = id_map_at(&v->s->nodes, v->at->pos)->value;
    if (!rdb_put_listpack(node, v->w, v->at, v->limit)) return false;
    v->at->pos = id_map_next(&v->s->nodes, v->at->pos);
    return go_on(v, STEP_NODE_ID);
}

static bool put_figures(struct saving *v) {
    const struct stream *s = v->s;
    rdb_put_len(v->w, s->length);
    put_id(v->w, s->last_id);
    put_id(v->w, s->first_id);
    put_id(v->w, s->max_deleted_id);
    rdb_put_len(v->w, s->entries_added);
    rdb_put_len(v->w, s->groups.count);
    return go_on(v, STEP_GROUP);
}

static bool put_group(struct saving *v) {
    if (v->at->outer == v->s->groups.count) return go_on(v, STEP_END);
    if (!rdb_put_string_part(v->w, group_of(v)->named.name, v->at, v->limit)) return false;
    return go_on(v, STEP_GROUP_FIGURES);
}

static bool put_group_figures(struct saving *v) {
    const struct stream_group *g = group_of(v);
    put_id(v->w, g->last_id);
    rdb_put_len(v->w, (uint64_t)g->entries_read);
    rdb_put_len(v->w, id_map_count(&g->pending));
    v->at->pos = id_map_first(&g->pending);
    return go_on(v, STEP_PENDING);
}

static bool put_pending(struct saving *v) {
    const struct stream_group *g = group_of(v);
    const struct id_map_item *item = item_or_step(v, &g->pending, STEP_CONSUMER);
    if (!item) {
        rdb_put_len(v->w, g->consumers.count);
        v->at->index = 0;
        return true;
    }
    const struct stream_pending *p = item->value;
    put_raw_id(v->w, item->id);
    rdb_put_u64(v->w, p->delivered_ms);
    rdb_put_len(v->w, p->deliveries);
    v->at->pos = id_map_next(&g->pending, v->at->pos);
    return true;
}

static bool put_consumer(struct saving *v) {
    if (v->at->index == group_of(v)->consumers.count) {
        v->at->outer++;
        return go_on(v, STEP_GROUP);
    }
    if (!rdb_put_string_part(v->w, consumer_of(v)->named.name, v->at, v->limit)) return false;
    return go_on(v, STEP_CONSUMER_FIGURES);
}

static bool put_consumer_figures(struct saving *v) {
    const struct stream_consumer *c = consumer_of(v);
    rdb_put_u64(v->w, c->seen_ms);
    if (v->w->version > RDB_VERSION_OLD) rdb_put_u64(v->w, (uint64_t)c->active_ms);
    rdb_put_len(v->w, id_map_count(&c->pending));
    v->at->pos = id_map_first(&c->pending);
    return go_on(v, STEP_CONSUMER_PENDING);
}

static bool put_consumer_pending(struct saving *v) {
    const struct id_map *pending = &consumer_of(v)->pending;
    const struct id_map_item *item = item_or_step(v, pending, STEP_CONSUMER);
    if (!item) {
        v->at->index++;
        return true;
    }
    put_raw_id(v->w, item->id);
    v->at->pos = id_map_next(pending, v->at->pos);
    return true;
}

static bool save(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit) {
    static bool (*const steps[STEP_END])(struct saving *) = {
        [STEP_BEGIN] = put_nodes_begin,
        [STEP_NODE_ID] = put_node_id,
        [STEP_NODE] = put_node,
        [STEP_FIGURES] = put_figures,
        [STEP_GROUP] = put_group,
        [STEP_GROUP_FIGURES] = put_group_figures,
        [STEP_PENDING] = put_pending,
        [STEP_CONSUMER] = put_consumer,
        [STEP_CONSUMER_FIGURES] = put_consumer_figures,
        [STEP_CONSUMER_PENDING] = put_consumer_pending,
    };
    struct saving v = {stream_of(e), w, at, limit};
    while (at->part != STEP_END)
        if (w->buf.len >= limit || !steps[at->part](&v)) return false;
    return true;
}

/* Reading. */

static const char node_damaged[] = "Stream listpack integrity check failed";

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

/* `*last`: the greatest id of the blocks before, which this one must be above; 0-0, which no entry
 * has, if there's none. */
static bool get_node(struct rdb_reader *r, struct stream *s, struct stream_id *last) {
    uint64_t len;
    struct stream_id first;
    if (!rdb_get_len(r, &len)) return false;
    if (len != ID_BYTES) return rdb_fail(r, "a stream's block without an id");
    if (!get_raw_id(r, &first)) return false;
    uint8_t *node = rdb_get_listpack(r, 0, node_damaged);
    if (!node) return false;
    if (!stream_node_valid(node, first) || stream_id_cmp(first, *last) <= 0) {
        listpack_free(node);
        return rdb_fail(r, node_damaged);
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
    if (!c) return rdb_fail(r, "Duplicate stream consumer detected");
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
    if (!g) return rdb_fail(r, "Duplicate stream consumer group detected");
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
