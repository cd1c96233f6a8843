/* SPDX-License-Identifier: BSD-3-Clause */
/* What LRFU eviction knows beyond the entries: the clock that ages their counters, what keys that
 * were evicted had counted, and how well it is doing.
 *
 * A key that's evicted leaves its counter behind, in two bytes; if it comes back it goes on from
 * there instead of being new. There's about one such place per key; a later key takes an earlier
 * one's.
 *
 * Keys that come back, as a share of the hits, also tell how well the counters fit: when their
 * share rises well over what is usual, other keys have become the popular ones, so everything that
 * was counted is worth much less from then on (history_forget). When it's over all bounds, the keys
 * in use are more than fit and come round in turn: then those that come back are no better than
 * those that are there, and it's best to keep the latter. */
#ifndef DREY_DB_EVICT_HISTORY_H
#define DREY_DB_EVICT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/access.h"

/* All zeros: there's none, and nothing is remembered. */
struct evict_history {
    uint16_t *places; /* a power of two of them; NULL: none */
    size_t count;
    unsigned key;   /* what is remembered under another one is forgotten */
    uint64_t clock; /* ticks of access_policy.clock, with 16 binary digits of fraction */
    /* Of the window under way. */
    uint64_t hits_before;
    uint64_t added,
        returned;         /* keys that came, and those among them that had been evicted lately */
    double usual;         /* returned / hits in the windows before */
    uint64_t learns_from; /* ticks: when it begins to find out what is usual */
    bool cyclic;          /* the keys in use come round in turn */
    uint64_t shifts;      /* so often it has been found */
};

/* Before each eviction under LRFU: makes room for what is remembered of so many keys, moves the
 * clock on, and looks at how well it's doing; `hits`: of look-ups, so far. */
void history_advance(struct evict_history *h, struct access_policy *p, uint64_t keys,
                     uint64_t hits);

/* A key is evicted with these access bits. */
void history_leave(struct evict_history *h, const struct access_policy *p, uint64_t hash,
                   uint32_t bits);

/* The access bits of a key that comes. */
uint32_t history_enter(struct evict_history *h, const struct access_policy *p, uint64_t hash);

/* Forgets all of it and frees its memory. */
void history_release(struct evict_history *h);

#endif
