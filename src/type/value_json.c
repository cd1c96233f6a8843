/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/value_json.h"

#include "base/json.h"
#include "type/stream_group.h"
#include "type/t_hash.h"
#include "type/t_list.h"
#include "type/t_set.h"
#include "type/t_stream.h"
#include "type/t_string.h"
#include "type/t_zset.h"
#include "type/type.h"

static void put_string(const struct entry *e, struct buf *to) {
    char digits[NUM_I64_MAX];
    json_put_bytes(to, string_view(e, digits));
}

static void put_list(const struct entry *e, struct buf *to) {
    struct list_iter it;
    struct deque_value v;
    char digits[NUM_I64_MAX];
    bool first = true;
    buf_append_char(to, '[');
    list_iter_init(&it, e, 0, false);
    while (list_next(&it, &v)) {
        json_put_comma(to, &first);
        json_put_bytes(to, list_value_text(&v, digits));
    }
    list_iter_end(&it);
    buf_append_char(to, ']');
}

static void put_set(const struct entry *e, struct buf *to) {
    struct set_iter it;
    struct set_member m;
    char digits[NUM_I64_MAX];
    bool first = true;
    buf_append_char(to, '[');
    set_iter_init(&it, e);
    while (set_iter_next(&it, &m)) {
        json_put_comma(to, &first);
        json_put_bytes(to, set_member_text(&m, digits));
    }
    buf_append_char(to, ']');
}

static void put_zset(const struct entry *e, struct buf *to) {
    struct zset_iter it;
    struct zset_item item;
    char digits[NUM_DOUBLE_MAX];
    bool first = true;
    buf_append_char(to, '[');
    zset_iter_init(&it, e, 0, false);
    while (zset_iter_next(&it, &item)) {
        json_put_comma(to, &first);
        buf_append_char(to, '[');
        json_put_bytes(to, item.member);
        buf_append_char(to, ',');
        json_put_bytes(to, slice_of(digits, num_from_double(digits, item.score)));
        buf_append_char(to, ']');
    }
    buf_append_char(to, ']');
}

static void put_hash(const struct entry *e, struct buf *to) {
    struct hash_iter it;
    struct hash_item item;
    char digits[NUM_I64_MAX];
    bool first = true;
    buf_append_char(to, '[');
    hash_iter_init(&it, e);
    while (hash_iter_next(&it, &item)) {
        json_put_comma(to, &first);
        buf_append_char(to, '[');
        json_put_bytes(to, hash_text_view(&item.field, digits));
        buf_append_char(to, ',');
        json_put_bytes(to, hash_text_view(&item.value, digits));
        if (item.deadline != HASH_NO_DEADLINE)
            buf_appendf(to, ",%llu", (unsigned long long)item.deadline);
        buf_append_char(to, ']');
    }
    buf_append_char(to, ']');
}

/* Streams. */

static void put_id(struct buf *to, struct stream_id id) {
    char text[STREAM_ID_TEXT_MAX];
    json_put_bytes(to, slice_of(text, stream_id_print(text, id)));
}

static void put_named_id(struct buf *to, const char *name, struct stream_id id) {
    buf_append_char(to, ',');
    json_put_name(to, name);
    put_id(to, id);
}

/* A figure that's below 0 if nothing is known. */
static void put_figure(struct buf *to, const char *name, int64_t figure) {
    buf_append_char(to, ',');
    json_put_name(to, name);
    if (figure < 0)
        buf_append_str(to, "null");
    else
        buf_append_i64(to, figure);
}

static void put_entries(const struct stream *s, struct buf *to) {
    struct stream_iter it;
    struct stream_entry entry;
    char digits[NUM_I64_MAX];
    bool first = true;
    stream_iter_init(&it, s, STREAM_ID_MIN, STREAM_ID_MAX, false);
    while (stream_iter_next(&it, &entry)) {
        const uint8_t *name, *value, *node = it.reader.node;
        json_put_comma(to, &first);
        buf_append_char(to, '[');
        put_id(to, entry.id);
        for (size_t i = 0; i < entry.pairs; i++) {
            stream_entry_pair(&entry, node, &name, &value);
            buf_append_str(to, i ? "," : ",[");
            json_put_bytes(to, listpack_view(name, digits));
            buf_append_char(to, ',');
            json_put_bytes(to, listpack_view(value, digits));
        }
        buf_append_str(to, "]]");
    }
}

static void put_pending(const struct stream_group *g, struct buf *to) {
    struct id_map_pos pos = id_map_first(&g->pending);
    bool first = true;
    for (const struct id_map_item *item; (item = id_map_at(&g->pending, pos));) {
        const struct stream_pending *p = item->value;
        json_put_comma(to, &first);
        buf_append_char(to, '[');
        put_id(to, item->id);
        buf_append_char(to, ',');
        json_put_bytes(to, p->consumer->named.name);
        buf_appendf(to, ",%llu,%llu]", (unsigned long long)p->delivered_ms,
                    (unsigned long long)p->deliveries);
        pos = id_map_next(&g->pending, pos);
    }
}

static void put_consumers(const struct stream_group *g, struct buf *to) {
    bool first = true;
    for (size_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        json_put_comma(to, &first);
        buf_append_str(to, "{\"name\":");
        json_put_bytes(to, c->named.name);
        put_figure(to, "seen", (int64_t)c->seen_ms);
        put_figure(to, "active", c->active_ms);
        buf_append_char(to, '}');
    }
}

static void put_group(const struct stream_group *g, struct buf *to) {
    buf_append_str(to, "{\"name\":");
    json_put_bytes(to, g->named.name);
    put_named_id(to, "last_id", g->last_id);
    put_figure(to, "entries_read", g->entries_read);
    buf_append_str(to, ",\"pending\":[");
    put_pending(g, to);
    buf_append_str(to, "],\"consumers\":[");
    put_consumers(g, to);
    buf_append_str(to, "]}");
}

static void put_stream(const struct entry *e, struct buf *to) {
    const struct stream *s = stream_of(e);
    bool first = true;
    buf_append_str(to, "{\"entries\":[");
    put_entries(s, to);
    buf_append_char(to, ']');
    put_figure(to, "length", (int64_t)s->length);
    put_named_id(to, "last_id", s->last_id);
    put_figure(to, "entries_added", (int64_t)s->entries_added);
    put_named_id(to, "max_deleted_id", s->max_deleted_id);
    buf_append_str(to, ",\"groups\":[");
    for (size_t i = 0; i < s->groups.count; i++) {
        json_put_comma(to, &first);
        put_group(stream_group_at(s, i), to);
    }
    buf_append_str(to, "]}");
}

void value_json(const struct entry *e, struct buf *to) {
    static void (*const puts[TYPE_COUNT])(const struct entry *e, struct buf *to) = {
        [TYPE_STRING] = put_string, [TYPE_LIST] = put_list, [TYPE_SET] = put_set,
        [TYPE_ZSET] = put_zset,     [TYPE_HASH] = put_hash, [TYPE_STREAM] = put_stream,
    };
    puts[e->type](e, to);
}
