/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of files. */
#ifndef DREY_PERSIST_PERSIST_CONFIG_H
#define DREY_PERSIST_PERSIST_CONFIG_H

#include "exec/config.h"

struct persist_config {
    struct config_list save;  /* seconds and changes in turn; none: never */
    bool compress, checksum;  /* rdbcompression, rdbchecksum */
    int rdb_version;          /* to write */
    char *filename;           /* dbfilename: in the working directory */
    int64_t loading_interval; /* bytes loaded between two looks at clients */
    int64_t key_load_delay;   /* us; below 0: 1 us after one key in so many */
    bool stop_writes;         /* stop-writes-on-bgsave-error */
    int64_t key_save_delay;   /* us after each key, for tests */
};

void persist_config_register(struct config *config, struct persist_config *to);

#endif
