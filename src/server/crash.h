/* SPDX-License-Identifier: BSD-3-Clause */
/* What is written when the server crashes: the signal, the address, all threads' stacks, registers,
 * the command that was running, INFO, the map of the code. Goes to the log (in Redis's frame, so
 * that its tools find it); then the signal's own action follows, with a core dump where that is
 * enabled. Also the trace of a server that is stuck: the watchdog.
 *
 * A crash is the process's, and so is what is set here. Up to the two callbacks nothing takes a
 * lock or memory; they come last, and a crash inside the report ends it with what is there. */
#ifndef DREY_SERVER_CRASH_H
#define DREY_SERVER_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/slice.h"

/* Owned by the caller, and must stay until crash_stop. The callbacks run on the crashing thread and
 * may find anything broken. */
struct crash {
    struct log *log;
    const char *version;
    void *context;
    /* Puts up to max arguments of the command that is running into args, its name first; returns
     * how many it has in all, 0 when none is running. NULL: never any. */
    size_t (*command)(void *context, struct slice *args, size_t max);
    /* Appends the text of INFO and whatever else helps. NULL: nothing. */
    void (*info)(void *context, struct buf *to);
    volatile bool hide_user_data; /* no arguments, registers or stack contents in the report */
};

/* Installs the hook of failed assertions and the SIGALRM handler, and remembers `crash`. The
 * calling thread gets a stack of its own for handlers, so that its overflow can be reported: the
 * main thread. */
void crash_start(struct crash *crash);

/* Back to the system's defaults; for tests. */
void crash_stop(void);

/* Reports on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, or not (`crash-log-enabled`). Off after
 * crash_start. */
void crash_enable(bool on);

/* Unless called again within period_ms, SIGALRM comes and a trace of what the server is doing goes
 * to the log; then it goes on. 0: no watchdog. A SIGALRM that someone else sends gives the same
 * trace. */
void crash_watchdog(int64_t period_ms);

#endif
