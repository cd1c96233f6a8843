/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of the append-only log. */
#ifndef DREY_PERSIST_AOF_CONFIG_H
#define DREY_PERSIST_AOF_CONFIG_H

#include "exec/config.h"

enum aof_fsync { AOF_FSYNC_NO, AOF_FSYNC_ALWAYS, AOF_FSYNC_EVERYSEC };

struct aof_config {
    bool enabled;   /* appendonly */
    char *filename; /* appendfilename: how names of files begin, */
    char *dirname;  /* appenddirname: in this directory in the working directory */
    int fsync;      /* enum aof_fsync */
    bool no_fsync_on_rewrite;
    int64_t rewrite_percentage; /* growth since the last rewrite that makes one; 0: none does */
    uint64_t rewrite_min_size;  /* of all files: below no growth does */
    bool load_truncated;
    bool rdb_base; /* aof-use-rdb-preamble */
    bool timestamps;
    bool keep_history;    /* aof-disable-auto-gc */
    int64_t restore_to_s; /* --restore-to: Unix time; 0: wasn't given */

    /* What happens when these are changed while the server runs, see `apply` of config.h. */
    bool (*on_enabled)(struct aof_config *config, struct buf *why);
    bool (*on_keep_history)(struct aof_config *config, struct buf *why);
};

void aof_config_register(struct config *config, struct aof_config *to);

#endif
