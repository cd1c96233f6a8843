/* SPDX-License-Identifier: BSD-3-Clause */
/* The conversation with a primary until it's clear how its data come: PING, AUTH, REPLCONF (who
 * this is, and what it can do), then PSYNC, which names the history and the offset to go on at.
 * The primary goes on from there (+CONTINUE, maybe with a new id of the history), or sends all
 * (+FULLRESYNC with id and offset, then the snapshot). One that doesn't know PSYNC gets SYNC. */
#ifndef DREY_REPL_LINK_TALK_H
#define DREY_REPL_LINK_TALK_H

#include "io/loop.h"

struct repl_link;

enum { LINK_LINE_MAX = 1024, LINK_TALK_STEPS = 4 };

enum link_step { LINK_PING, LINK_AUTH, LINK_PORT, LINK_ADDRESS, LINK_ABILITIES, LINK_PSYNC };

struct link_talk {
    enum link_step steps[LINK_TALK_STEPS]; /* whose replies are to come, */
    unsigned at, count;                    /* and which of them next */
    char line[LINK_LINE_MAX];              /* the reply that comes */
    size_t len;
};

/* The watch's on_ready, for CONNECTING, HANDSHAKE and SYNC. */
void link_talk_ready(struct loop_watch *watch, unsigned ready);

/* That of the timer `more`. */
void link_talk_more(struct loop_timer *timer);

/* The next line that the primary has sent, without its end: true, and it's in talk.line until the
 * next call. False: it isn't complete, or (*lost) never will be. */
bool link_talk_line(struct repl_link *l, bool *lost);

#endif
