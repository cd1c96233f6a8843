/* SPDX-License-Identifier: BSD-3-Clause */
#include "db/slot.h"

#include <string.h>

/* What four bits do to the sum: twice a byte, from a table that stays in one cache line. */
static uint16_t crc16(struct slice bytes) {
    static const uint16_t steps[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5,
                                       0x60c6, 0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b,
                                       0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    uint16_t sum = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = (uint8_t)bytes.ptr[i];
        sum = (uint16_t)(sum << 4 ^ steps[(sum >> 12 ^ byte >> 4) & 15]);
        sum = (uint16_t)(sum << 4 ^ steps[(sum >> 12 ^ byte) & 15]);
    }
    return sum;
}

/* Between the first '{' and the first '}' behind it, if there's something; else all of it. */
static struct slice tag_of(struct slice key, bool *tagged) {
    *tagged = false;
    const char *open = key.len ? memchr(key.ptr, '{', key.len) : NULL;
    if (!open) return key;
    size_t left = (size_t)(key.ptr + key.len - open - 1);
    const char *close = memchr(open + 1, '}', left);
    if (!close || close == open + 1) return key;
    *tagged = true;
    return slice_of(open + 1, (size_t)(close - open - 1));
}

unsigned slot_of(struct slice key) {
    bool tagged;
    return crc16(tag_of(key, &tagged)) % SLOT_COUNT;
}

static bool is_plain(struct slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (memchr("*?[\\", text.ptr[i], 4)) return false;
    return true;
}

/* A wildcard before or in the tag could stand for another brace. */
int slot_of_pattern(struct slice pattern) {
    bool tagged;
    struct slice tag = tag_of(pattern, &tagged);
    if (!tagged) return is_plain(pattern) ? (int)slot_of(pattern) : -1;
    size_t end = (size_t)(tag.ptr + tag.len - pattern.ptr);
    if (!is_plain(slice_of(pattern.ptr, end))) return -1;
    return (int)(crc16(tag) % SLOT_COUNT);
}
