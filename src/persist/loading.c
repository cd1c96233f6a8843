/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/loading.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"

void loading_begin(struct loading *l, uint64_t total_bytes) {
    engine_tick(l->engine);
    l->on = true;
    l->ended = false;
    l->started_s = l->engine->now_us / 1000000;
    l->total = total_bytes;
    l->before = l->loaded = l->writer_bytes = 0;
    l->written_s = 0;
    l->keys = l->expired = l->empty = 0;
    l->next = (uint64_t)l->config->loading_interval;
    l->history[0] = '\0';
    l->history_offset = l->history_db = -1;
    l->engine->keyspace.no_expiry = !l->aside;
}

void loading_end(struct loading *l) {
    l->engine->keyspace.no_expiry = false;
    l->on = l->aside = false;
}

void loading_file_done(struct loading *l, uint64_t bytes) {
    l->before += bytes;
}

/* What others find about memory isn't the loader's business: its commands aren't refused. */
bool loading_serve(struct loading *l) {
    struct engine *e = l->engine;
    l->next = l->loaded + (uint64_t)l->config->loading_interval;
    if (l->ended) return false;
    if (!e->yield) return true;
    if (l->served) l->served(l->served_ctx);
    unsigned memory = e->gates & GATE_MEMORY;
    e->loading_aside = l->aside;
    e->gates |= GATE_LOADING;
    l->ended = !e->yield(e);
    e->gates = (e->gates & ~(unsigned)(GATE_LOADING | GATE_MEMORY)) | memory;
    return !l->ended;
}

void loading_delay_key(const struct loading *l) {
    int64_t us = l->config->key_load_delay;
    if (us < 0) us = random_below(&l->engine->keyspace.rng, (uint64_t)-us) == 0;
    if (us) usleep((useconds_t)us);
}

static uint64_t eta_s(const struct loading *l) {
    uint64_t now_s = (uint64_t)clock_wall_us() / 1000000;
    uint64_t passed = now_s > l->started_s ? now_s - l->started_s : 0;
    if (!l->loaded) return 1;
    uint64_t left = l->total > l->loaded ? l->total - l->loaded : 0;
    return (uint64_t)((double)passed * (double)left / (double)l->loaded);
}

void loading_write_info(const struct loading *l, struct buf *out) {
    double total = l->total ? (double)l->total : 1;
    info_u64(out, "loading_start_time", l->started_s);
    info_u64(out, "loading_total_bytes", l->total);
    info_u64(out, "loading_rdb_used_mem", l->writer_bytes);
    info_u64(out, "loading_loaded_bytes", l->loaded);
    info_f2(out, "loading_loaded_perc", (double)l->loaded / total * 100);
    info_u64(out, "loading_eta_seconds", eta_s(l));
}
