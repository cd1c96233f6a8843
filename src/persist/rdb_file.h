/* SPDX-License-Identifier: BSD-3-Clause */
/* An RDB file that is being written, by a helper thread if there's one, or at once: chunks are
 * checksummed and appended in order. Whoever makes it is never held up by the disk: between chunks
 * it asks whether there's room for more. In place of a file there may be a sink, which gets the
 * same bytes: they're sent to somebody. */
#ifndef DREY_PERSIST_RDB_FILE_H
#define DREY_PERSIST_RDB_FILE_H

#include "base/buf.h"
#include "io/background.h"

struct rdb_file;

enum { RDB_FILE_CHUNK = 256 * 1024 }; /* bytes worth a call of rdb_file_append */

/* Creates the file, or empties it; once it's complete it's moved to `name` (NULL: it stays). Both
 * are copied, and mean what they do now, wherever the process is moved to. `background` NULL: no
 * thread. NULL: errno says why not. */
struct rdb_file *rdb_file_new(const char *path, const char *name, bool checksum,
                              struct background *background);

/* Takes the bytes of a file, in order, on the thread that makes them. */
struct rdb_sink {
    void (*take)(void *ctx, struct buf *chunk); /* takes the memory over, or leaves it */
    bool (*has_room)(void *ctx);                /* should more come? */
    void *ctx;
};

/* The same without a file; never NULL. `sink` is copied. */
struct rdb_file *rdb_file_to_sink(const struct rdb_sink *sink, bool checksum,
                                  struct background *background);

/* It's no RDB file: there's to be no checksum at its end. */
void rdb_file_no_sum(struct rdb_file *f);

/* Takes the bytes over; the buffer is empty afterwards. */
void rdb_file_append(struct rdb_file *f, struct buf *chunk);

/* Should more come now? Else too much waits to be written. That changes with a job's
 * `done` (io/background.h), which ends the loop's sleep, or when the sink says so. */
bool rdb_file_has_room(const struct rdb_file *f);

/* Bytes that wait to be written. */
size_t rdb_file_waiting(const struct rdb_file *f);

/* What failed so far, as errno; 0: nothing. */
int rdb_file_error(const struct rdb_file *f);

/* Appends the checksum if there's one, syncs and closes the file, and moves it to its name, with
 * the directory synced, too. Then calls `done` with 0 or what failed as errno: then there's no
 * file, and under the name what there was. Frees `f`. */
void rdb_file_finish(struct rdb_file *f, void (*done)(void *ctx, int error), void *ctx);

/* Ends it, and removes the file; `done` as above, with `error`. */
void rdb_file_abandon(struct rdb_file *f, int error, void (*done)(void *ctx, int error), void *ctx);

#endif
