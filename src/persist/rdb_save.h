/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing RDB files: a data set in one file, as Redis writes and reads it.
 *
 *   "REDIS", version in four digits | facts of the writer | database ... | end | CRC-64 or 0: 8
 *   database:  its number | how many keys, how many with a deadline | key ...
 *   key:       deadline | idle time or frequency | code of the value | name | value
 *
 * Each part but the last begins with a byte that says what it is (rdb_opcodes.h). */
#ifndef DREY_PERSIST_RDB_SAVE_H
#define DREY_PERSIST_RDB_SAVE_H

#include "exec/engine.h"
#include "type/rdb.h"

struct rdb_save_options {
    unsigned version;
    bool compress, checksum;
};

/* Writes aside, syncs, renames, syncs the directory. False, and *why says why: the file at `path`
 * is what it was. */
bool rdb_save(struct engine *e, const char *path, const struct rdb_save_options *options,
              struct buf *why);

#endif
