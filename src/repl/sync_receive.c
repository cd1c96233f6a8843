/* SPDX-License-Identifier: BSD-3-Clause */
#include "repl/sync_receive.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/random.h"
#include "io/conn.h"
#include "persist/durable.h"
#include "repl/link.h"
#include "repl/link_stream.h"
#include "repl/sync_load.h"

enum {
    PIECE = 64 * 1024,
    TURN_BYTES = 1024 * 1024,     /* others wait that long */
    SYNC_BYTES = 8 * 1024 * 1024, /* go to the disk at a time, not all at the end */
};

static struct log *log_of(const struct repl_link *l) {
    return &l->repl->server->log;
}

void sync_receive_begin(struct repl_link *l, const char *id, int64_t offset) {
    struct sync_receive *sync = &l->sync;
    *sync = (struct sync_receive){.file = -1, .offset = offset, .named = id};
    if (id)
        memcpy(sync->id, id, REPL_ID_LEN);
    else
        random_hex(sync->id, REPL_ID_LEN);
    l->state = LINK_SYNC;
    l->talk.len = 0;
    l->resumable = false;
}

void sync_receive_abort(struct repl_link *l) {
    struct sync_receive *sync = &l->sync;
    if (sync->file >= 0) {
        close(sync->file);
        unlink(sync->path);
    }
    mem_free(sync->path);
    *sync = (struct sync_receive){.file = -1};
}

/* The line. */

static bool open_file(struct repl_link *l) {
    struct sync_receive *sync = &l->sync;
    char path[64];
    snprintf(path, sizeof path, "temp-%lld.%ld.rdb", (long long)(clock_wall_us() / 1000000),
             (long)getpid());
    sync->path = mem_strdup(path);
    sync->file = open(path, O_CREAT | O_WRONLY | O_EXCL | O_CLOEXEC, 0644);
    if (sync->file >= 0) return true;
    log_warning(log_of(l),
                "Opening the temp file needed for MASTER <-> REPLICA synchronization: %s",
                strerror(errno));
    return false;
}

static void tell_begin(const struct repl_link *l, bool diskless) {
    const char *where = diskless ? "parser" : "disk";
    if (l->sync.size < 0)
        log_notice(log_of(l),
                   "MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF to %s",
                   where);
    else
        log_notice(log_of(l), "MASTER <-> REPLICA sync: receiving %lld bytes from master to %s",
                   (long long)l->sync.size, where);
}

static void finished(struct repl_link *l, bool loaded) {
    if (!loaded) {
        link_lost(l);
        return;
    }
    bool named = l->sync.named;
    sync_receive_abort(l);
    link_up(l);
    if (l->state != LINK_UP) return;
    l->resumable = named;
    log_notice(log_of(l), "MASTER <-> REPLICA sync: Finished with success");
    link_acknowledge(l); /* a primary sends the stream to who has said something */
}

/* Returns false if that's the end of it. */
static bool begin_reading(struct repl_link *l, const char *line) {
    struct sync_receive *sync = &l->sync;
    if (*line == '-') {
        log_warning(log_of(l), "MASTER aborted replication with an error: %s", line + 1);
        return false;
    }
    bool marked = strncmp(line, "$EOF:", 5) == 0 && strlen(line + 5) >= SYNC_RECEIVE_MARK;
    bool sized = *line == '$' && num_to_i64(slice_str(line + 1), &sync->size) && sync->size > 0;
    if (!marked && !sized) {
        log_warning(log_of(l),
                    "Bad protocol from MASTER, neither a length nor a mark follows '$' (we "
                    "received '%s'), are you sure the host and port are right?",
                    line);
        return false;
    }
    if (marked) {
        memcpy(sync->mark, line + 5, SYNC_RECEIVE_MARK);
        sync->size = -1;
    }
    sync->begun = true;
    bool diskless = sync_load_directly(l);
    tell_begin(l, diskless);
    if (!diskless) return open_file(l);
    loop_watch_change(l->repl->server->loop, &l->watch, 0);
    finished(l, sync_load_socket(l));
    return true;
}

/* The file. */

