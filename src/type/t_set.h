/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets: integers in one sorted array, a few short members in one packed block, or a hash table.
 *
 * Encodings change as in Redis 7.2, by type_settings: a set of nothing but integers is an intset up
 * to set_max_intset_entries, then a table; a string makes it a listpack if there are fewer than
 * set_max_listpack_entries members and none is longer than set_max_listpack_value, else a table.
 * There's no way back but by making a new set.
 *
 * In a table each member is a cell of its length (one byte below 255) and its bytes: 24 bytes for
 * one of 16. */
#ifndef DREY_TYPE_T_SET_H
#define DREY_TYPE_T_SET_H

#include "base/num.h"
#include "ds/table.h"
#include "type/type.h"

enum set_encoding { SET_INTSET, SET_LISTPACK, SET_TABLE };

extern const struct type type_set;

/* A member: an integer, or text, which may be that of an integer. Text that comes out of a set is
 * borrowed: it dies with the set's next change. */
struct set_member {
    struct slice text; /* unless it's a number */
    int64_t number;
    bool is_number;
};

static inline struct set_member set_member(struct slice text) {
    return (struct set_member){.text = text};
}

/* The member as text; a number is printed to `digits`. */
struct slice set_member_text(const struct set_member *m, char digits[NUM_I64_MAX]);

size_t set_count(const struct entry *e);
bool set_has(const struct entry *e, const struct set_member *m);
/* has[i] says of each whether it's a member. Looks up many at a time. */
void set_has_all(const struct entry *e, const struct slice *members, size_t count, bool *has);

/* An empty set takes the encoding `encoding`. */
void set_start(struct entry *e, enum set_encoding encoding, const struct type_settings *settings);
/* `count` members are about to be added, `first` before the others: takes the encoding for so many
 * at once. */
void set_expect(struct entry *e, struct slice first, size_t count,
                const struct type_settings *settings);
/* False: it was a member already. */
bool set_add(struct entry *e, const struct set_member *m, const struct type_settings *settings);
/* The same for text whose hash is known: as the keyspace hashes keys. */
bool set_add_hashed(struct entry *e, struct slice text, uint64_t hash,
                    const struct type_settings *settings);
bool set_remove(struct entry *e, const struct set_member *m);
/* The same for many; returns how many were added or removed. */
size_t set_add_all(struct entry *e, const struct slice *members, size_t count,
                   const struct type_settings *settings);
size_t set_remove_all(struct entry *e, const struct slice *members, size_t count);

/* Makes it an intset if all members are integers, and not too many. */
void set_try_intset(struct entry *e, const struct type_settings *settings);

/* Walks all members; the set mustn't change meanwhile. An intset's come in order, a table's in
 * order of their hash. */
struct set_iter {
    const struct entry *entry;
    size_t index;
    const uint8_t *at;
    struct table_iter table;
};
void set_iter_init(struct set_iter *it, const struct entry *e);
bool set_iter_next(struct set_iter *it, struct set_member *m);

/* Exchanges what two sets hold. */
void set_swap(struct entry *a, struct entry *b);

/* The element of a listpack as a member. */
struct set_member set_listpack_member(const uint8_t *at);
/* The table of a set that has one, else NULL; its entries as members. */
const struct table *set_table(const struct entry *e);
struct slice set_table_member(const void *cell);

/* Checks all that must hold, by ASSERT. For tests. */
void set_check(const struct entry *e);

#endif
