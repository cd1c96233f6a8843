/* SPDX-License-Identifier: BSD-3-Clause */
/* A trace replayed: by the server's own keyspace and eviction under a memory limit, and by models
 * that keep an exact order. A request is a GET; what isn't found is stored, as clients of a cache
 * do. */
#ifndef DREY_CACHESIM_REPLAY_H
#define DREY_CACHESIM_REPLAY_H

#include "trace.h"

enum { REQUESTS_PER_MS = 100 }; /* the clock's pace, for LFU's decay and TTLs */

/* Hits, by portions of the trace. */
struct score {
    size_t portions, requests; /* of the trace */
    uint64_t *hits;            /* per portion */
};

void score_init(struct score *s, const struct trace *t, size_t portions);
void score_release(struct score *s);
/* Their share of the requests of portions from..end-1, in percent. */
double score_percent(const struct score *s, size_t from, size_t end);

/* Bytes that a key of the trace takes up with its value, about: its entry and its part of the
 * table. */
uint64_t replay_key_bytes(const struct trace *t, uint32_t key);

/* By one of the server's policies (db/db_config.h) and so many samples; maxmemory is `bytes`
 * beyond what is in use. */
void replay_real(const struct trace *t, int policy, int samples, uint64_t bytes, struct score *s);

/* LRU; LFU: the one used least since it came; MIN (Belady 1966): the one whose next use is
 * furthest, the new one included: the optimum if all are of one size. */
enum model { MODEL_LRU, MODEL_LFU, MODEL_MIN };
void replay_model(const struct trace *t, enum model model, uint64_t bytes, struct score *s);

#endif
