/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of slots is what one key may have. What a look-up needs of a set, hashes and counts, fills
 * two cache lines; the rest of a slot lies elsewhere. A slot is free when its count is 0, as it is
 * once the window has left all that was counted.
 *
 * Memory is had in two pieces so that the slots fill a size class of the allocator. */
#include "ds/hitters.h"

#include <math.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/random.h"

enum { NOBODY = HITTERS_WAYS };

struct slot {
    uint64_t parts[HITTERS_PARTS];
    uint64_t inherited; /* the count that it was taken over with, in part number `since` */
    uint32_t since;
    float heaviest; /* weight */
    uint32_t space;
    uint32_t name_len;
    char name[HITTERS_NAME_KEPT];
};

struct set {
    uint64_t hashes[HITTERS_WAYS];
    uint64_t counts[HITTERS_WAYS]; /* sums of the slots' parts */
    struct slot slots[HITTERS_WAYS];
};

struct hitters {
    struct set *sets;
    size_t set_count;
    uint64_t part_us;
    uint64_t began_us; /* 0: nothing was added yet */
    uint64_t part_began_us;
    uint32_t part; /* the number of the part of time that is now */
    uint64_t sums[HITTERS_PARTS];
    struct random rng;
};

struct hitters *hitters_new(size_t slots, uint64_t window_us, uint64_t seed) {
    ASSERT(slots >= HITTERS_WAYS && (slots & (slots - 1)) == 0);
    struct hitters *h = mem_zalloc(sizeof *h);
    h->set_count = slots / HITTERS_WAYS;
    h->part_us = window_us / (HITTERS_PARTS - 1);
    ASSERT(h->part_us > 0);
    h->sets = mem_alloc_aligned(h->set_count * sizeof *h->sets, 64);
    random_seed_fixed(&h->rng, seed);
    hitters_clear(h);
    return h;
}

void hitters_free(struct hitters *h) {
    if (!h) return;
    mem_free(h->sets);
    mem_free(h);
}

void hitters_clear(struct hitters *h) {
    memset(h->sets, 0, h->set_count * sizeof *h->sets);
    memset(h->sums, 0, sizeof h->sums);
    h->began_us = 0;
}

size_t hitters_bytes(const struct hitters *h) {
    return mem_class_size(sizeof *h) + mem_class_size(h->set_count * sizeof *h->sets);
}

/* Time. */

static void set_forget(struct set *s, uint32_t part) {
    for (unsigned i = 0; i < HITTERS_WAYS; i++) {
        s->counts[i] -= s->slots[i].parts[part];
        s->slots[i].parts[part] = 0;
    }
}

static void next_part(struct hitters *h) {
    uint32_t part = ++h->part % HITTERS_PARTS;
    h->part_began_us += h->part_us;
    h->sums[part] = 0;
    for (size_t i = 0; i < h->set_count; i++) set_forget(&h->sets[i], part);
}

static void begin(struct hitters *h, uint64_t now_us) {
    hitters_clear(h);
    h->began_us = h->part_began_us = now_us;
}

static void advance(struct hitters *h, uint64_t now_us) {
    if (!h->began_us || now_us < h->began_us) return;
    if (now_us > h->part_began_us && now_us - h->part_began_us >= HITTERS_PARTS * h->part_us) {
        uint64_t began_us = h->began_us;
        begin(h, now_us);
        h->began_us = began_us; /* the window was empty, but it was watched */
        return;
    }
    while (now_us > h->part_began_us && now_us - h->part_began_us >= h->part_us) next_part(h);
}

/* How much of the part that leaves is still in the window. */
static double leaving_share(const struct hitters *h, uint64_t now_us) {
    if (now_us <= h->part_began_us) return 1;
    return 1 - (double)(now_us - h->part_began_us) / (double)h->part_us;
}

static double in_window(const struct hitters *h, uint64_t sum, const uint64_t *parts,
                        uint64_t now_us) {
    uint64_t leaving = parts[(h->part + 1) % HITTERS_PARTS];
    return (double)(sum - leaving) + (double)leaving * leaving_share(h, now_us);
}

/* Adding. */

static struct set *set_of(const struct hitters *h, const struct hitter_key *key) {
    uint64_t mixed = (key->hash ^ key->space) * 0x9e3779b97f4a7c15ULL;
    return &h->sets[(mixed >> 32) & (h->set_count - 1)];
}

static unsigned find(const struct set *s, const struct hitter_key *key) {
    for (unsigned i = 0; i < HITTERS_WAYS; i++)
        if (s->hashes[i] == key->hash && s->counts[i] && s->slots[i].space == key->space) return i;
    return NOBODY;
}

