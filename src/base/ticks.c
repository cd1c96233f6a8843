/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/ticks.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { FIRST_MEASURE_NS = 200 * 1000 };

/* x86: CPUID says whether the counter keeps its rate in all power states. arm64: it always does. */
static bool counter_is_steady(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1 << 8);
#elif defined(__aarch64__)
    return true;
#else
    return false;
#endif
}

void ticks_calibrate(struct ticks *t) {
    if (!t->counter) return;
    uint64_t span_ns = (uint64_t)clock_mono_ns() - t->start_ns, span = ticks_now(t) - t->start;
    if (span) t->factor = (uint64_t)(((unsigned __int128)span_ns << 32) / span);
}

void ticks_init(struct ticks *t) {
    *t = (struct ticks){.counter = counter_is_steady(), .factor = (uint64_t)1 << 32};
    t->start_ns = (uint64_t)clock_mono_ns();
    t->start = ticks_now(t);
    while (t->counter && (uint64_t)clock_mono_ns() - t->start_ns < FIRST_MEASURE_NS) continue;
    ticks_calibrate(t);
}
