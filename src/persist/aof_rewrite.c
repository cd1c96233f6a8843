/* SPDX-License-Identifier: BSD-3-Clause */
/* What a rewrite does, step by step, and what is there if the process stops behind each:
 *
 *   begin   a new increment's file is made         the manifest doesn't name it: it's ignored
 *           a manifest names it, behind the others  old base, old increments, new increment
 *           writes go there
 *   then    the base is written aside              the same
 *   end     the base gets its name                 the same, and a file that's ignored
 *           a manifest names it as the base, the   new base, new increment
 *           former files as history
 *           history's files are deleted            the same, and maybe files that are ignored
 *
 * If it fails, all increments stay: the next one takes their place.
 *
 * While the log is starting, the increment has a temporary name until the end, and the first of the
 * two manifests is missing. */
#include "persist/aof_rewrite.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "exec/transaction.h"
#include "persist/aof_files.h"
#include "persist/durable.h"
#include "persist/persist.h"
#include "persist/rdb_save.h"

enum {
    FAILURES_MAX = 3, /* in a row: then growth begins none for a while, */
    MINUTES_MAX = 60, /* at most so long */
    MINUTE_US = 60 * 1000 * 1000,
};

static bool failed(const struct aof *a, const char *what, const char *path, int error) {
    log_warning(a->engine->log, "AOF rewrite: %s %s: %s", what, path, strerror(error));
    return false;
}

/* Names. */

static char *temp_base_path(void) {
    struct buf path = BUF_INIT;
    buf_appendf(&path, "temp-rewriteaof-bg-%ld.aof", (long)getpid());
    return buf_detach(&path);
}

static char *temp_incr_path(const struct aof *a) {
    struct buf name = BUF_INIT;
    buf_appendf(&name, "temp-%s.incr", a->config.filename);
    char *path = aof_path(&a->config, name.data);
    buf_release(&name);
    return path;
}

/* The beginning. */

static bool open_temp_incr(struct aof *a) {
    char *path = temp_incr_path(a);
    int error = aof_log_switch(&a->log, path, true);
    if (error) failed(a, "can't open", path, error);
    mem_free(path);
    a->log.provisional = true;
    return !error;
}

/* From the moment that the manifest names the new increment on, nothing may go to the old one. */
static bool open_next_incr(struct aof *a) {
    struct aof_manifest next;
    uint64_t size = a->log.size;
    aof_manifest_copy(&next, &a->manifest);
    char *path = aof_path(&a->config, aof_manifest_add_incr(&next, a->config.filename));
    int error = durable_put(path, SLICE(""));
    if (!error) error = aof_manifest_put(&a->config, &next);
    if (!error) error = aof_log_switch(&a->log, path, false);
    if (error) {
        failed(a, "can't go on in", path, error);
        aof_manifest_release(&next);
    } else {
        log_notice(a->engine->log, "Creating AOF incr file %s on background rewrite",
                   aof_manifest_last_incr(&next));
        aof_manifest_release(&a->manifest);
        a->manifest = next;
        a->closed_size += size;
    }
    mem_free(path);
    return !error;
}

static bool open_incr(struct aof *a) {
    aof_log_flush(&a->log, true);
    if (a->log.pending.len) return failed(a, "can't write to", a->log.path, a->log.write_error);
    switch (a->state) {
    case AOF_OFF: return true;
    case AOF_STARTING: return open_temp_incr(a);
    default: return open_next_incr(a);
    }
}

/* The end. */

/* The new base and the increment that is open, and nothing else. */
static bool install(struct aof *a, const char *temp_base, bool starting) {
    struct aof_manifest next;
    aof_manifest_copy(&next, &a->manifest);
    const char *base = aof_manifest_add_base(&next, a->config.filename, a->rewrite.rdb_base);
    char *base_path = aof_path(&a->config, base), *incr_path = NULL;
    uint64_t since_ns = aof_log_clock(&a->log);
    int error = durable_rename(temp_base, base_path);
    aof_log_took(&a->log, FILE_LOG_RENAME, since_ns);
    if (!error && starting) {
        incr_path = aof_path(&a->config, aof_manifest_add_incr(&next, a->config.filename));
        error = durable_rename(a->log.path, incr_path);
        if (!error) aof_log_renamed(&a->log, incr_path);
    }
    aof_manifest_retire(&next, a->log.fd >= 0);
    if (!error) error = aof_manifest_put(&a->config, &next);
    if (error) {
        /* Maybe the new manifest is there nevertheless, so what it names stays. */
        failed(a, "can't put in place", base_path, error);
        aof_manifest_release(&next);
    } else {
        aof_manifest_release(&a->manifest);
        a->manifest = next;
    }
    mem_free(base_path);
    mem_free(incr_path);
    return !error;
}

static void drop_temp_incr(struct aof *a) {
    if (!a->log.provisional) return;
    char *path = temp_incr_path(a);
    log_notice(a->engine->log, "Removing the temp incr aof file %s", path);
    unlink(path);
    mem_free(path);
    aof_log_stop(&a->log);
}

static void count_failure(struct aof *a) {
    struct aof_rewrite *r = &a->rewrite;
    r->failed = true;
    if (++r->failures < FAILURES_MAX) return;
    r->retry_minutes = r->retry_minutes ? 2 * r->retry_minutes : 1;
    if (r->retry_minutes > MINUTES_MAX) r->retry_minutes = MINUTES_MAX;
    r->retry_at_us = (uint64_t)clock_mono_us() + r->retry_minutes * MINUTE_US;
    r->limit_told = false;
}

