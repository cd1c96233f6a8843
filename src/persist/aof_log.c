/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/aof_log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"
#include "exec/propagate.h"
#include "persist/durable.h"
#include "persist/persist.h"

enum {
    SECOND_US = 1000 * 1000,
    LATEST_US = 2 * SECOND_US,    /* writes wait for a sync at most so long */
    COMPLAIN_US = 30 * SECOND_US, /* from one line about an error to the next */
    PENDING_KEPT = 1024 * 1024,   /* a larger buffer isn't kept */
    HEADER_MAX = 64,              /* of a command: what may have to come before it */
};

void aof_log_init(struct aof_log *log, struct engine *e, const struct aof_config *config) {
    *log = (struct aof_log){
        .engine = e, .config = config, .fd = -1, .former = -1, .db = PROPAGATE_ANY_DB};
}

void aof_log_release(struct aof_log *log) {
    if (log->fd >= 0) close(log->fd);
    if (log->former >= 0) close(log->former);
    log->fd = log->former = -1;
    mem_free(log->path);
    log->path = NULL;
    buf_release(&log->pending);
}

/* Feeding. */

static void count_pending(struct aof_log *log) {
    keyspace_uncount(&log->engine->keyspace, &log->uncounted, log->pending.cap);
}

static void note_time(struct aof_log *log) {
    int64_t now_s = (int64_t)(log->engine->now_us / SECOND_US);
    if (now_s == log->noted_s) return;
    log->noted_s = now_s;
    buf_appendf(&log->pending, "#TS:%lld\r\n", (long long)now_s);
}

static void select_db(struct aof_log *log, uint32_t db) {
    char digits[NUM_I64_MAX];
    size_t len = num_from_u64(digits, db);
    log->db = db;
    buf_appendf(&log->pending, "*2\r\n$6\r\nSELECT\r\n$%zu\r\n%.*s\r\n", len, (int)len, digits);
}

void aof_log_feed(struct aof_log *log, uint32_t db, struct slice command) {
    size_t before = log->pending.len;
    if (log->fd < 0) {
        log->fed += command.len;
        return;
    }
    if (log->config->timestamps) note_time(log);
    if (db != log->db && db != PROPAGATE_ANY_DB) select_db(log, db);
    buf_append_slice(&log->pending, command);
    log->fed += log->pending.len - before;
    count_pending(log);
}

/* Times. */

uint64_t aof_log_clock(const struct aof_log *log) {
    return log->engine->observer.times_files ? (uint64_t)clock_mono_ns() : 0;
}

void aof_log_took(const struct aof_log *log, enum file_event event, uint64_t since_ns) {
    if (!since_ns || !log->engine->observer.times_files) return;
    log->engine->observer.file(log->engine, event, (uint64_t)clock_mono_ns() - since_ns);
}

static enum file_event write_beside(const struct aof_log *log) {
    if (log->syncs) return FILE_LOG_WRITE_BESIDE_SYNC;
    return persist_busy(log->engine->persist) ? FILE_LOG_WRITE_BESIDE_SNAPSHOT
                                              : FILE_LOG_WRITE_ALONE;
}

/* Errors. */

static void complain(struct aof_log *log, const char *what, int error) {
    uint64_t now = (uint64_t)clock_mono_us();
    if (log->complained_at_us && now - log->complained_at_us < COMPLAIN_US) return;
    log->complained_at_us = now;
    log_warning(log->engine->log, "Error %s the AOF file %s: %s. Writes are refused meanwhile.",
                what, log->path, strerror(error));
}

static void set_errors(struct aof_log *log, int write_error, int sync_error) {
    bool had = log->write_error || log->sync_error, has = write_error || sync_error;
    if (write_error == log->write_error && sync_error == log->sync_error) return;
    log->write_error = write_error;
    log->sync_error = sync_error;
    if (had && !has) {
        log_warning(log->engine->log, "AOF write error looks solved. The server can write again.");
        log->complained_at_us = 0;
    }
    log->changed(log);
}

static void sync_failed(struct aof_log *log, int error) {
    complain(log, "syncing", error);
    set_errors(log, log->write_error, error);
}

static void is_synced(struct aof_log *log, uint64_t upto) {
    if (upto <= log->synced || log->sync_error || log->provisional) return;
    log->synced = upto;
    log->changed(log);
}

/* Syncing by the helper thread. */

struct sync_job {
    struct background_job job; /* first */
    struct aof_log *log;
    int fd;
    bool former;
    uint64_t upto;
    int error;
};

static void run_sync(struct background_job *job) {
    struct sync_job *sync = (struct sync_job *)job;
    if (fdatasync(sync->fd) < 0) sync->error = errno;
}

static void sync_done(struct background_job *job) {
    struct sync_job *sync = (struct sync_job *)job;
    struct aof_log *log = sync->log;
    log->syncs--;
    if (sync->former) {
        close(sync->fd);
        log->former = -1;
    }
    if (!sync->error)
        is_synced(log, sync->upto);
    else if (sync->upto > log->proven)
        sync_failed(log, sync->error);
    mem_free(sync);
}

static void start_sync(struct aof_log *log, int fd) {
    struct sync_job *sync = mem_alloc(sizeof *sync);
    *sync = (struct sync_job){.job = {.run = run_sync, .done = sync_done},
                              .log = log,
                              .fd = fd,
                              .former = fd == log->former,
                              .upto = log->written};
    log->syncs++;
    log->synced_at_us = (uint64_t)clock_mono_us();
    if (log->engine->background) {
        background_add(log->engine->background, BACKGROUND_LOG, &sync->job);
    } else {
        run_sync(&sync->job);
        sync_done(&sync->job);
    }
}

/* Writing. */

