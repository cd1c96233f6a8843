/* SPDX-License-Identifier: BSD-3-Clause */
/* What the latency monitor has seen, as text for people: LATENCY GRAPH and LATENCY DOCTOR. */
#ifndef DREY_SERVER_LATENCY_REPORT_H
#define DREY_SERVER_LATENCY_REPORT_H

#include "base/buf.h"
#include "server/latency_monitor.h"

struct server;

/* Appends a graph of a series (which has samples): a line of its extremes, then a column for each
 * sample, oldest first, with its age underneath. At most 80 columns stand side by side. */
void latency_graph(const struct latency_series *series, enum latency_event event, uint32_t now_s,
                   struct buf *out);

/* What is known of a series. */
struct latency_summary {
    size_t spikes;
    uint32_t worst_ms;               /* ever */
    double average_ms, deviation_ms; /* the latter: the mean distance from the average */
    double period_s;                 /* from one to the next */
};
struct latency_summary latency_summarize(const struct latency_series *series, uint32_t now_s);

/* Appends what the monitor has to say, and what may help. */
void latency_doctor(const struct server *s, struct buf *out);

#endif
