/* SPDX-License-Identifier: BSD-3-Clause */
#include "db/evict_history.h"

#include "base/alloc.h"

/* A place: | who: 6 | counter / 8: 5 | when, in half generations: 5 |; 0: nothing. `who` is never
 * 0. A key is taken for another one's return in 1 of 63 cases, and what was left 16 generations ago
 * for new; both are seldom enough: most places have been taken over by then. */
enum {
    WHEN_BITS = 5,
    COUNT_BITS = 5,
    COUNT_STEP = 8,
    HALF_GENERATION = ACCESS_GENERATION / 2,
    COUNT_MIN = 1024, /* places */
    LATELY = 2,       /* half generations */
};

/* A window is a quarter as many look-ups and new keys as there are keys. These were found by trying
 * them on traces (Zipf, with scans, loops, shifts). */
enum {
    WINDOW_PART = 4,
    SIGNIFICANT = 64, /* returns: fewer say nothing */
    SETTLING = 3 * ACCESS_GENERATION,
    LEARNING = 3 * ACCESS_GENERATION / 2,
    LEARNS = 4,   /* what is usual is a mean over about so many windows while it learns, */
    FOLLOWS = 32, /* and over so many later */
};
static const double SHIFTED = 1.5; /* times what is usual */

void history_release(struct evict_history *h) {
    mem_free(h->places);
    *h = (struct evict_history){0};
}

static void make_room(struct evict_history *h, uint64_t keys) {
    if (h->count && keys <= 2 * h->count) return;
    size_t count = COUNT_MIN;
    while (count < keys) count *= 2;
    mem_free(h->places);
    h->places = mem_zalloc(count * sizeof *h->places);
    h->count = count;
}

static void window_end(struct evict_history *h, uint64_t hits) {
    h->hits_before = hits;
    h->added = h->returned = 0;
}

static uint64_t now(const struct evict_history *h) {
    return h->clock >> 16;
}

/* After a time to settle in, what is usual is found out anew. */
static void learn(struct evict_history *h) {
    h->learns_from = now(h) + SETTLING;
}

/* Other keys are popular now: what was counted so far is aged so much that a few uses outweigh it,
 * but its order stays. */
static void forget(struct evict_history *h) {
    h->clock += (uint64_t)6 * ACCESS_HALF_LIFE << 16;
    h->key++;
    h->shifts++;
    learn(h);
}

static void judge(struct evict_history *h, uint64_t hits) {
    double ratio = hits ? (double)h->returned / (double)hits : 2;
    bool significant = h->returned >= SIGNIFICANT;
    h->cyclic = ratio > 1 && significant;
    if (h->cyclic) learn(h);
    if (now(h) < h->learns_from || hits < h->added / 50) return;
    if (now(h) < h->learns_from + LEARNING)
        h->usual += (ratio - h->usual) / LEARNS;
    else if (ratio > h->usual * SHIFTED && significant)
        forget(h);
    else
        h->usual += (ratio - h->usual) / FOLLOWS;
}

void history_advance(struct evict_history *h, struct access_policy *p, uint64_t keys,
                     uint64_t hits) {
    make_room(h, keys);
    h->clock += ((uint64_t)ACCESS_GENERATION << 16) / keys;
    if (hits < h->hits_before) window_end(h, hits); /* the statistics were reset */
    if (hits - h->hits_before + h->added >= keys / WINDOW_PART) {
        judge(h, hits - h->hits_before);
        window_end(h, hits);
    }
    p->clock = (uint16_t)(h->clock >> 16);
}

static uint16_t *place_of(const struct evict_history *h, uint64_t hash) {
    return &h->places[hash & (h->count - 1)];
}

static unsigned who_of(const struct evict_history *h, uint64_t hash) {
    return ((unsigned)(hash >> 40) + h->key * 17) % 63 + 1;
}

static unsigned half_generations(const struct evict_history *h) {
    return (unsigned)((h->clock >> 16) / HALF_GENERATION);
}

void history_leave(struct evict_history *h, const struct access_policy *p, uint64_t hash,
                   uint32_t bits) {
    unsigned when = half_generations(h) & ((1u << WHEN_BITS) - 1);
    unsigned counter = access_counter(p, bits) / COUNT_STEP;
    *place_of(h, hash) =
        (uint16_t)(who_of(h, hash) << (WHEN_BITS + COUNT_BITS) | counter << WHEN_BITS | when);
}

uint32_t history_enter(struct evict_history *h, const struct access_policy *p, uint64_t hash) {
    unsigned place = h->count ? *place_of(h, hash) : 0;
    h->added++;
    if (place >> (WHEN_BITS + COUNT_BITS) != who_of(h, hash)) return access_bits(p, 0);
    unsigned ago = (half_generations(h) - place) & ((1u << WHEN_BITS) - 1);
    unsigned counter = (place >> WHEN_BITS & ((1u << COUNT_BITS) - 1)) * COUNT_STEP;
    unsigned aged = ago * HALF_GENERATION / ACCESS_UNIT_TICKS;
    h->returned += ago <= LATELY;
    if (h->cyclic) return access_bits(p, 0);
    return access_bits(p, access_grown(counter > aged ? counter - aged : 0, hash >> 24));
}
