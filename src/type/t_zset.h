/* SPDX-License-Identifier: BSD-3-Clause */
/* Sorted sets: a few short members in one packed block (member, score, member, score ... in order),
 * else a hash table by member together with a tree by (score, member), both pointing to the same
 * small allocations (ds/scored.h).
 *
 * Encodings change as in Redis 7.2, by type_settings: a listpack takes zset_max_listpack_entries
 * members of up to zset_max_listpack_value bytes; there's no way back but by making a new one.
 *
 * Ranks count from 0 at the lowest score. Scores are never NaN; 0 and -0 are equal, but a tree
 * keeps the sign. Members that come out are borrowed: they die with the next change. */
#ifndef DREY_TYPE_T_ZSET_H
#define DREY_TYPE_T_ZSET_H

#include "base/num.h"
#include "base/random.h"
#include "ds/ranked.h"
#include "ds/table.h"
#include "type/type.h"

enum zset_encoding { ZSET_LISTPACK, ZSET_TREE };

extern const struct type type_zset;

size_t zset_count(const struct entry *e);
/* False: there's no such member. */
bool zset_find(const struct entry *e, struct slice member, double *score);
bool zset_rank(const struct entry *e, struct slice member, size_t *rank, double *score);

/* `count` members are about to be added, the longest known one of `len` bytes: takes the encoding
 * for so many at once. */
void zset_expect(struct entry *e, size_t count, size_t len, const struct type_settings *settings);

/* Makes it a listpack if its members, those that are there now, may be one. */
void zset_try_listpack(struct entry *e, const struct type_settings *settings);

enum zset_flag {
    ZSET_NX = 1, /* only new members */
    ZSET_XX = 2, /* only members that are there */
    ZSET_GT = 4, /* of those that are there, only to a greater (less) score */
    ZSET_LT = 8,
    ZSET_INCR = 16 /* the score is added to what there is */
};
enum zset_change {
    ZSET_REFUSED, /* by the flags */
    ZSET_SAME,    /* the member has that score already */
    ZSET_ADDED,
    ZSET_UPDATED,
    ZSET_NAN, /* the sum isn't a number; nothing was changed */
};
/* *score becomes the member's, unless it was refused. */
enum zset_change zset_add(struct entry *e, struct slice member, unsigned flags, double *score,
                          const struct type_settings *settings);
/* Adds a member that isn't there and comes after all others. */
void zset_append(struct entry *e, struct slice member, double score,
                 const struct type_settings *settings);
bool zset_remove(struct entry *e, struct slice member);
/* Members of these ranks, which must be there. */
void zset_remove_range(struct entry *e, size_t rank, size_t count);

/* How many members come before a score (or, inclusive, have it, too); before a member, if all
 * scores are equal. */
size_t zset_before_score(const struct entry *e, double score, bool inclusive);
size_t zset_before_member(const struct entry *e, struct slice member, bool inclusive);

/* Walks from a rank on, up or down, to the end; the sorted set mustn't change meanwhile. */
struct zset_item {
    struct slice member;
    double score;
};
struct zset_iter {
    const uint8_t *lp, *at; /* of a listpack: at the next member, NULL: there's none */
    struct ranked_pos pos;
    size_t left; /* members to come */
    bool reverse;
    char digits[NUM_I64_MAX];
};
void zset_iter_init(struct zset_iter *it, const struct entry *e, size_t rank, bool reverse);
/* The member may lie in the iterator: it dies with the next step. */
bool zset_iter_next(struct zset_iter *it, struct zset_item *item);

/* The table of one that isn't packed, else NULL; its entries are struct scored. */
const struct table *zset_table(const struct entry *e);

/* Checks all that must hold, by ASSERT. For tests. */
void zset_check(const struct entry *e);

#endif