static void drop_written(struct aof_log *log, size_t len) {
    struct buf *b = &log->pending;
    log->size += len;
    log->written += len;
    if (len < b->len) {
        memmove(b->data, b->data + len, b->len - len);
        b->len -= len;
    } else if (b->cap > PENDING_KEPT) {
        buf_release(b);
    } else {
        buf_clear(b);
    }
    count_pending(log);
}

/* A part of a command at the file's end would be cut off by whoever loads it, but let there be none
 * if that's possible. */
static size_t take_back(struct aof_log *log, size_t written) {
    return written && ftruncate(log->fd, (off_t)log->size) == 0 ? 0 : written;
}

static void write_pending(struct aof_log *log) {
    size_t written;
    enum file_event beside = write_beside(log);
    uint64_t since_ns = aof_log_clock(log);
    if (log->sleep_us) usleep((useconds_t)log->sleep_us);
    int error = durable_write(log->fd, buf_slice(&log->pending), &written);
    aof_log_took(log, FILE_LOG_WRITE, since_ns);
    aof_log_took(log, beside, since_ns);
    drop_written(log, error ? take_back(log, written) : written);
    if (error) complain(log, "writing to", error);
    set_errors(log, error, log->sync_error);
}

/* What the helper hasn't synced yet isn't on disk before that. */
static bool sync_now(struct aof_log *log) {
    uint64_t since_ns = aof_log_clock(log);
    if ((log->former >= 0 && fdatasync(log->former) < 0) || fdatasync(log->fd) < 0) {
        sync_failed(log, errno);
        return false;
    }
    aof_log_took(log, FILE_LOG_SYNC, since_ns);
    log->synced_at_us = (uint64_t)clock_mono_us();
    is_synced(log, log->written);
    return true;
}

/* Is a sync under way, and not for too long? */
static bool has_to_wait(struct aof_log *log, uint64_t now_us) {
    if (log->config->fsync != AOF_FSYNC_EVERYSEC || !log->syncs) return false;
    if (!log->postponed_since_us) log->postponed_since_us = now_us;
    if (now_us - log->postponed_since_us < LATEST_US) return true;
    log->delayed++;
    log_notice(log->engine->log, "Asynchronous AOF fsync is taking too long (disk is busy?). "
                                 "Writing the AOF buffer without waiting for fsync to complete, "
                                 "this may slow down the server.");
    return false;
}

bool aof_log_rests(const struct aof_log *log) {
    return log->config->no_fsync_on_rewrite && persist_busy(log->engine->persist);
}

static void sync_by_policy(struct aof_log *log, uint64_t now_us) {
    const struct aof_config *config = log->config;
    if (log->synced == log->written) return;
    if (aof_log_rests(log)) return;
    if (config->fsync == AOF_FSYNC_ALWAYS)
        sync_now(log);
    else if (config->fsync == AOF_FSYNC_EVERYSEC && !log->syncs &&
             now_us - log->synced_at_us >= SECOND_US)
        start_sync(log, log->fd);
}

static void flush(struct aof_log *log, bool force) {
    uint64_t now_us = (uint64_t)clock_mono_us();
    if (log->pending.len) {
        if (!force && has_to_wait(log, now_us)) return;
        log->postponed_since_us = 0;
        write_pending(log);
    }
    sync_by_policy(log, now_us);
}

void aof_log_flush(struct aof_log *log, bool force) {
    if (log->fd < 0 || (!log->pending.len && log->synced == log->written)) return;
    uint64_t start_ns = (uint64_t)clock_mono_ns();
    flush(log, force);
    log->busy_ns += (uint64_t)clock_mono_ns() - start_ns;
}

bool aof_log_settle(struct aof_log *log) {
    if (log->fd < 0) return true;
    if (log->pending.len) write_pending(log);
    return !log->pending.len && sync_now(log);
}

/* Files. */

/* The helper syncs the file. One at a time: another one is synced here. */
static void hand_over(struct aof_log *log) {
    if (log->fd >= 0 && log->former < 0) {
        log->former = log->fd;
        start_sync(log, log->former);
    } else if (log->fd >= 0) {
        sync_now(log);
        close(log->fd);
    }
    log->fd = -1;
    mem_free(log->path);
    log->path = NULL;
}

int aof_log_switch(struct aof_log *log, const char *path, bool anew) {
    struct stat stat;
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | (anew ? O_TRUNC : 0);
    int fd = open(path, flags, 0644), error = 0;
    if (fd < 0) return errno;
    if (fstat(fd, &stat) < 0) error = errno;
    if (!error) error = durable_sync_names(path);
    if (error) {
        close(fd);
        return error;
    }
    if (log->fd < 0) log->written = log->fed;
    hand_over(log);
    log->began = log->written;
    log->fd = fd;
    log->path = mem_strdup(path);
    log->size = (uint64_t)stat.st_size;
    log->db = PROPAGATE_ANY_DB;
    log->noted_s = 0;
    return 0;
}

void aof_log_renamed(struct aof_log *log, const char *path) {
    mem_free(log->path);
    log->path = mem_strdup(path);
}

bool aof_log_prove(struct aof_log *log) {
    bool now = log->sync_error || log->config->fsync == AOF_FSYNC_ALWAYS;
    if (log->pending.len) write_pending(log);
    if (log->pending.len || (now && fdatasync(log->fd) < 0)) return false;
    log->provisional = false;
    log->proven = log->began;
    set_errors(log, log->write_error, 0);
    if (now)
        is_synced(log, log->written);
    else
        start_sync(log, log->fd);
    return true;
}

void aof_log_stop(struct aof_log *log) {
    hand_over(log);
    buf_release(&log->pending);
    count_pending(log);
    log->provisional = false;
    log->written = log->fed;
    set_errors(log, 0, 0);
}
