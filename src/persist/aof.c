/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/aof.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "persist/aof_files.h"
#include "persist/aof_load.h"
#include "persist/aof_rewrite.h"
#include "persist/durable.h"
#include "persist/persist.h"
#include "persist/rdb_save.h"

static struct aof *aof_of(const struct engine *e) {
    return &e->persist->aof;
}

/* Hooks. */

static void feed(struct engine *e, uint32_t db, struct slice command) {
    struct aof_log *log = &aof_of(e)->log;
    aof_log_feed(log, db, command);
    e->fed = log->fed;
}

/* After a failed sync only a new base and a new increment can be trusted. */
static void log_changed(struct aof_log *log) {
    struct aof *a = (struct aof *)((char *)log - offsetof(struct aof, log));
    if (log->sync_error && a->state == AOF_ON && !a->rewrite.running) aof_rewrite_schedule(a);
    persist_check_disk(a->engine->persist);
}

static bool enabled_changed(struct aof_config *config, struct buf *why) {
    return aof_switch((struct aof *)((char *)config - offsetof(struct aof, config)), why);
}

static bool keep_history_changed(struct aof_config *config, struct buf *why) {
    aof_drop_old((struct aof *)((char *)config - offsetof(struct aof, config)));
    return true;
}

void aof_init(struct aof *a, struct engine *e, struct config *config) {
    *a = (struct aof){.engine = e, .rewrite = {.last_seconds = -1}};
    aof_config_register(config, &a->config);
    aof_log_init(&a->log, e, &a->config);
    a->log.changed = log_changed;
}

bool aof_open(struct aof *a) {
    struct buf why = BUF_INIT;
    bool ok = aof_manifest_get(&a->config, &a->manifest, &why);
    if (!ok)
        log_warning(a->engine->log, "The AOF manifest %s/%s.manifest can't be used: %s",
                    a->config.dirname, a->config.filename, why.data);
    buf_release(&why);
    a->engine->feed[PROPAGATE_AOF] = feed;
    a->config.on_enabled = enabled_changed;
    a->config.on_keep_history = keep_history_changed;
    return ok;
}

void aof_release(struct aof *a) {
    aof_log_release(&a->log);
    aof_manifest_release(&a->manifest);
}

/* Loading. */

static bool adopt_old(struct aof *a) {
    struct buf why = BUF_INIT;
    bool had = a->manifest.base.name != NULL;
    bool ok = aof_adopt_old(&a->config, &a->manifest, &why);
    if (!ok)
        log_warning(a->engine->log, "The AOF can't be loaded: %s", why.data);
    else if (!had && a->manifest.base.name)
        log_notice(a->engine->log, "The AOF of one file, %s, was moved into the directory %s",
                   a->config.filename, a->config.dirname);
    buf_release(&why);
    return ok;
}

/* Is what was loaded the data of the time that was asked for? */
static bool is_restored(const struct aof *a, const struct aof_load *load) {
    struct log *log = a->engine->log;
    int64_t until_s = load->until_s;
    const char *why = NULL;
    if (until_s == INT64_MAX) return true;
    if (load->base_s > until_s)
        why = "the log's base is of a later time";
    else if (load->first_s == INT64_MAX)
        why = "there are no times in the log (aof-timestamp-enabled)";
    if (why)
        log_warning(log, "The data of Unix time %lld can't be restored: %s", (long long)until_s,
                    why);
    else
        log_notice(log, "The data of Unix time %lld was loaded%s", (long long)until_s,
                   load->stopped ? "" : ": all there is, as nothing is later");
    return !why;
}

static bool load(struct aof *a, int64_t until_s) {
    struct persist *p = a->engine->persist;
    struct aof_load load = {.engine = a->engine,
                            .config = &a->config,
                            .loading = &p->loading,
                            .manifest = &a->manifest,
                            .checksum = p->config.checksum,
                            .until_s = until_s};
    if (!aof_load(&load) || !is_restored(a, &load)) return false;
    a->restored = load.stopped;
    p->changes_then = a->engine->keyspace.dirty;
    return true;
}