static unsigned find_least(const struct set *s) {
    unsigned least = 0;
    for (unsigned i = 1; i < HITTERS_WAYS; i++)
        if (s->counts[i] < s->counts[least]) least = i;
    return least;
}

/* The slot goes to the key, with the count that it has. */
static void admit(struct hitters *h, struct set *s, unsigned i, const struct hitter_key *key) {
    struct slot *slot = &s->slots[i];
    size_t len = key->name.len;
    s->hashes[i] = key->hash;
    slot->inherited = s->counts[i];
    slot->since = h->part;
    slot->heaviest = 0;
    slot->space = key->space;
    slot->name_len = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX;
    slice_put(slot->name,
              slice_of(key->name.ptr, len < HITTERS_NAME_KEPT ? len : HITTERS_NAME_KEPT));
}

void hitters_add(struct hitters *h, const struct hitter_key *key, uint64_t weight,
                 uint64_t now_us) {
    if (weight == 0) return;
    if (!h->began_us) begin(h, now_us);
    advance(h, now_us);
    uint32_t part = h->part % HITTERS_PARTS;
    h->sums[part] += weight;
    struct set *s = set_of(h, key);
    unsigned i = find(s, key);
    if (i == NOBODY) {
        i = find_least(s);
        if (s->counts[i] && random_below(&h->rng, s->counts[i] + weight) >= weight) return;
        admit(h, s, i, key);
    }
    struct slot *slot = &s->slots[i];
    s->counts[i] += weight;
    slot->parts[part] += weight;
    if (slot->heaviest < (float)weight) slot->heaviest = (float)weight;
}

/* Asking. */

static struct hitter hitter_at(const struct hitters *h, const struct set *s, unsigned i,
                               uint64_t now_us) {
    const struct slot *slot = &s->slots[i];
    size_t kept = slot->name_len < HITTERS_NAME_KEPT ? slot->name_len : HITTERS_NAME_KEPT;
    double count = in_window(h, s->counts[i], slot->parts, now_us), error = 0;
    if (h->part - slot->since < HITTERS_PARTS) error = (double)slot->inherited;
    if (error > count) error = count;
    error += 2 * sqrt(count * (double)slot->heaviest);
    return (struct hitter){s->hashes[i],   slot->space, slice_of(slot->name, kept),
                           slot->name_len, count,       error};
}

/* Puts it where it belongs among the n largest so far; returns how many there are now. */
static size_t rank(struct hitter *top, size_t n, size_t max, const struct hitter *hitter) {
    size_t at = n;
    while (at > 0 && top[at - 1].count < hitter->count) at--;
    if (at == max) return n;
    if (n < max) n++;
    memmove(top + at + 1, top + at, (n - at - 1) * sizeof *top);
    top[at] = *hitter;
    return n;
}

size_t hitters_top(struct hitters *h, uint64_t now_us, struct hitter *top, size_t max) {
    size_t n = 0;
    advance(h, now_us);
    for (size_t i = 0; i < h->set_count * HITTERS_WAYS; i++) {
        const struct set *s = &h->sets[i / HITTERS_WAYS];
        if (s->counts[i % HITTERS_WAYS] == 0) continue;
        struct hitter hitter = hitter_at(h, s, i % HITTERS_WAYS, now_us);
        if (hitter.count > 0) n = rank(top, n, max, &hitter);
    }
    return n;
}

struct hitters_sum hitters_sum(struct hitters *h, uint64_t now_us) {
    advance(h, now_us);
    if (!h->began_us) return (struct hitters_sum){0};
    uint64_t all = 0, since = now_us > h->began_us ? now_us - h->began_us : 0;
    uint64_t window_us = (HITTERS_PARTS - 1) * h->part_us;
    for (unsigned i = 0; i < HITTERS_PARTS; i++) all += h->sums[i];
    return (struct hitters_sum){in_window(h, all, h->sums, now_us),
                                since < window_us ? since : window_us};
}

void hitters_check(const struct hitters *h) {
    for (size_t i = 0; i < h->set_count * HITTERS_WAYS; i++) {
        const struct set *s = &h->sets[i / HITTERS_WAYS];
        const struct slot *slot = &s->slots[i % HITTERS_WAYS];
        uint64_t count = 0;
        for (unsigned part = 0; part < HITTERS_PARTS; part++) count += slot->parts[part];
        ASSERT(count == s->counts[i % HITTERS_WAYS]);
        struct hitter_key key = {.hash = s->hashes[i % HITTERS_WAYS], .space = slot->space};
        if (!count) continue;
        ASSERT(set_of(h, &key) == s);
        ASSERT(find(s, &key) == i % HITTERS_WAYS);
    }
}
