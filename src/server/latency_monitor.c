/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/latency_monitor.h"

#include "base/alloc.h"
#include "base/clock.h"

static const struct {
    const char *name, *about;
} events[] = {
#define EVENT_TEXTS(constant, name, about) {name, about},
    LATENCY_EVENTS(EVENT_TEXTS)
#undef EVENT_TEXTS
};

const char *latency_event_name(enum latency_event event) {
    return events[event].name;
}

const char *latency_event_about(enum latency_event event) {
    return events[event].about;
}

enum latency_event latency_event_find(struct slice name) {
    int event = 0;
    while (event < LATENCY_EVENT_COUNT && !slice_eq(name, slice_str(events[event].name))) event++;
    return (enum latency_event)event;
}

const struct latency_sample *latency_sample_at(const struct latency_series *series, size_t i) {
    size_t oldest = series->next + LATENCY_SAMPLES - series->count;
    return &series->samples[(oldest + i) % LATENCY_SAMPLES];
}

void latency_series_add(struct latency_series *series, uint32_t time_s, uint32_t ms) {
    struct latency_sample *last =
        &series->samples[(series->next + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES];
    if (ms > series->worst_ms) series->worst_ms = ms;
    if (series->count && last->time_s == time_s) {
        if (ms > last->ms) last->ms = ms;
        return;
    }
    series->samples[series->next] = (struct latency_sample){time_s, ms};
    series->next = (series->next + 1) % LATENCY_SAMPLES;
    if (series->count < LATENCY_SAMPLES) series->count++;
}

void latency_monitor_add(struct latency_monitor *m, enum latency_event event, uint64_t ns) {
    uint64_t ms = ns / 1000000;
    if (!m->series[event]) m->series[event] = mem_zalloc(sizeof *m->series[event]);
    latency_series_add(m->series[event], (uint32_t)(clock_wall_us() / 1000000),
                       ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX);
}

bool latency_monitor_forget(struct latency_monitor *m, enum latency_event event) {
    bool was = m->series[event] != NULL;
    mem_free(m->series[event]);
    m->series[event] = NULL;
    return was;
}

void latency_monitor_release(struct latency_monitor *m) {
    for (int event = 0; event < LATENCY_EVENT_COUNT; event++)
        latency_monitor_forget(m, (enum latency_event)event);
}
