/* SPDX-License-Identifier: BSD-3-Clause */
/* The event loop: epoll and a heap of timers, one thread. It sleeps until the next timer or event;
 * a descriptor without events and a timer that isn't due cost nothing. */
#ifndef DREY_IO_LOOP_H
#define DREY_IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"

enum {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    LOOP_HANGUP = 4, /* the peer has closed, at least its sending side: for who doesn't read */
};

struct loop;

/* A descriptor being watched; embedded in its owner. */
struct loop_watch {
    int fd;
    uint8_t interest; /* of LOOP_READ, LOOP_WRITE, LOOP_HANGUP; 0: nothing for now */
    bool nested;      /* is told by loop_poll, too */
    /* Set before it starts: while the interest is LOOP_READ alone on_ready reads all that has come,
     * or calls loop_watch_again. It's told once of what there is to read, and again when more comes
     * or the interest changes; of the end until it stops. */
    bool reads_all;
    /* `ready` has what was asked for and happened; errors and lost connections count as all. */
    void (*on_ready)(struct loop_watch *watch, unsigned ready);
};

/* A moment at which something is to be done; embedded in its owner. Runs once: it may start itself
 * again. */
struct loop_timer {
    uint64_t due_us; /* on the loop's clock (monotonic) */
    size_t heap_pos; /* 0: not running */
    void (*on_due)(struct loop_timer *timer);
};

struct loop *loop_new(void); /* NULL with errno on failure */
void loop_free(struct loop *l);
/* In a forked child that has closed the loop's descriptor, which was its parent's: it watches
 * nothing any more. */
void loop_forked(struct loop *l);

/* 0, or -1 with errno. */
int loop_watch_start(struct loop *l, struct loop_watch *w, unsigned interest);
int loop_watch_change(struct loop *l, struct loop_watch *w, unsigned interest);
/* Something was left unread: it's told of that in the next turn, or poll. */
void loop_watch_again(struct loop *l, struct loop_watch *w);
/* Also drops events that haven't been delivered. Call before closing the descriptor. */
void loop_watch_stop(struct loop *l, struct loop_watch *w);

/* (Re)starts a timer; a time that has passed means as soon as may be, which for one started by a
 * timer is the next turn. Those due at one time run in no certain order. O(log running timers). */
void loop_timer_start(struct loop *l, struct loop_timer *t, uint64_t due_us);
void loop_timer_stop(struct loop *l, struct loop_timer *t);
static inline bool loop_timer_running(const struct loop_timer *t) {
    return t->heap_pos != 0;
}

/* Monotonic time at the start of this turn's events, or of loop_poll's, in microseconds. */
uint64_t loop_now_us(const struct loop *l);

/* How many descriptors were ready when this turn began: 0 if only timers are due. */
size_t loop_ready_count(const struct loop *l);

/* Called at the end of each turn, after events and timers and before the loop sleeps. */
void loop_on_turn_end(struct loop *l, void (*fn)(void *ctx), void *ctx);

/* Something is waiting that no event will announce: the next turn doesn't sleep. */
void loop_no_sleep(struct loop *l);

/* What an event asked for took longer than usual: before the next one is told it's seen whether the
 * turn has time for it. */
void loop_took_long(struct loop *l);

/* Tells the watches that asked for it what happened, without waiting, from within a turn whose work
 * takes long. Nothing else runs: no timers, no end of a turn. */
void loop_poll(struct loop *l);

/* One turn: events, for half a millisecond and one's work at most, timers that are due, and what
 * loop_on_turn_end says. Events that are left are told in the next, before epoll is asked for more.
 */
void loop_turn(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop */
void loop_stop(struct loop *l);
bool loop_stopping(const struct loop *l);

/* Turns so far, by the nanoseconds spent in each outside epoll_wait; these in all, and at most.
 * Where CPU time is read, also what turns had of their core, and what they went without: because
 * something else had it, or they waited for a disk, for memory, for a lock. */
struct loop_stats {
    struct histogram turns, on_cpu;
    uint64_t busy_ns, longest_ns;
    uint64_t on_cpu_longest_ns;
    uint64_t off_cpu_ns, off_cpu_longest_ns;
};
/* Two system calls in each turn. A change clears the figures. */
void loop_read_cpu_time(struct loop *l, bool on);
struct loop_stats *loop_stats(struct loop *l);

#endif
