/* SPDX-License-Identifier: BSD-3-Clause */
/* A replica leaves it to its primary to say when keys are gone. But keys that clients write to a
 * writable replica may be unknown to the primary: those that they give a deadline are remembered,
 * and expire here. A deadline that the primary gives such a key later counts, too, as in Redis. */
#ifndef DREY_REPL_OWN_EXPIRY_H
#define DREY_REPL_OWN_EXPIRY_H

#include "ds/table.h"
#include "exec/engine.h"

struct own_expiry {
    struct engine *engine;
    struct table keys;
    uint64_t at; /* where in it to go on looking for what is due */
};

void own_expiry_init(struct own_expiry *o, struct engine *e);
void own_expiry_release(struct own_expiry *o);

/* Begins to remember keys, or ends it and forgets them. */
void own_expiry_switch(struct own_expiry *o, bool on);
/* Those that there were are gone, all of them. */
void own_expiry_forget(struct own_expiry *o);

/* Looks through some of them, for a millisecond at most, and lets those expire that are due. */
void own_expiry_round(struct own_expiry *o);

#endif
