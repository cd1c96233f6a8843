/* SPDX-License-Identifier: BSD-3-Clause */
/* Small text files, read and written as a whole. */
#ifndef DREY_BASE_FILE_H
#define DREY_BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"

/* Both return 0, or -1 with errno. They wait for the disk. */

/* Appends what the file holds; *mode is set to its permissions unless it's NULL. */
int file_read(const char *path, struct buf *text, mode_t *mode);

/* Puts a file of this text in the place of `path`: written aside in the same folder, synced,
 * renamed, the folder synced. When it fails the old file is as it was. */
int file_replace(const char *path, struct slice text, mode_t mode);

#endif
