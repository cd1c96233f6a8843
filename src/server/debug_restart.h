/* SPDX-License-Identifier: BSD-3-Clause */
/* DEBUG RESTART and CRASH-AND-RECOVER: the process runs its program anew, with the arguments and in
 * the folder that it was started with. */
#ifndef DREY_SERVER_DEBUG_RESTART_H
#define DREY_SERVER_DEBUG_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "exec/call.h"

/* What starting again takes, and whether that's wanted. */
struct restart {
    bool wanted; /* once the server has ended */
    uint64_t delay_ms;
    char *program, *folder;
    char **argv; /* borrowed: main's */
};

/* Notes how the process was started; before it changes its folder. */
void restart_note(struct restart *r, const char *program, char **argv);
void restart_release(struct restart *r);

/* Starts again; returns only if that can't be: a negative errno. */
int restart_now(const struct restart *r);

/* Orderly: saves the configuration if it comes from a file, and ends as SHUTDOWN does, first. */
void debug_restart(struct call *c);
/* At once. */
void debug_crash_and_recover(struct call *c);

#endif
