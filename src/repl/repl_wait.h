/* SPDX-License-Identifier: BSD-3-Clause */
/* WAIT and WAITAOF: waiting until replicas have what a session wrote, in memory or on disk, and
 * until this server has it on disk. */
#ifndef DREY_REPL_REPL_WAIT_H
#define DREY_REPL_REPL_WAIT_H

struct repl;
struct repl_waiter;

struct repl_waits {
    struct repl_waiter *first, *last; /* oldest first */
};

/* Answers those whose wait is over. */
void repl_waits_turn_end(struct repl *r);

#endif
