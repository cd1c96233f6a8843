/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/observer.h"

#include "server/server.h"
#include "server/watching.h"

static void on_ran(struct session *s, const struct request *r) {
    if (s->engine->gates & GATE_MONITORED) monitor_ran(s, r);
    if (s->gates & GATE_TRACKED) tracking_ran(server_of(s->engine), r);
}

static void on_after(struct session *s, const struct request *r, uint64_t ns) {
    watching_time(server_of(s->engine), s, r, ns);
}

static void on_evicted(struct engine *e, uint64_t ns, uint64_t longest_ns) {
    watching_evicted(server_of(e), ns, longest_ns);
}

static void on_file(struct engine *e, enum file_event event, uint64_t ns) {
    watching_file(server_of(e), event, ns);
}

void observer_start(struct server *s) {
    struct engine_observer *observer = &s->engine.observer;
    observer->before = monitor_before;
    observer->ran = on_ran;
    observer->after = on_after;
    observer->large_reply = watching_reply;
    observer->evicted = on_evicted;
    observer->file = on_file;
    observer->changed = tracking_changed;
    observer->flushed = tracking_flushed;
}
