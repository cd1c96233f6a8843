/* SPDX-License-Identifier: BSD-3-Clause */
/* The 24 access bits of an entry: under an LRU policy the second of its last use; under an LFU
 * policy minutes (16 bits) and a logarithmic counter (8 bits), as Redis defines them, so that
 * OBJECT IDLETIME and FREQ mean the same. */
#ifndef DREY_DB_ACCESS_H
#define DREY_DB_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"

enum { ACCESS_LFU_INIT = 5 }; /* a new key's counter */

struct access_policy {
    bool lfu;               /* maxmemory-policy is one of the lfu ones */
    int64_t lfu_log_factor; /* lfu-log-factor */
    int64_t lfu_decay_time; /* lfu-decay-time, minutes */
};

/* The bits of an entry that is new. */
uint32_t access_new(const struct access_policy *p, uint64_t now_ms);

/* The bits of an entry that comes from elsewhere: with what is known of its use, if the policy goes
 * by that (seconds since the last, or the counter; -1: it isn't known). */
uint32_t access_restored(const struct access_policy *p, int64_t idle_s, int64_t frequency,
                         uint64_t now_ms);

/* The bits after one more use. */
uint32_t access_used_lfu(const struct access_policy *p, uint32_t bits, uint64_t now_ms,
                         struct random *rng);
static inline uint32_t access_used(const struct access_policy *p, uint32_t bits, uint64_t now_ms,
                                   struct random *rng) {
    if (__builtin_expect(p->lfu, 0)) return access_used_lfu(p, bits, now_ms, rng);
    return (uint32_t)(now_ms / 1000) & 0xffffff;
}

/* Seconds since the last use (LRU policies). */
uint32_t access_idle_seconds(uint32_t bits, uint64_t now_ms);
/* The counter, decayed up to now (LFU policies). */
uint8_t access_frequency(const struct access_policy *p, uint32_t bits, uint64_t now_ms);

#endif
