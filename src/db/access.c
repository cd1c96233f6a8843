/* SPDX-License-Identifier: BSD-3-Clause */
#include "db/access.h"

static uint32_t minutes(uint64_t now_ms) {
    return (uint32_t)(now_ms / 60000) & 0xffff;
}

uint32_t access_new(const struct access_policy *p, uint64_t now_ms) {
    if (p->kind == ACCESS_LRFU) return access_bits(p, 0);
    if (p->kind == ACCESS_LFU) return minutes(now_ms) << 8 | ACCESS_LFU_INIT;
    return (uint32_t)(now_ms / 1000) & 0xffffff;
}

uint32_t access_restored(const struct access_policy *p, int64_t idle_s, int64_t frequency,
                         uint64_t now_ms) {
    if (p->kind == ACCESS_LRFU && frequency >= 0) return access_bits(p, frequency & 0xff);
    if (p->kind == ACCESS_LFU && frequency >= 0)
        return minutes(now_ms) << 8 | (uint32_t)(frequency & 0xff);
    if (p->kind == ACCESS_LRU && idle_s >= 0)
        return (uint32_t)(now_ms / 1000 - (uint64_t)idle_s) & 0xffffff;
    return access_new(p, now_ms);
}

uint8_t access_frequency(const struct access_policy *p, uint32_t bits, uint64_t now_ms) {
    uint32_t counter = bits & 0xff;
    if (p->kind == ACCESS_LRFU) return (uint8_t)access_counter(p, bits);
    if (p->lfu_decay_time <= 0) return (uint8_t)counter;
    uint32_t idle = (minutes(now_ms) - (bits >> 8)) & 0xffff;
    uint64_t periods = idle / (uint64_t)p->lfu_decay_time;
    return periods >= counter ? 0 : (uint8_t)(counter - periods);
}

/* The more often it was used, the less likely one more use counts: chance 1 / ((counter - init) *
 * factor + 1). */
static uint32_t used_lfu(const struct access_policy *p, uint32_t bits, uint64_t now_ms,
                         struct random *rng) {
    uint32_t counter = access_frequency(p, bits, now_ms);
    if (counter < 255) {
        uint64_t over = counter > ACCESS_LFU_INIT ? counter - ACCESS_LFU_INIT : 0;
        if (random_below(rng, over * (uint64_t)p->lfu_log_factor + 1) == 0) counter++;
    }
    return minutes(now_ms) << 8 | counter;
}

/* 16 * log2(1 + 1 / 2^(c / 16)) for c = 0, 8, 16, ... in units of 2^-16: what one more use adds. In
 * between, the straight line is within 1 % of it. */
static const uint32_t more[33] = {
    1048576, 809032, 613378, 457967, 337566, 246248, 178179, 128129, 91711, 65421, 46551,
    33064,   23454,  16622,  11773,  8334,   5898,   4173,   2952,   2088,  1477,  1044,
    738,     522,    369,    261,    185,    131,    92,     65,     46,    33,    23,
};

unsigned access_grown(unsigned counter, uint64_t chance) {
    uint32_t from = more[counter / 8], to = more[counter / 8 + 1];
    uint32_t step = from - (from - to) * (counter % 8) / 8;
    counter += (step + (uint32_t)(chance & 0xffff)) >> 16;
    return counter < 255 ? counter : 255;
}

uint32_t access_used_counted(const struct access_policy *p, uint32_t bits, uint64_t now_ms,
                             struct random *rng) {
    if (p->kind == ACCESS_LFU) return used_lfu(p, bits, now_ms, rng);
    return access_bits(p, access_grown(access_counter(p, bits), random_u64(rng)));
}

uint32_t access_idle_seconds(uint32_t bits, uint64_t now_ms) {
    return ((uint32_t)(now_ms / 1000) - bits) & 0xffffff;
}