static bool marked_end(struct sync_receive *sync, const char *data, size_t len) {
    if (sync->size >= 0) return false;
    if (len >= SYNC_RECEIVE_MARK) {
        memcpy(sync->last, data + len - SYNC_RECEIVE_MARK, SYNC_RECEIVE_MARK);
    } else {
        memmove(sync->last, sync->last + len, SYNC_RECEIVE_MARK - len);
        memcpy(sync->last + SYNC_RECEIVE_MARK - len, data, len);
    }
    return memcmp(sync->last, sync->mark, SYNC_RECEIVE_MARK) == 0;
}

static bool write_piece(struct repl_link *l, const char *data, size_t len) {
    struct sync_receive *sync = &l->sync;
    size_t written;
    int error = durable_write(sync->file, slice_of(data, len), &written);
    sync->unsynced += written;
    if (!error && sync->unsynced >= SYNC_BYTES) {
        error = fdatasync(sync->file) < 0 ? errno : 0;
        sync->unsynced = 0;
    }
    if (!error) return true;
    log_warning(log_of(l),
                "Write error or short write writing to the DB dump file needed for MASTER <-> "
                "REPLICA synchronization: %s",
                strerror(error));
    return false;
}

/* The file takes the place of the snapshot that this server has. */
static bool put_in_place(struct repl_link *l) {
    struct sync_receive *sync = &l->sync;
    const char *name = l->repl->server->persist.config.filename;
    if (sync->size < 0 && ftruncate(sync->file, (off_t)(sync->read - SYNC_RECEIVE_MARK)) < 0) {
        log_warning(log_of(l),
                    "Error truncating the RDB file received from the master for SYNC: %s",
                    strerror(errno));
        return false;
    }
    sync_load_stop_saving(l);
    int error = fsync(sync->file) < 0 ? errno : 0;
    if (!error) error = durable_rename(sync->path, name);
    if (!error) {
        close(sync->file);
        sync->file = -1;
        return true;
    }
    log_warning(log_of(l),
                "Failed trying to rename the temp DB into %s in MASTER <-> REPLICA "
                "synchronization: %s",
                name, strerror(error));
    return false;
}

static bool complete(struct repl_link *l) {
    if (!put_in_place(l)) return false;
    loop_watch_change(l->repl->server->loop, &l->watch, 0);
    finished(l, sync_load_file(l));
    return true;
}

/* One piece; *over: there's no more to do now. False: that's the end of it. */
static bool receive(struct repl_link *l, bool *over) {
    struct sync_receive *sync = &l->sync;
    char piece[PIECE];
    size_t most = sizeof piece;
    if (sync->size >= 0 && (uint64_t)(sync->size - sync->read) < most)
        most = (size_t)(sync->size - sync->read);
    ssize_t n = most ? conn_receive(l->watch.fd, l->tls, piece, most) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return *over = true;
    if (n <= 0 && most) {
        log_warning(log_of(l), "I/O error trying to sync with MASTER: %s",
                    n < 0 ? conn_error(l->tls) : "connection lost");
        return false;
    }
    l->heard_us = (uint64_t)clock_mono_us();
    l->repl->server->stats.net_repl_in += (uint64_t)n;
    sync->read += n;
    bool ends = marked_end(sync, piece, (size_t)n) || sync->read == sync->size;
    if (!write_piece(l, piece, (size_t)n)) return false;
    *over = ends;
    return !ends || complete(l);
}

void sync_receive_ready(struct repl_link *l) {
    bool lost = false, over = false, fine = true;
    if (!l->sync.begun) {
        if (!link_talk_line(l, &lost)) {
            if (lost) {
                log_warning(log_of(l), "I/O error reading bulk count from MASTER: connection lost");
                link_lost(l);
            }
            return;
        }
        if (!*l->talk.line) return; /* the primary says that it goes on */
        if (!begin_reading(l, l->talk.line)) link_lost(l);
        return;
    }
    for (size_t read = 0; fine && !over && read < TURN_BYTES; read += PIECE)
        fine = receive(l, &over);
    if (!fine) link_lost(l);
}
