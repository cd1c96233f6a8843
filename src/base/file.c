/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

int file_read(const char *path, struct buf *text, mode_t *mode) {
    struct stat info;
    char chunk[16 * 1024];
    size_t n;
    FILE *file = fopen(path, "re");
    if (!file) return -1;
    if (mode && fstat(fileno(file), &info) == 0) *mode = info.st_mode & 07777;
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0) buf_append(text, chunk, n);
    int result = ferror(file) ? -1 : 0, error = errno;
    fclose(file);
    errno = error;
    return result;
}

static int write_all(int fd, struct slice text) {
    while (text.len) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno != EINTR) return -1;
        if (n < 0) continue;
        text.ptr += n;
        text.len -= (size_t)n;
    }
    return fsync(fd);
}

static int sync_folder(const char *path) {
    char *folder = mem_strdup(path);
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0) close(fd);
    mem_free(folder);
    return result;
}

int file_replace(const char *path, struct slice text, mode_t mode) {
    struct buf aside = BUF_INIT;
    buf_appendf(&aside, "%s-XXXXXX", path);
    int fd = mkostemp(aside.data, O_CLOEXEC);
    int result = fd < 0 || write_all(fd, text) || fchmod(fd, mode) ? -1 : 0;
    if (result == 0) result = rename(aside.data, path);
    if (result == 0) result = sync_folder(path);
    int error = errno;
    if (fd >= 0) close(fd);
    if (fd >= 0 && result) unlink(aside.data);
    buf_release(&aside);
    errno = error;
    return result;
}
