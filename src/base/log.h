/* SPDX-License-Identifier: BSD-3-Clause */
/* The log. Lines have Redis's form, that log collectors know:
 *
 *   PID:ROLE DD Mon YYYY HH:MM:SS.mmm LEVEL message
 *
 * with the local time, and as level one of . (debug) - (verbose) * (notice) # (warning).
 *
 * A line is one write(2) to a descriptor opened for appending, and a file is opened anew for each,
 * so that logrotate may move it away at any time. Nothing is buffered. Lines can be written from
 * any thread; settings are changed by one thread, the file and syslog before others log. A line
 * that can't be written is lost: there is nowhere to say so. */
#ifndef DREY_BASE_LOG_H
#define DREY_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_VERBOSE,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTHING, /* as a setting: no line at all */
};

enum log_role {
    LOG_ROLE_PRIMARY = 'M',
    LOG_ROLE_REPLICA = 'S',
    LOG_ROLE_CHILD = 'C', /* also before the server is up */
    LOG_ROLE_SENTINEL = 'X',
};

/* A longer message is cut. */
enum { LOG_MESSAGE_MAX = 4096 };

struct log {
    _Atomic int level; /* enum log_level, the least that is written */
    _Atomic int role;  /* enum log_role */
    char *path;        /* owned; NULL: standard output */
    char *ident;       /* owned; NULL: no syslog */
};

/* Standard output, level notice, role primary, no syslog. */
void log_init(struct log *log);
void log_release(struct log *log);

static inline void log_set_level(struct log *log, enum log_level level) {
    atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

static inline void log_set_role(struct log *log, enum log_role role) {
    atomic_store_explicit(&log->role, (int)role, memory_order_relaxed);
}

/* Logs to the file from now on, created if need be; "" is standard output. 0, or an errno
 * (negative) when it can't be opened; nothing has changed then. */
int log_set_file(struct log *log, const char *path);

/* Sends each line to syslog as well, without its head. `facility` as in <syslog.h>, LOG_LOCAL0 and
 * so on. Syslog is the process's: one log at a time can use it. */
void log_start_syslog(struct log *log, const char *ident, int facility);

static inline bool log_enabled(struct log *log, enum log_level level) {
    return (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

/* One line; the level isn't tested. Use the macros, that don't even evaluate the arguments when the
 * level is off. */
void log_write(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_at(log, level, ...)                                                                    \
    (log_enabled((log), (level)) ? log_write((log), (level), __VA_ARGS__) : (void)0)
#define log_debug(log, ...)   log_at(log, LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_verbose(log, ...) log_at(log, LOG_LEVEL_VERBOSE, __VA_ARGS__)
#define log_notice(log, ...)  log_at(log, LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(log, ...) log_at(log, LOG_LEVEL_WARNING, __VA_ARGS__)

/* Text as it stands, of any length, without a head and without an added newline (the start-up
 * picture), if `level` is on. */
void log_raw(struct log *log, enum log_level level, struct slice text);

/* What follows may be called from a signal handler: no lock, no memory, no stdio. */

/* The descriptor that lines go to, or a negative errno; to be closed with log_fd_close, that keeps
 * standard output open. */
int log_fd_open(const struct log *log);
void log_fd_close(const struct log *log, int fd);

/* Writes all of it, whatever signals interrupt. */
void log_fd_put(int fd, struct slice text);

/* The head of a handler's line, "PID:signal-handler (seconds since 1970) " (Redis's form, too). */
void log_fd_put_head(int fd);

/* One line with that head, if warnings are on. */
void log_from_handler(struct log *log, struct slice message);

#endif
