/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/stream_log.h"

#include "base/alloc.h"
#include "base/assert.h"

struct stream *stream_new(void) {
    return mem_zalloc(sizeof(struct stream));
}

static void free_node(void *node) {
    listpack_free(node);
}

void stream_free(struct stream *s) {
    id_map_release(&s->nodes, free_node);
    mem_free_sized(s, sizeof *s);
}

struct stream *stream_copy(const struct stream *s) {
    struct stream *copy = mem_alloc(sizeof *copy);
    *copy = *s;
    copy->nodes = (struct id_map)ID_MAP_INIT;
    copy->groups = (struct name_list)NAME_LIST_INIT;
    for (struct id_map_pos pos = id_map_first(&s->nodes);; pos = id_map_next(&s->nodes, pos)) {
        const struct id_map_item *item = id_map_at(&s->nodes, pos);
        if (!item) return copy;
        id_map_insert(&copy->nodes, item->id, listpack_copy(item->value));
    }
}

/* Adding. */

bool stream_id_for(const struct stream *s, const struct stream_id_wish *wish, uint64_t now_ms,
                   struct stream_id *id) {
    *id = s->last_id;
    if (!wish->has_ms) {
        if (now_ms <= id->ms) return stream_id_next(id);
        *id = (struct stream_id){now_ms, 0};
        return true;
    }
    if (wish->has_seq || wish->id.ms != id->ms) {
        *id = wish->id;
        return stream_id_cmp(*id, s->last_id) > 0;
    }
    return id->seq++ != UINT64_MAX;
}

/* The most that entry and block of an entry take beside its `bytes` of names and values: up to ten
 * for each element. */
static size_t around(size_t count) {
    return 10 * (2 * count + 12);
}

static bool is_full(const uint8_t *node, size_t bytes, size_t count,
                    const struct type_settings *settings) {
    size_t max_bytes = settings->stream_node_max_bytes, has = listpack_bytes(node);
    if (has + bytes + around(count) > LISTPACK_MAX_BYTES) return true;
    if (max_bytes && has + bytes >= max_bytes) return true;
    return settings->stream_node_max_entries &&
           stream_node_live(node) + stream_node_deleted(node) >=
               (uint64_t)settings->stream_node_max_entries;
}

bool stream_append(struct stream *s, struct stream_id id, const struct slice *pairs, size_t count,
                   const struct type_settings *settings) {
    DASSERT(stream_id_cmp(id, s->last_id) > 0);
    size_t bytes = 0;
    for (size_t i = 0; i < 2 * count; i++) bytes += pairs[i].len;
    if (bytes + around(count) > LISTPACK_MAX_BYTES) return false;
    struct id_map_item *last = id_map_at(&s->nodes, id_map_last(&s->nodes));
    if (!last || is_full(last->value, bytes, count, settings)) {
        id_map_insert(&s->nodes, id, stream_node_new(pairs, count));
        last = id_map_at(&s->nodes, id_map_last(&s->nodes));
    }
    uint8_t *node = last->value;
    stream_node_append(&node, last->id, id, pairs, count);
    last->value = node;
    s->entries_added++;
    s->last_id = id;
    if (s->length++ == 0) s->first_id = id;
    return true;
}

/* Removing. */

static struct id_map_pos drop_node(struct stream *s, struct id_map_pos pos) {
    listpack_free(id_map_at(&s->nodes, pos)->value);
    return id_map_remove_at(&s->nodes, pos);
}

/* The id of a block's last entry, deleted or not. */
static struct stream_id last_in_node(const struct id_map_item *item) {
    struct stream_reader r = stream_node_open(item->value, item->id);
    const uint8_t *at = stream_node_prev(&r, NULL);
    return at ? stream_node_read(&r, at).id : item->id;
}

static bool node_goes(const struct stream *s, const struct id_map_item *item, size_t live,
                      const struct stream_trim *trim) {
    if (trim->by == STREAM_TRIM_MINID) return stream_id_cmp(last_in_node(item), trim->min_id) < 0;
    return s->length >= live && s->length - live >= trim->max_len;
}

/* Removes entries at the front of a block, of which some remain. */
static uint64_t trim_node(struct stream *s, struct id_map_item *item,
                          const struct stream_trim *trim) {
    uint8_t *node = item->value;
    uint64_t removed = 0;
    struct stream_reader r = stream_node_open(node, item->id);
    for (const uint8_t *at = r.entries; at;) {
        struct stream_entry e = stream_node_read(&r, at);
        bool stays = trim->by == STREAM_TRIM_MAXLEN ? s->length <= trim->max_len
                                                    : stream_id_cmp(e.id, trim->min_id) >= 0;
        if (stays) break;
        if (!e.deleted) {
            at = stream_node_delete(&node, at);
            r = stream_node_open(node, item->id);
            e = stream_node_read(&r, at);
            s->length--;
            removed++;
        }
        at = stream_node_next(&r, &e);
    }
    item->value = node;
    return removed;
}

uint64_t stream_trim(struct stream *s, const struct stream_trim *trim) {
    uint64_t removed = 0;
    struct id_map_pos pos = id_map_first(&s->nodes);
    for (struct id_map_item *item; (item = id_map_at(&s->nodes, pos));) {
        if (trim->by == STREAM_TRIM_MAXLEN && s->length <= trim->max_len) break;
        size_t live = stream_node_live(item->value);
        if (trim->limit && removed + live > trim->limit) break;
        if (!node_goes(s, item, live, trim)) {
            if (!trim->whole_nodes) removed += trim_node(s, item, trim);
            break;
        }
        pos = drop_node(s, pos);
        s->length -= live;
        removed += live;
    }
    if (removed) s->first_id = stream_end_id(s, false);
    return removed;
}

