/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/persist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "persist/families.h"
#include "persist/rdb_load.h"
#include "persist/rdb_save.h"

enum { RETRY_S = 5 }; /* after a snapshot in the background failed */

#define STOP_WRITES_ERROR                                                                          \
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "  \
    "disk. Commands that may modify the data set are disabled, because this instance is "          \
    "configured to report errors during writes if RDB snapshotting fails "                         \
    "(stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB " \
    "error."

/* Why writes are refused, as an error reply. */
static const char *disk_error(const struct engine *e) {
    struct persist *p = e->persist;
    if (p->failed && p->config.stop_writes && p->config.save.n) return STOP_WRITES_ERROR;
    int error = aof_error(&p->aof);
    if (!error) return NULL;
    snprintf(p->disk_error, sizeof p->disk_error, "MISCONF Errors writing to the AOF file: %s",
             strerror(error));
    return p->disk_error;
}

static void flushed_all(struct engine *e) {
    persist_flushed_all(e->persist);
}

void persist_init(struct persist *p, struct engine *e, struct config *config) {
    *p = (struct persist){
        .engine = e,
        .save_took_s = -1,
        .loading = {.engine = e, .config = &p->config},
    };
    e->persist = p;
    e->flushed_all = flushed_all;
    e->disk_error = disk_error;
    snapshot_init(&p->snapshot, p);
    persist_config_register(config, &p->config);
    aof_init(&p->aof, e, config);
    engine_add_families(e, persist_families);
}

void persist_open(struct persist *p) {
    p->saved_s = (uint64_t)clock_wall_us() / 1000000;
}

void persist_release(struct persist *p) {
    snapshot_release(&p->snapshot);
    aof_release(&p->aof);
}

void persist_end(struct persist *p) {
    snapshot_cancel(&p->snapshot);
    aof_settle(&p->aof);
}

bool persist_begin(struct persist *p) {
    bool found;
    if (!aof_open(&p->aof)) return false;
    if (p->aof.config.restore_to_s && !aof_enabled(&p->aof)) {
        log_warning(p->engine->log, "--restore-to needs appendonly yes");
        return false;
    }
    if (!aof_enabled(&p->aof)) {
        bool ok = persist_load(p, false);
        if (!ok && !p->loading.ended)
            log_warning(p->engine->log, "Terminating server after rdb file reading failure.");
        return ok;
    }
    return aof_load_data(&p->aof, &found) && aof_begin(&p->aof);
}

void persist_check_disk(struct persist *p) {
    unsigned closed = p->failed || aof_error(&p->aof) ? GATE_DISK : 0;
    p->engine->gates = (p->engine->gates & ~(unsigned)GATE_DISK) | closed;
}

uint64_t persist_changes(const struct persist *p) {
    return p->engine->keyspace.dirty - p->changes_then;
}

static int64_t mono_s(void) {
    return clock_mono_us() / 1000000;
}

struct rdb_out_options persist_rdb_options(const struct persist *p) {
    return (struct rdb_out_options){
        .version = (unsigned)p->config.rdb_version,
        .compress = p->config.compress,
        .checksum = p->config.checksum,
    };
}

/* As in Redis a SAVE that fails doesn't count: who asked for it has been told. */
static void see_result(struct persist *p, int error) {
    p->failed = error;
    persist_check_disk(p);
}

/* What a SAVE has written since a snapshot in the background began is newer. */
static void saved(struct persist *p, uint64_t changes) {
    p->saved_s = (uint64_t)clock_wall_us() / 1000000;
    if (p->changes_then < changes) p->changes_then = changes;
    p->saves++;
}

/* The snapshot under way may be a rewrite's, while the helper syncs the one before. */
static void cancel_bgsave(struct persist *p) {
    if (p->saving && p->snapshot.plan.ctx == p) snapshot_cancel(&p->snapshot);
}

/* The helper may be about to give its file the name: then that has to come first, as the newer file
 * is to stay. What it has given up it removes, under the name that the next one is written to. */
static void end_bgsave(struct persist *p) {
    if (!p->saving) return;
    cancel_bgsave(p);
    if (p->engine->background) background_drain(p->engine->background, BACKGROUND_SNAPSHOT);
}

bool persist_save(struct persist *p) {
    struct log *log = p->engine->log;
    struct rdb_out_options options = persist_rdb_options(p);
    if (p->loading.ended) {
        log_warning(log, "Not saving: the data set isn't complete.");
        return false;
    }
    end_bgsave(p);
    int error = rdb_save(p->engine, p->config.filename, &options);
    if (error) {
        log_warning(log, "Saving the snapshot %s failed: %s", p->config.filename, strerror(error));
    } else {
        see_result(p, 0);
        saved(p, p->engine->keyspace.dirty);
        log_notice(log, "DB saved on disk");
    }
    return !error;
}

/* In the background. */

/* It's over; what there was to be logged and noted of its kind comes next. */
static void background_done(struct persist *p) {
    p->saving = p->transferring = false;
    p->save_took_s = mono_s() - p->tried_s;
    p->copied_bytes = p->snapshot.copied_bytes;
}

static void note_saved(struct persist *p, int error) {
    struct log *log = p->engine->log;
    if (error == ECANCELED) {
        log_warning(log, "Background saving cancelled");
        return;
    }
    see_result(p, error);
    if (error) {
        log_warning(log, "Background saving error: %s", strerror(error));
        return;
    }
    saved(p, p->changes_at_cut);
    log_notice(log, "DB saved on disk");
    log_notice(log, "Background saving terminated with success");
}

static void bgsave_done(void *ctx, int error) {
    struct persist *p = ctx;
    background_done(p);
    note_saved(p, error);
    if (p->on_saved) p->on_saved(p, error);
}

static void transfer_done(void *ctx, int error) {
    struct persist *p = ctx;
    background_done(p);
    if (error)
        log_warning(p->engine->log, "Background transfer error: %s", strerror(error));
    else
        log_notice(p->engine->log, "Background RDB transfer terminated with success");
    if (p->on_saved) p->on_saved(p, error);
}

/* What it's for has been said. */
static bool begin(struct persist *p, const struct snapshot_plan *plan) {
    p->tried_s = mono_s();
    p->changes_at_cut = p->engine->keyspace.dirty;
    p->saving = true;
    if (snapshot_start(&p->snapshot, plan)) {
        if (p->on_cut) p->on_cut(p);
        if (!p->engine->background) snapshot_run_all(&p->snapshot);
        return true;
    }
    plan->done(p, errno);
    return false;
}

bool persist_bgsave(struct persist *p) {
    struct buf aside = BUF_INIT;
    rdb_save_aside(&aside, p->config.filename);
    struct snapshot_plan plan = {
        .path = aside.data,
        .name = p->config.filename,
        .options = persist_rdb_options(p),
        .done = bgsave_done,
        .ctx = p,
    };
    p->scheduled = false;
    log_notice(p->engine->log, "Background saving started by pid %ld", (long)getpid());
    bool started = begin(p, &plan);
    buf_release(&aside);
    return started;
}

bool persist_transfer(struct persist *p, const struct rdb_sink *sink, unsigned omit) {
    struct snapshot_plan plan = {
        .sink = sink,
        .no_keys = omit & PERSIST_NO_KEYS,
        .options = persist_rdb_options(p),
        .done = transfer_done,
        .ctx = p,
    };
    plan.options.no_libraries = omit & PERSIST_NO_FUNCTIONS;
    p->transferring = true;
    log_notice(p->engine->log, "Background RDB transfer started by pid %ld", (long)getpid());
    return begin(p, &plan);
}

static bool save_due(const struct persist *p) {
    const struct config_list *points = &p->config.save;
    uint64_t changes = persist_changes(p), now_s = (uint64_t)clock_wall_us() / 1000000;
    if (p->failed && mono_s() - p->tried_s <= RETRY_S) return false;
    for (size_t i = 0; i + 1 < points->n; i += 2) {
        uint64_t seconds = strtoull(points->items[i], NULL, 10);
        uint64_t least = strtoull(points->items[i + 1], NULL, 10);
        if (changes < least || now_s < p->saved_s + seconds + 1) continue;
        log_notice(p->engine->log, "%s changes in %s seconds. Saving...", points->items[i + 1],
                   points->items[i]);
        return true;
    }
    return false;
}

void persist_cron(struct persist *p) {
    aof_cron(&p->aof);
    if (persist_busy(p) || p->saving) return;
    bool retries = !p->failed || mono_s() - p->tried_s > RETRY_S;
    if ((p->scheduled && retries) || save_due(p)) persist_bgsave(p);
}

/* As in Redis what was emptied stays so even if the server ends now. */
void persist_flushed_all(struct persist *p) {
    if (p->config.save.n)
        persist_save(p);
    else
        cancel_bgsave(p);
}

static void log_done(struct log *log, const struct loading *l) {
    struct buf empty = BUF_INIT;
    if (l->empty) buf_appendf(&empty, ", empty keys skipped: %llu", (unsigned long long)l->empty);
    log_notice(log, "Done loading RDB, keys loaded: %llu, keys expired: %llu%s.",
               (unsigned long long)l->keys, (unsigned long long)l->expired,
               empty.len ? empty.data : "");
    buf_release(&empty);
}

bool persist_load(struct persist *p, bool merge) {
    struct log *log = p->engine->log;
    const struct persist_config *config = &p->config;
    struct rdb_load load = {.merge = merge, .checksum = config->checksum, .loading = &p->loading};
    struct buf why = BUF_INIT;
    struct stat file = {0};
    if (stat(config->filename, &file) < 0 && errno == ENOENT) return true;
    int64_t began = clock_mono_us();
    loading_begin(&p->loading, (uint64_t)file.st_size);
    bool ok = rdb_load(p->engine, config->filename, &load, &why);
    loading_end(&p->loading);
    if (ok) {
        log_done(log, &p->loading);
        log_notice(log, "DB loaded from disk: %.3f seconds",
                   (double)(clock_mono_us() - began) / 1e6);
        p->changes_then = p->engine->keyspace.dirty;
    } else if (!p->loading.ended) {
        log_warning(log, "Internal error in RDB reading: %s", why.data); /* what people look for */
        log_warning(log, "The snapshot %s can't be loaded: %s", config->filename, why.data);
    }
    buf_release(&why);
    return ok;
}
