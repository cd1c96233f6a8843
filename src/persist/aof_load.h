/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading an append-only log: its base and its increments, one behind the other. Their commands run
 * as they were written, through a session that belongs to no client; none is refused (but for those
 * that manage the server, which no log has), expires keys, waits, or goes into the log again.
 *
 * The last file may end in the middle of a command or of a transaction, as it does when the machine
 * stopped while it was written: then it's cut off before that, if aof-load-truncated says so. All
 * else that isn't right ends loading: damage, a file that's missing, a command that there isn't. A
 * command that replies an error is passed over, as it changed nothing when it was written, either.
 */
#ifndef DREY_PERSIST_AOF_LOAD_H
#define DREY_PERSIST_AOF_LOAD_H

#include "persist/aof_config.h"
#include "persist/aof_manifest.h"
#include "persist/loading.h"

struct aof_load {
    struct engine *engine;
    const struct aof_config *config;
    struct loading *loading;
    const struct aof_manifest *manifest;
    bool checksum;   /* of a snapshot is looked at */
    int64_t until_s; /* what was noted later than this Unix time isn't loaded; INT64_MAX: all is */

    /* What was found. */
    uint64_t base_bytes, bytes; /* of the base; of all files */
    uint64_t commands, failed;  /* run; of them, passed over */
    bool stopped;               /* there was something later than until_s */
    int64_t first_s;            /* the first time noted; INT64_MAX: none is */
    int64_t base_s;             /* when the base was written; 0: that isn't known */
};

/* Adds the log's data to the databases and logs how that went. False: it can't be loaded, or the
 * process is to end (loading->ended); what comes before is loaded. */
bool aof_load(struct aof_load *load);

#endif
