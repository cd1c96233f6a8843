/* SPDX-License-Identifier: BSD-3-Clause */
/* The graph has the form that Redis gives it, so that who has got used to it can read this one. */
#include "server/latency_report.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/server.h"

/* The graph. */

enum {
    COLUMNS = 80, /* side by side, and the length of the line on top */
    ROWS = 4,
    STEPS = 3, /* characters that tell heights within a row apart */
    AGE_MAX = 16,
};

/* A part of a series drawn side by side. */
struct graph {
    const struct latency_series *series;
    uint32_t low, high; /* of all samples */
    uint32_t now_s;
    size_t from, to;
};

/* From 0 to ROWS * STEPS - 1. */
static unsigned height_of(const struct graph *g, size_t i) {
    if (g->high == g->low) return 0;
    uint64_t above = latency_sample_at(g->series, i)->ms - g->low;
    unsigned height = (unsigned)(above * ROWS * STEPS / (g->high - g->low));
    return height < ROWS * STEPS ? height : ROWS * STEPS - 1;
}

static void draw_row(const struct graph *g, unsigned row, struct buf *out) {
    for (size_t i = g->from; i < g->to; i++) {
        unsigned height = height_of(g, i);
        if (height / STEPS == row)
            buf_append_char(out, "_o#"[height % STEPS]);
        else
            buf_append_char(out, height / STEPS > row ? '|' : ' ');
    }
    buf_append_char(out, '\n');
}

static size_t age_text(uint32_t seconds, char text[AGE_MAX]) {
    if (seconds < 60) return (size_t)snprintf(text, AGE_MAX, "%us", seconds);
    if (seconds < 3600) return (size_t)snprintf(text, AGE_MAX, "%um", seconds / 60);
    if (seconds < 86400) return (size_t)snprintf(text, AGE_MAX, "%uh", seconds / 3600);
    return (size_t)snprintf(text, AGE_MAX, "%ud", seconds / 86400);
}

/* Ages stand upright, a character a row. */
static void draw_ages(const struct graph *g, struct buf *out) {
    char ages[COLUMNS][AGE_MAX];
    size_t lens[COLUMNS], longest = 0;
    for (size_t i = g->from; i < g->to; i++) {
        size_t column = i - g->from;
        uint32_t at_s = latency_sample_at(g->series, i)->time_s;
        lens[column] = age_text(g->now_s > at_s ? g->now_s - at_s : 0, ages[column]);
        if (lens[column] > longest) longest = lens[column];
    }
    for (size_t row = 0; row < longest; row++) {
        for (size_t column = 0; column < g->to - g->from; column++)
            buf_append_char(out, row < lens[column] ? ages[column][row] : ' ');
        buf_append_char(out, '\n');
    }
}

static void draw(const struct graph *g, struct buf *out) {
    for (unsigned row = ROWS; row > 0; row--) draw_row(g, row - 1, out);
    for (size_t i = g->from; i < g->to; i++) buf_append_char(out, ' ');
    buf_append_char(out, '\n');
    draw_ages(g, out);
}

void latency_graph(const struct latency_series *series, enum latency_event event, uint32_t now_s,
                   struct buf *out) {
    struct graph g = {.series = series, .low = UINT32_MAX, .now_s = now_s};
    for (size_t i = 0; i < series->count; i++) {
        uint32_t ms = latency_sample_at(series, i)->ms;
        if (ms < g.low) g.low = ms;
        if (ms > g.high) g.high = ms;
    }
    buf_appendf(out, "%s - high %u ms, low %u ms (all time high %u ms)\n",
                latency_event_name(event), g.high, g.low, series->worst_ms);
    memset(buf_reserve(out, COLUMNS), '-', COLUMNS);
    out->len += COLUMNS;
    buf_append_char(out, '\n');
    for (; g.from < series->count; g.from = g.to) {
        g.to = series->count - g.from > COLUMNS ? g.from + COLUMNS : series->count;
        if (g.from) buf_append_char(out, '\n');
        draw(&g, out);
    }
}

/* The doctor. */

struct latency_summary latency_summarize(const struct latency_series *series, uint32_t now_s) {
    struct latency_summary sum = {.spikes = series->count, .worst_ms = series->worst_ms};
    for (size_t i = 0; i < series->count; i++)
        sum.average_ms += (double)latency_sample_at(series, i)->ms / (double)series->count;
    for (size_t i = 0; i < series->count; i++) {
        double off = (double)latency_sample_at(series, i)->ms - sum.average_ms;
        sum.deviation_ms += (off < 0 ? -off : off) / (double)series->count;
    }
    uint32_t first_s = latency_sample_at(series, 0)->time_s;
    uint32_t span_s = now_s > first_s ? now_s - first_s : 1;
    sum.period_s = (double)span_s / (double)series->count;
    return sum;
}

static void describe(const struct latency_monitor *m, enum latency_event event, uint32_t now_s,
                     struct buf *out) {
    struct latency_summary sum = latency_summarize(m->series[event], now_s);
    buf_appendf(out,
                "* %s: %s. %zu spikes (average %.0f ms, mean deviation %.0f ms, one in %.2f "
                "seconds). Worst of all: %u ms.\n",
                latency_event_name(event), latency_event_about(event), sum.spikes, sum.average_ms,
                sum.deviation_ms, sum.period_s, sum.worst_ms);
}

