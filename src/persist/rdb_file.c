/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/rdb_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc64.h"
#include "persist/durable.h"

enum {
    ROOM_CHUNKS = 8,              /* may wait to be written */
    SYNC_BYTES = 4 * 1024 * 1024, /* what is written is on the disk after each such portion: not all
                                     of it at the end, when others wait for the disk, too */
    START_BYTES = 256 * 1024, /* and is on its way in such portions, as the kernel holds the core
                                 while it sends one off: 3 ms for 4 MB */
};

struct rdb_file {
    struct background *background;
    char *path, *name;
    int fd;               /* -1: there's a sink */
    struct rdb_sink sink; /* all zero: there's none */
    bool checksum, no_sum;
    uint64_t sum; /* the helper's, as are the next four */
    off_t written;
    size_t unsynced;  /* bytes of that, */
    off_t started;    /* and those before this offset are on their way */
    atomic_int error; /* errno of what failed first; 0 */
    unsigned waiting; /* chunks handed over and not written yet, */
    size_t waiting_bytes;
    void (*done)(void *ctx, int error);
    void *done_ctx;
};

struct chunk {
    struct background_job job;
    struct rdb_file *file;
    struct buf bytes;
    size_t size; /* of what `bytes` took up */
};

static void fail(struct rdb_file *f, int error) {
    int none = 0;
    atomic_compare_exchange_strong(&f->error, &none, error);
}

struct rdb_file *rdb_file_new(const char *path, const char *name, bool checksum,
                              struct background *background) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return NULL;
    struct rdb_file *f = mem_zalloc(sizeof *f);
    f->background = background;
    f->path = durable_absolute(path);
    if (name) f->name = durable_absolute(name);
    f->fd = fd;
    f->checksum = checksum;
    return f;
}

void rdb_file_no_sum(struct rdb_file *f) {
    f->checksum = false;
    f->no_sum = true;
}

struct rdb_file *rdb_file_to_sink(const struct rdb_sink *sink, bool checksum,
                                  struct background *background) {
    struct rdb_file *f = mem_zalloc(sizeof *f);
    f->background = background;
    f->fd = -1;
    f->sink = *sink;
    f->checksum = checksum;
    return f;
}

static void write_all(struct rdb_file *f, const char *data, size_t len) {
    size_t written;
    if (atomic_load(&f->error)) return;
    int error = durable_write(f->fd, slice_of(data, len), &written);
    if (error) fail(f, error);
    f->unsynced += written;
    f->written += (off_t)written;
}

/* It may fail where the file system can't do that; then fdatasync does it all. */
static void start_sync(struct rdb_file *f) {
    for (; f->written - f->started >= START_BYTES; f->started += START_BYTES)
        sync_file_range(f->fd, f->started, START_BYTES, SYNC_FILE_RANGE_WRITE);
}

static void write_bytes(struct rdb_file *f, const struct buf *bytes) {
    if (f->checksum) f->sum = crc64(f->sum, bytes->data, bytes->len);
    if (f->fd < 0) return;
    write_all(f, bytes->data, bytes->len);
    if (atomic_load(&f->error)) return;
    start_sync(f);
    if (f->unsynced < SYNC_BYTES) return;
    if (fdatasync(f->fd) < 0) fail(f, errno);
    f->unsynced = 0;
}

static void run_chunk(struct background_job *job) {
    struct chunk *c = (struct chunk *)job;
    write_bytes(c->file, &c->bytes);
    if (c->file->fd >= 0) buf_release(&c->bytes);
}

static void give(struct rdb_file *f, struct buf *bytes) {
    if (f->sink.take && !atomic_load(&f->error)) f->sink.take(f->sink.ctx, bytes);
}

static void chunk_done(struct background_job *job) {
    struct chunk *c = (struct chunk *)job;
    struct rdb_file *f = c->file;
    give(f, &c->bytes);
    buf_release(&c->bytes);
    f->waiting--;
    f->waiting_bytes -= c->size;
    mem_free(c);
}

void rdb_file_append(struct rdb_file *f, struct buf *chunk) {
    if (!f->background) {
        write_bytes(f, chunk);
        give(f, chunk);
        buf_clear(chunk);
        return;
    }
    struct chunk *c = mem_alloc(sizeof *c);
    *c = (struct chunk){.job = {.run = run_chunk, .done = chunk_done},
                        .file = f,
                        .bytes = *chunk,
                        .size = chunk->cap};
    buf_init(chunk);
    f->waiting++;
    f->waiting_bytes += c->size;
    background_add(f->background, BACKGROUND_SNAPSHOT, &c->job);
}

bool rdb_file_has_room(const struct rdb_file *f) {
    if (f->waiting >= ROOM_CHUNKS) return false;
    return !f->sink.has_room || f->sink.has_room(f->sink.ctx);
}

size_t rdb_file_waiting(const struct rdb_file *f) {
    return f->waiting_bytes;
}

int rdb_file_error(const struct rdb_file *f) {
    return atomic_load(&f->error);
}

enum { SUM_BYTES = 8 };

static void put_sum(const struct rdb_file *f, char bytes[SUM_BYTES]) {
    for (unsigned i = 0; i < SUM_BYTES; i++) bytes[i] = (char)(f->sum >> 8 * i);
}

static void write_sum(struct rdb_file *f) {
    char bytes[SUM_BYTES];
    if (f->no_sum) return;
    put_sum(f, bytes);
    write_all(f, bytes, sizeof bytes);
}

/* The last of it, in the helper. */
static void close_file(struct rdb_file *f) {
    if (f->fd < 0) return;
    if (!atomic_load(&f->error)) write_sum(f);
    if (!atomic_load(&f->error) && fsync(f->fd) < 0) fail(f, errno);
    if (close(f->fd) < 0) fail(f, errno);
    int error = atomic_load(&f->error);
    if (!error && f->name) error = durable_rename(f->path, f->name);
    if (!error) return;
    fail(f, error);
    unlink(f->path);
}

static void release(struct rdb_file *f) {
    int error = atomic_load(&f->error);
    void (*done)(void *ctx, int error) = f->done;
    void *ctx = f->done_ctx;
    mem_free(f->path);
    mem_free(f->name);
    mem_free(f);
    done(ctx, error);
}

static void give_sum(struct rdb_file *f) {
    struct buf sum = BUF_INIT;
    char bytes[SUM_BYTES];
    if (!f->sink.take) return;
    put_sum(f, bytes);
    buf_append(&sum, bytes, sizeof bytes);
    give(f, &sum);
    buf_release(&sum);
}

static void run_close(struct background_job *job) {
    close_file(((struct chunk *)job)->file);
}

static void close_done(struct background_job *job) {
    struct rdb_file *f = ((struct chunk *)job)->file;
    mem_free(job);
    give_sum(f);
    release(f);
}

void rdb_file_finish(struct rdb_file *f, void (*done)(void *ctx, int error), void *ctx) {
    f->done = done;
    f->done_ctx = ctx;
    if (!f->background) {
        close_file(f);
        give_sum(f);
        release(f);
        return;
    }
    struct chunk *c = mem_alloc(sizeof *c);
    *c = (struct chunk){.job = {.run = run_close, .done = close_done}, .file = f};
    background_add(f->background, BACKGROUND_SNAPSHOT, &c->job);
}

void rdb_file_abandon(struct rdb_file *f, int error, void (*done)(void *ctx, int error),
                      void *ctx) {
    fail(f, error);
    rdb_file_finish(f, done, ctx);
}
