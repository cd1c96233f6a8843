/* SPDX-License-Identifier: BSD-3-Clause */
/* Finding one-byte tags in the first 9 of 16 bytes: what a table look-up does once per bucket. */
#ifndef DREY_DS_TAGS_H
#define DREY_DS_TAGS_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

enum { TAGS_COUNT = 9, TAGS_ALL = (1 << TAGS_COUNT) - 1 };

/* Bit i of the result is set when tags[i] == tag, i < TAGS_COUNT. `tags` has 16 readable bytes. */
static inline unsigned tags_match(const uint8_t *tags, uint8_t tag) {
#if defined(__SSE2__)
    __m128i have = _mm_load_si128((const __m128i *)(const void *)tags);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(have, _mm_set1_epi8((char)tag))) & TAGS_ALL;
#elif defined(__ARM_NEON) && defined(__aarch64__)
    static const uint8_t bit[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    uint8x8_t equal = vceq_u8(vld1_u8(tags), vdup_n_u8(tag));
    return (unsigned)vaddv_u8(vand_u8(equal, vld1_u8(bit))) | (unsigned)(tags[8] == tag) << 8;
#else
    unsigned found = 0;
    for (unsigned i = 0; i < TAGS_COUNT; i++) found |= (unsigned)(tags[i] == tag) << i;
    return found;
#endif
}

#endif
