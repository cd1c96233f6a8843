/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec/engine.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "exec/blocking_keys.h"
#include "exec/watch.h"
#include "type/type.h"

enum {
    WALL_FRESH_US = 1000,
    OVERDUE_SHARE = 32, /* of maxmemory */
    MEMORY_SAMPLES = 5, /* elements of a value that are looked at to tell its size */
    TABLE_SAMPLES = 5,  /* places of a table */
};

struct discard_job {
    struct background_job job;
    struct engine *engine;
    size_t bytes;
    struct entry *entry;
    struct table table;
};

void engine_leaving(struct engine *e, size_t bytes) {
    atomic_fetch_add_explicit(&e->keyspace.leaving, bytes, memory_order_relaxed);
}

void engine_left(struct engine *e, size_t bytes) {
    atomic_fetch_sub_explicit(&e->keyspace.leaving, bytes, memory_order_relaxed);
}

static void free_entry(void *entry) {
    entry_free(entry);
}

static void discard_run(struct background_job *job) {
    struct discard_job *discard = (struct discard_job *)job;
    if (discard->entry)
        entry_free(discard->entry);
    else
        table_release(&discard->table, free_entry);
    engine_left(discard->engine, discard->bytes);
    mem_free(discard);
}

static void discard(struct engine *e, struct discard_job what) {
    struct discard_job *job = mem_alloc(sizeof *job);
    *job = what;
    job->job.run = discard_run;
    job->engine = e;
    engine_leaving(e, what.bytes);
    background_add(e->background, BACKGROUND_FREE, &job->job);
}

static void discard_entry(void *ctx, struct entry *entry) {
    size_t bytes = type_memory(entry, MEMORY_SAMPLES);
    discard(ctx, (struct discard_job){.entry = entry, .bytes = bytes});
}

static size_t entries_memory(const struct table *table, struct random *rng) {
    void *entries[TABLE_SLOTS];
    size_t bytes = 0, seen = 0;
    for (unsigned i = 0; i < TABLE_SAMPLES; i++) {
        size_t n = table_sample(table, rng, entries);
        for (size_t k = 0; k < n; k++) bytes += type_memory(entries[k], MEMORY_SAMPLES);
        seen += n;
    }
    return seen ? (size_t)((double)bytes / (double)seen * (double)table_count(table)) : 0;
}

static void discard_table(void *ctx, struct table *table) {
    struct engine *e = ctx;
    size_t bytes = entries_memory(table, &e->keyspace.rng) + table_overhead(table);
    discard(e, (struct discard_job){.table = *table, .bytes = bytes});
}

/* Can memory still fall? While keys are loaded none goes. */
static bool can_shrink(const struct engine *e) {
    if (e->gates & GATE_LOADING) return false;
    return atomic_load_explicit(&e->keyspace.leaving, memory_order_relaxed) ||
           evict_allowed(&e->keyspace, e->settings.db.maxmemory_policy);
}

static void watch_memory(struct engine *e) {
    const struct db_config *db = &e->settings.db;
    size_t used = mem_used(), limit = db->maxmemory, uncounted = e->keyspace.uncounted;
    used = used > uncounted ? used - uncounted : 0;
    e->gates &= ~(unsigned)GATE_MEMORY;
    if (evict_wanted(&e->keyspace, db)) e->gates |= GATE_MEMORY;
    if (used < e->least_used) e->least_used = used > limit ? used : limit;
    if (db->unlimited) e->least_used = SIZE_MAX;
    e->overdue = used > limit && used - limit / OVERDUE_SHARE > e->least_used && can_shrink(e);
}

/* maxmemory, maxmemory-policy and lfu-*. */
static void memory_changed(void *ctx) {
    struct engine *e = ctx;
    const struct db_config *db = &e->settings.db;
    keyspace_set_policy(&e->keyspace, db);
    e->least_used = SIZE_MAX;
    watch_memory(e);
}

static void hotkeys_changed(void *ctx) {
    hotkeys_configure(ctx);
}

static void bigkeys_changed(void *ctx) {
    bigkeys_configure(ctx);
}

void engine_init(struct engine *e, struct config *config) {
    *e = (struct engine){.config = config, .slow_ns = UINT64_MAX, .large_reply = SIZE_MAX};
    e->commands = command_table_new();
    e->info = info_new();
    e->push = push_to_own_reply;
    e->settings.hooks.ctx = e;
    e->settings.hooks.memory_changed = memory_changed;
    e->settings.hooks.hotkeys_changed = hotkeys_changed;
    e->settings.hooks.bigkeys_changed = bigkeys_changed;
    exec_config_register(config, &e->settings);
    acl_init(&e->acl, e);
}

void engine_add_families(struct engine *e, const struct command *const *families) {
    for (; *families; families++) command_table_add(e->commands, *families);
}

static void on_event(void *ctx, struct db *db, struct slice key, enum db_event event) {
    struct engine *e = ctx;
    bool heard = event != EVENT_SILENT && event != EVENT_GROUP && event != EVENT_UNCOUNTED;
    bool modifies = db_event_modifies(event);
    if (e->listeners & LISTEN_BLOCKING && heard) blocking_key_event(e, db, key);
    if (e->listeners & LISTEN_WATCH && modifies) watch_key_event(e, db, key);
    if (e->listeners & LISTEN_CHANGES && modifies) e->observer.changed(e, key, event);
    if (e->listeners & LISTEN_NOTIFY && heard) e->notify(e, db, key, event);
}

