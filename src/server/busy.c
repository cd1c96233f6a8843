/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/busy.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "server/client_arrivals.h"

/* To the script the time stands still. */
static void interrupt(struct server *s, struct interruption *i) {
    struct engine *e = &s->engine;
    dispatch_settle(e);
    *i = (struct interruption){
        .outer = s->interruption,
        .reading = s->reading,
        .running = s->running,
        .request = s->running_request,
        .gates = e->gates,
        .now_us = e->now_us,
        .now_ms = e->keyspace.now_ms,
        .ticks_at = e->ticks_at,
    };
    s->interruption = i;
    if (!s->reading->when_busy) s->reading->when_busy = mem_zalloc(sizeof *s->reading);
    s->reading = s->reading->when_busy;
    if (i->running) loop_watch_change(s->loop, &i->running->watch, 0);
}

static void resume(struct server *s) {
    const struct interruption *i = s->interruption;
    struct engine *e = &s->engine;
    s->interruption = i->outer;
    s->reading = i->reading;
    s->running = i->running;
    s->running_request = i->request;
    e->now_us = i->now_us;
    e->keyspace.now_ms = i->now_ms;
    e->ticks_at = i->ticks_at;
    if (i->running && !i->running->closing) client_watch(i->running);
}

bool busy_yield(struct engine *e) {
    struct server *s = server_of(e);
    if (s->persist.loading.on) server_release_starter(s);
    struct interruption here;
    interrupt(s, &here);
    if (s->persist.loading.on) e->gates |= GATE_LOADING; /* maybe it's a script of the log's */
    client_arrivals_run(s);
    clients_run_waiting(s);
    loop_poll(s->loop);
    clients_poll_end(s);
    server_heed_signals(s);
    server_tell_alive(s, (uint64_t)clock_mono_us());
    if (!(here.gates & GATE_LOADING)) e->gates &= ~(unsigned)GATE_LOADING;
    resume(s);
    return !loop_stopping(s->loop);
}

bool busy_interrupted(const struct server *s, const struct client *c) {
    for (const struct interruption *i = s->interruption; i; i = i->outer)
        if (i->running == c) return true;
    return false;
}

void busy_release(struct server *s) {
    while (s->first_reading.when_busy) {
        struct server_reading *reading = s->first_reading.when_busy;
        s->first_reading.when_busy = reading->when_busy;
        request_args_release(&reading->args);
        mem_free(reading);
    }
}
