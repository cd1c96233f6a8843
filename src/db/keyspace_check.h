/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking through a whole keyspace for what can't be: for tests, and DEBUG CHECK. */
#ifndef DREY_DB_KEYSPACE_CHECK_H
#define DREY_DB_KEYSPACE_CHECK_H

#include "db/keyspace.h"

struct keyspace_sums {
    size_t keys;
    size_t bytes; /* of entries, values and tables */
};

/* All that must hold of databases, entries and values, by ASSERT: O(n) in all of it. */
struct keyspace_sums keyspace_check(const struct keyspace *ks);

#endif
