/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/chores.h"

#include "base/clock.h"
#include "exec/blocking_keys.h"
#include "exec/sliced.h"
#include "server/server.h"
#include "server/watching.h"

enum {
    SLICE_NS = 50 * 1000, /* what a GET may have to wait for, */
    SLICE_NS_MAX =
        250 * 1000,  /* or as much behind so much work for others that it doesn't matter */
    SLICE_SHARE = 4, /* of that work, one part in so many */
    NOTE_US = 1000,  /* a deadline that much nearer moves the timer */
};
static const uint64_t NEVER = UINT64_MAX;

/* Those that write are still while writes may have to wait. */
static bool jobs_may_write(const struct server *s) {
    return !client_pause_holds(&s->pause);
}

static bool jobs_ready(const struct server *s) {
    return sliced_ready(&s->engine, jobs_may_write(s));
}

/* As in Redis, no key goes during CLIENT PAUSE. On a replica the primary says what goes. */
static bool expiry_allowed(const struct server *s) {
    return !s->debug.no_active_expiry && !client_pause_on(&s->pause) &&
           !(s->engine.gates & GATE_REPLICA);
}

static bool expiry_ready(const struct server *s) {
    const struct keyspace *ks = &s->engine.keyspace;
    return expiry_allowed(s) && keyspace_next_due(ks) <= ks->now_ms;
}

/* Where turns are long because clients ask for much, slices get longer, too: with all of them at
 * 50 us the chores wouldn't get their share. */
static uint64_t slice_ns(const struct server *s, uint64_t start_ns) {
    uint64_t share = (start_ns - loop_now_us(s->loop) * 1000) / SLICE_SHARE;
    if (share < SLICE_NS) return SLICE_NS;
    return share < SLICE_NS_MAX ? share : SLICE_NS_MAX;
}

static bool snapshot_ready(const struct server *s) {
    return snapshot_due_us(&s->persist.snapshot) == 0;
}

/* While clients are busy they get as much time as the chores. */
static void rest(struct server *s, uint64_t end_ns, uint64_t rest_ns) {
    if (loop_ready_count(s->loop)) s->chores.rest_until_us = (end_ns + rest_ns) / 1000;
}

static void expire(struct server *s) {
    uint64_t start_ns = (uint64_t)clock_mono_ns();
    keyspace_expire(&s->engine.keyspace, (start_ns + slice_ns(s, start_ns)) / 1000);
    if (blocking_ready(&s->engine)) blocking_serve(&s->engine);
    uint64_t end_ns = (uint64_t)clock_mono_ns();
    s->metrics.expire_ns += end_ns - start_ns;
    watching_part(s, LATENCY_EXPIRE_CYCLE, end_ns - start_ns);
    rest(s, end_ns, (end_ns - start_ns) / (uint64_t)s->engine.settings.db.expire_effort);
}

static void run_job(struct server *s) {
    uint64_t start_ns = (uint64_t)clock_mono_ns();
    sliced_run(&s->engine, start_ns + slice_ns(s, start_ns), jobs_may_write(s));
    if (blocking_ready(&s->engine)) blocking_serve(&s->engine);
    uint64_t end_ns = (uint64_t)clock_mono_ns();
    rest(s, end_ns, end_ns - start_ns);
}

static void run_snapshot(struct server *s) {
    uint64_t start_ns = (uint64_t)clock_mono_ns();
    snapshot_run(&s->persist.snapshot, start_ns + slice_ns(s, start_ns));
    uint64_t end_ns = (uint64_t)clock_mono_ns();
    rest(s, end_ns, end_ns - start_ns);
}

static bool defrag_ready(const struct server *s) {
    return defrag_due_us(s) <= (uint64_t)clock_mono_us();
}

/* It has rests of its own. */
static void defrag(struct server *s) {
    defrag_run(s, (uint64_t)clock_mono_ns() + SLICE_NS_MAX);
}

/* Those that have something to do take turns. */
static void run_one(struct server *s) {
    static const struct {
        bool (*ready)(const struct server *s);
        void (*run)(struct server *s);
    } chores[] = {{expiry_ready, expire},
                  {jobs_ready, run_job},
                  {snapshot_ready, run_snapshot},
                  {defrag_ready, defrag}};
    const unsigned count = sizeof chores / sizeof *chores;
    engine_tick(&s->engine);
    for (unsigned tries = 0; tries < count; tries++) {
        unsigned next = s->chores.next++ % count;
        if (!chores[next].ready(s)) continue;
        chores[next].run(s);
        return;
    }
}

/* The end of the turn that it begins does the work. */
static void on_due(struct loop_timer *timer) {}

void chores_init(struct server *s) {
    s->chores.timer.on_due = on_due;
}

/* Most turns have nothing to do here but to know that. */
static bool all_still(const struct server *s) {
    uint64_t next_ms = keyspace_next_due(&s->engine.keyspace);
    bool timed = next_ms == s->chores.timed_ms && loop_timer_running(&s->chores.timer);
    bool expiry_still = next_ms == TABLE_NEVER || (timed && next_ms > s->engine.keyspace.now_ms);
    return expiry_still && !s->engine.sliced.first && defrag_due_us(s) == NEVER &&
           snapshot_due_us(&s->persist.snapshot) == NEVER;
}

/* When something is due, on the monotonic clock. */
static uint64_t due_us(const struct server *s, uint64_t now_us) {
    if (s->engine.sliced.first && jobs_ready(s)) return now_us;
    uint64_t other_us = snapshot_due_us(&s->persist.snapshot), defrag_us = defrag_due_us(s);
    if (other_us == 0) return now_us;
    if (defrag_us < other_us) other_us = defrag_us;
    uint64_t next_ms = keyspace_next_due(&s->engine.keyspace);
    if (next_ms == TABLE_NEVER || !expiry_allowed(s)) return other_us;
    uint64_t wall_us = (uint64_t)clock_wall_us();
    uint64_t expiry_us = next_ms * 1000 > wall_us ? now_us + (next_ms * 1000 - wall_us) : now_us;
    return expiry_us < other_us ? expiry_us : other_us;
}

static void wake_at(struct server *s, uint64_t at_us) {
    struct loop_timer *timer = &s->chores.timer;
    if (at_us == NEVER) return;
    if (!loop_timer_running(timer) || at_us + NOTE_US < timer->due_us)
        loop_timer_start(s->loop, timer, at_us);
}

void chores_cron(struct server *s) {
    s->chores.timed_ms = 0;
}

/* The loop sleeps for whole milliseconds. A rest is shorter, so it doesn't sleep then. */
void chores_turn_end(struct server *s) {
    if (all_still(s)) return;
    uint64_t now_us = (uint64_t)clock_mono_us(), at_us = due_us(s, now_us);
    s->chores.timed_ms = 0;
    if (at_us > now_us) {
        wake_at(s, at_us);
        if (expiry_allowed(s)) s->chores.timed_ms = keyspace_next_due(&s->engine.keyspace);
        return;
    }
    loop_no_sleep(s->loop);
    if (now_us >= s->chores.rest_until_us) run_one(s);
}
