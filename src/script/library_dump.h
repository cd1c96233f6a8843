/* SPDX-License-Identifier: BSD-3-Clause */
/* All libraries as one string of bytes, for FUNCTION DUMP and RESTORE:
 *
 *     a byte 0xf5 and the library's text as a string of an RDB file (type/rdb.h), for each of them
 *     the RDB version, 2 bytes, and the CRC-64 of all that's before it, 8 bytes, little-endian
 *
 * This is the same since RDB version 10, so that's the version which is written: Redis 7.0 reads
 * it, too. */
#ifndef DREY_SCRIPT_LIBRARY_DUMP_H
#define DREY_SCRIPT_LIBRARY_DUMP_H

#include "script/library.h"
#include "script/script_engine.h"

/* The caller releases the buffer. */
struct buf library_dump(const struct library_store *store);

/* Are these bytes whole, and of a version that's known? */
bool library_dump_is_valid(struct slice payload);

/* Loads what is in a valid payload into `store`, which belongs to the caller; false: `error` says
 * why, and the store is to be emptied. */
bool library_restore(struct script_engine *s, struct slice payload, struct library_store *store,
                     struct buf *error);

/* For files: the engine's hooks, see engine.h. */
void library_visit_saved(struct engine *e, void (*visit)(void *ctx, struct slice text), void *ctx);
bool library_load_saved(struct engine *e, struct slice text, bool replace, struct buf *error);
void library_clear_saved(struct engine *e);

#endif
