/* SPDX-License-Identifier: BSD-3-Clause */
/* While the data set is being loaded, from whatever files: how far that is, and answering others
 * meanwhile. Whoever loads calls
 *
 *   loading_begin            with the bytes of all its files
 *     loading_reached        every so often, at least between any two keys or commands
 *     loading_key            after each key, if it reads a snapshot
 *     loading_file_done      after each file but the last
 *   loading_end
 *
 * and stops at once when loading_reached says so: the process is to end. Others are served within
 * loading_reached alone (engine.yield), and the gate that refuses most of what they ask with
 * LOADING is closed only there: commands that the loader itself runs (those of an append-only file)
 * meet no gate. Keys don't expire from beginning to end. */
#ifndef DREY_PERSIST_LOADING_H
#define DREY_PERSIST_LOADING_H

#include "exec/engine.h"
#include "persist/persist_config.h"

struct loading {
    struct engine *engine;
    const struct persist_config *config;
    bool on;
    bool ended; /* the process is to end; what was loaded is incomplete and must not be saved */
    uint64_t started_s;      /* Unix time */
    uint64_t total;          /* bytes of all files */
    uint64_t before;         /* bytes of the files that are done */
    uint64_t loaded;         /* bytes, as last told */
    uint64_t next;           /* from how many of them on others are looked after next */
    uint64_t keys;           /* keys of snapshots, loaded, since it began; stay */
    uint64_t expired, empty; /* and left out, as their time had come or they have no elements */
    int64_t written_s;       /* when the snapshot was written, as the file says; 0: it doesn't */
    uint64_t writer_bytes;   /* memory that the snapshot's writer used, as the file says */
    bool aside;              /* into databases of their own: who looks after others isn't refused */
    /* Of what history the snapshot is a part, as the file says: see loading_history. */
    char history[64];       /* its id; empty: it doesn't say */
    int64_t history_offset; /* how far the history is in it; -1: it doesn't say */
    int64_t history_db;     /* the database that's selected there; -1: none */
    /* Called as others are looked after; NULL: nobody cares. */
    void (*served)(void *ctx);
    void *served_ctx;
};

/* Loading begins. `l` has engine and config. */
void loading_begin(struct loading *l, uint64_t total_bytes);
void loading_end(struct loading *l);

/* The next file follows, `bytes` of this one have been read. */
void loading_file_done(struct loading *l, uint64_t bytes);

/* Looks after others now, whatever has been read; false: as below. */
bool loading_serve(struct loading *l);

/* `position` bytes of the file have been loaded. False: end loading. A comparison, mostly; others
 * are looked after when loading-process-events-interval-bytes have passed since they last were. */
static inline bool loading_reached(struct loading *l, uint64_t position) {
    l->loaded = l->before + position;
    return __builtin_expect(l->loaded < l->next, 1) || loading_serve(l);
}

void loading_delay_key(const struct loading *l);

/* A key has been loaded: tests may want that to take long. */
static inline void loading_key(struct loading *l) {
    l->keys++;
    if (__builtin_expect(l->config->key_load_delay != 0, 0)) loading_delay_key(l);
}

/* INFO's fields while it's on. */
void loading_write_info(const struct loading *l, struct buf *out);

#endif
