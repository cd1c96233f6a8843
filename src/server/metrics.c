/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/metrics.h"

#include "base/alloc.h"
#include "server/server.h"

static void rate_sample(struct metrics_rate *rate, uint64_t value, uint64_t base) {
    uint64_t grown = value - rate->value, span = base - rate->base;
    rate->samples[rate->next] = span ? (double)grown / (double)span : 0;
    rate->next = (rate->next + 1) % METRICS_SAMPLES;
    rate->value = value;
    rate->base = base;
}

static void rate_start(struct metrics_rate *rate, uint64_t value, uint64_t base) {
    *rate = (struct metrics_rate){.value = value, .base = base};
}

double metrics_rate_average(const struct metrics_rate *rate) {
    double sum = 0;
    for (size_t i = 0; i < METRICS_SAMPLES; i++) sum += rate->samples[i];
    return sum / METRICS_SAMPLES;
}

static void note_peak(struct server *s) {
    size_t used = mem_used();
    if (used > s->metrics.peak_memory) s->metrics.peak_memory = used;
}

/* Calls `each` for every rate with its counter and base. */
static void for_rates(struct server *s,
                      void (*each)(struct metrics_rate *rate, uint64_t value, uint64_t base)) {
    const struct loop_stats *loop = loop_stats(s->loop);
    struct metrics *m = &s->metrics;
    uint64_t now_us = loop_now_us(s->loop);
    each(&m->commands, s->engine.stats.commands, now_us);
    each(&m->net_in, s->stats.net_in, now_us);
    each(&m->net_out, s->stats.net_out, now_us);
    each(&m->turns, loop->turns, now_us);
    each(&m->turn_us, loop->busy_us, loop->turns);
}

void metrics_start(struct server *s) {
    s->metrics.startup_memory = mem_used();
    note_peak(s);
    for_rates(s, rate_start);
}

void metrics_sample(struct server *s) {
    note_peak(s);
    for_rates(s, rate_sample);
}

void metrics_turn_end(struct server *s) {
    struct metrics *m = &s->metrics;
    uint64_t commands = s->engine.stats.commands, run = commands - m->commands_before;
    if (run > m->turn_commands_max) m->turn_commands_max = run;
    m->commands_before = commands;
}

void metrics_reset(struct server *s) {
    struct metrics *m = &s->metrics;
    *m = (struct metrics){.startup_memory = m->startup_memory,
                          .peak_memory = m->peak_memory,
                          .commands_before = s->engine.stats.commands};
    *loop_stats(s->loop) = (struct loop_stats){0};
    for_rates(s, rate_start);
}
