/* SPDX-License-Identifier: BSD-3-Clause */
/* Time spans at the cost of reading a register (a clock_gettime per command would show in the
 * figures): the CPU's own counter where it runs at a constant rate, else the monotonic clock. */
#ifndef DREY_BASE_TICKS_H
#define DREY_BASE_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* What turns ticks into nanoseconds. */
struct ticks {
    bool counter;             /* the CPU's counter is used */
    uint64_t factor;          /* nanoseconds per tick, times 2^32 */
    uint64_t start, start_ns; /* where the measure of the rate began */
};

/* Measures the rate, for a fifth of a millisecond. */
void ticks_init(struct ticks *t);
/* Measures it again, over all the time since ticks_init. */
void ticks_calibrate(struct ticks *t);

static inline uint64_t ticks_now(const struct ticks *t) {
#if defined(__x86_64__)
    if (t->counter) return __rdtsc();
#elif defined(__aarch64__)
    if (t->counter) {
        uint64_t now;
        __asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
        return now;
    }
#endif
    return (uint64_t)clock_mono_ns();
}

static inline uint64_t ticks_to_ns(const struct ticks *t, uint64_t span) {
    return (uint64_t)((unsigned __int128)span * t->factor >> 32);
}

#endif
