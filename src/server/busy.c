/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/busy.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "server/client_input.h"

/* What a batch of requests changes of the one that is interrupted. To the script the time stands
 * still. */
struct interrupted {
    struct server_reading *reading;
    struct client *running;
    const struct request *request;
    uint64_t now_us, now_ms, ticks_at;
};

static struct interrupted interrupt(struct server *s) {
    struct engine *e = &s->engine;
    dispatch_settle(e);
    struct interrupted kept = {
        .reading = s->reading,
        .running = s->running,
        .request = s->running_request,
        .now_us = e->now_us,
        .now_ms = e->keyspace.now_ms,
        .ticks_at = e->ticks_at,
    };
    if (!s->reading_when_busy) s->reading_when_busy = mem_zalloc(sizeof *s->reading_when_busy);
    s->reading = s->reading_when_busy;
    s->busy_with = s->running;
    if (s->busy_with) loop_watch_change(s->loop, &s->busy_with->watch, 0);
    return kept;
}

static void resume(struct server *s, const struct interrupted *kept) {
    struct engine *e = &s->engine;
    s->reading = kept->reading;
    s->running = kept->running;
    s->running_request = kept->request;
    e->now_us = kept->now_us;
    e->keyspace.now_ms = kept->now_ms;
    e->ticks_at = kept->ticks_at;
    if (s->busy_with && !s->busy_with->closing) client_watch(s->busy_with);
    s->busy_with = NULL;
}

bool busy_yield(struct engine *e) {
    struct server *s = server_of(e);
    if (s->persist.loading.on) server_release_starter(s);
    struct interrupted kept = interrupt(s);
    unsigned gates = e->gates;
    if (s->persist.loading.on) e->gates |= GATE_LOADING; /* maybe it's a script of the log's */
    client_arrivals_run(s, kept.reading);
    loop_poll(s->loop);
    clients_poll_end(s);
    server_heed_signals(s);
    server_tell_alive(s, (uint64_t)clock_mono_us());
    if (!(gates & GATE_LOADING)) e->gates &= ~(unsigned)GATE_LOADING;
    resume(s, &kept);
    return !loop_stopping(s->loop);
}

void busy_release(struct server *s) {
    if (!s->reading_when_busy) return;
    request_args_release(&s->reading_when_busy->args);
    mem_free(s->reading_when_busy);
}
