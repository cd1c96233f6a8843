/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that last: what is written is on disk, and a name stands for either the old file or the
 * new one, whatever stops the process or the machine in between. */
#ifndef DREY_PERSIST_DURABLE_H
#define DREY_PERSIST_DURABLE_H

#include "base/slice.h"

/* The path from the root on: it stands for the same file wherever the process is moved to. The
 * caller's to free. */
char *durable_absolute(const char *path);

/* All of these return 0 or an errno. */

/* Puts the directory that `path` lies in on disk: its names, new or changed. */
int durable_sync_names(const char *path);

/* Puts a file's bytes on disk. */
int durable_sync_file(const char *path);

/* Moves a file, whose bytes are on disk, to another name, in place of what is there. */
int durable_rename(const char *from, const char *to);

/* Writes all of it, whatever signals interrupt. *written: the bytes that were, also on failure. */
int durable_write(int fd, struct slice bytes, size_t *written);

/* A file of these bytes at `path`, in place of what is there: written aside, synced, renamed. */
int durable_put(const char *path, struct slice bytes);

#endif