static void has_failed(struct aof *a, bool starting) {
    count_failure(a);
    if (starting && a->state == AOF_STARTING) {
        drop_temp_incr(a);
        a->rewrite.scheduled = true;
    }
}

static void has_succeeded(struct aof *a, bool starting) {
    struct aof_rewrite *r = &a->rewrite;
    r->failed = false;
    r->failures = 0;
    r->retry_at_us = r->retry_minutes = 0;
    r->count++;
    if (a->log.fd >= 0 && !aof_log_prove(&a->log)) failed(a, "can't sync", a->log.path, errno);
    if (starting && a->state == AOF_STARTING) a->state = AOF_ON;
    a->closed_size = aof_total_size(&a->config, &a->manifest);
    a->closed_size -= a->log.fd >= 0 ? a->log.size : 0;
    a->base_size = aof_size(a);
    log_notice(a->engine->log, "Background AOF rewrite finished successfully");
    aof_drop_old(a);
}

static void on_base_written(void *ctx, int error) {
    struct aof *a = ctx;
    struct aof_rewrite *r = &a->rewrite;
    char *temp = temp_base_path();
    bool starting = r->starting && a->log.provisional;
    r->running = false;
    r->last_seconds = (int64_t)(((uint64_t)clock_mono_us() - r->began_us) / 1000000);
    if (error && error != ECANCELED) failed(a, "can't write", temp, error);
    bool ok = !error && !r->abandoned && install(a, temp, starting);
    if (!ok) unlink(temp);
    if (ok)
        has_succeeded(a, starting);
    else if (!r->abandoned)
        has_failed(a, starting);
    mem_free(temp);
}

/* Now. */

static bool begin_base(struct aof *a) {
    struct persist *p = a->engine->persist;
    char *temp = temp_base_path();
    struct snapshot_plan plan = {
        .path = temp,
        .options = persist_rdb_options(p),
        .done = on_base_written,
        .ctx = a,
    };
    plan.options.aof_base = a->rewrite.rdb_base;
    plan.options.commands = !a->rewrite.rdb_base;
    plan.options.timed = a->config.timestamps;
    bool ok = snapshot_start(&p->snapshot, &plan);
    if (!ok)
        on_base_written(a, errno);
    else if (!a->engine->background)
        snapshot_run_all(&p->snapshot);
    mem_free(temp);
    return ok;
}

bool aof_rewrite_begin(struct aof *a) {
    struct aof_rewrite *r = &a->rewrite;
    int error = aof_make_dir(&a->config);
    r->scheduled = false;
    r->starting = a->state == AOF_STARTING;
    r->abandoned = false;
    r->rdb_base = a->config.rdb_base;
    r->began_us = (uint64_t)clock_mono_us();
    if (error) failed(a, "can't make the directory", a->config.dirname, error);
    if (error || !open_incr(a)) {
        has_failed(a, r->starting);
        return false;
    }
    r->running = true;
    log_notice(a->engine->log, "Background append only file rewriting started");
    return begin_base(a);
}

bool aof_rewrite_must_wait(const struct aof *a) {
    const struct engine *e = a->engine;
    return a->rewrite.running || persist_busy(e->persist) || e->in_transaction ||
           propagate_is_behind(e);
}

void aof_rewrite_schedule(struct aof *a) {
    a->rewrite.scheduled = true;
}

/* Has it grown as much as makes a rewrite? */
static bool has_grown(const struct aof *a) {
    const struct aof_config *config = &a->config;
    uint64_t size = aof_size(a), base = a->base_size ? a->base_size : 1;
    if (a->state != AOF_ON || !config->rewrite_percentage || size <= config->rewrite_min_size)
        return false;
    return size > base &&
           (double)(size - base) / (double)base * 100 >= (double)config->rewrite_percentage;
}

/* After some failures in a row it isn't tried every moment. */
static bool is_limited(struct aof *a) {
    struct aof_rewrite *r = &a->rewrite;
    if (r->failures < FAILURES_MAX || (uint64_t)clock_mono_us() >= r->retry_at_us) return false;
    if (!r->limit_told)
        log_warning(a->engine->log,
                    "Background AOF rewrite has repeatedly failed and triggered the limit, will "
                    "retry in %llu minutes",
                    (unsigned long long)r->retry_minutes);
    r->limit_told = true;
    return true;
}

void aof_rewrite_cron(struct aof *a) {
    struct aof_rewrite *r = &a->rewrite;
    if (r->running || (!r->scheduled && !has_grown(a)) || aof_rewrite_must_wait(a)) return;
    if (is_limited(a)) return;
    if (!r->scheduled)
        log_notice(a->engine->log,
                   "Starting automatic rewriting of AOF: it has grown to %llu "
                   "bytes from %llu",
                   (unsigned long long)aof_size(a), (unsigned long long)a->base_size);
    aof_rewrite_begin(a);
}

void aof_rewrite_abandon(struct aof *a) {
    a->rewrite.scheduled = false;
    if (!a->rewrite.running) return;
    log_notice(a->engine->log, "Killing the running AOF rewrite (which is no child process)");
    a->rewrite.abandoned = true;
    snapshot_cancel(&a->engine->persist->snapshot);
    drop_temp_incr(a);
}
