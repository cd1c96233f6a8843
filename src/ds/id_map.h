/* SPDX-License-Identifier: BSD-3-Clause */
/* A map from 128-bit ids to pointers, in order of the ids: the blocks of a stream, the pending
 * entries of consumers.
 *
 * Shape: chunks of up to 127 items in order, and an array of the chunks in order.
 *
 *   tops:   [ free ][ lowest id, chunk ][ lowest id, chunk ] ... [ free ]
 *   chunk:  [ free ][ id, value ][ id, value ] ... [ free ]
 *
 * Both can lose elements at the front and gain some at the end without moving others: ids come
 * nearly always at the end, and go at the front. Chunks that fill up at the end stay full, others
 * split; those that become empty are merged and shrink, so a map of one item takes 80 bytes.
 *
 * Finding is O(log n), the ends and stepping O(1). Adding or removing between others moves up to
 * 3 KB, and once in some 60 times n / 5 bytes of the array of chunks.
 *
 * The map borrows the values, which are never NULL. Positions die with the next change. */
#ifndef DREY_DS_ID_MAP_H
#define DREY_DS_ID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ds/stream_id.h"

struct id_map_item {
    struct stream_id id;
    void *value; /* may be set */
};

struct id_chunk;

struct id_top {
    struct stream_id lowest; /* nothing before it is in the chunk, and all of the chunk before */
    struct id_chunk *chunk;
};

struct id_map {
    struct id_top *tops;
    uint32_t head, len, cap; /* of tops */
    size_t count;            /* items */
};

/* Where an item is, or none (id_map_at says NULL). */
struct id_map_pos {
    uint32_t top, at;
};

#define ID_MAP_INIT                                                                                \
    { NULL, 0, 0, 0, 0 }

/* Frees the map's own memory, after `free_value` (may be NULL) has had each value; it's empty
 * afterwards. */
void id_map_release(struct id_map *m, void (*free_value)(void *value));

static inline size_t id_map_count(const struct id_map *m) {
    return m->count;
}

struct id_map_item *id_map_at(const struct id_map *m, struct id_map_pos pos);
struct id_map_pos id_map_first(const struct id_map *m);
struct id_map_pos id_map_last(const struct id_map *m);
struct id_map_pos id_map_from(const struct id_map *m, struct stream_id id);  /* first not before */
struct id_map_pos id_map_up_to(const struct id_map *m, struct stream_id id); /* last not after */
struct id_map_pos id_map_next(const struct id_map *m, struct id_map_pos pos);
struct id_map_pos id_map_prev(const struct id_map *m, struct id_map_pos pos);

void *id_map_find(const struct id_map *m, struct stream_id id); /* NULL: it isn't there */
/* False: the id is there already; nothing changes. */
bool id_map_insert(struct id_map *m, struct stream_id id, void *value);
/* Takes the value out; NULL: it isn't there. */
void *id_map_remove(struct id_map *m, struct stream_id id);
/* The same for an item that is there; returns the position of what follows it. */
struct id_map_pos id_map_remove_at(struct id_map *m, struct id_map_pos pos);

size_t id_map_chunks(const struct id_map *m);
size_t id_map_memory(const struct id_map *m); /* values not included; O(chunks) */

/* Checks all that must hold, by ASSERT. For tests. */
void id_map_check(const struct id_map *m);

#endif
