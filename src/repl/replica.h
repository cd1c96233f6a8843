/* SPDX-License-Identifier: BSD-3-Clause */
/* A replica of this server: a client that has asked for the stream, and how far it is.
 *
 *   NONE ---> WAITS ---> ATTACHED ---> RECEIVES ---> ONLINE     a snapshot in a file
 *     |         +------> STREAMED ----------------->   ^        one sent while it's made
 *     +------------------------------------------------+        it goes on where it was
 *
 * From the cut of its snapshot on, or from where it goes on, it has a cursor in the backlog; what
 * comes behind that is sent when it's online. */
#ifndef DREY_REPL_REPLICA_H
#define DREY_REPL_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "repl/backlog.h"
#include "server/client_stream.h"

struct call;
struct repl;

enum replica_state {
    REPLICA_NONE,     /* has only told of itself */
    REPLICA_WAITS,    /* for a snapshot to begin */
    REPLICA_ATTACHED, /* to one that's being written to a file */
    REPLICA_STREAMED, /* gets one while it's being made */
    REPLICA_RECEIVES, /* gets a file */
    REPLICA_DONE,     /* has got its snapshot, and wants nothing else (rdb-only): is closed */
    REPLICA_ONLINE,
};

struct replica {
    struct client_stream stream; /* first: how it hangs on its client */
    struct repl *repl;
    struct client *client;
    struct client_link linked; /* among all replicas, from WAITS on */
    enum replica_state state;

    /* As it has told. */
    int64_t port; /* 0: it hasn't */
    char *ip;     /* NULL: it hasn't */
    bool takes_eof, takes_psync2;
    bool rdb_only;
    unsigned omit;  /* of enum persist_omission */
    bool by_sync;   /* it came with SYNC: it acknowledges nothing */
    bool answered;  /* since something was last read: told what comes next */
    bool ack_first; /* it's online when it has acknowledged something: before, it may not have seen
                       the end of its snapshot */

    struct backlog_cursor cursor;
    int64_t acked, synced; /* offsets: what it has, and has on disk */
    uint64_t acked_us;     /* monotonic: when it said so, or when it came online */
    uint64_t asked_us;     /* when it asked for a snapshot */

    /* The snapshot. */
    int fd; /* of the file; -1: there's none */
    uint64_t file_left;
    struct backlog_cursor transfer; /* in full_sync.chain */
    uint64_t moved_us;              /* the last time that something of it was sent */
};

/* That of a client; made if need be, or NULL. */
struct replica *replica_of(const struct client *c);
struct replica *replica_of_or_new(struct repl *r, struct client *c);

/* Its client is a replica from now on. */
void replica_enter(struct replica *p);
/* It wants a snapshot. */
void replica_wait(struct replica *p);
/* The data set at `offset` is what it's to get, and then what comes behind `from` (or behind the
 * offset, if that's NULL): it's told so. */
void replica_begin_sync(struct replica *p, int64_t offset, const struct backlog_cursor *from);
/* Gets a file of this length, opened for it. */
void replica_send_file(struct replica *p, int fd, uint64_t len);
/* Gets what is in the chain of the snapshot that's being made, with that mark at its end. */
void replica_send_transfer(struct replica *p, struct backlog *chain, const char *mark);
/* It has its snapshot, or needs none: gets the stream. */
void replica_go_online(struct replica *p);
/* Goes on at a position of the backlog, which has it. */
void replica_continue(struct replica *p, int64_t position);
/* It's told that this can't be, and closed. */
void replica_fail(struct replica *p, const char *error);
/* REPLCONF ACK. `synced` -1: it hasn't said. */
void replica_acked(struct replica *p, int64_t offset, int64_t synced);

/* Bytes of the stream that it hasn't been sent. */
uint64_t replica_lag(const struct replica *p);

/* In INFO. */
const char *replica_state_name(const struct replica *p);

enum { REPLICA_NAME_MAX = 128 };
/* How logs call it: address and port that it listens at, as far as it has told. */
const char *replica_name(const struct replica *p, char name[REPLICA_NAME_MAX]);
/* The address. */
void replica_ip(const struct replica *p, char ip[REPLICA_NAME_MAX]);

#endif
