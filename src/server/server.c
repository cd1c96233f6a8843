/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/server.h"

#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cmd/families.h"
#include "exec/config_file.h"
#include "exec/config_kept.h"
#include "server/families.h"
#include "server/version.h"

enum {
    EXPIRY_SLICE_US = 500, /* one turn's share of deleting what expired */
    POOL_KEPT = 64,        /* reply chunks kept for reuse */
    CRON_US = 100 * 1000,
};

struct server *server_of(const struct engine *e) {
    return e->server;
}

/* Deleting expired keys is spread over turns: a slice, then whatever clients want, then the next.
 */
static void on_expiry(struct loop_timer *timer) {
    struct server *s = (struct server *)((char *)timer - offsetof(struct server, expiry));
    engine_tick(&s->engine);
    keyspace_expire(&s->engine.keyspace, (uint64_t)clock_mono_us() + EXPIRY_SLICE_US);
}

/* The expiry timer follows the nearest deadline. */
static void schedule_expiry(struct server *s) {
    uint64_t next_ms = keyspace_next_due(&s->engine.keyspace);
    if (next_ms == TABLE_NEVER) return;
    uint64_t wall_us = (uint64_t)clock_wall_us(), mono_us = (uint64_t)clock_mono_us();
    uint64_t due_us = next_ms * 1000 > wall_us ? mono_us + (next_ms * 1000 - wall_us) : mono_us;
    if (!loop_timer_running(&s->expiry) || due_us + 1000 < s->expiry.due_us)
        loop_timer_start(s->loop, &s->expiry, due_us);
}

static void on_cron(struct loop_timer *timer) {
    struct server *s = (struct server *)((char *)timer - offsetof(struct server, cron));
    ticks_calibrate(&s->engine.ticks);
    reply_pool_trim(&s->reply_pool, POOL_KEPT);
    loop_timer_start(s->loop, &s->cron, loop_now_us(s->loop) + CRON_US);
}

static void on_turn_end(void *ctx) {
    struct server *s = ctx;
    while (s->to_flush) {
        struct client *c = s->to_flush;
        s->to_flush = c->next_to_flush;
        c->to_flush = false;
        if (!c->closing) client_flush(c);
    }
    while (s->to_close) {
        struct client *c = s->to_close;
        s->to_close = c->next_to_close;
        client_free(c);
    }
    schedule_expiry(s);
}

struct server *server_new(int argc, char **argv) {
    struct server *s = mem_zalloc(sizeof *s);
    s->registry = config_new(DREY_VERSION);
    engine_init(&s->engine, s->registry);
    engine_add_families(&s->engine, command_families);
    engine_add_families(&s->engine, server_families);
    s->engine.server = s;
    server_config_register(s->registry, &s->config);
    config_register_kept(s->registry);
    struct buf error = BUF_INIT;
    if (!config_load_argv(s->registry, argc, argv, &error)) {
        fputs(error.data, stderr);
        return NULL;
    }
    s->loop = loop_new();
    s->engine.background = s->background = background_new(s->loop);
    engine_open(&s->engine, (uint32_t)s->config.databases);
    s->engine.latency_tracking = s->config.latency_tracking;
    reply_init(&s->muted, &s->reply_pool, 2);
    loop_on_turn_end(s->loop, on_turn_end, s);
    s->expiry.on_due = on_expiry;
    s->cron.on_due = on_cron;
    loop_timer_start(s->loop, &s->cron, 0);
    return s;
}

int server_run(struct server *s) {
    struct buf why = BUF_INIT;
    if (!listeners_open(s, &why)) {
        fprintf(stderr, "%s\n", why.data);
        return 1;
    }
    loop_run(s->loop);
    return 0;
}
