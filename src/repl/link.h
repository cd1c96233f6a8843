/* SPDX-License-Identifier: BSD-3-Clause */
/* A replica's link to its primary: what it takes to have the primary's data and to keep them up.
 *
 *   WAITING -> CONNECTING -> HANDSHAKE ---------> UP      the primary's stream is executed
 *      ^           |             |                ^ |
 *      |           v             +----> SYNC -----+ |     its data set comes whole first
 *      +-----------+-------------+-------+----------+     lost: tried again, every second
 *
 *   link.c       life, time                       link_talk.c    CONNECTING and HANDSHAKE
 *   sync_receive.c  SYNC                             link_stream.c  UP
 *   role.c       becoming a replica or a primary
 *
 * What is here of the data set is, while it's `resumable`, that of history repl.id at repl.offset:
 * then the primary is asked to go on from there, be it the one of before or another one.
 *
 * Nothing waits, but for the look-up of the primary's name and for loading, which answers others
 * meanwhile (persist/loading.h). */
#ifndef DREY_REPL_LINK_H
#define DREY_REPL_LINK_H

#include "repl/link_talk.h"
#include "repl/repl.h"
#include "repl/sync_receive.h"

enum link_state { LINK_WAITING, LINK_CONNECTING, LINK_HANDSHAKE, LINK_SYNC, LINK_UP };

struct repl_link {
    struct repl *repl;
    char *host;
    int port;
    enum link_state state;
    bool resumable;
    bool taking_over;        /* the primary is asked to become one: see failover.h */
    uint32_t db;             /* that's selected in the stream, while the link isn't up */
    struct loop_watch watch; /* from CONNECTING to SYNC; fd -1: there's no connection */
    struct tls *tls;         /* on it; NULL: in the clear */
    struct loop_timer more;  /* what came by TLS and is there already is looked at then */
    uint64_t tried_us;       /* monotonic: the last attempt to connect */
    uint64_t heard_us;       /* the last time something came */
    int64_t down_since_s;    /* Unix time; 0: it was never up */
    struct link_talk talk;
    struct sync_receive sync;
    /* UP: */
    uint64_t heard_bytes; /* what had come of the client's bytes when it was looked at last */
    int64_t stream_begin; /* the offset at which the client began */
    bool ack_asked;       /* by the primary: as soon as what was read has been executed */
    uint64_t acked_us;    /* monotonic */
    struct buf open;      /* the text of a transaction that isn't over */
};

/* A link to that primary, in use from now on (repl.link); there must be none. Begins to connect. */
void link_start(struct repl *r, const char *host, int port, bool resumable);
/* Ends it: repl.link is NULL. Returns whether the data set is resumable. */
bool link_end(struct repl *r);

/* Begins to connect now. */
void link_connect(struct repl_link *l);
/* The connection is given up, and what was under way on it; there will be another one. */
void link_lost(struct repl_link *l);
/* The data set is there: the stream follows on the connection. */
void link_up(struct repl_link *l);

/* Ten times a second. */
void link_cron(struct repl_link *l);

/* The state as ROLE names it. */
const char *link_state_name(const struct repl_link *l);
/* The offset of what has been read. */
int64_t link_read_offset(const struct repl_link *l);
/* INFO's fields of a replica, behind `role`. */
void link_write_info(const struct repl_link *l, struct buf *out);

#endif
