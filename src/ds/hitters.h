/* SPDX-License-Identifier: BSD-3-Clause */
/* Heavy hitters: the keys that a stream of (key, weight) names most over a sliding window, found in
 * fixed memory, without knowing which keys there are.
 *
 * A slot counts one key. A key that has none may take the slot with the least count of the eight
 * that it could have, but only with the chance weight / (least + weight), and goes on from that
 * count: so the many rare keys seldom push each other around, and nearly never a frequent one.
 * That is the randomized admission policy of Ben Basat, Chen, Einziger, Friedman and Kassner
 * ("Randomized Admission Policy for Efficient Top-k, Frequency, and Volume Estimation", 2017), in
 * its form with a limited number of places per key. On average estimates are neither too high nor
 * too low.
 *
 * The window slides in quarters: a slot has its count by quarters, of which the one that's leaving
 * counts in part.
 *
 *   | leaving: part of it | quarter | quarter | quarter | now |     HITTERS_PARTS = 5
 *
 * Names are kept up to HITTERS_NAME_KEPT bytes; keys are told apart by their hash alone, which must
 * be a good one of 64 bits. Time is the caller's, in microseconds: one that goes back stands still
 * here. One thread. */
#ifndef DREY_DS_HITTERS_H
#define DREY_DS_HITTERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    HITTERS_WAYS = 8, /* slots that a key may have */
    HITTERS_PARTS = 5,
    HITTERS_NAME_KEPT = 48,
};

struct hitters;

/* `slots`: a power of two, at least HITTERS_WAYS; 128 bytes each. The keys worth asking for are a
 * small part of that, say an eighth. `seed`: of the draws. */
struct hitters *hitters_new(size_t slots, uint64_t window_us, uint64_t seed);
void hitters_free(struct hitters *h); /* NULL is fine */
void hitters_clear(struct hitters *h);

/* Bytes that it takes, as they're handed out. */
size_t hitters_bytes(const struct hitters *h);

struct hitter_key {
    uint64_t hash;
    uint32_t space; /* keys of one name in different spaces are different keys */
    struct slice name;
};

/* Counts `weight` for the key. O(1): three or four cache lines. */
void hitters_add(struct hitters *h, const struct hitter_key *key, uint64_t weight, uint64_t now_us);

struct hitter {
    uint64_t hash;
    uint32_t space;
    struct slice name; /* its beginning; borrowed until the next call */
    size_t name_len;   /* all of it */
    /* Within the window; the true value is within `error` of it in about 19 of 20 cases, if each
     * weight stands for a sample of things that happen independently: twice the standard deviation
     * of such a sum, and what was taken over from who had the slot before. */
    double count, error;
};

/* The `max` largest, largest first; returns how many there are. O(slots * max). */
size_t hitters_top(struct hitters *h, uint64_t now_us, struct hitter *top, size_t max);

/* What was added within the window, all keys, and how much of the window there has been. */
struct hitters_sum {
    double count;
    uint64_t covered_us;
};
struct hitters_sum hitters_sum(struct hitters *h, uint64_t now_us);

/* A full walk of all invariants; aborts by ASSERT. For tests. */
void hitters_check(const struct hitters *h);

#endif
