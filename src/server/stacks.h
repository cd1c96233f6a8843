/* SPDX-License-Identifier: BSD-3-Clause */
/* Stack traces of the process's threads, from a signal handler or anywhere else.
 *
 * Each thread can only walk its own stack. So the one that wants all traces sends the others a
 * signal, one at a time, and waits for each (at most 200 ms) to have written its own. The signal is
 * stacks_signal(): a thread of ours that blocks all signals must leave this one open. One that
 * blocks it, as those that libraries start do, is only named, as is one that doesn't answer. */
#ifndef DREY_SERVER_STACKS_H
#define DREY_SERVER_STACKS_H

/* Once, before the other functions: takes the signal, and lets the unwinder load what it needs
 * while memory can be had. */
void stacks_init(void);

/* The signal that asks a thread for its trace, SIGRTMAX - 1. */
int stacks_signal(void);

/* Writes the calling thread's trace: its id, its name and " *", then a line per frame. */
void stacks_write_own(int fd);

/* Writes all other threads' traces in the same form, without " *". One caller at a time. */
void stacks_write_others(int fd);

#endif
