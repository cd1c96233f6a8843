/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/stream_group.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cell.h"

/* The name stands behind the struct. */
static void *named_new(size_t size, struct slice name) {
    char *block = mem_alloc(size + name.len);
    slice_put(block + size, name);
    ((struct named *)block)->name = slice_of(block + size, name.len);
    return block;
}

/* Consumers. */

static void free_consumer(struct named *item) {
    struct stream_consumer *c = (struct stream_consumer *)item;
    id_map_release(&c->pending, NULL);
    mem_free(c);
}

struct stream_consumer *stream_consumer_find(const struct stream_group *g, struct slice name) {
    return (struct stream_consumer *)name_list_find(&g->consumers, name);
}

struct stream_consumer *stream_consumer_add(struct stream_group *g, struct slice name,
                                            uint64_t now_ms) {
    struct stream_consumer *c = named_new(sizeof *c, name);
    c->seen_ms = now_ms;
    c->active_ms = STREAM_NEVER;
    c->pending = (struct id_map)ID_MAP_INIT;
    if (name_list_add(&g->consumers, &c->named)) return c;
    free_consumer(&c->named);
    return NULL;
}

size_t stream_consumer_remove(struct stream_group *g, struct stream_consumer *c) {
    size_t count = id_map_count(&c->pending);
    const struct id_map_item *item;
    for (struct id_map_pos pos = id_map_first(&c->pending); (item = id_map_at(&c->pending, pos));
         pos = id_map_next(&c->pending, pos))
        cell_free(id_map_remove(&g->pending, item->id), sizeof(struct stream_pending));
    free_consumer(name_list_remove(&g->consumers, c->named.name));
    return count;
}

/* Pending entries. */

struct stream_pending *stream_pending_add(struct stream_group *g, struct stream_consumer *c,
                                          struct stream_id id, uint64_t now_ms) {
    struct stream_pending *p = cell_alloc(sizeof *p);
    *p = (struct stream_pending){.consumer = c, .delivered_ms = now_ms};
    id_map_insert(&g->pending, id, p);
    id_map_insert(&c->pending, id, p);
    return p;
}

void stream_pending_move(struct stream_pending *p, struct stream_consumer *to,
                         struct stream_id id) {
    if (p->consumer == to) return;
    id_map_remove(&p->consumer->pending, id);
    p->consumer = to;
    id_map_insert(&to->pending, id, p);
}

bool stream_pending_remove(struct stream_group *g, struct stream_id id) {
    struct stream_pending *p = id_map_remove(&g->pending, id);
    if (!p) return false;
    id_map_remove(&p->consumer->pending, id);
    cell_free(p, sizeof *p);
    return true;
}

/* Groups. */

static void free_pending(void *pending) {
    cell_free(pending, sizeof(struct stream_pending));
}

static void free_group(struct named *item) {
    struct stream_group *g = (struct stream_group *)item;
    id_map_release(&g->pending, free_pending);
    name_list_release(&g->consumers, free_consumer);
    mem_free(g);
}

struct stream_group *stream_group_find(const struct stream *s, struct slice name) {
    return (struct stream_group *)name_list_find(&s->groups, name);
}

struct stream_group *stream_group_add(struct stream *s, struct slice name, struct stream_id last_id,
                                      int64_t entries_read) {
    struct stream_group *g = named_new(sizeof *g, name);
    g->last_id = last_id;
    g->entries_read = entries_read;
    g->pending = (struct id_map)ID_MAP_INIT;
    g->consumers = (struct name_list)NAME_LIST_INIT;
    if (name_list_add(&s->groups, &g->named)) return g;
    free_group(&g->named);
    return NULL;
}

bool stream_group_remove(struct stream *s, struct slice name) {
    struct named *item = name_list_remove(&s->groups, name);
    if (item) free_group(item);
    return item != NULL;
}

void stream_groups_release(struct stream *s) {
    name_list_release(&s->groups, free_group);
}

