/* SPDX-License-Identifier: BSD-3-Clause */
/* Values as the commands that make them: what an append-only file begins with if it isn't to begin
 * with a snapshot. As in Redis a command has up to REWRITE_ITEMS elements.
 *
 * Each function writes a value in portions, as type_rdb.save does (rdb.h): true: all of it is
 * written. Elements of more than RDB_PIECE bytes are written in pieces; what is bounded otherwise
 * (a packed value, a list's block, a stream's entry) comes in one go. */
#ifndef DREY_TYPE_REWRITE_H
#define DREY_TYPE_REWRITE_H

#include "ds/stream_id.h"
#include "type/rdb.h"

enum { REWRITE_ITEMS = 64 };

bool rewrite_string(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit);
bool rewrite_list(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit);
bool rewrite_set(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit);
bool rewrite_zset(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit);
bool rewrite_hash(const struct entry *e, struct rdb_writer *w, struct rdb_walk *at, size_t limit);

/* For what writes commands of its own: the number of words, then just as many words. */
void rewrite_begin(struct rdb_writer *w, size_t words);
void rewrite_word(struct rdb_writer *w, struct slice word);
void rewrite_u64(struct rdb_writer *w, uint64_t number);
void rewrite_i64(struct rdb_writer *w, int64_t number);
void rewrite_id(struct rdb_writer *w, struct stream_id id);

#endif
