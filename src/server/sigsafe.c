/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/sigsafe.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"

void sigsafe_text(int fd, const char *text) {
    log_fd_put(fd, slice_str(text));
}

void sigsafe_dec(int fd, int64_t value) {
    char text[NUM_I64_MAX];
    log_fd_put(fd, slice_of(text, num_from_i64(text, value)));
}

void sigsafe_hex(int fd, uint64_t value, int digits) {
    char text[16];
    int at = sizeof(text);
    do text[--at] = "0123456789abcdef"[value & 15];
    while ((value >>= 4) || (int)sizeof(text) - at < digits);
    log_fd_put(fd, slice_of(text + at, sizeof(text) - (size_t)at));
}

size_t sigsafe_read(const char *path, char *to, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, to, size - 1);
    if (fd >= 0) close(fd);
    if (len < 0) len = 0;
    to[len] = '\0';
    return (size_t)len;
}

void sigsafe_task_path(char *to, pid_t tid, const char *name) {
    to = stpcpy(to, "/proc/self/task/");
    to += num_from_i64(to, tid);
    *to++ = '/';
    strcpy(to, name);
}
