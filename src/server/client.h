/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection: its session, what was read and isn't complete, what waits to be sent. Idle, it owns
 * no buffers and no timer (but for `timeout`), and costs this struct alone.
 *
 * How a client's life goes, and who sees to what:
 *   client.c         birth and death, the end of a turn
 *   client_input     reading and running, each client's share of a turn
 *   client_send      sending replies, short ones first
 *   client_tls       handshakes
 *   client_limits    closing who is idle, sends or leaves too much
 *   client_memory    what clients take; closing the largest
 *   tracking, monitor  CLIENT TRACKING, MONITOR
 *   client_pause     CLIENT PAUSE
 *   client_blocked   commands that wait
 *   client_push      what it gets without having asked for it
 *   client_list, client_kill, client_commands: the CLIENT command */
#ifndef DREY_SERVER_CLIENT_H
#define DREY_SERVER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "exec/session.h"
#include "io/loop.h"
#include "server/client_queue.h"

struct server;
struct client_input;
struct client_stream;
struct tls;

/* Whose share of this turn is used up while there's more to do. */
struct client_turns {
    struct client_queue waiting;
    struct loop_timer timer;
};

enum client_reply_mode {
    CLIENT_REPLY_ON,
    CLIENT_REPLY_OFF,
    CLIENT_REPLY_SKIP_NEXT, /* CLIENT REPLY SKIP itself */
    CLIENT_REPLY_SKIP,
};

/* What a connection is used for. */
enum client_kind { CLIENT_NORMAL, CLIENT_REPLICA, CLIENT_PUBSUB, CLIENT_PRIMARY };

/* Texts that a client tells of itself. */
enum client_text { CLIENT_NAME, CLIENT_LIB_NAME, CLIENT_LIB_VER, CLIENT_TEXTS };

/* Where it is with that of TLS, see client_tls.c. */
enum client_handshake { CLIENT_HANDSHAKE_NONE, CLIENT_HANDSHAKE_RUNS, CLIENT_HANDSHAKE_WAITS };

struct client {
    struct loop_watch watch;
    struct tls *tls; /* NULL: it speaks in the clear */
    struct session session;
    struct server *server;
    struct client *next_to_flush, *next_to_close;
    struct client_input *input;   /* NULL: nothing pending, and nothing was lately */
    struct client_stream *stream; /* client_stream.h; NULL: it gets replies alone */
    size_t memory;                /* as client_memory last counted it; 0: not counted */
    uint8_t reply_mode;           /* enum client_reply_mode */
    uint8_t kind;                 /* enum client_kind */
    uint8_t size_class;           /* of its memory, see client_memory.c */
    uint8_t handshake;            /* enum client_handshake */
    uint8_t to_flush_since;       /* turn of client_sends, if it's to be flushed */
    bool to_flush : 1; /* in a queue of those who are to be sent something: client_send.h */
    bool behind : 1;   /* it's to wait for others there */
    bool crowds : 1;   /* they are many who are to get much: its turn ends with its request */
    bool full : 1;     /* its socket took less than it was to; the loop tells when there's room */
    bool closing : 1;  /* on the server's list, or being closed: nothing is read or run any more */
    bool close_after_reply : 1;
    bool paused : 1;  /* its input waits for the end of CLIENT PAUSE; nothing is read */
    bool waiting : 1; /* its input waits for the next turn, as its share of this one is used up */
    bool unread : 1;  /* something has come that the loop told of, but nobody has read */
    bool unix_socket : 1;
    bool sends_big : 1; /* its last long request had a big argument (big_args.h) */
    bool local : 1;     /* connected from this machine */
    bool no_evict : 1;
    bool caching : 1;   /* CLIENT CACHING was called for its next request */
    uint64_t active_us; /* monotonic: the last time bytes went either way */
    const struct command_entry *last_command;
    uint64_t bytes_in, bytes_out;
    uint64_t reply_peak_us; /* when the peak was */
    uint32_t reply_peak;    /* most bytes that a turn's replies came to, lately */

    /* Not needed by every request: */
    struct loop_timer timer;          /* the nearest of its deadlines, see client_limits.c */
    struct client *prev, *next;       /* of all clients, oldest first */
    struct client_link queued;        /* while paused, or waiting for its turn or handshake */
    struct client_link ranked;        /* among clients of its size class */
    struct client_link monitoring;    /* among the monitors, if it's one */
    struct reply *held_pushes;        /* behind the reply that it waits for; NULL: nothing */
    struct client_tracking *tracking; /* NULL: it doesn't cache */
    uint64_t id;
    uint64_t created_us;          /* monotonic */
    uint64_t soft_limit_since_us; /* over the soft output limit since then; 0: isn't */
    char **texts;                 /* CLIENT_TEXTS of them, each or all NULL: not told */
};

/* Sets up what all clients share; the loop, the engine and the configuration are there. */
void clients_init(struct server *s);
/* Closes all of them, now. */
void clients_release(struct server *s);
/* Sends what waits, closes whom it's decided about: the end of a turn. */
void clients_turn_end(struct server *s);
/* The same after a poll within a turn. */
void clients_poll_end(struct server *s);

/* A connection accepted, with TLS or (NULL) without. Takes both over; NULL (and both closed) if the
 * kernel can't watch any more. */
struct client *client_new(struct server *s, int fd, struct tls *tls, bool unix_socket);

/* NULL if nobody has that id. The client may be closing. */
struct client *client_by_id(const struct server *s, uint64_t id);

/* Closes now. Must not be called while a client's request runs: client_close_soon is for that. */
void client_free(struct client *c);

/* Closes at the end of this turn; nothing more is read, run or sent. */
void client_close_soon(struct client *c);

/* Closes once everything up to the reply being written is sent; nothing more is read. */
void client_close_after_reply(struct client *c);

/* Tells the loop what the client waits for now. */
void client_watch(struct client *c);

/* The client's input goes on in the next turn, behind that of others who wait for theirs. */
void client_wait_for_turn(struct client *c);

/* Those who wait get their share, as many as there's time for; whoever has more to do waits again,
 * behind. */
void clients_run_waiting(struct server *s);

/* "" while it isn't told. An empty text takes it back. */
const char *client_text(const struct client *c, enum client_text which);
void client_set_text(struct client *c, enum client_text which, struct slice text);

/* The client whose session this is. */
struct client *client_of(struct session *s);

#endif
