/* SPDX-License-Identifier: BSD-3-Clause */
/* When active defragmentation (db/compactor.h) runs, and for how much of the time, by Redis's
 * parameters: once pages that are in use hold active-defrag-threshold-lower percent more than what
 * is in them, and active-defrag-ignore-bytes; with active-defrag-cycle-min percent of the time, up
 * to -max at -threshold-upper. It rests while a snapshot is made or data is loaded. */
#ifndef DREY_SERVER_DEFRAG_H
#define DREY_SERVER_DEFRAG_H

#include <stdbool.h>
#include <stdint.h>

#include "db/compactor.h"

struct buf;
struct config;
struct server;

struct defrag_config {
    bool on;
    uint64_t ignore_bytes;
    int64_t threshold_lower, threshold_upper; /* percent */
    int64_t cycle_min, cycle_max;             /* percent of the time */
    int64_t max_scan_fields;
};

struct defrag {
    struct defrag_config config;
    struct compactor compactor;
    unsigned percent;  /* of the time; 0: it doesn't run */
    uint64_t due_us;   /* the next slice, on the monotonic clock */
    uint64_t since_us; /* it runs */
    uint64_t total_us; /* it ran before that, since the last reset */
};

void defrag_register(struct config *config, struct defrag_config *to);

/* Looks, ten times a second, whether there's something to do. */
void defrag_cron(struct server *s);

/* When the next slice is due; UINT64_MAX: none is. */
uint64_t defrag_due_us(const struct server *s);
void defrag_run(struct server *s, uint64_t until_ns);

/* INFO's fields: of stats, and the percent of the time that it has at the moment. */
void defrag_write_stats(const struct server *s, struct buf *out);
void defrag_reset_stats(struct defrag *d);

#endif
