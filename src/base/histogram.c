/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/histogram.h"

uint64_t histogram_cell_top(size_t cell) {
    if (cell < HISTOGRAM_STEPS) return cell;
    size_t shift = cell / HISTOGRAM_STEPS - 1, step = cell % HISTOGRAM_STEPS;
    return ((uint64_t)(HISTOGRAM_STEPS + step + 1) << shift) - 1;
}

uint64_t histogram_percentile(const struct histogram *h, double percentile) {
    if (h->total == 0) return 0;
    double wanted = percentile / 100 * (double)h->total;
    uint64_t seen = 0, last = 0;
    for (size_t cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        if (!h->cells[cell]) continue;
        seen += h->cells[cell];
        last = histogram_cell_top(cell);
        if ((double)seen >= wanted) return last;
    }
    return last;
}

uint64_t histogram_at_most(const struct histogram *h, uint64_t ns) {
    uint64_t seen = 0;
    for (size_t cell = 0; cell <= histogram_cell(ns); cell++) seen += h->cells[cell];
    return seen;
}
