/* SPDX-License-Identifier: BSD-3-Clause */
/* Little-endian words at any address, aligned or not. */
#ifndef DREY_BASE_LOAD_H
#define DREY_BASE_LOAD_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t load_le16(const void *at) {
    uint16_t word;
    memcpy(&word, at, sizeof word);
    return le16toh(word);
}

static inline uint32_t load_le32(const void *at) {
    uint32_t word;
    memcpy(&word, at, sizeof word);
    return le32toh(word);
}

static inline uint64_t load_le64(const void *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

/* As load_le64, of the first len bytes, 0 to 7, with zeros above: pieces that overlap, so that none
 * reads past them. */
__attribute__((always_inline)) static inline uint64_t load_le_part(const void *from, size_t len) {
    const unsigned char *at = from;
    if (len >= 4) return load_le32(at) | (uint64_t)load_le32(at + len - 4) << 8 * (len - 4);
    if (!len) return 0;
    return at[0] | (uint64_t)at[len / 2] << 8 * (len / 2) | (uint64_t)at[len - 1] << 8 * (len - 1);
}

#endif
