/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session gets without having asked for it just now: messages of channels, invalidations of
 * keys, lines of MONITOR.
 *
 *     struct reply *r = e->push.begin(s);
 *     if (!r) return;                       nobody is there for it any more
 *     reply_push(r, 3); ...                 one whole message, or several
 *     e->push.end(s);
 *
 * Both may be called at any time, also while a command of the same session runs: then the message
 * stands behind that command's reply, as in Redis 7.2 (7.0 put it before, which within EXEC made it
 * an element of the reply). Between begin and end nothing else may be pushed to any session. */
#ifndef DREY_EXEC_PUSH_H
#define DREY_EXEC_PUSH_H

#include <stdbool.h>

struct reply;
struct session;

/* Of an engine. Whoever has sessions with somebody at the other end sets its own; with those of
 * engine_init messages go to the session's own reply. */
struct push_hooks {
    struct reply *(*begin)(struct session *s); /* of the session's RESP version */
    void (*end)(struct session *s);
    /* Will nobody get the session's reply, because it has outgrown what it may be or wasn't asked
     * for? A command that replies without end looks once in a while, and gives up. */
    bool (*unwanted)(struct session *s);
};

extern const struct push_hooks push_to_own_reply;

#endif