static void copy_pending(struct stream_group *to, struct stream_consumer *c,
                         const struct id_map *pending) {
    const struct id_map_item *item;
    for (struct id_map_pos pos = id_map_first(pending); (item = id_map_at(pending, pos));
         pos = id_map_next(pending, pos)) {
        const struct stream_pending *from = item->value;
        struct stream_pending *p = stream_pending_add(to, c, item->id, from->delivered_ms);
        p->deliveries = from->deliveries;
    }
}

void stream_groups_copy(struct stream *to, const struct stream *from) {
    for (size_t i = 0; i < from->groups.count; i++) {
        const struct stream_group *g = stream_group_at(from, i);
        struct stream_group *copy =
            stream_group_add(to, g->named.name, g->last_id, g->entries_read);
        for (size_t k = 0; k < g->consumers.count; k++) {
            const struct stream_consumer *c = stream_consumer_at(g, k);
            struct stream_consumer *consumer = stream_consumer_add(copy, c->named.name, c->seen_ms);
            consumer->active_ms = c->active_ms;
            copy_pending(copy, consumer, &c->pending);
        }
    }
}

/* While nothing was deleted one by one behind the entry, counting on tells how many were read.
 * Counts can be set to anything; as in Redis they overflow silently. */
void stream_group_advance(struct stream_group *g, const struct stream *s, struct stream_id id) {
    if (g->entries_read != STREAM_UNKNOWN && !stream_has_gaps(s, id))
        g->entries_read = (int64_t)((uint64_t)g->entries_read + 1);
    else if (s->entries_added)
        g->entries_read = stream_added_up_to(s, id);
    g->last_id = id;
}

bool stream_group_lag(const struct stream_group *g, const struct stream *s, int64_t *lag) {
    int64_t read = g->entries_read;
    if (s->entries_added == 0)
        read = 0;
    else if (read == STREAM_UNKNOWN || stream_has_gaps(s, g->last_id))
        read = stream_added_up_to(s, g->last_id);
    *lag = (int64_t)(s->entries_added - (uint64_t)read);
    return read != STREAM_UNKNOWN;
}

size_t stream_groups_memory(const struct stream *s) {
    size_t bytes = name_list_memory(&s->groups);
    for (size_t i = 0; i < s->groups.count; i++) {
        const struct stream_group *g = stream_group_at(s, i);
        bytes += mem_usable_size(g) + name_list_memory(&g->consumers);
        bytes += id_map_memory(&g->pending);
        bytes += id_map_count(&g->pending) * cell_size(sizeof(struct stream_pending));
        for (size_t k = 0; k < g->consumers.count; k++) {
            const struct stream_consumer *c = stream_consumer_at(g, k);
            bytes += mem_usable_size(c) + id_map_memory(&c->pending);
        }
    }
    return bytes;
}

size_t stream_groups_effort(const struct stream *s) {
    size_t effort = 0;
    for (size_t i = 0; i < s->groups.count; i++) {
        const struct stream_group *g = stream_group_at(s, i);
        effort += 1 + id_map_count(&g->pending) + 2 * g->consumers.count;
    }
    return effort;
}

static void check_group(const struct stream_group *g) {
    size_t pending = 0;
    id_map_check(&g->pending);
    name_list_check(&g->consumers);
    for (size_t i = 0; i < g->consumers.count; i++) {
        const struct stream_consumer *c = stream_consumer_at(g, i);
        const struct id_map_item *item;
        id_map_check(&c->pending);
        pending += id_map_count(&c->pending);
        for (struct id_map_pos pos = id_map_first(&c->pending);
             (item = id_map_at(&c->pending, pos)); pos = id_map_next(&c->pending, pos)) {
            const struct stream_pending *p = item->value;
            ASSERT(p->consumer == c && stream_pending_find(g, item->id) == p);
        }
    }
    ASSERT(pending == id_map_count(&g->pending));
}

void stream_groups_check(const struct stream *s) {
    name_list_check(&s->groups);
    for (size_t i = 0; i < s->groups.count; i++) check_group(stream_group_at(s, i));
}
