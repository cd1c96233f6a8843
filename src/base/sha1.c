/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/sha1.h"

enum { BLOCK = 64, WORDS = 5, ROUNDS = 80, PER_KIND = 20, LENGTH_AT = BLOCK - 8 };

static uint32_t rotate(uint32_t x, unsigned bits) {
    return x << bits | x >> (32 - bits);
}

static uint32_t word_at(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t mix(unsigned round, const uint32_t v[WORDS]) {
    uint32_t b = v[1], c = v[2], d = v[3];
    switch (round / PER_KIND) {
    case 0: return ((b & c) | (~b & d)) + 0x5a827999;
    case 1: return (b ^ c ^ d) + 0x6ed9eba1;
    case 2: return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    default: return (b ^ c ^ d) + 0xca62c1d6;
    }
}

static void add_block(uint32_t state[WORDS], const uint8_t *block) {
    uint32_t w[ROUNDS], v[WORDS];
    for (unsigned i = 0; i < 16; i++) w[i] = word_at(block + 4 * i);
    for (unsigned i = 16; i < ROUNDS; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    memcpy(v, state, sizeof v);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t next = rotate(v[0], 5) + mix(i, v) + v[4] + w[i];
        v[4] = v[3];
        v[3] = v[2];
        v[2] = rotate(v[1], 30);
        v[1] = v[0];
        v[0] = next;
    }
    for (unsigned i = 0; i < WORDS; i++) state[i] += v[i];
}

void sha1_hex(struct slice bytes, char to[SHA1_HEX]) {
    static const char digits[] = "0123456789abcdef";
    uint32_t state[WORDS] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t last[2 * BLOCK] = {0};
    size_t done = 0, rest = bytes.len % BLOCK;
    for (; bytes.len - done >= BLOCK; done += BLOCK)
        add_block(state, (const uint8_t *)bytes.ptr + done);
    if (rest) memcpy(last, bytes.ptr + done, rest);
    last[rest] = 0x80;
    size_t blocks = rest < LENGTH_AT ? 1 : 2;
    uint64_t bits = (uint64_t)bytes.len * 8;
    for (unsigned i = 0; i < 8; i++) last[blocks * BLOCK - 1 - i] = (uint8_t)(bits >> (8 * i));
    for (size_t i = 0; i < blocks; i++) add_block(state, last + i * BLOCK);
    for (unsigned i = 0; i < SHA1_HEX; i++) to[i] = digits[state[i / 8] >> (28 - 4 * (i % 8)) & 15];
}