static void on_flushed(void *ctx, struct db *first, uint32_t count) {
    struct engine *e = ctx;
    for (uint32_t i = 0; i < count; i++) {
        blocking_flushed(e, &first[i]);
        watch_flushed(e, &first[i]);
    }
    if (e->listeners & LISTEN_CHANGES) e->observer.flushed(e);
}

static void on_swapped(void *ctx, struct db *a, struct db *b) {
    struct engine *e = ctx;
    blocking_swapped(e, a, b);
    watch_swapped(e, a, b);
    if (e->listeners & LISTEN_CHANGES) e->observer.flushed(e);
}

static void listen_as_asked(struct engine *e) {
    e->keyspace.hooks.event = e->listeners ? on_event : NULL;
}

void engine_listen(struct engine *e, enum engine_listener who, bool on) {
    e->listeners = on ? e->listeners | who : e->listeners & ~(unsigned)who;
    listen_as_asked(e);
}

void engine_open(struct engine *e, uint32_t databases) {
    keyspace_init(&e->keyspace, databases, &e->settings.types);
    e->keyspace.hooks.ctx = e;
    e->keyspace.hooks.flushed = on_flushed;
    e->keyspace.hooks.swapped = on_swapped;
    listen_as_asked(e);
    random_hex(e->run_id, 40);
    e->run_id[40] = '\0';
    ticks_init(&e->ticks);
    memory_changed(e);
    hotkeys_configure(e);
    bigkeys_configure(e);
    if (e->background) {
        e->keyspace.hooks.discard = discard_entry;
        e->keyspace.hooks.discard_table = discard_table;
    }
    engine_tick(e);
}

void engine_release(struct engine *e) {
    hotkeys_release(&e->hotkeys);
    bigkeys_release(&e->bigkeys);
    propagate_release(e);
    acl_release(&e->acl);
    keyspace_release(&e->keyspace);
    command_table_free(e->commands);
    info_free(e->info);
}

/* The wall clock costs twice what the counter does, which is read anyway: so it's read once in a
 * while, and the counter tells the time since. */
static void read_clock(struct engine *e) {
    e->ticks_at = ticks_now(&e->ticks);
    uint64_t since_us = ticks_to_ns(&e->ticks, e->ticks_at - e->wall_ticks) / 1000;
    if (since_us > WALL_FRESH_US) {
        e->wall_us = (uint64_t)clock_wall_us();
        e->wall_ticks = e->ticks_at;
        since_us = 0;
    }
    e->now_us = e->wall_us + since_us;
}

void engine_tick(struct engine *e) {
    read_clock(e);
    e->keyspace.now_ms = e->now_us / 1000;
    e->keyspace.lazy_expire = e->settings.db.lazy_expire;
    if (__builtin_expect(e->settings.db.maxmemory != 0, 0)) watch_memory(e);
}

enum evict_result engine_make_room(struct engine *e, bool for_command) {
    const struct db_config *db = &e->settings.db;
    bool keep = for_command && e->evicting && e->least_used > db->maxmemory;
    size_t limit = keep ? e->least_used : db->maxmemory;
    if (!evict_wanted_above(&e->keyspace, db, limit)) return EVICT_ROOM;
    struct evict_pool *pool = &e->evict_pool;
    uint64_t start = pool->timed ? ticks_now(&e->ticks) : 0;
    enum evict_result result = evict_run(pool, &e->keyspace, db, limit);
    if (pool->timed)
        e->observer.evicted(e, ticks_to_ns(&e->ticks, ticks_now(&e->ticks) - start),
                            pool->longest_ns);
    return result;
}

static struct error_count *error_find(struct engine_stats *stats, struct slice code) {
    for (size_t i = 0; i < stats->error_codes; i++) {
        struct error_count *known = &stats->errors[i];
        if (memcmp(known->code, code.ptr, code.len) == 0 && known->code[code.len] == '\0')
            return known;
    }
    return NULL;
}

static bool is_own_code(struct slice code) {
    for (size_t i = 0; i < code.len; i++)
        if (code.ptr[i] < 'A' || code.ptr[i] > 'Z') return false;
    return code.len > 0;
}

void engine_count_error(struct engine *e, struct slice text) {
    const char *space = memchr(text.ptr, ' ', text.len);
    struct slice code = slice_of(text.ptr, space ? (size_t)(space - text.ptr) : text.len);
    struct engine_stats *stats = &e->stats;
    bool fits = code.len < sizeof stats->errors[0].code;
    struct error_count *count = fits ? error_find(stats, code) : NULL;
    size_t most = is_own_code(code) ? ERROR_CODES_MAX : ERROR_CODES_ANY;
    stats->error_replies++;
    if (fits && !count && stats->error_codes < most) {
        count = &stats->errors[stats->error_codes++];
        slice_put(count->code, code);
    }
    if (count)
        count->count++;
    else
        stats->error_rest++;
}

void engine_reset_stats(struct engine *e) {
    e->stats = (struct engine_stats){0};
    e->acl.stats = (struct acl_stats){0};
    e->keyspace.stats = (struct keyspace_stats){0};
    command_table_reset_stats(e->commands);
}
