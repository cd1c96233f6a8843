/* SPDX-License-Identifier: BSD-3-Clause */
/* Small hashes: one listpack of pairs (HASH_PACKED), in the order in which they came; or, once a
 * field got a deadline, of triples (HASH_DATED), whose third element is the deadline as a number, 0
 * if there is none. A hash of triples stays one.
 *
 * What is due stays and is seen until hash_packed_expire takes it out, all at once. */
#ifndef DREY_TYPE_HASH_PACKED_H
#define DREY_TYPE_HASH_PACKED_H

#include "base/random.h"
#include "type/entry.h"
#include "type/hash_item.h"

enum hash_encoding { HASH_PACKED, HASH_DATED, HASH_TABLE };

/* What the word of a HASH_DATED entry points to. */
struct hash_dated {
    uint8_t *lp;
    uint64_t next; /* no field is due before */
    size_t count;  /* fields with a deadline */
};

void hash_packed_create(struct entry *e);
void hash_packed_release(struct entry *e);
void hash_packed_copy(struct entry *to, const struct entry *from); /* encoding set */
size_t hash_packed_memory(const struct entry *e);
struct compact_count;
void hash_packed_compact(struct entry *e, struct compact_count *count); /* see compact.h */

size_t hash_packed_len(const struct entry *e);
size_t hash_packed_bytes(const struct entry *e); /* of the listpack */
bool hash_packed_get(const struct entry *e, struct slice field, struct hash_item *item);
void hash_packed_random(const struct entry *e, struct random *rng, struct hash_item *item);

/* Walking: the position of the first field, NULL if there's none; and the item at a position, which
 * moves on. */
const uint8_t *hash_packed_first(const struct entry *e);
void hash_packed_next(const struct entry *e, const uint8_t **at, struct hash_item *item);

/* True if the field is new. A deadline needs a hash of triples. */
bool hash_packed_set(struct entry *e, struct slice field, const struct hash_input *in);
bool hash_packed_delete(struct entry *e, struct slice field);

/* Turns pairs to triples. */
void hash_packed_add_deadlines(struct entry *e);
/* Of a field that exists, in a hash of triples. */
void hash_packed_set_deadline(struct entry *e, struct slice field, uint64_t deadline);
/* Removes all that is due; returns how many. O(1) if nothing is. */
struct type_expiry;
size_t hash_packed_expire(struct entry *e, const struct type_expiry *x);
/* Is all that there is due? O(1) if nothing is. */
bool hash_packed_all_due(const struct entry *e, uint64_t now_ms);

/* A full walk of all invariants; aborts by ASSERT. For tests. */
void hash_packed_check(const struct entry *e);

#endif
