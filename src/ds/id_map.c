/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/id_map.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

struct id_chunk {
    uint16_t start, count, cap;
    struct id_map_item items[];
};

/* Chunks have room for 2^n - 1 items: their blocks are of the allocator's sizes then. */
enum { CHUNK_MIN = 3, CHUNK_MAX = 127, MERGE_BELOW = 32, MERGE_INTO = 64 };

static const struct id_map_pos none = {UINT32_MAX, 0};

static inline struct id_top *top_of(const struct id_map *m, uint32_t top) {
    return &m->tops[m->head + top];
}

static inline struct id_chunk *chunk_of(const struct id_map *m, uint32_t top) {
    return top_of(m, top)->chunk;
}

static inline struct id_map_item *item_of(const struct id_chunk *c, uint32_t at) {
    return (struct id_map_item *)&c->items[c->start + at];
}

static size_t chunk_bytes(unsigned cap) {
    return sizeof(struct id_chunk) + cap * sizeof(struct id_map_item);
}

/* Gives a chunk room for `cap` items; NULL: makes a new one. They start at the front then. */
static struct id_chunk *chunk_resize(struct id_chunk *c, unsigned cap) {
    struct id_chunk *to = mem_alloc(chunk_bytes(cap));
    to->start = to->count = 0;
    to->cap = (uint16_t)cap;
    if (!c) return to;
    to->count = c->count;
    memcpy(to->items, item_of(c, 0), c->count * sizeof *c->items);
    mem_free_sized(c, chunk_bytes(c->cap));
    return to;
}

/* The array of chunks. */

static void tops_make_room(struct id_map *m) {
    if (m->head + m->len < m->cap) return;
    if (m->head > m->len) { /* moved at most once per element that went at the front */
        memmove(m->tops, m->tops + m->head, m->len * sizeof *m->tops);
        m->head = 0;
        return;
    }
    uint32_t cap = m->cap ? 2 * m->cap : 1;
    m->tops = mem_realloc(m->tops, cap * sizeof *m->tops);
    m->cap = cap;
}

static void tops_insert(struct id_map *m, uint32_t top, struct id_chunk *c) {
    tops_make_room(m);
    struct id_top *to = top_of(m, top);
    memmove(to + 1, to, (m->len - top) * sizeof *to);
    *to = (struct id_top){item_of(c, 0)->id, c};
    m->len++;
}

/* Frees the chunk. */
static void tops_remove(struct id_map *m, uint32_t top) {
    struct id_top *at = top_of(m, top);
    mem_free_sized(at->chunk, chunk_bytes(at->chunk->cap));
    m->len--;
    if (top == 0)
        m->head++;
    else
        memmove(at, at + 1, (m->len - top) * sizeof *at);
    if (m->len) return;
    mem_free_sized(m->tops, m->cap * sizeof *m->tops);
    *m = (struct id_map)ID_MAP_INIT;
}

void id_map_release(struct id_map *m, void (*free_value)(void *value)) {
    for (uint32_t top = 0; top < m->len; top++) {
        struct id_chunk *c = chunk_of(m, top);
        for (uint32_t at = 0; free_value && at < c->count; at++) free_value(item_of(c, at)->value);
        mem_free_sized(c, chunk_bytes(c->cap));
    }
    if (m->tops) mem_free_sized(m->tops, m->cap * sizeof *m->tops);
    *m = (struct id_map)ID_MAP_INIT;
}

/* Finding. */

