/* SPDX-License-Identifier: BSD-3-Clause */
/* Replication: a history of writes, as a stream of RESP commands, and who takes part in it.
 *
 * A history has an id; each byte of the stream has an offset in it. A primary makes the stream
 * (engine.feed), a replica gets it and passes it on to replicas of its own as it is; so all have
 * the same id and the same bytes at the same offsets. The latest part is kept (the backlog), for
 * replicas that lost the connection and come back: they name the history and the offset where they
 * want to go on. Who becomes a primary begins a history of its own, and keeps the id of the one
 * before as its second: up to the offset where they part both are the same.
 *
 *   repl.c       the history                     replicas.c   those connected to this server
 *   backlog.c    its latest part                 replica.c    one of them
 *   full_sync.c  snapshots for replicas          repl_wait.c  WAIT, WAITAOF
 *   link.c       the connection to the primary
 *
 * As long as nobody has ever asked for it there's no stream and no backlog: it costs nothing.
 *
 * One thread. */
#ifndef DREY_REPL_REPL_H
#define DREY_REPL_REPL_H

#include <stdint.h>

#include "repl/backlog.h"
#include "repl/failover.h"
#include "repl/families.h"
#include "repl/full_sync.h"
#include "repl/link_config.h"
#include "repl/own_expiry.h"
#include "repl/repl_config.h"
#include "repl/repl_wait.h"
#include "repl/replicas.h"
#include "repl/synced.h"
#include "server/extension.h"
#include "server/server.h"

enum { REPL_ID_LEN = 40 };

/* Others' offsets above this aren't believed: no stream gets that long, and there's room to count
 * on. */
#define REPL_OFFSET_MAX (INT64_MAX / 2)

struct repl_link;

struct repl {
    struct server *server;
    struct repl_config config;
    struct link_config link_config;
    struct own_expiry own_expiry;
    char id[REPL_ID_LEN + 1];  /* of the history */
    char id2[REPL_ID_LEN + 1]; /* what it was called before; zeros: nothing */
    int64_t offset;            /* bytes of the history so far */
    int64_t second_offset;     /* the first that id2 doesn't have; -1: there's no id2 */
    uint32_t db; /* selected in the stream; PROPAGATE_ANY_DB: it's said before the next command.
                    Of a replica: the link keeps it up */
    struct backlog backlog;
    size_t uncounted; /* of its memory, see keyspace_uncount */
    struct replicas replicas;
    struct full_sync full_sync;
    struct repl_waits waits;
    struct synced synced; /* what of the history is on disk */
    struct failover failover;
    struct repl_link *link; /* to the primary, see link.h; NULL: this server is one itself */
};

extern const struct server_extension repl_extension;

/* The replication of a server, and of whoever runs an engine. */
static inline struct repl *repl_of(const struct server *s) {
    return s->repl;
}
static inline struct repl *repl_of_engine(const struct engine *e) {
    return server_of(e)->repl;
}

/* Is this server a replica? Then nothing that is executed here makes history. */
static inline bool repl_is_replica(const struct repl *r) {
    return r->link;
}

/* repl.link has become NULL, or isn't any more. */
void repl_role_changed(struct repl *r);

/* Another history from here on, that has nothing to do with the one before. Replicas are
 * disconnected. */
void repl_new_history(struct repl *r);

/* The history goes on under a new id, with its own as the second: a replica has become a primary.
 * Replicas are disconnected, and come back to go on. */
void repl_branch_history(struct repl *r);

/* For replicas. After a full sync: the data set is that of history `id` at `offset`. The backlog
 * begins there, empty; replicas are disconnected. */
void repl_adopt_history(struct repl *r, const char *id, int64_t offset);
/* The primary goes on with this history under another id: its own is the second from now on.
 * Replicas are disconnected, to be told so. */
void repl_rename_history(struct repl *r, const char *id);
/* Bytes of the primary's stream that were executed: for the backlog, and for replicas of this one,
 * as they are. */
void repl_append_raw(struct repl *r, struct slice bytes);

/* Makes a backlog if there's none: the stream is kept from here on. */
void repl_begin_backlog(struct repl *r);
/* Takes it away, with all replicas, and ends the stream. */
void repl_end_backlog(struct repl *r);

/* Closes the connections of all replicas. */
void repl_drop_replicas(struct repl *r);

/* A command of this server's own in the stream, of a primary: its text. */
void repl_say(struct repl *r, struct slice command);

#endif
