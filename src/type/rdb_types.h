/* SPDX-License-Identifier: BSD-3-Clause */
/* How each type's values are written to RDB files and read from them; and what several types need
 * for that. */
#ifndef DREY_TYPE_RDB_TYPES_H
#define DREY_TYPE_RDB_TYPES_H

#include "ds/listpack.h"
#include "type/rdb.h"
#include "type/type.h"

extern const struct type_rdb string_rdb, list_rdb, set_rdb, zset_rdb, hash_rdb, stream_rdb;

/* Writes a listpack as a string, in portions. */
bool rdb_put_listpack(const uint8_t *lp, struct rdb_writer *w, struct rdb_walk *at, size_t limit);

/* Ends a load: the entry, if all went well and (unless the type keeps empty ones) it isn't empty,
 * else NULL, and the entry is gone. */
struct entry *rdb_loaded(struct rdb_reader *r, struct entry *e, bool ok);

/* Reads a listpack that the caller owns, all of it valid, whose elements are groups of `group`; the
 * first of each differ from group to group, unless the reader trusts that; 0: any. NULL: the reader
 * has an error: `error`, if it's damaged. */
uint8_t *rdb_get_listpack(struct rdb_reader *r, unsigned group, const char *error);

/* Are all these different? Reorders them. */
bool rdb_all_differ(uint64_t *hashes, size_t count);

/* The same for a string that holds a ziplist. */
uint8_t *rdb_get_ziplist(struct rdb_reader *r, unsigned group, const char *error);

#endif
