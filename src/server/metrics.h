/* SPDX-License-Identifier: BSD-3-Clause */
/* What INFO shows that has to be watched over time: rates over the last rounds of the cron, peaks,
 * time spent in background work. */
#ifndef DREY_SERVER_METRICS_H
#define DREY_SERVER_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct server;

enum { METRICS_SAMPLES = 16 }; /* as many rounds as Redis averages over */

/* The growth of a counter per unit of another one (time, or turns of the loop), averaged. */
struct metrics_rate {
    uint64_t value, base; /* at the last sample; base 0: there was none */
    double samples[METRICS_SAMPLES];
    size_t next;
};

struct metrics {
    struct metrics_rate commands, turns, net_in, net_out; /* per second */
    struct metrics_rate net_repl_in, net_repl_out;        /* likewise */
    struct metrics_rate turn_ns;                          /* busy time per turn */
    size_t startup_memory, peak_memory;                   /* bytes in use */
    uint64_t cron_ns, expire_ns; /* spent in the cron, and in deleting what expired */
    uint64_t turn_commands_max;  /* commands run in one turn of the loop */
    uint64_t commands_before;    /* at the start of this turn */
};

/* At the end of start-up. */
void metrics_start(struct server *s);
/* Once per round of the cron: under a microsecond. */
void metrics_sample(struct server *s);
/* At the end of a turn of the loop. */
void metrics_turn_end(struct server *s);
/* CONFIG RESETSTAT's part: rates and sums, not the peak. The counters that are followed must be
 * reset before. */
void metrics_reset(struct server *s);

double metrics_rate_average(const struct metrics_rate *rate);

#endif
