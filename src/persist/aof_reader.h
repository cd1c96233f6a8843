/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading the commands of an append-only file one by one:
 *
 *     *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n     a command
 *     #TS:1700000000\r\n                   a note: what comes next was written at that Unix time
 *
 * A file that was being written when the process or the machine stopped may end in the middle of a
 * command: such a torn tail is told apart from damage. A tail is torn if the bytes that are there
 * are right as far as they go, and no whole commands follow up to the file's end (else it's a
 * length in the middle that is wrong). No length is believed before the bytes are there. */
#ifndef DREY_PERSIST_AOF_READER_H
#define DREY_PERSIST_AOF_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum aof_item {
    AOF_COMMAND,    /* argv, argc: borrowed until the next call */
    AOF_NOTE,       /* `note`: without the # and the line's end, likewise */
    AOF_END,        /* of the file, behind something whole */
    AOF_TORN,       /* of the file, in the middle */
    AOF_DAMAGED,    /* `bad` says what is wrong */
    AOF_UNREADABLE, /* `error` is the errno */
};

struct aof_reader {
    struct slice *argv;
    int argc;
    struct slice note;
    const char *bad;
    int error;
    uint64_t item_at; /* where in the file the item begins that was read last, */
    uint64_t bad_at;  /* where it is wrong */
    uint64_t size;    /* of the file, when it was opened */
    uint64_t lines;   /* read so far, as text editors count them */

    /* Private: the window, bytes [window_at, window_at + len) of the file, `at` of it is next. */
    int fd;
    char *data;
    size_t cap, len, at;
    uint64_t window_at;
    size_t argv_cap;
};

/* Opens a file, to be read from `from` on. 0, or an errno and there's nothing to close. */
int aof_reader_open(struct aof_reader *r, const char *path, uint64_t from);
void aof_reader_close(struct aof_reader *r);

enum aof_item aof_reader_next(struct aof_reader *r);

/* Where in the file the next item begins. */
static inline uint64_t aof_reader_pos(const struct aof_reader *r) {
    return r->window_at + r->at;
}

/* Does the file begin with a snapshot ("REDIS")? Then its commands follow behind that. */
bool aof_begins_with_rdb(const char *path);

/* The time of a note; false: it's none of a time. */
bool aof_note_time(struct slice note, int64_t *unix_s);

#endif
