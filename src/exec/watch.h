/* SPDX-License-Identifier: BSD-3-Clause */
/* WATCH: a session watches keys until its next EXEC, DISCARD or UNWATCH; if one of them changes,
 * expires or is flushed meanwhile, that EXEC does nothing. Events of keys are listened to only
 * while somebody watches. */
#ifndef DREY_EXEC_WATCH_H
#define DREY_EXEC_WATCH_H

#include "exec/key_index.h"

struct db;
struct engine;
struct session;

/* Of one session. */
struct watch {
    struct watched *first; /* what it watches */
    size_t count, memory;
    bool touched; /* one of them has changed */
};

/* O(keys that the session watches), as a key is watched once. */
void watch_add(struct session *s, struct slice name);
/* Forgets all that the session watches, and what happened to it. */
void watch_clear(struct session *s);

/* Has nothing of what the session watches changed or expired? */
bool watch_holds(struct session *s);

/* The engine's hooks. */
void watch_key_event(struct engine *e, struct db *db, struct slice key);
void watch_flushed(struct engine *e, struct db *db);
void watch_swapped(struct engine *e, struct db *a, struct db *b);

#endif
