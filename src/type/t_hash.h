/* SPDX-License-Identifier: BSD-3-Clause */
/* Hashes: fields with values, and possibly with deadlines. A small hash is one listpack
 * (hash_packed.h), one that is larger than the settings allow a table of cells (hash_field.h), and
 * stays one.
 *
 * Deadlines of fields: a hash that has any is marked (ENTRY_PART_DEADLINES). A small one is cleared
 * of what is due at once; a table's heap of segments leads to it. A hash without deadlines pays
 * nothing. A hash is read as of the time that it was last told (type_hash.parts->settle, which
 * every look-up of the key calls): what is due by then isn't there for any of the functions below,
 * whether it has been removed or not.
 *
 * What is returned is borrowed: it dies with the next change of the hash. One thread. */
#ifndef DREY_TYPE_T_HASH_H
#define DREY_TYPE_T_HASH_H

#include "base/random.h"
#include "ds/table.h"
#include "type/hash_field.h"
#include "type/hash_packed.h"
#include "type/type.h"

extern const struct type type_hash;

/* O(1), unless so many fields are due at once that they haven't all been removed yet. */
size_t hash_len(const struct entry *e);

/* False: there's no such field. */
bool hash_get(const struct entry *e, struct slice field, struct hash_item *item);
/* For a field whose hash by the settings' seed is known already. */
bool hash_get_hashed(const struct entry *e, struct slice field, uint64_t hash,
                     struct hash_item *item);

/* Brings what look-ups of so many fields, `step` slices apart, will need into the cache, so that
 * their misses overlap. Of more than HASH_TOUCH_MAX only the first are looked at. */
enum { HASH_TOUCH_MAX = 32 };
void hash_touch(const struct entry *e, const struct slice *fields, size_t count, size_t step);

/* True if the field is new. Neither name nor value may lie in the hash. */
bool hash_set(struct entry *e, const struct type_settings *settings, struct slice field,
              const struct hash_input *in);
/* For a field whose hash by the settings' seed is known already. */
bool hash_set_hashed(struct entry *e, const struct type_settings *settings, struct slice field,
                     uint64_t hash, const struct hash_input *in);

/* Sets or (HASH_NO_DEADLINE) removes the deadline of a field that exists. */
void hash_set_deadline(struct entry *e, struct slice field, uint64_t deadline);

/* False: there was no such field. The hash may be empty afterwards. */
bool hash_delete(struct entry *e, struct slice field);

/* Walks all fields; the hash mustn't change meanwhile. */
struct hash_iter {
    const struct entry *e;
    const uint8_t *at; /* of a listpack: the next field */
    struct table_iter table;
};
void hash_iter_init(struct hash_iter *it, const struct entry *e);
bool hash_iter_next(struct hash_iter *it, struct hash_item *item); /* false at the end */

/* A field, all with the same chance. There must be one: hash_len isn't 0. O(1) on average for a
 * table, O(n) for a listpack. */
void hash_random(const struct entry *e, struct random *rng, struct hash_item *item);

/* For a field as found in the table (type_hash.table): false if it's due, and so isn't there. */
bool hash_field_item(const struct entry *e, const struct hash_field *f, struct hash_item *item);

/* A full walk of all invariants; aborts by ASSERT. For tests. */
void hash_check(const struct entry *e);

#endif
