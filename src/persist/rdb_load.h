/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading RDB files, those of all versions of Redis from 2.4 to 7.4 and of Valkey 8. */
#ifndef DREY_PERSIST_RDB_LOAD_H
#define DREY_PERSIST_RDB_LOAD_H

#include "persist/loading.h"

struct rdb_load {
    bool merge;              /* keys that are there give way; else they're an error */
    bool checksum;           /* is looked at */
    bool expired_too;        /* keys whose deadline has passed are loaded, too */
    bool check_only;         /* what is read is dropped, the databases stay empty */
    struct loading *loading; /* begun by the caller; is told how far it is */
    uint64_t end;            /* bytes of the file that were read, when all is loaded */
};

/* Adds what is in the file to the databases. False, and *why says why and where: what comes before
 * is loaded. If that's because the process is to end, loading->ended says so. */
bool rdb_load(struct engine *e, const char *path, struct rdb_load *load, struct buf *why);

#endif
