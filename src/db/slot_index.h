/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of a database by hash slot, for a member of a cluster: what CLUSTER COUNTKEYSINSLOT and
 * GETKEYSINSLOT tell, and what moves a slot to another node.
 *
 * Of each key the slot's set holds the 64-bit hash that the keyspace's table finds it by (two keys
 * with the same one are as good as impossible), which takes 8 to 10 bytes a key where Redis 7 links
 * its entries for 16; entries may move without the index being told. Putting slots into the table's
 * own hash would take none, but a database of one hash tag (all keys in one slot) would make the
 * table's directory a thousand times as large; a table for each slot would make every walk, sample
 * and deadline a matter of 16384 tables. Without a cluster there's no index and nothing is paid.
 *
 * Adding and removing are O(1), and the CRC16 of the name. */
#ifndef DREY_DB_SLOT_INDEX_H
#define DREY_DB_SLOT_INDEX_H

#include <stddef.h>

#include "db/slot.h"
#include "ds/word_set.h"

struct slot_index {
    struct word_set keys[SLOT_COUNT]; /* by slot: hashes */
};

struct slot_index *slot_index_new(void);
void slot_index_free(struct slot_index *ix); /* NULL is fine */

void slot_index_add(struct slot_index *ix, struct slice name, uint64_t hash);
void slot_index_remove(struct slot_index *ix, struct slice name, uint64_t hash);
void slot_index_clear(struct slot_index *ix);

static inline size_t slot_index_count(const struct slot_index *ix, unsigned slot) {
    return ix->keys[slot].count;
}

/* Bytes, in proportion to the keys. O(keys / 64 + slots) */
size_t slot_index_memory(const struct slot_index *ix);

#endif
