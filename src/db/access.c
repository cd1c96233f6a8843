/* SPDX-License-Identifier: BSD-3-Clause */
#include "db/access.h"

static uint32_t minutes(uint64_t now_ms) {
    return (uint32_t)(now_ms / 60000) & 0xffff;
}

uint32_t access_new(const struct access_policy *p, uint64_t now_ms) {
    if (p->lfu) return minutes(now_ms) << 8 | ACCESS_LFU_INIT;
    return (uint32_t)(now_ms / 1000) & 0xffffff;
}

uint32_t access_restored(const struct access_policy *p, int64_t idle_s, int64_t frequency,
                         uint64_t now_ms) {
    if (p->lfu && frequency >= 0) return minutes(now_ms) << 8 | (uint32_t)(frequency & 0xff);
    if (!p->lfu && idle_s >= 0) return (uint32_t)(now_ms / 1000 - (uint64_t)idle_s) & 0xffffff;
    return access_new(p, now_ms);
}

uint8_t access_frequency(const struct access_policy *p, uint32_t bits, uint64_t now_ms) {
    uint32_t counter = bits & 0xff;
    if (p->lfu_decay_time <= 0) return (uint8_t)counter;
    uint32_t idle = (minutes(now_ms) - (bits >> 8)) & 0xffff;
    uint64_t periods = idle / (uint64_t)p->lfu_decay_time;
    return periods >= counter ? 0 : (uint8_t)(counter - periods);
}

/* The more often it was used, the less likely one more use counts: chance 1 / ((counter - init) *
 * factor + 1). */
uint32_t access_used_lfu(const struct access_policy *p, uint32_t bits, uint64_t now_ms,
                         struct random *rng) {
    uint32_t counter = access_frequency(p, bits, now_ms);
    if (counter < 255) {
        uint64_t over = counter > ACCESS_LFU_INIT ? counter - ACCESS_LFU_INIT : 0;
        if (random_below(rng, over * (uint64_t)p->lfu_log_factor + 1) == 0) counter++;
    }
    return minutes(now_ms) << 8 | counter;
}

uint32_t access_idle_seconds(uint32_t bits, uint64_t now_ms) {
    return ((uint32_t)(now_ms / 1000) - bits) & 0xffffff;
}
