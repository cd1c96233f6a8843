/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/observer.h"

#include "server/server.h"

static void on_ran(struct session *s, const struct request *r) {
    if (s->engine->gates & GATE_MONITORED) monitor_ran(s, r);
    if (s->gates & GATE_TRACKED) tracking_ran(server_of(s->engine), r);
}

void observer_start(struct server *s) {
    struct engine_observer *observer = &s->engine.observer;
    observer->before = monitor_before;
    observer->ran = on_ran;
    observer->changed = tracking_changed;
    observer->flushed = tracking_flushed;
}