bool aof_load_data(struct aof *a, bool *found) {
    int64_t began_us = clock_mono_us();
    int64_t until_s = a->state == AOF_OFF && a->config.restore_to_s && !a->began
                          ? a->config.restore_to_s
                          : INT64_MAX;
    if (!adopt_old(a)) return false;
    *found = !aof_manifest_is_empty(&a->manifest);
    if (!*found) return true;
    if (!load(a, until_s)) return false;
    log_notice(a->engine->log, "DB loaded from append only file: %.3f seconds",
               (double)(clock_mono_us() - began_us) / 1e6);
    return true;
}

/* The log must not get its own commands. */
bool aof_reload(struct aof *a) {
    struct aof_manifest now = {0};
    struct buf why = BUF_INIT;
    bool found;
    bool ok = aof_manifest_get(&a->config, &now, &why);
    buf_release(&why);
    if (!ok) return false;
    aof_manifest_release(&a->manifest);
    a->manifest = now;
    unsigned paused = propagate_pause(a->engine);
    ok = aof_load_data(a, &found);
    propagate_resume(a->engine, paused);
    return ok;
}

/* The beginning. */

static bool can_not(const struct aof *a, const char *what, const char *name, int error) {
    log_warning(a->engine->log, "AOF: can't %s %s: %s", what, name, strerror(error));
    return false;
}

/* A log begins with the data set as it is: empty, unless it was restored. */
static int make_base(struct aof *a) {
    struct rdb_out_options options = persist_rdb_options(a->engine->persist);
    bool is_rdb = a->config.rdb_base;
    const char *name = aof_manifest_add_base(&a->manifest, a->config.filename, is_rdb);
    char *path = aof_path(&a->config, name);
    log_notice(a->engine->log, "Creating AOF base file %s on server start", name);
    options.aof_base = is_rdb;
    options.commands = !is_rdb;
    options.timed = a->config.timestamps;
    int error = rdb_save(a->engine, path, &options);
    mem_free(path);
    return error;
}

static int open_incr(struct aof *a) {
    const char *name = aof_manifest_last_incr(&a->manifest);
    bool anew = !name;
    if (anew) name = aof_manifest_add_incr(&a->manifest, a->config.filename);
    log_notice(a->engine->log, "%s AOF incr file %s on server start", anew ? "Creating" : "Opening",
               name);
    char *path = aof_path(&a->config, name);
    int error = aof_log_switch(&a->log, path, anew);
    mem_free(path);
    return error;
}

/* The files tell of more than was asked for. They stay as they are, with the manifest under another
 * name; the log goes on in new ones. */
static int begin_anew(struct aof *a) {
    struct buf aside = BUF_INIT, text = BUF_INIT;
    char *path = aof_manifest_path(&a->config);
    struct aof_manifest next = {.base_seq = a->manifest.base_seq, .incr_seq = a->manifest.incr_seq};
    buf_appendf(&aside, "%s.before-restore-to-%lld", path, (long long)a->config.restore_to_s);
    aof_manifest_format(&a->manifest, &text);
    int error = durable_put(aside.data, buf_slice(&text));
    if (!error)
        log_notice(a->engine->log, "The log of before stays, see %s; a new one begins", aside.data);
    aof_manifest_release(&a->manifest);
    a->manifest = next;
    buf_release(&aside);
    buf_release(&text);
    mem_free(path);
    return error;
}

bool aof_begin(struct aof *a) {
    int error = aof_make_dir(&a->config);
    if (error) return can_not(a, "make the directory", a->config.dirname, error);
    if (a->restored) error = begin_anew(a);
    if (error) return can_not(a, "keep the manifest in", a->config.dirname, error);
    a->began = true;
    if (aof_manifest_is_empty(&a->manifest)) error = make_base(a);
    if (error) return can_not(a, "make the base in", a->config.dirname, error);
    error = open_incr(a);
    if (error) return can_not(a, "open the last increment in", a->config.dirname, error);
    error = aof_manifest_put(&a->config, &a->manifest);
    if (error) return can_not(a, "put the manifest into", a->config.dirname, error);
    a->state = AOF_ON;
    a->base_size = aof_total_size(&a->config, &a->manifest);
    a->closed_size = a->base_size - a->log.size;
    propagate_switch(a->engine, PROPAGATE_AOF, true);
    aof_drop_old(a);
    return true;
}

