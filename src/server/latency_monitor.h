/* SPDX-License-Identifier: BSD-3-Clause */
/* The latency monitor: of each kind of event that took latency-monitor-threshold or longer, the
 * worst of each second, for the last 160 such seconds. LATENCY shows them. */
#ifndef DREY_SERVER_LATENCY_MONITOR_H
#define DREY_SERVER_LATENCY_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* X(constant, name, what it is for LATENCY DOCTOR). Names that Redis has mean the same there. */
#define LATENCY_EVENTS(X)                                                                          \
    X(COMMAND, "command", "commands")                                                              \
    X(FAST_COMMAND, "fast-command", "commands that should be fast (O(1) or O(log N))")             \
    X(EXPIRE_CYCLE, "expire-cycle", "slices of deleting what has expired")                         \
    X(EVICTION_CYCLE, "eviction-cycle", "slices of eviction")                                      \
    X(EVICTION_DEL, "eviction-del", "freeing a single evicted key")                                \
    X(ACTIVE_DEFRAG_CYCLE, "active-defrag-cycle", "slices of active defragmentation")              \
    X(AOF_WRITE, "aof-write", "writing to the append-only file")                                   \
    X(AOF_WRITE_PENDING_FSYNC, "aof-write-pending-fsync",                                          \
      "writing to the append-only file while it's being synced")                                   \
    X(AOF_WRITE_ACTIVE_CHILD, "aof-write-active-child",                                            \
      "writing to the append-only file while a snapshot is written")                               \
    X(AOF_WRITE_ALONE, "aof-write-alone", "writing to the append-only file with neither")          \
    X(AOF_FSYNC_ALWAYS, "aof-fsync-always", "syncing the append-only file for clients that wait")  \
    X(AOF_RENAME, "aof-rename", "putting a rewritten append-only file in place")                   \
    X(CRON, "cron", "the server's regular work")                                                   \
    X(EVENTLOOP, "eventloop", "reading requests, sending replies and all else of a turn")

enum latency_event {
#define LATENCY_EVENT(constant, ...) LATENCY_##constant,
    LATENCY_EVENTS(LATENCY_EVENT)
#undef LATENCY_EVENT
        LATENCY_EVENT_COUNT
};

enum { LATENCY_SAMPLES = 160 }; /* as Redis keeps */

struct latency_sample {
    uint32_t time_s; /* since 1970 */
    uint32_t ms;
};

struct latency_series {
    struct latency_sample samples[LATENCY_SAMPLES]; /* a ring */
    size_t count, next;
    uint32_t worst_ms; /* since the series began */
};

struct latency_monitor {
    uint64_t threshold_ns;                              /* 0: off */
    struct latency_series *series[LATENCY_EVENT_COUNT]; /* NULL: nothing has happened */
    /* What is known of the current turn of the loop: engine.busy_ns before it, and the time that
     * other parts took. */
    uint64_t busy_ns, parts_ns;
};

/* Notes an event if it took long enough. Costs a comparison while the monitor is off. */
void latency_monitor_add(struct latency_monitor *m, enum latency_event event, uint64_t ns);
static inline void latency_monitor_see(struct latency_monitor *m, enum latency_event event,
                                       uint64_t ns) {
    if (m->threshold_ns && ns >= m->threshold_ns) latency_monitor_add(m, event, ns);
}

const char *latency_event_name(enum latency_event event);
/* What the event is, in a few words, plural. */
const char *latency_event_about(enum latency_event event);
/* By name; LATENCY_EVENT_COUNT if there's none. */
enum latency_event latency_event_find(struct slice name);

/* Adds a sample, or makes the last one worse if that's of the same second. */
void latency_series_add(struct latency_series *series, uint32_t time_s, uint32_t ms);

/* Sample i of a series, the oldest first. */
const struct latency_sample *latency_sample_at(const struct latency_series *series, size_t i);

/* Forgets a series; false if there was none. */
bool latency_monitor_forget(struct latency_monitor *m, enum latency_event event);
void latency_monitor_release(struct latency_monitor *m);

#endif
