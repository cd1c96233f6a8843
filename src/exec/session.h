/* SPDX-License-Identifier: BSD-3-Clause */
/* What commands run for: the selected database, the reply sink and its RESP version, the user. A
 * connection has one; so will scripts, replayed files and the library. */
#ifndef DREY_EXEC_SESSION_H
#define DREY_EXEC_SESSION_H

#include "exec/engine.h"
#include "exec/watch.h"
#include "resp/reply.h"

struct transaction;

/* How the scripts of a session run: SCRIPT DEBUG. */
enum session_debug {
    SESSION_DEBUG_NO,
    SESSION_DEBUG_FORKED, /* each in a process of its own, so that nothing is changed */
    SESSION_DEBUG_SYNC,   /* while the server stands still */
};

struct session {
    struct engine *engine;
    struct db *db;
    struct acl_user *user; /* a reference; NULL: it may do everything */
    struct reply *reply;   /* where replies go; the owner may point it elsewhere between commands */
    struct reply own_reply;
    struct session *caller;  /* for whose script this one's commands run; NULL: for nobody's */
    struct blocked *blocked; /* NULL: no command waits, see blocking.h */
    struct transaction *transaction; /* NULL: no MULTI is open */
    struct watch watch;
    struct subscriber *subscriber; /* NULL: it listens to no channel, see pubsub/pubsub.h */
    uint64_t fed;                  /* engine.fed after its last write, */
    uint64_t replicated;           /* and engine.replicated */
    uint64_t commands;             /* run, those of transactions and scripts included */
    unsigned gates;                /* of enum gate */
    bool no_touch;                 /* CLIENT NO-TOUCH: look-ups aren't uses */
    bool can_wait;        /* commands may wait; else they are answered as if their time was up */
    uint8_t asking;       /* ASKING: 2 after it, 1 for the request that follows, which it's for */
    uint8_t script_debug; /* enum session_debug */
    bool obeyed;    /* the server that this one follows speaks: its commands run whatever is in the
                       way, and keys expire when it says so */
    bool is_client; /* the session of a connection: commands of the server layer may ask for it */
    uint8_t unpropagated; /* to whom what its commands do isn't fed (redis.set_repl): bits of enum
                             propagate_taker */
};

void session_init(struct session *s, struct engine *engine, struct reply_pool *pool);
void session_release(struct session *s);

/* Whose rights its commands have from now on; NULL: nothing is denied. */
void session_set_user(struct session *s, struct acl_user *user);
/* They have changed. */
void session_heed_rights(struct session *s);

/* False if there's no such database. */
bool session_select(struct session *s, int64_t id);

#endif
