/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/defrag.h"

#include <limits.h>

#include "base/clock.h"
#include "base/heap.h"
#include "server/server.h"
#include "server/watching.h"

#define MEMORY "Memory"

static const struct config_param rows[] = {
    {"activedefrag", CONFIG_BOOL(struct defrag_config, on), "no", .group = MEMORY,
     .about = "Move data out of pages that are nearly empty, to give those back."},
    {"active-defrag-ignore-bytes", CONFIG_MEMORY(struct defrag_config, ignore_bytes, 1, LLONG_MAX),
     "100mb", .group = MEMORY, .about = "Lost bytes at which to begin."},
    {"active-defrag-threshold-lower", CONFIG_INT(struct defrag_config, threshold_lower, 0, 1000),
     "10", .group = MEMORY, .about = "Lost percent at which to begin."},
    {"active-defrag-threshold-upper", CONFIG_INT(struct defrag_config, threshold_upper, 0, 1000),
     "100", .group = MEMORY, .about = "Lost percent at which to work hardest."},
    {"active-defrag-cycle-min", CONFIG_INT(struct defrag_config, cycle_min, 1, 99), "1",
     .group = MEMORY, .about = "Percent of CPU time at the least."},
    {"active-defrag-cycle-max", CONFIG_INT(struct defrag_config, cycle_max, 1, 99), "25",
     .group = MEMORY, .about = "Percent of CPU time at the most."},
    {"active-defrag-max-scan-fields",
     CONFIG_INT(struct defrag_config, max_scan_fields, 1, LONG_MAX), "1000", .group = MEMORY,
     .about = "Elements of a value to handle at once."},
};

void defrag_register(struct config *config, struct defrag_config *to) {
    config_register(config, rows, sizeof rows / sizeof *rows, to);
}

/* The share of the time that what is lost is worth; 0: none. */
static unsigned wanted_percent(const struct defrag_config *config) {
    struct heap_stats heap = heap_stats();
    if (!heap_knows_waste()) return (unsigned)config->cycle_max;
    if (heap.active <= heap.allocated || heap.allocated == 0) return 0;
    size_t lost = heap.active - heap.allocated;
    double percent = (double)lost * 100 / (double)heap.allocated;
    double lower = (double)config->threshold_lower, upper = (double)config->threshold_upper;
    double min = (double)config->cycle_min, max = (double)config->cycle_max;
    if (percent < lower || lost < config->ignore_bytes) return 0;
    double share = upper > lower ? min + (max - min) * (percent - lower) / (upper - lower) : max;
    if (share > max) share = max;
    return (unsigned)(share > min ? share : min);
}

static void stop(struct defrag *d, uint64_t now_us) {
    if (d->percent) d->total_us += now_us - d->since_us;
    d->percent = 0;
}

/* While a walk is under way its share may rise, but not fall, as in Redis. */
void defrag_cron(struct server *s) {
    struct defrag *d = &s->defrag;
    uint64_t now_us = loop_now_us(s->loop);
    if (!d->config.on) {
        stop(d, now_us);
        return;
    }
    unsigned percent = wanted_percent(&d->config);
    if (percent <= d->percent) return;
    if (!d->percent) {
        compactor_restart(&d->compactor);
        d->since_us = d->due_us = now_us;
    }
    d->percent = percent;
}

uint64_t defrag_due_us(const struct server *s) {
    bool may = s->defrag.percent && !snapshot_active(&s->persist.snapshot) &&
               !(s->engine.gates & GATE_LOADING);
    return may ? s->defrag.due_us : UINT64_MAX;
}

void defrag_run(struct server *s, uint64_t until_ns) {
    struct defrag *d = &s->defrag;
    uint64_t start_ns = (uint64_t)clock_mono_ns();
    d->compactor.at_once = d->config.max_scan_fields;
    bool done = compactor_run(&d->compactor, &s->engine.keyspace, until_ns);
    uint64_t end_ns = (uint64_t)clock_mono_ns(), ns = end_ns - start_ns;
    d->due_us = (end_ns + ns * (100 - d->percent) / d->percent) / 1000;
    watching_part(s, LATENCY_ACTIVE_DEFRAG_CYCLE, ns);
    if (!done) return;
    unsigned percent = d->config.on ? wanted_percent(&d->config) : 0;
    if (!percent) stop(d, end_ns / 1000);
    d->percent = percent;
}

void defrag_write_stats(const struct server *s, struct buf *out) {
    const struct defrag *d = &s->defrag;
    uint64_t now_us = d->percent ? loop_now_us(s->loop) - d->since_us : 0;
    info_u64(out, "active_defrag_hits", d->compactor.allocations.moved);
    info_u64(out, "active_defrag_misses", d->compactor.allocations.stayed);
    info_u64(out, "active_defrag_key_hits", d->compactor.keys_moved);
    info_u64(out, "active_defrag_key_misses", d->compactor.keys_stayed);
    info_u64(out, "total_active_defrag_time", (d->total_us + now_us) / 1000);
    info_u64(out, "current_active_defrag_time", now_us / 1000);
}

void defrag_reset_stats(struct defrag *d) {
    d->compactor.allocations = (struct compact_count){0};
    d->compactor.keys_moved = d->compactor.keys_stayed = 0;
    d->total_us = 0;
}
