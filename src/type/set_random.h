/* SPDX-License-Identifier: BSD-3-Clause */
/* Members chosen at random, fairly: each choice has the same chance, whatever the encoding. */
#ifndef DREY_TYPE_SET_RANDOM_H
#define DREY_TYPE_SET_RANDOM_H

#include "base/random.h"
#include "type/t_set.h"

/* Told of each member that is chosen, borrowed. */
typedef void set_visit(void *ctx, const struct set_member *m);

struct set_choice {
    struct random *rng;
    set_visit *visit;
    void *ctx;
};

/* `count` members in whatever order; all if there are no more. O(count) where that's a small part
 * of a table, else O(members). */
void set_pick(const struct entry *e, size_t count, const struct set_choice *choice);

/* `count` times a member, the same perhaps. The set isn't empty. */
void set_draw(const struct entry *e, uint64_t count, const struct set_choice *choice);

/* `count` members, fewer than there are, which leave the set. If little is left of it that becomes
 * a new set, packed if it may be (as in Redis 7.2). */
void set_pop(struct entry *e, size_t count, const struct set_choice *choice,
             const struct type_settings *settings);

#endif