static bool seen(const struct latency_monitor *m, enum latency_event event) {
    return m->series[event] != NULL;
}

/* What may help, and when it applies besides. */

static bool frees_expired(const struct server *s) {
    return !s->engine.settings.db.lazy_expire;
}

static bool frees_evicted(const struct server *s) {
    return !s->engine.settings.db.lazy_eviction;
}

static const struct {
    enum latency_event event;
    bool (*applies)(const struct server *s); /* NULL: always */
    const char *text;
} advices[] = {
    {LATENCY_FAST_COMMAND, NULL,
     "Fast commands are slow when the process doesn't get the CPU, when its memory is swapped out, "
     "or when their arguments are huge. Look at the machine's load and at its swapping."},
    {LATENCY_EXPIRE_CYCLE, frees_expired,
     "Values are freed where they expire, unless they're huge. lazyfree-lazy-expire leaves that to "
     "a helper thread."},
    {LATENCY_EVICTION_DEL, frees_evicted,
     "Values are freed where they're evicted, unless they're huge. lazyfree-lazy-eviction leaves "
     "that to a helper thread."},
    {LATENCY_EVICTION_CYCLE, NULL,
     "A lower maxmemory-eviction-tenacity makes slices of eviction shorter, more memory makes them "
     "fewer."},
    {LATENCY_AOF_FSYNC_ALWAYS, NULL,
     "The disk takes long to sync. appendfsync everysec leaves that to a helper thread, at the "
     "price of up to a second's writes if the machine stops."},
    {LATENCY_AOF_WRITE_PENDING_FSYNC, NULL,
     "A write waits for a sync that has taken longer than two seconds: the disk doesn't keep up."},
    {LATENCY_AOF_WRITE_ACTIVE_CHILD, NULL,
     "The log and a snapshot share a disk. no-appendfsync-on-rewrite doesn't sync the log "
     "meanwhile."},
    {LATENCY_EVENTLOOP, NULL,
     "Much data is read or sent at once, many clients come and go, or something else has the CPU. "
     "COMMANDLOG GET names large requests and replies."},
};

/* Which commands it was, the slow log knows: if it's set to see them. */
static void advise_slow_log(const struct server *s, struct buf *out) {
    const struct latency_monitor *m = &s->latency;
    int64_t slow_us = s->config.command_log[COMMAND_LOG_SLOW].threshold;
    if (!seen(m, LATENCY_COMMAND) && !seen(m, LATENCY_FAST_COMMAND)) return;
    if (slow_us < 0)
        buf_append_str(out, "- The slow log would name the commands, but it's off: "
                            "slowlog-log-slower-than is negative.\n");
    else if (m->threshold_ns && (uint64_t)slow_us > m->threshold_ns / 1000)
        buf_append_str(out, "- SLOWLOG GET names slow commands, but not all of these: "
                            "slowlog-log-slower-than is above latency-monitor-threshold.\n");
    else
        buf_append_str(out, "- SLOWLOG GET names the commands that took so long.\n");
}

/* Commands and settings aren't the first thing to look at then. */
static void advise_cpu(const struct server *s, struct buf *out) {
    const struct loop_stats *loop = loop_stats(s->loop);
    if (!s->latency.threshold_ns || loop->off_cpu_longest_ns < s->latency.threshold_ns) return;
    buf_appendf(out,
                "- The server's thread stood still within its turns, for up to %llu ms and %llu ms "
                "in all: other processes (or guests of the same host) had its core, or it waited "
                "for a disk (as with appendfsync always) or for memory. INFO loop tells more.\n",
                (unsigned long long)loop->off_cpu_longest_ns / 1000000,
                (unsigned long long)loop->off_cpu_ns / 1000000);
}

static void advise(const struct server *s, struct buf *out) {
    advise_slow_log(s, out);
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (seen(&s->latency, advices[i].event) && (!advices[i].applies || advices[i].applies(s)))
            buf_appendf(out, "- %s\n", advices[i].text);
}

void latency_doctor(const struct server *s, struct buf *out) {
    uint32_t now_s = (uint32_t)(clock_wall_us() / 1000000);
    struct buf found = BUF_INIT, advice = BUF_INIT;
    for (int event = 0; event < LATENCY_EVENT_COUNT; event++)
        if (seen(&s->latency, (enum latency_event)event))
            describe(&s->latency, (enum latency_event)event, now_s, &found);
    advise(s, &advice);
    if (found.len) advise_cpu(s, &advice);
    if (found.len)
        buf_appendf(out, "What took long:\n\n%s", found.data);
    else if (s->latency.threshold_ns)
        buf_append_str(out, "Nothing took as long as latency-monitor-threshold says.\n");
    else
        buf_append_str(out, "The latency monitor is off. CONFIG SET latency-monitor-threshold "
                            "<milliseconds> turns it on.\n");
    if (advice.len) buf_appendf(out, "\nWhat may help:\n\n%s", advice.data);
    buf_release(&found);
    buf_release(&advice);
}