/* The chunk where an id is or would be. */
static uint32_t find_top(const struct id_map *m, struct stream_id id) {
    uint32_t low = 0, high = m->len; /* in low, or before high */
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (stream_id_cmp(top_of(m, mid)->lowest, id) <= 0)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* The first item that's not before the id; count if there's none. */
static uint32_t find_item(const struct id_chunk *c, struct stream_id id) {
    uint32_t low = 0, high = c->count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (stream_id_cmp(item_of(c, mid)->id, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct id_map_item *id_map_at(const struct id_map *m, struct id_map_pos pos) {
    return pos.top < m->len ? item_of(chunk_of(m, pos.top), pos.at) : NULL;
}

struct id_map_pos id_map_first(const struct id_map *m) {
    return m->len ? (struct id_map_pos){0, 0} : none;
}

static struct id_map_pos last_of(const struct id_map *m, uint32_t top) {
    return (struct id_map_pos){top, chunk_of(m, top)->count - 1u};
}

struct id_map_pos id_map_last(const struct id_map *m) {
    return m->len ? last_of(m, m->len - 1) : none;
}

/* A position that may be behind the last item of its chunk. */
static struct id_map_pos settle(const struct id_map *m, struct id_map_pos pos) {
    if (pos.top >= m->len) return none;
    if (pos.at < chunk_of(m, pos.top)->count) return pos;
    return pos.top + 1 < m->len ? (struct id_map_pos){pos.top + 1, 0} : none;
}

struct id_map_pos id_map_next(const struct id_map *m, struct id_map_pos pos) {
    pos.at++;
    return settle(m, pos);
}

struct id_map_pos id_map_prev(const struct id_map *m, struct id_map_pos pos) {
    if (pos.at) return (struct id_map_pos){pos.top, pos.at - 1};
    return pos.top ? last_of(m, pos.top - 1) : none;
}

struct id_map_pos id_map_from(const struct id_map *m, struct stream_id id) {
    if (!m->len) return none;
    uint32_t top = find_top(m, id);
    return settle(m, (struct id_map_pos){top, find_item(chunk_of(m, top), id)});
}

struct id_map_pos id_map_up_to(const struct id_map *m, struct stream_id id) {
    if (!m->len) return none;
    struct id_map_pos pos = {find_top(m, id), 0};
    const struct id_chunk *c = chunk_of(m, pos.top);
    pos.at = find_item(c, id);
    if (pos.at < c->count && stream_id_eq(item_of(c, pos.at)->id, id)) return pos;
    return id_map_prev(m, pos);
}

void *id_map_find(const struct id_map *m, struct stream_id id) {
    const struct id_map_item *item = id_map_at(m, id_map_from(m, id));
    return item && stream_id_eq(item->id, id) ? item->value : NULL;
}

/* Adding. */

/* Moves items so that one is free at `at`; there's room for it. */
static struct id_map_item *open_gap(struct id_chunk *c, uint32_t at) {
    bool room_behind = c->start + c->count < c->cap;
    struct id_map_item *gap = item_of(c, at);
    if (room_behind && (at >= c->count / 2 || c->start == 0)) {
        memmove(gap + 1, gap, (c->count - at) * sizeof *gap);
    } else {
        memmove(item_of(c, 0) - 1, item_of(c, 0), at * sizeof *gap);
        c->start--;
        gap--;
    }
    c->count++;
    return gap;
}

/* The upper half goes to a chunk of its own. */
static void split(struct id_map *m, uint32_t top) {
    struct id_chunk *c = chunk_of(m, top), *upper = chunk_resize(NULL, CHUNK_MAX);
    uint16_t keep = c->count / 2;
    upper->count = c->count - keep;
    memcpy(upper->items, item_of(c, keep), upper->count * sizeof *c->items);
    c->count = keep;
    tops_insert(m, top + 1, upper);
}

static void append_chunk(struct id_map *m, struct id_map_item item) {
    struct id_chunk *c = chunk_resize(NULL, m->len ? CHUNK_MAX : CHUNK_MIN);
    c->items[0] = item;
    c->count = 1;
    tops_insert(m, m->len, c);
}

/* At the end of the last chunk, where nothing should have to move. */
static void append(struct id_map *m, struct id_map_item item) {
    m->count++;
    if (!m->len) {
        append_chunk(m, item);
        return;
    }
    struct id_top *top = top_of(m, m->len - 1);
    struct id_chunk *c = top->chunk;
    if (c->start + c->count == c->cap) {
        if (c->count <= c->cap / 2) {
            memmove(c->items, item_of(c, 0), c->count * sizeof *c->items);
            c->start = 0;
        } else if (c->cap < CHUNK_MAX) {
            top->chunk = c = chunk_resize(c, 2u * c->cap + 1);
        } else {
            append_chunk(m, item);
            return;
        }
    }
    *item_of(c, c->count++) = item;
}

bool id_map_insert(struct id_map *m, struct stream_id id, void *value) {
    struct id_map_item item = {id, value};
    const struct id_map_item *last = id_map_at(m, id_map_last(m));
    if (!last || stream_id_cmp(last->id, id) < 0) {
        append(m, item);
        return true;
    }
    uint32_t top = find_top(m, id);
    struct id_chunk *c = chunk_of(m, top);
    uint32_t at = find_item(c, id);
    if (at < c->count && stream_id_eq(item_of(c, at)->id, id)) return false;
    if (c->count == c->cap && c->cap < CHUNK_MAX) {
        top_of(m, top)->chunk = c = chunk_resize(c, 2u * c->cap + 1);
    } else if (c->count == c->cap) {
        split(m, top);
        if (at > c->count) {
            at -= c->count;
            c = chunk_of(m, ++top);
        }
    }
    *open_gap(c, at) = item;
    if (stream_id_cmp(id, top_of(m, top)->lowest) < 0) top_of(m, top)->lowest = id;
    m->count++;
    return true;
}

/* Removing. */

static void close_gap(struct id_chunk *c, uint32_t at) {
    struct id_map_item *gap = item_of(c, at);
    if (at < c->count / 2u) {
        memmove(item_of(c, 1), item_of(c, 0), at * sizeof *gap);
        c->start++;
    } else {
        memmove(gap, gap + 1, (c->count - at - 1u) * sizeof *gap);
    }
    c->count--;
}

/* Moves a chunk's items to the one before. */
static void merge(struct id_map *m, uint32_t top) {
    struct id_chunk *upper = chunk_of(m, top), *c = chunk_of(m, top - 1);
    unsigned cap = c->cap;
    while (cap < (unsigned)c->count + upper->count) cap = 2 * cap + 1;
    if (cap != c->cap || c->start + c->count + upper->count > c->cap) c = chunk_resize(c, cap);
    top_of(m, top - 1)->chunk = c;
    memcpy(item_of(c, c->count), item_of(upper, 0), upper->count * sizeof *c->items);
    c->count += upper->count;
    tops_remove(m, top);
}

static bool can_merge(const struct id_map *m, uint32_t top) {
    return top > 0 && top < m->len &&
           chunk_of(m, top - 1)->count + chunk_of(m, top)->count <= MERGE_INTO;
}

/* A chunk with little in it goes together with a neighbour, or shrinks. Returns where the position
 * is then. */
static struct id_map_pos tidy(struct id_map *m, struct id_map_pos pos) {
    struct id_chunk *c = chunk_of(m, pos.top);
    if (c->count == 0) {
        tops_remove(m, pos.top);
        return (struct id_map_pos){pos.top, 0};
    }
    if (c->count < MERGE_BELOW && can_merge(m, pos.top + 1)) {
        merge(m, pos.top + 1);
    } else if (c->count < MERGE_BELOW && can_merge(m, pos.top)) {
        pos.at += chunk_of(m, pos.top - 1)->count;
        merge(m, pos.top--);
    } else if (c->count <= c->cap / 4 && c->cap > CHUNK_MIN) {
        top_of(m, pos.top)->chunk = chunk_resize(c, c->cap / 2);
    }
    return pos;
}

struct id_map_pos id_map_remove_at(struct id_map *m, struct id_map_pos pos) {
    close_gap(chunk_of(m, pos.top), pos.at);
    m->count--;
    return settle(m, tidy(m, pos));
}

void *id_map_remove(struct id_map *m, struct stream_id id) {
    struct id_map_pos pos = id_map_from(m, id);
    const struct id_map_item *item = id_map_at(m, pos);
    if (!item || !stream_id_eq(item->id, id)) return NULL;
    void *value = item->value;
    id_map_remove_at(m, pos);
    return value;
}

size_t id_map_chunks(const struct id_map *m) {
    return m->len;
}

size_t id_map_memory(const struct id_map *m) {
    size_t bytes = m->tops ? mem_class_size(m->cap * sizeof *m->tops) : 0;
    for (uint32_t top = 0; top < m->len; top++)
        bytes += mem_class_size(chunk_bytes(chunk_of(m, top)->cap));
    return bytes;
}

void id_map_check(const struct id_map *m) {
    const struct id_map_item *before = NULL;
    size_t count = 0;
    ASSERT(m->head + m->len <= m->cap && (m->len == 0) == (m->tops == NULL));
    for (uint32_t top = 0; top < m->len; top++) {
        const struct id_chunk *c = chunk_of(m, top);
        struct stream_id lowest = top_of(m, top)->lowest;
        ASSERT(c->count > 0 && c->start + c->count <= c->cap && c->cap <= CHUNK_MAX);
        ASSERT(!before || stream_id_cmp(before->id, lowest) < 0);
        ASSERT(stream_id_cmp(lowest, item_of(c, 0)->id) <= 0);
        for (uint32_t at = 0; at < c->count; at++, count++) {
            const struct id_map_item *item = item_of(c, at);
            ASSERT(!before || stream_id_cmp(before->id, item->id) < 0);
            ASSERT(item->value != NULL);
            before = item;
        }
    }
    ASSERT(count == m->count);
}
