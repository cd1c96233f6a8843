/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of an append-only log: where they are, and their manifest on disk. */
#ifndef DREY_PERSIST_AOF_FILES_H
#define DREY_PERSIST_AOF_FILES_H

#include "io/background.h"
#include "persist/aof_config.h"
#include "persist/aof_manifest.h"

/* dirname/name; the caller frees. */
char *aof_path(const struct aof_config *config, const char *name);
char *aof_manifest_path(const struct aof_config *config);

/* 0 or an errno. */
int aof_make_dir(const struct aof_config *config);

/* Puts the manifest on disk, in place of the one that is there. 0 or an errno. */
int aof_manifest_put(const struct aof_config *config, const struct aof_manifest *m);

/* Reads the manifest into *m (empty): it stays so if there's no manifest. False: it can't be used,
 * *why says why. */
bool aof_manifest_read(const char *path, struct aof_manifest *m, struct buf *why);
bool aof_manifest_get(const struct aof_config *config, struct aof_manifest *m, struct buf *why);

/* A log of before there were manifests, one file in the working directory: moves it into the
 * directory and makes it the base. To be asked when the manifest was read; does nothing if there's
 * no such file, or it has been moved. False: that failed, *why says why. */
bool aof_adopt_old(const struct aof_config *config, struct aof_manifest *m, struct buf *why);

/* Deletes history's files, and what the manifest says of them. The helper thread (NULL: this one)
 * gives their room back. 0, or an errno of putting the manifest on disk. */
int aof_drop_history(const struct aof_config *config, struct aof_manifest *m,
                     struct background *background);

/* Bytes of all files that are read; 0 for those that aren't there. */
uint64_t aof_total_size(const struct aof_config *config, const struct aof_manifest *m);

#endif
