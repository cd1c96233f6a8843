/* SPDX-License-Identifier: BSD-3-Clause */
/* The 24 access bits of an entry: under an LRU policy the second of its last use; under an LFU
 * policy minutes (16 bits) and a logarithmic counter (8 bits), as Redis defines them, so that
 * OBJECT IDLETIME and FREQ mean the same.
 *
 * Under LRFU (least recently/frequently used; Lee and others, IEEE Transactions on Computers 50,
 * 2001) each use counts one, and what was counted halves as time goes on: between LRU, for which
 * only the last use counts, and LFU, for which all do. The counter is logarithmic (8 bits: 16 for a
 * doubling, 0 stands for one use), and beside it is when it was last right (16 bits). Time is what
 * came and went: a generation has passed when as many keys have been evicted as there are. */
#ifndef DREY_DB_ACCESS_H
#define DREY_DB_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"

enum {
    ACCESS_LFU_INIT = 5,    /* a new key's counter, under LFU */
    ACCESS_DOUBLING = 16,   /* of an LRFU counter */
    ACCESS_GENERATION = 16, /* ticks of its clock */
    ACCESS_HALF_LIFE = 6 * ACCESS_GENERATION,
    ACCESS_UNIT_TICKS = ACCESS_HALF_LIFE / ACCESS_DOUBLING, /* for one less */
};

enum access_kind { ACCESS_LRU, ACCESS_LFU, ACCESS_LRFU };

struct access_policy {
    enum access_kind kind;  /* by maxmemory-policy */
    int64_t lfu_log_factor; /* lfu-log-factor */
    int64_t lfu_decay_time; /* lfu-decay-time, minutes */
    uint16_t clock;         /* LRFU's, see evict_history.h */
};

/* The bits of an entry that is new. */
uint32_t access_new(const struct access_policy *p, uint64_t now_ms);

/* The bits of an entry that comes from elsewhere: with what is known of its use, if the policy goes
 * by that (seconds since the last, or the counter; -1: it isn't known). */
uint32_t access_restored(const struct access_policy *p, int64_t idle_s, int64_t frequency,
                         uint64_t now_ms);

/* The bits after one more use. */
uint32_t access_used_counted(const struct access_policy *p, uint32_t bits, uint64_t now_ms,
                             struct random *rng);
static inline uint32_t access_used(const struct access_policy *p, uint32_t bits, uint64_t now_ms,
                                   struct random *rng) {
    if (__builtin_expect(p->kind != ACCESS_LRU, 0))
        return access_used_counted(p, bits, now_ms, rng);
    return (uint32_t)(now_ms / 1000) & 0xffffff;
}

/* Seconds since the last use (LRU policies). */
uint32_t access_idle_seconds(uint32_t bits, uint64_t now_ms);
/* The counter, decayed up to now (LFU and LRFU policies). */
uint8_t access_frequency(const struct access_policy *p, uint32_t bits, uint64_t now_ms);

/* LRFU. */

/* The bits for a counter that's right now. */
static inline uint32_t access_bits(const struct access_policy *p, unsigned counter) {
    return (uint32_t)p->clock << 8 | counter;
}

/* The counter, aged up to now. */
static inline unsigned access_counter(const struct access_policy *p, uint32_t bits) {
    unsigned aged = (uint16_t)(p->clock - (bits >> 8)) / ACCESS_UNIT_TICKS, counter = bits & 0xff;
    return counter > aged ? counter - aged : 0;
}

/* A counter after one more use; `chance`: 16 random bits, others don't matter. */
unsigned access_grown(unsigned counter, uint64_t chance);

#endif
