/* SPDX-License-Identifier: BSD-3-Clause */
/* What can happen to a key: the one list of events, with the class and the name of Redis's keyspace
 * notifications. */
#ifndef DREY_DB_EVENT_H
#define DREY_DB_EVENT_H

#include <stdbool.h>

/* X(constant, class letter of notify-keyspace-events, name) */
#define DB_EVENTS(X)                                                                               \
    X(SET, '$', "set")                                                                             \
    X(SETRANGE, '$', "setrange")                                                                   \
    X(SETBIT, '$', "setbit")                                                                       \
    X(APPEND, '$', "append")                                                                       \
    X(INCRBY, '$', "incrby")                                                                       \
    X(INCRBYFLOAT, '$', "incrbyfloat")                                                             \
    X(PFADD, '$', "pfadd")                                                                         \
    X(LPUSH, 'l', "lpush")                                                                         \
    X(RPUSH, 'l', "rpush")                                                                         \
    X(LPOP, 'l', "lpop")                                                                           \
    X(RPOP, 'l', "rpop")                                                                           \
    X(LINSERT, 'l', "linsert")                                                                     \
    X(LSET, 'l', "lset")                                                                           \
    X(LREM, 'l', "lrem")                                                                           \
    X(LTRIM, 'l', "ltrim")                                                                         \
    X(SORTSTORE, 'l', "sortstore")                                                                 \
    X(SADD, 's', "sadd")                                                                           \
    X(SREM, 's', "srem")                                                                           \
    X(SPOP, 's', "spop")                                                                           \
    X(SINTERSTORE, 's', "sinterstore")                                                             \
    X(SUNIONSTORE, 's', "sunionstore")                                                             \
    X(SDIFFSTORE, 's', "sdiffstore")                                                               \
    X(HSET, 'h', "hset")                                                                           \
    X(HDEL, 'h', "hdel")                                                                           \
    X(HINCRBY, 'h', "hincrby")                                                                     \
    X(HINCRBYFLOAT, 'h', "hincrbyfloat")                                                           \
    X(HEXPIRE, 'h', "hexpire")                                                                     \
    X(HPERSIST, 'h', "hpersist")                                                                   \
    X(ZADD, 'z', "zadd")                                                                           \
    X(ZINCR, 'z', "zincr")                                                                         \
    X(ZREM, 'z', "zrem")                                                                           \
    X(ZREMRANGEBYRANK, 'z', "zremrangebyrank")                                                     \
    X(ZREMRANGEBYSCORE, 'z', "zremrangebyscore")                                                   \
    X(ZREMRANGEBYLEX, 'z', "zremrangebylex")                                                       \
    X(ZPOPMIN, 'z', "zpopmin")                                                                     \
    X(ZPOPMAX, 'z', "zpopmax")                                                                     \
    X(ZRANGESTORE, 'z', "zrangestore")                                                             \
    X(ZUNIONSTORE, 'z', "zunionstore")                                                             \
    X(ZINTERSTORE, 'z', "zinterstore")                                                             \
    X(ZDIFFSTORE, 'z', "zdiffstore")                                                               \
    X(GEOSEARCHSTORE, 'z', "geosearchstore")                                                       \
    X(GEORADIUSSTORE, 'z', "georadiusstore")                                                       \
    X(XADD, 't', "xadd")                                                                           \
    X(XDEL, 't', "xdel")                                                                           \
    X(XTRIM, 't', "xtrim")                                                                         \
    X(XSETID, 't', "xsetid")                                                                       \
    X(XGROUP_CREATE, 't', "xgroup-create")                                                         \
    X(XGROUP_SETID, 't', "xgroup-setid")                                                           \
    X(XGROUP_DESTROY, 't', "xgroup-destroy")                                                       \
    X(XGROUP_CREATECONSUMER, 't', "xgroup-createconsumer")                                         \
    X(XGROUP_DELCONSUMER, 't', "xgroup-delconsumer")                                               \
    X(DEL, 'g', "del")                                                                             \
    X(EXPIRE, 'g', "expire")                                                                       \
    X(PERSIST, 'g', "persist")                                                                     \
    X(RENAME_FROM, 'g', "rename_from")                                                             \
    X(RENAME_TO, 'g', "rename_to")                                                                 \
    X(MOVE_FROM, 'g', "move_from")                                                                 \
    X(MOVE_TO, 'g', "move_to")                                                                     \
    X(COPY_TO, 'g', "copy_to")                                                                     \
    X(RESTORE, 'g', "restore")                                                                     \
    /* a change that nobody is notified of, and that nobody waits for */                           \
    X(SILENT, '-', "")                                                                             \
    /* the same, of a stream's groups alone */                                                     \
    X(GROUP, '-', "")                                                                              \
    /* from here on: not counted as a change, see db_event_counts */                               \
    X(UNCOUNTED, '-', "")                                                                          \
    X(HEXPIRED, 'h', "hexpired")                                                                   \
    X(EXPIRED, 'x', "expired")                                                                     \
    X(EVICTED, 'e', "evicted")                                                                     \
    X(NEW, 'n', "new")                                                                             \
    X(KEYMISS, 'm', "keymiss")

enum db_event {
#define DB_EVENT_CONSTANT(constant, class, name) EVENT_##constant,
    DB_EVENTS(DB_EVENT_CONSTANT)
#undef DB_EVENT_CONSTANT
        EVENT_COUNT
};

/* Does this say that the data has changed? That a key expired or was evicted doesn't, as in Redis:
 * nobody asked for it, and it needn't be saved. UNCOUNTED is part of a change that is counted
 * otherwise, or of one that isn't to be; like SILENT nobody is notified of it. */
static inline bool db_event_counts(enum db_event event) {
    return event < EVENT_UNCOUNTED;
}

/* May somebody who reads the key's value see another one? As in Redis what happens to a stream's
 * groups isn't such a change: WATCH and client-side caching know nothing of it. */
static inline bool db_event_modifies(enum db_event event) {
    bool of_groups = event >= EVENT_XSETID && event <= EVENT_XGROUP_DELCONSUMER;
    return !of_groups && event != EVENT_GROUP && event != EVENT_KEYMISS;
}

struct db_event_info {
    char class;
    const char *name;
};
extern const struct db_event_info db_event_table[EVENT_COUNT];

#endif
