/* SPDX-License-Identifier: BSD-3-Clause */
/* A replica gets the whole data set: a snapshot behind a line that says how long it is ("$bytes")
 * or, if the primary makes it as it goes, what ends it ("$EOF:" and 40 bytes). It goes to a file
 * aside, which takes the place of this server's own snapshot and is loaded; or it's loaded as it
 * comes (repl-diskless-load), if need be beside the data that are there, which then go on serving
 * and stay if this fails. */
#ifndef DREY_REPL_SYNC_RECEIVE_H
#define DREY_REPL_SYNC_RECEIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct repl_link;

enum { SYNC_RECEIVE_MARK = 40 };

struct sync_receive {
    char id[41];    /* of the history, and */
    int64_t offset; /* where the snapshot is in it */
    bool named;     /* else the primary didn't say */
    bool begun;     /* the line has come */
    int64_t size;   /* bytes of the snapshot; -1: up to the mark */
    int64_t read;   /* so far */
    char mark[SYNC_RECEIVE_MARK];
    char last[SYNC_RECEIVE_MARK]; /* the last bytes that came */
    int file;                     /* -1: there's none */
    char *path;
    uint64_t unsynced;
    uint64_t told_us; /* when the primary was last told that this goes on */
};

/* The primary answered that it will send it: `id` NULL, it didn't say of what history. */
void sync_receive_begin(struct repl_link *l, const char *id, int64_t offset);

/* There's something to read. */
void sync_receive_ready(struct repl_link *l);

/* Leaves nothing behind. */
void sync_receive_abort(struct repl_link *l);

#endif
