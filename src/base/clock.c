/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/clock.h"

#include <time.h>

enum { US_PER_S = 1000000, NS_PER_US = 1000, US_PER_MS = 1000, NS_PER_MS = 1000000 };

static int64_t read_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * US_PER_S * NS_PER_US + now.tv_nsec;
}

int64_t clock_mono_ns(void) {
    return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_mono_us(void) {
    return clock_mono_ns() / NS_PER_US;
}

int64_t clock_mono_ms(void) {
    return clock_mono_ns() / NS_PER_MS;
}

int64_t clock_wall_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

int64_t clock_wall_ms(void) {
    return clock_wall_us() / US_PER_MS;
}

int64_t clock_thread_cpu_ns(void) {
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}
