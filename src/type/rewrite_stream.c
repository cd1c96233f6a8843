/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/rewrite_stream.h"

#include "base/num.h"
#include "type/rewrite.h"
#include "type/stream_group.h"
#include "type/t_stream.h"

/* Each is the writing of one thing, and says which comes next. */
enum step {
    STEP_BEGIN,
    STEP_NODE,
    STEP_ENTRY,
    STEP_FIGURES,
    STEP_GROUP,
    STEP_CONSUMER,
    STEP_PENDING,
    STEP_END,
};

struct rewriting {
    const struct stream *s;
    struct slice key;
    struct rdb_writer *w;
    struct rdb_walk
        *at; /* part: the step; place: the entry; outer: the group; index: the consumer */
};

static void go_on(struct rewriting *v, enum step step) {
    v->at->part = step;
}

static void begin(struct rewriting *v, size_t words, const char *name) {
    rewrite_begin(v->w, words);
    rewrite_word(v->w, slice_str(name));
}

/* Entries. */

static void put_begin(struct rewriting *v) {
    v->at->pos = id_map_first(&v->s->nodes);
    go_on(v, STEP_NODE);
}

static struct stream_reader reader_of(const struct rewriting *v) {
    const struct id_map_item *item = id_map_at(&v->s->nodes, v->at->pos);
    return stream_node_open(item->value, item->id);
}

static void put_node(struct rewriting *v) {
    if (!id_map_at(&v->s->nodes, v->at->pos)) {
        go_on(v, STEP_FIGURES);
        return;
    }
    v->at->place = reader_of(v).entries;
    go_on(v, STEP_ENTRY);
}

static void put_pairs(struct rewriting *v, const struct stream_reader *r, struct stream_entry e) {
    char digits[NUM_I64_MAX];
    begin(v, 3 + 2 * e.pairs, "XADD");
    rewrite_word(v->w, v->key);
    rewrite_id(v->w, e.id);
    for (size_t n = e.pairs; n; n--) {
        const uint8_t *name, *value;
        stream_entry_pair(&e, r->node, &name, &value);
        rewrite_word(v->w, listpack_view(name, digits));
        rewrite_word(v->w, listpack_view(value, digits));
    }
}

static void put_entry(struct rewriting *v) {
    if (!v->at->place) {
        v->at->pos = id_map_next(&v->s->nodes, v->at->pos);
        go_on(v, STEP_NODE);
        return;
    }
    struct stream_reader r = reader_of(v);
    struct stream_entry e = stream_node_read(&r, v->at->place);
    v->at->place = stream_node_next(&r, &e);
    if (!e.deleted) put_pairs(v, &r, e);
}

/* Figures. */

/* An entry that is trimmed away at once leaves an empty stream. */
static void put_empty(struct rewriting *v) {
    bool has_id = !stream_id_is_zero(v->s->last_id);
    begin(v, 7, "XADD");
    rewrite_word(v->w, v->key);
    rewrite_word(v->w, SLICE("MAXLEN"));
    rewrite_u64(v->w, 0);
    rewrite_id(v->w, has_id ? v->s->last_id : (struct stream_id){0, 1});
    rewrite_word(v->w, SLICE("x"));
    rewrite_word(v->w, SLICE("y"));
}

static void put_figures(struct rewriting *v) {
    const struct stream *s = v->s;
    if (!s->length) put_empty(v);
    begin(v, 7, "XSETID");
    rewrite_word(v->w, v->key);
    rewrite_id(v->w, s->last_id);
    rewrite_word(v->w, SLICE("ENTRIESADDED"));
    rewrite_u64(v->w, s->entries_added);
    rewrite_word(v->w, SLICE("MAXDELETEDID"));
    rewrite_id(v->w, s->max_deleted_id);
    go_on(v, STEP_GROUP);
}

/* Groups. */

static void begin_group(struct rewriting *v, size_t words, const char *command) {
    begin(v, words, "XGROUP");
    rewrite_word(v->w, slice_str(command));
    rewrite_word(v->w, v->key);
    rewrite_word(v->w, stream_group_at(v->s, v->at->outer)->named.name);
}

static void put_group(struct rewriting *v) {
    if (v->at->outer == v->s->groups.count) {
        go_on(v, STEP_END);
        return;
    }
    const struct stream_group *g = stream_group_at(v->s, v->at->outer);
    begin_group(v, 7, "CREATE");
    rewrite_id(v->w, g->last_id);
    rewrite_word(v->w, SLICE("ENTRIESREAD"));
    rewrite_i64(v->w, g->entries_read);
    v->at->index = 0;
    go_on(v, STEP_CONSUMER);
}

static void put_consumer(struct rewriting *v) {
    const struct stream_group *g = stream_group_at(v->s, v->at->outer);
    if (v->at->index == g->consumers.count) {
        v->at->outer++;
        go_on(v, STEP_GROUP);
        return;
    }
    const struct stream_consumer *c = stream_consumer_at(g, v->at->index);
    begin_group(v, 5, "CREATECONSUMER");
    rewrite_word(v->w, c->named.name);
    v->at->pos = id_map_first(&c->pending);
    go_on(v, STEP_PENDING);
}

static void put_pending(struct rewriting *v) {
    const struct stream_group *g = stream_group_at(v->s, v->at->outer);
    const struct stream_consumer *c = stream_consumer_at(g, v->at->index);
    const struct id_map_item *item = id_map_at(&c->pending, v->at->pos);
    if (!item) {
        v->at->index++;
        go_on(v, STEP_CONSUMER);
        return;
    }
    const struct stream_pending *p = item->value;
    begin(v, 12, "XCLAIM");
    rewrite_word(v->w, v->key);
    rewrite_word(v->w, g->named.name);
    rewrite_word(v->w, c->named.name);
    rewrite_u64(v->w, 0);
    rewrite_id(v->w, item->id);
    rewrite_word(v->w, SLICE("TIME"));
    rewrite_u64(v->w, p->delivered_ms);
    rewrite_word(v->w, SLICE("RETRYCOUNT"));
    rewrite_u64(v->w, p->deliveries);
    rewrite_word(v->w, SLICE("JUSTID"));
    rewrite_word(v->w, SLICE("FORCE"));
    v->at->pos = id_map_next(&c->pending, v->at->pos);
}

bool rewrite_stream(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at,
                    size_t limit) {
    static void (*const steps[STEP_END])(struct rewriting *) = {
        [STEP_BEGIN] = put_begin,     [STEP_NODE] = put_node,   [STEP_ENTRY] = put_entry,
        [STEP_FIGURES] = put_figures, [STEP_GROUP] = put_group, [STEP_CONSUMER] = put_consumer,
        [STEP_PENDING] = put_pending,
    };
    struct rewriting v = {stream_of(e), entry_key(e), w, at};
    while (at->part != STEP_END) {
        if (w->buf.len >= limit) return false;
        steps[at->part](&v);
    }
    return true;
}
