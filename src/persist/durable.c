/* SPDX-License-Identifier: BSD-3-Clause */
#include "persist/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"

char *durable_absolute(const char *path) {
    struct buf whole = BUF_INIT;
    char *folder = *path == '/' ? NULL : getcwd(NULL, 0);
    if (folder) buf_appendf(&whole, "%s/", folder);
    buf_append_str(&whole, path);
    free(folder); /* of the C library's */
    return buf_detach(&whole);
}

int durable_sync_names(const char *path) {
    char *copy = mem_strdup(path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
    mem_free(copy);
    if (fd < 0) return errno;
    /* Some file systems have nothing to sync there, and say so. */
    if (fsync(fd) < 0 && errno != EINVAL) error = errno;
    close(fd);
    return error;
}

int durable_sync_file(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC), error = 0;
    if (fd < 0) return errno;
    if (fsync(fd) < 0) error = errno;
    close(fd);
    return error;
}

int durable_rename(const char *from, const char *to) {
    return rename(from, to) < 0 ? errno : durable_sync_names(to);
}

int durable_write(int fd, struct slice bytes, size_t *written) {
    *written = 0;
    while (*written < bytes.len) {
        ssize_t n = write(fd, bytes.ptr + *written, bytes.len - *written);
        if (n > 0)
            *written += (size_t)n;
        else if (n == 0)
            return ENOSPC;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

static int put_aside(const char *path, struct slice bytes) {
    size_t written;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return errno;
    int error = durable_write(fd, bytes, &written);
    if (!error && fsync(fd) < 0) error = errno;
    if (close(fd) < 0 && !error) error = errno;
    return error;
}

static char *aside_of(const char *path) {
    struct buf aside = BUF_INIT;
    const char *slash = strrchr(path, '/');
    size_t head = slash ? (size_t)(slash + 1 - path) : 0;
    buf_append(&aside, path, head);
    buf_appendf(&aside, "temp-%s", path + head);
    return buf_detach(&aside);
}

int durable_put(const char *path, struct slice bytes) {
    char *aside = aside_of(path);
    int error = put_aside(aside, bytes);
    if (error)
        unlink(aside);
    else
        error = durable_rename(aside, path);
    mem_free(aside);
    return error;
}
