/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/intset.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "integers are read as they lie, which is for little-endian machines"
#endif

enum { WIDTH_AT = 0, COUNT_AT = 4, HEADER = 8 };

static uint32_t get_u32(const uint8_t *set, size_t at) {
    uint32_t value;
    memcpy(&value, set + at, sizeof value);
    return value;
}

static void set_u32(uint8_t *set, size_t at, size_t value) {
    uint32_t word = (uint32_t)value;
    memcpy(set + at, &word, sizeof word);
}

static unsigned width_for(int64_t value) {
    if (value == (int16_t)value) return 2;
    return value == (int32_t)value ? 4 : 8;
}

static int64_t get(const uint8_t *set, unsigned width, size_t index) {
    const uint8_t *at = set + HEADER + index * width;
    int16_t narrow;
    int32_t middle;
    int64_t wide;
    if (width == 2) return memcpy(&narrow, at, 2), narrow;
    if (width == 4) return memcpy(&middle, at, 4), middle;
    return memcpy(&wide, at, 8), wide;
}

/* The low bytes of a little-endian integer are the narrow one. */
static void put(uint8_t *set, unsigned width, size_t index, int64_t value) {
    memcpy(set + HEADER + index * width, &value, width);
}

static size_t bytes_for(unsigned width, size_t count) {
    return HEADER + width * count;
}

/* Gives the block the size for `count` integers of `width` bytes. */
static uint8_t *resize(uint8_t *set, unsigned width, size_t count) {
    size_t bytes = bytes_for(width, count);
    if (mem_class_size(bytes) == mem_class_size(intset_bytes(set))) return set;
    return mem_realloc(set, bytes);
}

uint8_t *intset_new(void) {
    uint8_t *set = mem_alloc(HEADER);
    set_u32(set, WIDTH_AT, 2);
    set_u32(set, COUNT_AT, 0);
    return set;
}

void intset_free(uint8_t *set) {
    mem_free(set);
}

uint8_t *intset_copy(const uint8_t *set) {
    size_t bytes = intset_bytes(set);
    return memcpy(mem_alloc(bytes), set, bytes);
}

size_t intset_bytes(const uint8_t *set) {
    return bytes_for(get_u32(set, WIDTH_AT), intset_count(set));
}

size_t intset_memory(const uint8_t *set) {
    return mem_class_size(intset_bytes(set));
}

size_t intset_count(const uint8_t *set) {
    return get_u32(set, COUNT_AT);
}

int64_t intset_at(const uint8_t *set, size_t index) {
    DASSERT(index < intset_count(set));
    return get(set, get_u32(set, WIDTH_AT), index);
}

/* Where the value is, or would have to be. Sets often grow at their end. */
static size_t position(const uint8_t *set, int64_t value) {
    unsigned width = get_u32(set, WIDTH_AT);
    size_t low = 0, high = intset_count(set);
    if (high && get(set, width, high - 1) < value) return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (get(set, width, middle) < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const uint8_t *set, size_t index, int64_t value) {
    return index < intset_count(set) && intset_at(set, index) == value;
}

bool intset_has(const uint8_t *set, int64_t value) {
    return is_at(set, position(set, value), value);
}

/* From the end on: the wider integers lie behind where the narrow ones did. */
static void widen(uint8_t **set, unsigned width) {
    unsigned before = get_u32(*set, WIDTH_AT);
    size_t count = intset_count(*set);
    *set = resize(*set, width, count);
    for (size_t i = count; i-- > 0;) put(*set, width, i, get(*set, before, i));
    set_u32(*set, WIDTH_AT, width);
}

bool intset_add(uint8_t **set, int64_t value) {
    size_t at = position(*set, value), count = intset_count(*set);
    if (is_at(*set, at, value)) return false;
    DASSERT(count < UINT32_MAX);
    if (width_for(value) > get_u32(*set, WIDTH_AT)) widen(set, width_for(value));
    unsigned width = get_u32(*set, WIDTH_AT);
    *set = resize(*set, width, count + 1);
    uint8_t *from = *set + bytes_for(width, at);
    memmove(from + width, from, (count - at) * width);
    put(*set, width, at, value);
    set_u32(*set, COUNT_AT, count + 1);
    return true;
}

bool intset_remove(uint8_t **set, int64_t value) {
    size_t at = position(*set, value), count = intset_count(*set);
    if (!is_at(*set, at, value)) return false;
    unsigned width = get_u32(*set, WIDTH_AT);
    uint8_t *to = *set + bytes_for(width, at);
    memmove(to, to + width, (count - at - 1) * width);
    *set = resize(*set, width, count - 1);
    set_u32(*set, COUNT_AT, count - 1);
    return true;
}

bool intset_valid(const uint8_t *bytes, size_t len) {
    if (len < HEADER) return false;
    unsigned width = get_u32(bytes, WIDTH_AT);
    size_t count = get_u32(bytes, COUNT_AT);
    if ((width != 2 && width != 4 && width != 8) || len != bytes_for(width, count)) return false;
    for (size_t i = 1; i < count; i++)
        if (get(bytes, width, i - 1) >= get(bytes, width, i)) return false;
    return true;
}
