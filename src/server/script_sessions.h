/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections of the script debugger: a session (script/debugger.h) has its client's socket to
 * itself, in this process or in one of its own. That one is forked: it's the one place where this
 * server does so, as what a session changes is to be dropped, and who debugs doesn't count pages.
 *
 * The child has the keyspace, its one socket and nothing else: all other descriptors are closed, no
 * helper threads, no files, no one to feed. It ends with the session, or with its parent. */
#ifndef DREY_SERVER_SCRIPT_SESSIONS_H
#define DREY_SERVER_SCRIPT_SESSIONS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct server;

struct script_sessions {
    pid_t *children;
    size_t count, cap;
    uint64_t forks;   /* so far */
    uint64_t fork_us; /* what the last one took */
};

/* Gives the engine's scripts a debugger. */
void script_sessions_init(struct server *s);
/* Ends those that run in processes of their own. */
void script_sessions_release(struct server *s);

/* Buries those that have ended: once a cron round. */
void script_sessions_cron(struct server *s);

#endif
