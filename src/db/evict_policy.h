/* SPDX-License-Identifier: BSD-3-Clause */
/* Which key goes next when memory is short: the policies of maxmemory-policy.
 *
 * Keys are sampled: each round looks at some random keys, puts those that suit the policy best into
 * a small pool, and takes the pool's best. As the pool lives on, a key taken is about the best of
 * all that were seen lately, not of one sample: with few samples this comes close to the true order
 * at a small part of what keeping that order would cost.
 *
 * The pool borrows entries without keeping them alive: whoever comes up is asked for in its table
 * (table_holds) and weighed again, so writes needn't tell the pool anything. */
#ifndef DREY_DB_EVICT_POLICY_H
#define DREY_DB_EVICT_POLICY_H

#include "db/db_config.h"
#include "db/keyspace.h"

enum { EVICT_POOL = 16 };

struct evict_candidate {
    const struct entry *entry; /* may be gone: see above */
    struct db *db;
    uint64_t hash;
    uint64_t weight; /* when it was sampled; the greatest goes first */
};

/* All zeros: empty. */
struct evict_pool {
    struct evict_candidate best[EVICT_POOL]; /* the lightest first */
    size_t len;
    int policy; /* that the weights are of */
    /* evict_run measures each deletion, and keeps the longest of the slice. */
    bool timed;
    uint64_t longest_ns;
};

/* Keys that the policy allows to evict, in all databases. O(databases). */
uint64_t evict_allowed(const struct keyspace *ks, int policy);

/* Chooses a key by cfg's policy and samples, from all databases in proportion to the keys that it
 * allows. NULL: none was found this time, though one may be there if evict_allowed isn't 0 (each
 * call makes some progress in the search). The entry is borrowed until the next write.
 *
 * Costs a few cache misses, and the look at as many entries as there are samples: about 1 us in a
 * large table. Where few keys of a database have a deadline, and only those may go, it's a look
 * through a whole segment of the table that has some (see table_due_take_random): 20 to 60 us. */
const struct entry *evict_choose(struct evict_pool *pool, struct keyspace *ks,
                                 const struct db_config *cfg, struct db **db);

#endif
