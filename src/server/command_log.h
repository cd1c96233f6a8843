/* SPDX-License-Identifier: BSD-3-Clause */
/* A log of commands that stood out: SLOWLOG's, and those of large requests and replies beside it in
 * COMMANDLOG. The newest comes first; when it's full the oldest goes.
 *
 * An entry keeps what Redis keeps: up to 32 arguments of up to 128 bytes, what is beyond that only
 * as a number. It's one allocation, so a log of the usual 128 entries takes at most half a MB. */
#ifndef DREY_SERVER_COMMAND_LOG_H
#define DREY_SERVER_COMMAND_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* What commands stand out by. */
enum command_log_kind {
    COMMAND_LOG_SLOW,          /* value: microseconds */
    COMMAND_LOG_LARGE_REQUEST, /* bytes */
    COMMAND_LOG_LARGE_REPLY,   /* bytes */
    COMMAND_LOGS,
};

enum { COMMAND_LOG_ARGS = 32, COMMAND_LOG_ARG_BYTES = 128 };

struct command_log_entry {
    struct command_log_entry *newer, *older;
    uint64_t id;                /* from 0, never used again */
    int64_t time_s;             /* since 1970 */
    int64_t value;              /* what it's in the log for: microseconds, or bytes */
    struct slice address, name; /* of the client */
    int argc;                   /* of argv: COMMAND_LOG_ARGS at most */
    struct slice argv[];
};

struct command_log {
    struct command_log_entry *newest, *oldest;
    size_t count;
    uint64_t next_id;
};

/* A command to log; all is copied. */
struct command_log_record {
    int64_t time_s, value;
    const struct slice *argv; /* COMMAND_LOG_ARGS of them, or argc if that's less */
    int argc;                 /* of the command */
    struct slice address, name;
};

/* A log of all bytes zero is an empty one. max_len is 1 at least. */
void command_log_add(struct command_log *log, const struct command_log_record *record,
                     size_t max_len);
/* Drops the oldest entries beyond max_len. 0 empties the log; ids go on. */
void command_log_trim(struct command_log *log, size_t max_len);

#endif
