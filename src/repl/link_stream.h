/* SPDX-License-Identifier: BSD-3-Clause */
/* The primary's stream is executed, and passed on. */
#ifndef DREY_REPL_LINK_STREAM_H
#define DREY_REPL_LINK_STREAM_H

struct repl_link;
struct server;

/* Fills in the server's hooks for the primary's client. */
void link_stream_init(struct server *s);

/* Closes the client, if there's one. */
void link_stream_end(struct repl_link *l);

/* Tells the primary how far this server is. */
void link_acknowledge(struct repl_link *l);

#endif