bool stream_delete(struct stream *s, struct stream_id id) {
    struct id_map_pos pos = id_map_up_to(&s->nodes, id);
    struct id_map_item *item = id_map_at(&s->nodes, pos);
    struct stream_iter it;
    struct stream_entry e;
    stream_iter_init(&it, s, id, id, false);
    if (!stream_iter_next(&it, &e)) return false;
    if (stream_node_live(item->value) == 1) {
        drop_node(s, pos);
    } else {
        uint8_t *node = item->value;
        stream_node_delete(&node, e.at);
        item->value = node;
    }
    s->length--;
    if (stream_id_cmp(id, s->max_deleted_id) > 0) s->max_deleted_id = id;
    if (stream_id_eq(id, s->first_id)) s->first_id = stream_end_id(s, false);
    return true;
}

/* Walking. */

static bool open_node(struct stream_iter *it) {
    const struct id_map_item *item = id_map_at(&it->stream->nodes, it->pos);
    if (!item) return false;
    it->reader = stream_node_open(item->value, item->id);
    it->at = it->backwards ? stream_node_prev(&it->reader, NULL) : it->reader.entries;
    return true;
}

void stream_iter_init(struct stream_iter *it, const struct stream *s, struct stream_id from,
                      struct stream_id to, bool backwards) {
    const struct id_map *nodes = &s->nodes;
    *it = (struct stream_iter){.stream = s, .from = from, .to = to, .backwards = backwards};
    it->pos = id_map_up_to(nodes, backwards ? to : from);
    if (!backwards && !id_map_at(nodes, it->pos)) it->pos = id_map_first(nodes);
    open_node(it);
}

static bool next_node(struct stream_iter *it) {
    const struct id_map *nodes = &it->stream->nodes;
    if (!id_map_at(nodes, it->pos)) return false;
    it->pos = it->backwards ? id_map_prev(nodes, it->pos) : id_map_next(nodes, it->pos);
    return open_node(it);
}

bool stream_iter_next(struct stream_iter *it, struct stream_entry *e) {
    for (;;) {
        while (!it->at)
            if (!next_node(it)) return false;
        *e = stream_node_read(&it->reader, it->at);
        it->at = it->backwards ? stream_node_prev(&it->reader, it->at)
                               : stream_node_next(&it->reader, e);
        bool before = stream_id_cmp(e->id, it->from) < 0;
        bool behind = stream_id_cmp(e->id, it->to) > 0;
        if (it->backwards ? before : behind) return false;
        if (!before && !behind && !e->deleted) return true;
    }
}

bool stream_has(const struct stream *s, struct stream_id id) {
    struct stream_iter it;
    struct stream_entry e;
    stream_iter_init(&it, s, id, id, false);
    return stream_iter_next(&it, &e);
}

struct stream_id stream_end_id(const struct stream *s, bool last) {
    struct stream_iter it;
    struct stream_entry e;
    stream_iter_init(&it, s, STREAM_ID_MIN, STREAM_ID_MAX, last);
    return stream_iter_next(&it, &e) ? e.id : STREAM_ID_MIN;
}

/* What is known of entries that are gone. */

bool stream_has_gaps(const struct stream *s, struct stream_id from) {
    return s->length && stream_id_cmp(s->first_id, s->max_deleted_id) <= 0 &&
           stream_id_cmp(from, s->max_deleted_id) <= 0;
}

int64_t stream_added_up_to(const struct stream *s, struct stream_id id) {
    int64_t added = (int64_t)s->entries_added;
    if (added == 0) return 0;
    int last = stream_id_cmp(id, s->last_id);
    if (s->length == 0 && last <= 0) return added;
    if (last > 0) return STREAM_UNKNOWN;
    if (last == 0) return added;
    int first = stream_id_cmp(id, s->first_id);
    bool whole =
        stream_id_is_zero(s->max_deleted_id) || stream_id_cmp(s->max_deleted_id, s->first_id) < 0;
    if (!whole || first > 0) return STREAM_UNKNOWN;
    return (int64_t)(s->entries_added - s->length + (first == 0));
}

void stream_check(const struct stream *s) {
    uint64_t length = 0;
    struct stream_id before = STREAM_ID_MIN;
    id_map_check(&s->nodes);
    for (struct id_map_pos pos = id_map_first(&s->nodes);; pos = id_map_next(&s->nodes, pos)) {
        const struct id_map_item *item = id_map_at(&s->nodes, pos);
        if (!item) break;
        ASSERT(listpack_valid(item->value, listpack_bytes(item->value)));
        ASSERT(stream_node_valid(item->value, item->id));
        ASSERT(stream_node_live(item->value) > 0);
        ASSERT(stream_id_cmp(before, item->id) < 0);
        before = last_in_node(item);
        length += stream_node_live(item->value);
    }
    ASSERT(length == s->length && stream_id_cmp(before, s->last_id) <= 0);
    ASSERT(stream_id_eq(s->first_id, stream_end_id(s, false)));
}
