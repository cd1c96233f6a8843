/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/client_pause.h"

#include "base/assert.h"
#include "exec/admission.h"
#include "persist/snapshot_wait.h"
#include "server/server.h"

enum { MEMORY_US = 1000 };

static void on_end(struct loop_timer *timer) {
    client_pause_stop((struct server *)((char *)timer - offsetof(struct server, pause) -
                                        offsetof(struct client_pause, end)));
}

void client_pause_start(struct server *s, uint64_t ms, enum client_pause_why why) {
    struct client_pause *p = &s->pause;
    DASSERT((why & ~CLIENT_PAUSE_BY_COMMAND) == 0);
    uint64_t now = loop_now_us(s->loop), end;
    if (__builtin_mul_overflow(ms, 1000, &end) || __builtin_add_overflow(end, now, &end))
        end = UINT64_MAX;
    if (!loop_timer_running(&p->end) || end > p->end.due_us)
        loop_timer_start(s->loop, &p->end, end);
    p->why |= why;
}

/* In the order in which they came; who has to wait still comes to do so in the same. */
static void release_held(struct server *s) {
    struct client_pause *p = &s->pause;
    for (size_t left = p->held.count; left; left--) {
        struct client_link *first = client_queue_first(&p->held);
        struct client *c = (struct client *)((char *)first - offsetof(struct client, queued));
        client_queue_remove(&p->held, first);
        c->paused = false;
        client_wait_for_turn(c);
        client_limits_schedule(c);
    }
}

static void on_memory(struct loop_timer *timer) {
    struct server *s = (struct server *)((char *)timer - offsetof(struct server, pause) -
                                         offsetof(struct client_pause, memory));
    engine_tick(&s->engine);
    if (s->engine.overdue) {
        loop_timer_start(s->loop, timer, loop_now_us(s->loop) + MEMORY_US);
        return;
    }
    s->pause.why &= ~CLIENT_PAUSE_MEMORY;
    release_held(s);
}

void client_pause_memory(struct server *s) {
    struct client_pause *p = &s->pause;
    if (p->why & CLIENT_PAUSE_MEMORY) return;
    p->why |= CLIENT_PAUSE_MEMORY;
    loop_timer_start(s->loop, &p->memory, loop_now_us(s->loop) + MEMORY_US);
}

void client_pause_init(struct server *s) {
    client_queue_init(&s->pause.held);
    s->pause.end.on_due = on_end;
    s->pause.memory.on_due = on_memory;
}

void client_pause_stop(struct server *s) {
    struct client_pause *p = &s->pause;
    loop_timer_stop(s->loop, &p->end);
    p->why &= ~CLIENT_PAUSE_BY_COMMAND;
    s->engine.keyspace.keep_expired = false;
    release_held(s);
}

/* Requests wait for this reason, or don't any more. */
static void set_why(struct server *s, enum client_pause_why why, bool on) {
    if (on)
        s->pause.why |= why;
    else
        s->pause.why &= ~why;
    if (!client_pause_on(&s->pause)) s->engine.keyspace.keep_expired = false;
}

void client_pause_failover(struct server *s, bool on) {
    set_why(s, CLIENT_PAUSE_FAILOVER, on);
    if (!on) release_held(s);
}

void client_pause_snapshot_moved(struct persist *p) {
    release_held((struct server *)((char *)p - offsetof(struct server, persist)));
}

void client_pause_moving(struct server *s, bool some) {
    set_why(s, CLIENT_PAUSE_MOVING, some);
    release_held(s);
}

void client_pause_ending(struct server *s, bool on) {
    set_why(s, CLIENT_PAUSE_ENDING, on);
    release_held(s);
}

static void hold(struct client *c, const struct request *r) {
    c->paused = true;
    c->last_command = r->cmd;
    client_queue_push(&c->server->pause.held, &c->queued);
    client_watch(c);
}

static bool pause_holds(struct client *c, const struct request *r) {
    struct client_pause *p = &c->server->pause;
    bool writes = admission_flags(&c->session, r) & (CMD_WRITE | CMD_MAY_REPLICATE);
    c->server->engine.keyspace.keep_expired = !writes;
    return (p->why & CLIENT_PAUSE_EVERYTHING) || writes;
}

bool client_pause_hold(struct client *c, const struct request *r) {
    struct server *s = c->server;
    s->engine.keyspace.keep_expired = false;
    if (c->kind == CLIENT_REPLICA || client_is_monitor(c) || !admission_likely(&c->session, r))
        return false;
    if (!(client_pause_on(&s->pause) && pause_holds(c, r)) &&
        !((s->pause.why & CLIENT_PAUSE_MOVING) && migrate_holds(&c->session, r)) &&
        !((s->pause.why & CLIENT_PAUSE_MEMORY) && admission_awaits_memory(&c->session, r)) &&
        !snapshot_holds(&s->persist.snapshot, &c->session, r))
        return false;
    hold(c, r);
    return true;
}
