/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading RDB files, those of all versions of Redis from 2.4 to 7.4 and of Valkey 8. */
#ifndef DREY_PERSIST_RDB_LOAD_H
#define DREY_PERSIST_RDB_LOAD_H

#include <sys/types.h>

#include "persist/loading.h"

/* A key as a file has it. */
struct rdb_key {
    const struct entry *entry; /* without the deadline */
    uint32_t db;
    uint64_t deadline;         /* ENTRY_NO_DEADLINE: none */
    int64_t idle_s, frequency; /* -1: not told */
};

/* Who wants to see what is in a file, part by part; what isn't wanted is NULL. Libraries aren't
 * compiled, and nothing expires. load->end is where
 * in the file the part ends. */
struct rdb_visitor {
    void (*fact)(void *ctx, struct slice name, struct slice value); /* of the writer, the file */
    void (*library)(void *ctx, struct slice text);                  /* of functions */
    void (*db)(void *ctx, uint32_t number);                         /* its keys follow */
    void (*key)(void *ctx, const struct rdb_key *key);
};

/* Where a file's bytes come from, in order: fills some of `to`, 0: there are no more, -1: errno
 * says why not. May look after others (loading_serve). */
struct rdb_source {
    ssize_t (*read)(void *ctx, char *to, size_t len);
    void *ctx;
};

struct rdb_load {
    bool merge;            /* keys that are there give way; else they're an error */
    bool checksum;         /* is looked at */
    struct keyspace *into; /* NULL: the engine's; else it gets keys only, */
    void (*library)(void *ctx, struct slice text); /* libraries go here, if that isn't NULL */
    void *library_ctx;
    struct buf *rest;                  /* NULL, or gets what was read behind the file's end */
    bool expired_too;                  /* keys whose deadline has passed are loaded, too */
    const struct rdb_visitor *visitor; /* sees all, and databases get names alone; NULL: nobody */
    void *visitor_ctx;
    struct loading *loading; /* begun by the caller; is told how far it is */
    uint64_t end;            /* bytes of the file that were read so far */
    bool summed;             /* there was a checksum, and it's right */
};

/* Adds what is in the file to the databases. False, and *why says why and where: what comes before
 * is loaded. If that's because the process is to end, loading->ended says so. */
bool rdb_load(struct engine *e, const char *path, struct rdb_load *load, struct buf *why);
/* The same of a file that comes from elsewhere. */
bool rdb_load_from(struct engine *e, const struct rdb_source *source, struct rdb_load *load,
                   struct buf *why);

#endif
