/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection: its session, what was read and isn't complete, what waits to be sent. Idle, it owns
 * no buffers. */
#ifndef DREY_SERVER_CLIENT_H
#define DREY_SERVER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "exec/session.h"
#include "io/loop.h"
#include "resp/request.h"

struct server;

/* An incomplete request (or a batch cut short): the bytes, and the arguments parsed so far. */
struct client_input {
    struct request_parser parser;
    char *data;
    size_t len, cap;
    struct slice *args;
    size_t arg_count;
};

enum client_reply_mode {
    CLIENT_REPLY_ON,
    CLIENT_REPLY_OFF,
    CLIENT_REPLY_SKIP_NEXT,
    CLIENT_REPLY_SKIP
};

struct client {
    struct loop_watch watch;
    struct loop_timer timer; /* the nearest of its deadlines: idle timeout, soft output limit */
    struct session session;
    struct server *server;
    struct client *prev, *next; /* of all clients, oldest first */
    struct client *next_to_flush, *next_to_close, *next_to_resume;
    struct client_input *input; /* NULL: nothing pending */
    uint64_t id;
    uint64_t created_us, active_us; /* monotonic; the last read */
    uint64_t soft_limit_since_us;   /* over the soft output limit since then; 0: isn't */
    const struct command_entry *last_command;
    char *name, *lib_name, *lib_ver; /* NULL: not set */
    uint64_t bytes_in, bytes_out, commands;
    uint32_t args_memory;
    uint8_t reply_mode; /* enum client_reply_mode */
    bool unix_socket : 1;
    bool local : 1;    /* connected from this machine */
    bool to_flush : 1; /* on the server's list */
    bool closing : 1;  /* on the server's list, or being closed: nothing is read or run any more */
    bool close_after_reply : 1;
    bool paused : 1; /* its input waits for the end of CLIENT PAUSE */
    bool no_evict : 1;
};

/* A connection accepted. Takes over the descriptor. */
struct client *client_new(struct server *s, int fd, bool unix_socket);

/* Closes now. Must not be called while the client's own request runs: use client_close_soon there.
 */
void client_free(struct client *c);

/* Closes at the end of this turn; nothing more is read, run or sent. */
void client_close_soon(struct client *c);

/* Sends what waits, as far as the socket takes it. Closes the client on an error, or when all is
 * sent and it's to close. */
void client_flush(struct client *c);

/* There's something to send: it will be at the end of the turn. */
void client_wants_flush(struct client *c);

/* Goes on with input that was left when the client was paused. */
void client_resume(struct client *c);

/* The client whose session this is. */
struct client *client_of(struct session *s);

/* "127.0.0.1:1234", "[::1]:1234" or "/path:0", terminated. */
enum { CLIENT_ADDR_MAX = 160 };
void client_addr(const struct client *c, char text[CLIENT_ADDR_MAX]);
void client_local_addr(const struct client *c, char text[CLIENT_ADDR_MAX]);

#endif
