/* SPDX-License-Identifier: BSD-3-Clause */
/* A block of a stream: entries with ids that lie close together, in one packed list. The format is
 * that of Redis's RDB files, which hold blocks as they are:
 *
 *   | live entries | deleted ones | number of names | name ... | 0 | entry ...
 *   entry:  | flags | id.ms - first.ms | id.seq - first.seq | value ... | elements before this |
 *       or  | flags | id.ms - first.ms | id.seq - first.seq | pairs | name, value ... | elements |
 *
 * The names at the front are those of the block's first entry; entries with the very same names
 * have flag SAME_FIELDS and none of their own. Differences are modulo 2^64. A deleted entry stays
 * where it is, with flag DELETED. The block is known by the id of its first entry, which is kept
 * outside and must be given.
 *
 * Walking costs O(elements walked over), appending O(size of the entry). */
#ifndef DREY_DS_STREAM_NODE_H
#define DREY_DS_STREAM_NODE_H

#include "ds/listpack.h"
#include "ds/stream_id.h"

/* A block whose first entry, to be appended, has these pairs of name and value. */
uint8_t *stream_node_new(const struct slice *pairs, size_t count);

/* Adds an entry behind the others. */
void stream_node_append(uint8_t **node, struct stream_id first, struct stream_id id,
                        const struct slice *pairs, size_t count);

/* Entries that are there, and that were deleted. */
size_t stream_node_live(const uint8_t *node);
size_t stream_node_deleted(const uint8_t *node);

/* A block as it's read; dies with its next change. */
struct stream_reader {
    const uint8_t *node;
    struct stream_id first;
    const uint8_t *names; /* of the first entry */
    size_t name_count;
    const uint8_t *entries; /* the first one; NULL: there's none */
};
struct stream_reader stream_node_open(const uint8_t *node, struct stream_id first);

struct stream_entry {
    struct stream_id id;
    bool deleted;
    size_t pairs;
    const uint8_t *at;     /* where it begins */
    const uint8_t *names;  /* the first name; NULL: each stands before its value */
    const uint8_t *values; /* the first value, or name; NULL if there's none */
};

/* The entry that begins at `at`. */
struct stream_entry stream_node_read(const struct stream_reader *r, const uint8_t *at);
/* Where the next one begins, or the one before (before NULL: the last); NULL: there's none. */
const uint8_t *stream_node_next(const struct stream_reader *r, const struct stream_entry *e);
const uint8_t *stream_node_prev(const struct stream_reader *r, const uint8_t *at);

/* Takes the next pair of an entry off; to be called as often as it has pairs. */
static inline void stream_entry_pair(struct stream_entry *e, const uint8_t *node,
                                     const uint8_t **name, const uint8_t **value) {
    if (e->names) {
        *name = e->names;
        e->names = listpack_next(node, e->names);
    } else {
        *name = e->values;
        e->values = listpack_next(node, e->values);
    }
    *value = e->values;
    e->values = listpack_next(node, e->values);
}

/* Marks the entry that begins at `at` and isn't deleted yet as such. Returns where it begins now.
 */
const uint8_t *stream_node_delete(uint8_t **node, const uint8_t *at);

/* Is this a block, whole and in order, of `count` elements as they should be? `node` is a valid
 * listpack. For bytes from outside; nothing else here checks what it reads. O(elements). */
bool stream_node_valid(const uint8_t *node, struct stream_id first);

#endif