/* Switching. */

static bool start(struct aof *a, struct buf *why) {
    a->state = AOF_STARTING;
    a->log.provisional = true;
    propagate_switch(a->engine, PROPAGATE_AOF, true);
    if (aof_rewrite_must_wait(a)) {
        log_notice(a->engine->log,
                   "AOF was enabled %s. An AOF background was scheduled to start when possible.",
                   a->engine->in_transaction ? "during a transaction"
                                             : "but a snapshot is being written");
        aof_rewrite_schedule(a);
        return true;
    }
    if (aof_rewrite_begin(a)) return true;
    a->state = AOF_OFF;
    a->rewrite.scheduled = false;
    propagate_switch(a->engine, PROPAGATE_AOF, false);
    buf_append_str(why, "Unable to turn on AOF. Check server logs.");
    return false;
}

static void stop(struct aof *a) {
    a->state = AOF_OFF;
    aof_log_settle(&a->log);
    aof_rewrite_abandon(a);
    propagate_switch(a->engine, PROPAGATE_AOF, false);
    aof_log_stop(&a->log);
}

bool aof_switch(struct aof *a, struct buf *why) {
    if (a->suspended || a->config.enabled == (a->state != AOF_OFF)) return true;
    if (a->config.enabled) return start(a, why);
    stop(a);
    return true;
}

void aof_suspend(struct aof *a) {
    a->suspended = true;
    if (a->state != AOF_OFF) stop(a);
}

bool aof_resume(struct aof *a, struct buf *why) {
    a->suspended = false;
    return aof_switch(a, why);
}

void aof_settle(struct aof *a) {
    if (a->state != AOF_OFF) aof_log_settle(&a->log);
}

void aof_cron(struct aof *a) {
    aof_rewrite_cron(a);
}

void aof_drop_old(struct aof *a) {
    if (a->config.keep_history) return;
    int error = aof_drop_history(&a->config, &a->manifest, a->engine->background);
    if (error) can_not(a, "put the manifest into", a->config.dirname, error);
}

/* What it is. */

uint64_t aof_size(const struct aof *a) {
    return a->closed_size + (a->log.fd >= 0 ? a->log.size : 0);
}

int aof_error(const struct aof *a) {
    if (a->state == AOF_OFF) return 0;
    return a->log.write_error ? a->log.write_error : a->log.sync_error;
}

static void write_rewrite_info(const struct aof_rewrite *r, struct buf *out) {
    uint64_t now_us = (uint64_t)clock_mono_us();
    info_u64(out, "aof_rewrite_in_progress", r->running);
    info_u64(out, "aof_rewrite_scheduled", r->scheduled);
    info_i64(out, "aof_last_rewrite_time_sec", r->last_seconds);
    info_i64(out, "aof_current_rewrite_time_sec",
             r->running ? (int64_t)((now_us - r->began_us) / 1000000) : -1);
    info_str(out, "aof_last_bgrewrite_status", r->failed ? "err" : "ok");
    info_u64(out, "aof_rewrites", r->count);
    info_u64(out, "aof_rewrites_consecutive_failures", r->failures);
}

void aof_write_info(const struct aof *a, struct buf *out) {
    info_u64(out, "aof_enabled", a->state != AOF_OFF);
    write_rewrite_info(&a->rewrite, out);
    info_str(out, "aof_last_write_status", aof_error(a) ? "err" : "ok");
    info_u64(out, "aof_last_cow_size", 0);
}

void aof_write_size_info(const struct aof *a, struct buf *out) {
    if (a->state == AOF_OFF) return;
    info_u64(out, "aof_current_size", aof_size(a));
    info_u64(out, "aof_base_size", a->base_size);
    info_u64(out, "aof_pending_rewrite", a->rewrite.scheduled);
    info_u64(out, "aof_buffer_length", a->log.pending.len);
    info_u64(out, "aof_pending_bio_fsync", a->log.syncs);
    info_u64(out, "aof_delayed_fsync", a->log.delayed);
}
