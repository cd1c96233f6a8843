/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing an RDB file at once (SAVE); snapshot.h does it while commands run. */
#ifndef DREY_PERSIST_RDB_SAVE_H
#define DREY_PERSIST_RDB_SAVE_H

#include "persist/rdb_out.h"

/* Writes aside, syncs, renames, syncs the directory. Returns 0, or errno: then the file at `path`
 * is what it was. */
int rdb_save(struct engine *e, const char *path, const struct rdb_out_options *options);

/* Where a file that's to be at `path` is written until it's complete. */
void rdb_save_aside(struct buf *aside, const char *path);

#endif
