/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"

enum { HEAD_MAX = 80, FILE_MODE = 0644 };

void log_init(struct log *log) {
    *log = (struct log){.level = LOG_LEVEL_NOTICE, .role = LOG_ROLE_PRIMARY};
}

void log_release(struct log *log) {
    if (log->ident) closelog();
    mem_free(log->ident);
    mem_free(log->path);
    log_init(log);
}

static int open_file(const char *path) {
    int fd;
    do fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

int log_set_file(struct log *log, const char *path) {
    char *copy = NULL;
    if (*path) {
        int fd = open_file(path);
        if (fd < 0) return fd;
        close(fd);
        copy = mem_strdup(path);
    }
    mem_free(log->path);
    log->path = copy;
    return 0;
}

void log_start_syslog(struct log *log, const char *ident, int facility) {
    char *copy = mem_strdup(ident);
    openlog(copy, LOG_PID | LOG_NDELAY | LOG_NOWAIT, facility);
    mem_free(log->ident);
    log->ident = copy;
}

int log_fd_open(const struct log *log) {
    return log->path ? open_file(log->path) : STDOUT_FILENO;
}

void log_fd_close(const struct log *log, int fd) {
    if (log->path && fd >= 0) close(fd);
}

void log_fd_put(int fd, struct slice text) {
    while (text.len > 0) {
        ssize_t done = write(fd, text.ptr, text.len);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return;
        text = slice_of(text.ptr + done, text.len - (size_t)done);
    }
}

static void put(const struct log *log, struct slice text) {
    int fd = log_fd_open(log);
    if (fd < 0) return;
    log_fd_put(fd, text);
    log_fd_close(log, fd);
}

static void put_syslog(const struct log *log, enum log_level level, struct slice text) {
    static const int priority[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};
    if (log->ident) syslog(priority[level], "%.*s", (int)text.len, text.ptr);
}

/* Not strftime: the months are English whatever the locale. */
static size_t put_head(char *to, int role, enum log_level level) {
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm t;
    localtime_r(&seconds, &t);
    int len = snprintf(to, HEAD_MAX, "%d:%c %02d %s %d %02d:%02d:%02d.%03d %c ", (int)getpid(),
                       role, t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min,
                       t.tm_sec, (int)(now_ms % 1000), ".-*#"[level]);
    return (size_t)len;
}

void log_write(struct log *log, enum log_level level, const char *format, ...) {
    char line[HEAD_MAX + LOG_MESSAGE_MAX + 1];
    size_t head = put_head(line, atomic_load_explicit(&log->role, memory_order_relaxed), level);
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(line + head, LOG_MESSAGE_MAX, format, args);
    va_end(args);
    if (wanted < 0) return;
    size_t len = wanted < LOG_MESSAGE_MAX ? (size_t)wanted : LOG_MESSAGE_MAX - 1;
    put_syslog(log, level, slice_of(line + head, len));
    line[head + len] = '\n';
    put(log, slice_of(line, head + len + 1));
}

void log_raw(struct log *log, enum log_level level, struct slice text) {
    if (!log_enabled(log, level)) return;
    put_syslog(log, level, text);
    put(log, text);
}

void log_fd_put_head(int fd) {
    char head[HEAD_MAX];
    size_t len = num_from_i64(head, getpid());
    memcpy(head + len, ":signal-handler (", 17);
    len += 17;
    len += num_from_i64(head + len, clock_wall_ms() / 1000);
    memcpy(head + len, ") ", 2);
    log_fd_put(fd, slice_of(head, len + 2));
}

void log_from_handler(struct log *log, struct slice message) {
    if (!log_enabled(log, LOG_LEVEL_WARNING)) return;
    int fd = log_fd_open(log);
    if (fd < 0) return;
    log_fd_put_head(fd);
    log_fd_put(fd, message);
    log_fd_put(fd, SLICE("\n"));
    log_fd_close(log, fd);
}
