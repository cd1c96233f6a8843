/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/crc64.h"

#include <endian.h>
#include <string.h>

#define POLYNOMIAL UINT64_C(0x95ac9329ac4bc9b5) /* reflected */

/* The table of single bytes, computed by the compiler. */
#define BIT(c)   (((c) >> 1) ^ (POLYNOMIAL & (0 - ((c)&1))))
#define BYTE(c)  BIT(BIT(BIT(BIT(BIT(BIT(BIT(BIT((uint64_t)(c)))))))))
#define ROW4(c)  BYTE(c), BYTE((c) + 1), BYTE((c) + 2), BYTE((c) + 3)
#define ROW16(c) ROW4(c), ROW4((c) + 4), ROW4((c) + 8), ROW4((c) + 12)
#define ROW64(c) ROW16(c), ROW16((c) + 16), ROW16((c) + 32), ROW16((c) + 48)

static const uint64_t of_byte[256] = {ROW64(0), ROW64(64), ROW64(128), ROW64(192)};

static uint64_t by_bytes(uint64_t crc, const uint8_t *at, size_t len) {
    for (; len; len--) crc = of_byte[(crc ^ *at++) & 0xff] ^ crc >> 8;
    return crc;
}

#ifdef __x86_64__
#include <immintrin.h>

/* Moving 64 bits forward by 192 and by 128 bits, modulo the polynomial: x^191 and x^127, reflected
 * (one less, since the product of reflected factors is shifted by one). */
#define FORWARD_192 INT64_C(-0x26284182afa25cd4)
#define FORWARD_128 INT64_C(0x381d0015c96f4444)

enum { BLOCK = 16, FOLDED_MIN = 64 };

/* Folds all whole blocks into one that has the same remainder; the rest goes by bytes. */
__attribute__((target("pclmul"))) static uint64_t by_folding(uint64_t crc, const uint8_t *at,
                                                             size_t len) {
    const __m128i forward = _mm_set_epi64x(FORWARD_128, FORWARD_192);
    __m128i x = _mm_loadu_si128((const __m128i *)at);
    x = _mm_xor_si128(x, _mm_set_epi64x(0, (int64_t)crc));
    for (at += BLOCK, len -= BLOCK; len >= BLOCK; at += BLOCK, len -= BLOCK) {
        __m128i low = _mm_clmulepi64_si128(x, forward, 0x00);
        __m128i high = _mm_clmulepi64_si128(x, forward, 0x11);
        x = _mm_xor_si128(_mm_xor_si128(low, high), _mm_loadu_si128((const __m128i *)at));
    }
    uint8_t folded[BLOCK];
    _mm_storeu_si128((__m128i *)folded, x);
    return by_bytes(by_bytes(0, folded, BLOCK), at, len);
}

uint64_t crc64(uint64_t crc, const void *bytes, size_t len) {
    if (len >= FOLDED_MIN && __builtin_cpu_supports("pclmul")) return by_folding(crc, bytes, len);
    return by_bytes(crc, bytes, len);
}
#else
uint64_t crc64(uint64_t crc, const void *bytes, size_t len) {
    return by_bytes(crc, bytes, len);
}
#endif
