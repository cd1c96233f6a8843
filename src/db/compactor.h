/* SPDX-License-Identifier: BSD-3-Clause */
/* Active defragmentation: a walk over all keys, in slices, that moves entries and values out of
 * pages in which little else is left, so that the allocator can give those back (type/compact.h,
 * base/alloc.h). Commands may run between slices. Keys that move on meanwhile may be passed over;
 * the next walk finds them.
 *
 * What stays where it is: tables and trees themselves, members of large sorted sets, blocks of long
 * lists, streams. Not to be used while a snapshot is made, which remembers entries. */
#ifndef DREY_DB_COMPACTOR_H
#define DREY_DB_COMPACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "db/keyspace.h"
#include "type/compact.h"

enum { COMPACTOR_LARGE = 32 };

struct compactor {
    int64_t at_once; /* collections of up to so many elements are done in one go */
    struct compact_count allocations;
    uint64_t keys_moved, keys_stayed; /* keys of which something moved, or nothing */

    uint32_t db;
    uint64_t table_id, position;     /* of what, and where the walk is in it */
    uint64_t large[COMPACTOR_LARGE]; /* hashes of keys met that are to be done in steps */
    unsigned large_count;
    uint64_t large_position; /* in the last of them */
};

/* From the first key on. The counts stay. */
void compactor_restart(struct compactor *c);

/* Goes on until the monotonic clock passes until_ns; true when all keys have been looked at. */
bool compactor_run(struct compactor *c, struct keyspace *ks, uint64_t until_ns);

#endif
