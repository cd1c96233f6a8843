/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/ziplist.h"

enum {
    HEADER = 10,
    END = 0xff,
    LONG_BEFORE = 0xfe, /* the length of what is before has four bytes */
    LONG_TEXT = 0xfe,   /* so has a text's in a zipmap */
};

static uint64_t read_le(const uint8_t *at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) value = value << 8 | at[i];
    return value;
}

/* Ziplists. */

static bool ziplist_bad(struct ziplist_iter *it) {
    it->bad = true;
    return false;
}

void ziplist_iter_init(struct ziplist_iter *it, struct slice ziplist) {
    const uint8_t *bytes = (const uint8_t *)ziplist.ptr;
    *it = (struct ziplist_iter){.bad = true};
    if (ziplist.len < HEADER + 1 || read_le(bytes, 4) != ziplist.len) return;
    if (bytes[ziplist.len - 1] != END) return;
    uint64_t last = read_le(bytes + 4, 4);
    if (last >= ziplist.len) return;
    *it = (struct ziplist_iter){
        .at = bytes + HEADER,
        .end = bytes + ziplist.len - 1,
        .last = bytes + last,
        .left = read_le(bytes + 8, 2),
    };
    if (it->at == it->end) it->bad = it->left != 0 || it->last != it->at;
}

static bool has(const struct ziplist_iter *it, uint64_t bytes) {
    return (uint64_t)(it->end - it->at) >= bytes;
}

static bool take_text(struct ziplist_iter *it, uint64_t len, struct listpack_value *value) {
    if (!has(it, len)) return ziplist_bad(it);
    *value = (struct listpack_value){.text = (const char *)it->at, .len = len};
    it->at += len;
    return true;
}

/* An integer of so many bytes, its sign in the highest bit. */
static bool take_int(struct ziplist_iter *it, unsigned bytes, struct listpack_value *value) {
    if (!has(it, bytes)) return ziplist_bad(it);
    uint64_t raw = read_le(it->at, bytes) << (64 - 8 * bytes);
    *value = (struct listpack_value){.number = (int64_t)raw >> (64 - 8 * bytes)};
    it->at += bytes;
    return true;
}

static bool take_value(struct ziplist_iter *it, struct listpack_value *value) {
    if (!has(it, 1)) return ziplist_bad(it);
    unsigned kind = *it->at++;
    if (kind < 0x40) return take_text(it, kind, value);
    if (kind < 0x80) {
        if (!has(it, 1)) return ziplist_bad(it);
        uint64_t len = (uint64_t)(kind & 0x3f) << 8 | *it->at++;
        return take_text(it, len, value);
    }
    if (kind == 0x80) {
        if (!has(it, 4)) return ziplist_bad(it);
        uint64_t len = 0;
        for (int i = 0; i < 4; i++) len = len << 8 | *it->at++;
        return take_text(it, len, value);
    }
    if (kind == 0xc0) return take_int(it, 2, value);
    if (kind == 0xd0) return take_int(it, 4, value);
    if (kind == 0xe0) return take_int(it, 8, value);
    if (kind == 0xf0) return take_int(it, 3, value);
    if (kind == 0xfe) return take_int(it, 1, value);
    if (kind < 0xf1 || kind > 0xfd) return ziplist_bad(it);
    *value = (struct listpack_value){.number = (int64_t)kind - 0xf1};
    return true;
}

bool ziplist_next(struct ziplist_iter *it, struct listpack_value *value) {
    if (it->bad || it->at == it->end) return false;
    const uint8_t *begin = it->at;
    uint64_t before = *it->at++;
    if (before == LONG_BEFORE) {
        if (!has(it, 4)) return ziplist_bad(it);
        before = read_le(it->at, 4);
        it->at += 4;
    }
    if (before != it->before || !take_value(it, value)) return ziplist_bad(it);
    it->before = (size_t)(it->at - begin);
    bool counted = it->left != ZIPLIST_UNCOUNTED;
    if (counted && it->left-- == 0) return ziplist_bad(it);
    if (it->at == it->end && ((counted && it->left) || begin != it->last)) return ziplist_bad(it);
    return true;
}

/* Zipmaps. */

static bool zipmap_bad(struct zipmap_iter *it) {
    it->bad = true;
    return false;
}

void zipmap_iter_init(struct zipmap_iter *it, struct slice zipmap) {
    const uint8_t *bytes = (const uint8_t *)zipmap.ptr;
    *it = (struct zipmap_iter){.bad = true};
    if (zipmap.len < 2 || bytes[zipmap.len - 1] != END) return;
    *it = (struct zipmap_iter){.at = bytes + 1, .end = bytes + zipmap.len - 1};
}

static bool take(struct zipmap_iter *it, uint64_t bytes, const uint8_t **from) {
    if ((uint64_t)(it->end - it->at) < bytes) return zipmap_bad(it);
    *from = it->at;
    it->at += bytes;
    return true;
}

static bool take_len(struct zipmap_iter *it, uint64_t *len) {
    const uint8_t *from;
    if (!take(it, 1, &from)) return false;
    *len = *from;
    if (*len < LONG_TEXT) return true;
    if (*len == END || !take(it, 4, &from)) return zipmap_bad(it);
    *len = read_le(from, 4);
    return true;
}

bool zipmap_next(struct zipmap_iter *it, struct slice *name, struct slice *value) {
    uint64_t len;
    const uint8_t *from, *unused;
    if (it->bad || it->at == it->end) return false;
    if (!take_len(it, &len) || !take(it, len, &from)) return false;
    *name = slice_of((const char *)from, len);
    if (!take_len(it, &len) || !take(it, 1, &from)) return false;
    unsigned spare = *from;
    if (!take(it, len, &from) || !take(it, spare, &unused)) return false;
    *value = slice_of((const char *)from, len);
    return true;
}
