/* SPDX-License-Identifier: BSD-3-Clause */
/* A latency histogram: counts by logarithm with 32 steps to each doubling, so a value read back is
 * at most 3.2 % high. Nanoseconds, up to about 18 minutes. */
#ifndef DREY_BASE_HISTOGRAM_H
#define DREY_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_STEPS = 32,
    HISTOGRAM_DOUBLINGS = 36,
    HISTOGRAM_CELLS = HISTOGRAM_STEPS * HISTOGRAM_DOUBLINGS
};

struct histogram {
    uint64_t total;
    uint64_t cells[HISTOGRAM_CELLS];
};

/* The cell of a value. Below 32 each value has its own. */
static inline size_t histogram_cell(uint64_t ns) {
    if (ns < HISTOGRAM_STEPS) return ns;
    unsigned shift = 63u - 5u - (unsigned)__builtin_clzll(ns);
    size_t cell = (size_t)(shift + 1) * HISTOGRAM_STEPS + ((ns >> shift) - HISTOGRAM_STEPS);
    return cell < HISTOGRAM_CELLS ? cell : HISTOGRAM_CELLS - 1;
}

static inline void histogram_add_many(struct histogram *h, uint64_t ns, uint64_t count) {
    h->total += count;
    h->cells[histogram_cell(ns)] += count;
}

static inline void histogram_add(struct histogram *h, uint64_t ns) {
    histogram_add_many(h, ns, 1);
}

/* The highest value that falls in a cell. */
uint64_t histogram_cell_top(size_t cell);

/* The value that `percentile` per cent of all are at or below; 0 if there are none. O(cells). */
uint64_t histogram_percentile(const struct histogram *h, double percentile);

/* How many values are at or below ns (to the precision of a cell). */
uint64_t histogram_at_most(const struct histogram *h, uint64_t ns);

#endif
