/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that wait for keys: BLPOP and its kin, BZPOPMIN, XREAD.
 *
 * Such a handler tries its keys; if none has what it wants it calls blocking_on_keys and returns.
 * When one of the keys may have become ready, and the command that did that is over, the handler
 * runs again with the same arguments: it replies, or calls blocking_on_keys again and goes on
 * waiting, in its old place and with its old timeout. So there's one way of doing what the command
 * does, and nothing of it here.
 *
 * Who waits for a key stands in its queue, first come first served; there's one index of such keys
 * for all databases of an engine. A key becomes ready by any event on it (keyspace.h) but
 * EVENT_SILENT, so it doesn't matter which command it was; while nobody waits, events aren't even
 * listened to. */
#ifndef DREY_EXEC_BLOCKING_KEYS_H
#define DREY_EXEC_BLOCKING_KEYS_H

#include "exec/blocking.h"
#include "exec/call.h"

struct key_wait {
    int first, count;    /* the arguments that are keys, one after the other */
    enum type_id type;   /* the handler is only run when one of them is ready and holds this, */
    bool also_gone;      /* or, if set, something else or nothing */
    bool null_array;     /* the reply when time is up: a null array, else a null */
    uint64_t timeout_ms; /* 0: for ever */
    /* What to run again, if not the call's arguments as they are (XREAD's $); argc of them, copied
     * like those. */
    const struct slice *argv;
};

void blocking_on_keys(struct call *c, const struct key_wait *wait);

/* Runs what can go on. To be called when a command that nothing encloses is over, and after keys
 * went by themselves. */
void blocking_serve(struct engine *e);

static inline bool blocking_ready(const struct engine *e) {
    return e->blocking.ready != NULL;
}

/* Keyspace events that may make a key ready; the engine's hooks. */
void blocking_key_event(struct engine *e, struct db *db, struct slice key);
void blocking_flushed(struct engine *e, struct db *db);
/* Before the two change places. */
void blocking_swapped(struct engine *e, struct db *a, struct db *b);

/* How many keys are waited for, and how many of them also for being gone. O(keys). */
size_t blocking_keys_count(const struct engine *e, bool also_gone);

#endif
