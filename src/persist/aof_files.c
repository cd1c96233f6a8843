/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/aof_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "persist/durable.h"

enum { MANIFEST_MAX = 16 * 1024 * 1024 };

char *aof_path(const struct aof_config *config, const char *name) {
    struct buf path = BUF_INIT;
    buf_appendf(&path, "%s/%s", config->dirname, name);
    return buf_detach(&path);
}

char *aof_manifest_path(const struct aof_config *config) {
    struct buf path = BUF_INIT;
    buf_appendf(&path, "%s/%s.manifest", config->dirname, config->filename);
    return buf_detach(&path);
}

int aof_make_dir(const struct aof_config *config) {
    if (mkdir(config->dirname, 0755) < 0) return errno == EEXIST ? 0 : errno;
    return durable_sync_names(config->dirname);
}

/* The manifest. */

int aof_manifest_put(const struct aof_config *config, const struct aof_manifest *m) {
    struct buf text = BUF_INIT;
    char *path = aof_manifest_path(config);
    aof_manifest_format(m, &text);
    int error = durable_put(path, buf_slice(&text));
    mem_free(path);
    buf_release(&text);
    return error;
}

static int read_all(int fd, struct buf *to) {
    for (;;) {
        ssize_t n = read(fd, buf_reserve(to, 4096), 4096);
        if (n == 0) return 0;
        if (n < 0 && errno != EINTR) return errno;
        if (n > 0) to->len += (size_t)n;
        if (to->len > MANIFEST_MAX) return EFBIG;
    }
}

bool aof_manifest_read(const char *path, struct aof_manifest *m, struct buf *why) {
    struct buf text = BUF_INIT;
    int fd = open(path, O_RDONLY | O_CLOEXEC), error = fd < 0 ? errno : 0;
    if (error == ENOENT) return true;
    if (!error) error = read_all(fd, &text);
    if (fd >= 0) close(fd);
    if (error) buf_append_str(why, strerror(error));
    bool ok = !error && aof_manifest_parse(m, buf_slice(&text), why);
    buf_release(&text);
    return ok;
}

bool aof_manifest_get(const struct aof_config *config, struct aof_manifest *m, struct buf *why) {
    char *path = aof_manifest_path(config);
    bool ok = aof_manifest_read(path, m, why);
    mem_free(path);
    return ok;
}

/* An old log. */

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

/* Nothing but the old file is known of, or moving it there was interrupted. */
static bool is_to_adopt(const struct aof_config *config, const struct aof_manifest *m) {
    if (!exists(config->filename)) return false;
    if (aof_manifest_is_empty(m)) return true;
    if (!m->base.name || m->incrs.n || strcmp(m->base.name, config->filename) != 0) return false;
    char *moved = aof_path(config, config->filename);
    bool is_there = exists(moved);
    mem_free(moved);
    return !is_there;
}

bool aof_adopt_old(const struct aof_config *config, struct aof_manifest *m, struct buf *why) {
    if (!is_to_adopt(config, m)) return true;
    char *to = aof_path(config, config->filename);
    int error = aof_make_dir(config);
    aof_manifest_adopt(m, config->filename);
    if (!error) error = aof_manifest_put(config, m);
    if (!error) error = durable_rename(config->filename, to);
    if (error)
        buf_appendf(why, "the old file %s can't be moved to %s: %s", config->filename, to,
                    strerror(error));
    mem_free(to);
    return !error;
}

/* History. */

struct closing {
    struct background_job job; /* first */
    int fd;
};

static void run_closing(struct background_job *job) {
    close(((struct closing *)job)->fd);
    mem_free(job);
}

/* The name goes now, since it may be given away again; the bytes when the file is closed. */
static void delete_file(const char *path, struct background *background) {
    int fd = background ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    unlink(path);
    if (fd < 0) return;
    struct closing *closing = mem_alloc(sizeof *closing);
    *closing = (struct closing){.job = {.run = run_closing}, .fd = fd};
    background_add(background, BACKGROUND_FREE, &closing->job);
}

int aof_drop_history(const struct aof_config *config, struct aof_manifest *m,
                     struct background *background) {
    if (!m->history.n) return 0;
    for (size_t i = 0; i < m->history.n; i++) {
        char *path = aof_path(config, m->history.items[i].name);
        delete_file(path, background);
        mem_free(path);
    }
    aof_manifest_forget(m);
    return aof_manifest_put(config, m);
}

/* Sizes. */

static uint64_t size_of(const struct aof_config *config, const char *name) {
    struct stat stat_of;
    char *path = aof_path(config, name);
    uint64_t size = stat(path, &stat_of) == 0 ? (uint64_t)stat_of.st_size : 0;
    mem_free(path);
    return size;
}

uint64_t aof_total_size(const struct aof_config *config, const struct aof_manifest *m) {
    uint64_t sum = m->base.name ? size_of(config, m->base.name) : 0;
    for (size_t i = 0; i < m->incrs.n; i++) sum += size_of(config, m->incrs.items[i].name);
    return sum;
}
