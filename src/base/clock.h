/* SPDX-License-Identifier: BSD-3-Clause */
/* The time, through the vDSO: tens of ns, no system call. Monotonic time is for measuring and for
 * timers, it never jumps and starts anywhere; wall time is for deadlines that users give and for
 * what they see (since 1970, UTC). */
#ifndef DREY_BASE_CLOCK_H
#define DREY_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ns(void);
int64_t clock_mono_us(void);
int64_t clock_mono_ms(void);
int64_t clock_wall_us(void);
int64_t clock_wall_ms(void);

/* CPU time of the calling thread: a system call. */
int64_t clock_thread_cpu_ns(void);

#endif
