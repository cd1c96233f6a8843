/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/metrics.h"

#include "base/alloc.h"
#include "server/server.h"

/* The first value after a start only says from where to count: a span cut short by whoever asked
 * for the start would weigh as much as a whole one. */
static void rate_sample(struct metrics_rate *rate, uint64_t value, uint64_t base) {
    if (rate->base == 0) {
        rate->value = value;
        rate->base = base;
        return;
    }
    uint64_t grown = value - rate->value, span = base - rate->base;
    rate->samples[rate->next] = span ? (double)grown / (double)span : 0;
    rate->next = (rate->next + 1) % METRICS_SAMPLES;
    rate->value = value;
    rate->base = base;
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

void metrics_start(struct server *s) {
    s->metrics.startup_memory = mem_used();
    note_peak(s);
}

void metrics_sample(struct server *s) {
    const struct loop_stats *loop = loop_stats(s->loop);
    struct metrics *m = &s->metrics;
    uint64_t now_us = loop_now_us(s->loop);
    rate_sample(&m->commands, s->engine.stats.commands, now_us);
    rate_sample(&m->net_in, s->stats.net_in, now_us);
    rate_sample(&m->net_out, s->stats.net_out, now_us);
    rate_sample(&m->net_repl_in, s->stats.net_repl_in, now_us);
    rate_sample(&m->net_repl_out, s->stats.net_repl_out, now_us);
    rate_sample(&m->turns, loop->turns.total, now_us);
    rate_sample(&m->turn_ns, loop->busy_ns, loop->turns.total);
}

void metrics_turn_end(struct server *s) {
    struct metrics *m = &s->metrics;
    uint64_t commands = s->engine.stats.commands, run = commands - m->commands_before;
    if (run > m->turn_commands_max) m->turn_commands_max = run;
    m->commands_before = commands;
    note_peak(s);
}

void metrics_reset(struct server *s) {
    struct metrics *m = &s->metrics;
    *m = (struct metrics){.startup_memory = m->startup_memory,
                          .peak_memory = m->peak_memory,
                          .commands_before = s->engine.stats.commands};
    *loop_stats(s->loop) = (struct loop_stats){0};
}
