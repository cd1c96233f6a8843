/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of RDB files, as bytes: a data set in one file, as Redis writes and reads it.
 *
 *   "REDIS", version in four digits | facts of the writer | database ... | end | CRC-64 or 0: 8
 *   database:  its number | how many keys, how many with a deadline | key ...
 *   key:       deadline | idle time or frequency | code of the value | name | value
 *
 * Each part but the last begins with a byte that says what it is (rdb_opcodes.h). A database may
 * come in several runs of keys. */
#ifndef DREY_PERSIST_RDB_OUT_H
#define DREY_PERSIST_RDB_OUT_H

#include "exec/engine.h"
#include "type/rdb.h"

struct rdb_out_options {
    unsigned version;
    bool compress, checksum;
    bool aof_base; /* an append-only file goes on behind it */
    bool commands; /* in place of an RDB file: those that make the data set, without a checksum, */
    bool timed;    /* and a note of the time before them */
    bool no_libraries; /* of functions */
};

struct rdb_out {
    struct rdb_writer w;
    uint32_t db; /* whose keys come; RDB_OUT_NO_DB: none yet */
    bool commands;
};
#define RDB_OUT_NO_DB UINT32_MAX

/* What comes before the first database. */
void rdb_out_begin(struct rdb_out *out, struct engine *e, const struct rdb_out_options *options);
/* Database `id` comes, with so many keys. */
void rdb_out_db(struct rdb_out *out, uint32_t id, size_t keys, size_t deadlines);
/* All of a key of database `db` that comes before its value. */
void rdb_out_key(struct rdb_out *out, const struct engine *e, uint32_t db,
                 const struct entry *entry);
/* The value, and what comes behind it, in portions as type_rdb.save (type/rdb.h). */
bool rdb_out_value(struct rdb_out *out, const struct entry *entry, struct rdb_walk *at,
                   size_t limit);
/* All of a key and its value. */
void rdb_out_entry(struct rdb_out *out, const struct engine *e, uint32_t db,
                   const struct entry *entry);
/* What comes behind the last key, but for the checksum. */
void rdb_out_end(struct rdb_out *out);

#endif
