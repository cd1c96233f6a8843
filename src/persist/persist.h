/* SPDX-License-Identifier: BSD-3-Clause */
/* The data set in files: what an engine keeps of its snapshots. One thread. */
#ifndef DREY_PERSIST_PERSIST_H
#define DREY_PERSIST_PERSIST_H

#include "exec/engine.h"
#include "persist/loading.h"

struct persist {
    struct engine *engine;
    struct persist_config config;
    uint64_t saved_s;      /* Unix time of the last snapshot, at first of the start */
    uint64_t changes_then; /* keyspace.dirty of that time */
    uint64_t saves;
    bool failed;            /* the last attempt to save did */
    struct loading loading; /* or what the last load brought */
};

/* Adds the parameters to `config` and the commands to the engine, whose persist this becomes. */
void persist_init(struct persist *p, struct engine *e, struct config *config);

/* Once the engine is open. */
void persist_open(struct persist *p);

/* Writes the snapshot, in place of the one that there is, and logs it. False: it failed, the file
 * is as before. Nothing else runs meanwhile. */
bool persist_save(struct persist *p);

/* Loads the snapshot if there's one, and logs it; others are answered meanwhile (loading.h). False:
 * it can't be loaded, or the process is to end (loading.ended); the data set is incomplete.
 * `merge`: keys that are there already give way. */
bool persist_load(struct persist *p, bool merge);

/* Changes since the last snapshot. */
uint64_t persist_changes(const struct persist *p);

#endif
