/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests to a cache, one after the other: made up, or read from a file. */
#ifndef DREY_CACHESIM_TRACE_H
#define DREY_CACHESIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace {
    uint32_t *keys; /* per request */
    size_t requests;
    uint32_t count;  /* keys are below this */
    uint32_t *bytes; /* of each key's value */
    uint32_t *ttl_s; /* of each key, 0: none; NULL: no key has one */
};

struct trace_plan {
    const char *kind; /* see trace_kinds */
    double alpha;     /* of Zipf's distribution: the k-th most popular key has weight k^-alpha */
    uint32_t keys;
    size_t requests;
    size_t fits; /* about so many keys fit into the cache: what scans and loops go by */
    uint64_t seed;
};

/* Their names, ended by NULL, and what they are. */
struct trace_kind {
    const char *name, *about;
};
extern const struct trace_kind trace_kinds[];

/* False: there's no such kind. */
bool trace_make(struct trace *t, const struct trace_plan *plan);

/* A line per request: a key (any word), the bytes of its value (default 32), its TTL in seconds
 * (default none), separated by blanks; the first line of a key says what it's like. False: the file
 * can't be read, or a line is wrong; stderr says which. */
bool trace_read(struct trace *t, const char *path);

void trace_release(struct trace *t);

#endif
