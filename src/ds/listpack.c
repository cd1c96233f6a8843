/* SPDX-License-Identifier: BSD-3-Clause */
/* First bytes of elements, and what they hold:
 *
 *   0xxxxxxx              integer 0 to 127
 *   10llllll              text of up to 63 bytes
 *   110xxxxx xxxxxxxx     signed integer of 13 bits, the high ones first
 *   1110llll llllllll     text of up to 4095 bytes, likewise
 *   11110000 and 4 bytes  text, its length little-endian
 *   11110001 to 11110100  signed integer of 16, 24, 32, 64 bits, little-endian
 *   11111111              the end of the list
 *
 * Behind it stands its length (without this one), in groups of 7 bits, the highest first, all but
 * the first with the high bit set: so it's read from its last byte on. How many groups a length has
 * is fixed by the format (back_bytes), so that walking forward needs not look at them.
 *
 * All edits are one: a run of bytes is replaced by another (splice), which is then filled. */
#include "ds/listpack.h"

#include "base/alloc.h"
#include "base/assert.h"

enum {
    COUNT_UNKNOWN = 65535, /* and all beyond */
    BACK_MAX = 5,
    BATCH = 16, /* elements that are made ready at once */

    TEXT_6 = 0x80,
    INTEGER_13 = 0xc0,
    TEXT_12 = 0xe0,
    TEXT_32 = 0xf0,
    INTEGER_16,
    INTEGER_24,
    INTEGER_32,
    INTEGER_64,
};

/* ---- parts of an element ---- */

/* Groups of a length. The format moves to the next one a step before it must, but for the first. */
static inline size_t back_bytes(size_t body) {
    if (body < 128) return 1;
    if (body < 16383) return 2;
    if (body < 2097151) return 3;
    return body < 268435455 ? 4 : BACK_MAX;
}

static inline uint8_t *put_back(uint8_t *to, size_t body) {
    size_t bytes = back_bytes(body);
    for (size_t i = bytes; i-- > 1; body >>= 7) to[i] = (uint8_t)(body & 127) | 128;
    to[0] = (uint8_t)body;
    return to + bytes;
}

/* Bytes of an element up to its length at the back; 0 if no element starts so. */
static inline size_t body_bytes(const uint8_t *at) {
    if (*at < TEXT_6) return 1;
    if (*at < INTEGER_13) return 1 + (*at & 63);
    if (*at < TEXT_12) return 2;
    if (*at < TEXT_32) return 2 + ((size_t)(*at & 15) << 8 | at[1]);
    switch (*at) {
    case TEXT_32: return 5 + (size_t)load_le32(at + 1);
    case INTEGER_16: return 3;
    case INTEGER_24: return 4;
    case INTEGER_32: return 5;
    case INTEGER_64: return 9;
    default: return 0;
    }
}

size_t listpack_long_bytes(const uint8_t *at) {
    size_t body = body_bytes(at);
    return body + back_bytes(body);
}

static int64_t get_integer(const uint8_t *at) {
    switch (*at) {
    case INTEGER_16: return (int16_t)load_le16(at + 1);
    case INTEGER_24: return at[1] | at[2] << 8 | (int8_t)at[3] * 65536;
    case INTEGER_32: return (int32_t)load_le32(at + 1);
    case INTEGER_64: return (int64_t)load_le64(at + 1);
    default: return ((*at & 31) << 8 | at[1]) - (*at & 16 ? 8192 : 0);
    }
}

struct listpack_value listpack_get_long(const uint8_t *at) {
    const char *text = (const char *)at;
    if (*at < TEXT_12) return (struct listpack_value){.number = get_integer(at)};
    if (*at < TEXT_32) return (struct listpack_value){text + 2, (size_t)(*at & 15) << 8 | at[1], 0};
    if (*at == TEXT_32) return (struct listpack_value){text + 5, load_le32(at + 1), 0};
    return (struct listpack_value){.number = get_integer(at)};
}

struct slice listpack_view(const uint8_t *at, char digits[NUM_I64_MAX]) {
    struct listpack_value value = listpack_get(at);
    if (value.text) return slice_of(value.text, value.len);
    return slice_of(digits, num_from_i64(digits, value.number));
}

bool listpack_number(const uint8_t *at, int64_t *out) {
    struct listpack_value value = listpack_get(at);
    if (value.text) return false;
    *out = value.number;
    return true;
}

/* ---- the block ---- */

static inline size_t stored_count(const uint8_t *lp) {
    return (size_t)(lp[4] | lp[5] << 8);
}

static void set_bytes(uint8_t *lp, size_t bytes) {
    uint32_t stored = htole32((uint32_t)bytes);
    memcpy(lp, &stored, sizeof stored);
}

static void set_count(uint8_t *lp, size_t count) {
    if (count > COUNT_UNKNOWN) count = COUNT_UNKNOWN;
    lp[4] = (uint8_t)count;
    lp[5] = (uint8_t)(count >> 8);
}

/* A number of elements that once went beyond what can be stored isn't known any more. */
static void change_count(uint8_t *lp, size_t gone, size_t come) {
    size_t count = stored_count(lp);
    if (count != COUNT_UNKNOWN) set_count(lp, count - gone + come);
}

static inline uint8_t *end_of(const uint8_t *lp) {
    return (uint8_t *)lp + listpack_bytes(lp) - 1;
}

static inline const uint8_t *or_none(const uint8_t *at) {
    return *at == LISTPACK_END ? NULL : at;
}

/* A list of the elements in a run of bytes. */
static uint8_t *list_of(const uint8_t *elements, size_t len, size_t count) {
    size_t bytes = LISTPACK_HEADER + len + 1;
    uint8_t *lp = mem_alloc(bytes);
    set_bytes(lp, bytes);
    set_count(lp, count);
    if (len) memcpy(lp + LISTPACK_HEADER, elements, len);
    lp[bytes - 1] = LISTPACK_END;
    return lp;
}

uint8_t *listpack_new(void) {
    return list_of(NULL, 0, 0);
}

void listpack_free(uint8_t *lp) {
    if (lp) mem_free_sized(lp, listpack_bytes(lp));
}

uint8_t *listpack_copy(const uint8_t *lp) {
    size_t bytes = listpack_bytes(lp);
    return memcpy(mem_alloc(bytes), lp, bytes);
}

size_t listpack_memory(const uint8_t *lp) {
    return mem_class_size(listpack_bytes(lp));
}

/* Elements from `at` on to before `end`. */
static size_t count_between(const uint8_t *lp, const uint8_t *at, const uint8_t *end) {
    size_t count = 0;
    for (; at && at < end; at = listpack_next(lp, at)) count++;
    return count;
}

size_t listpack_count(const uint8_t *lp) {
    size_t count = stored_count(lp);
    return count != COUNT_UNKNOWN ? count : count_between(lp, listpack_first(lp), end_of(lp));
}

/* ---- walking ---- */

const uint8_t *listpack_prev(const uint8_t *lp, const uint8_t *at) {
    if (at == lp + LISTPACK_HEADER) return NULL;
    const uint8_t *group = at - 1;
    size_t body = *group & 127;
    for (unsigned shift = 7; *group & 128; shift += 7) body |= (size_t)(*--group & 127) << shift;
    return group - body;
}

const uint8_t *listpack_last(const uint8_t *lp) {
    return listpack_prev(lp, end_of(lp));
}

const uint8_t *listpack_at(const uint8_t *lp, int64_t index) {
    int64_t count = (int64_t)stored_count(lp);
    if (count != COUNT_UNKNOWN) {
        if (index < 0) index += count;
        if (index < 0 || index >= count) return NULL;
        if (index > count / 2) index -= count;
    }
    const uint8_t *at = index < 0 ? listpack_last(lp) : listpack_first(lp);
    for (; at && index > 0; index--) at = listpack_next(lp, at);
    for (; at && index < -1; index++) at = listpack_prev(lp, at);
    return at;
}

/* ---- comparing ---- */

/* Most texts start like no integer; the others are tried. */
static inline bool is_number(struct slice text, int64_t *number) {
    if (text.len == 0 || text.len > 20) return false;
    char first = text.ptr[0];
    return (first == '-' || (first >= '0' && first <= '9')) && num_to_i64(text, number);
}

struct listpack_key listpack_key(struct slice text) {
    struct listpack_key key = {.text = text};
    key.is_number = is_number(text, &key.number);
    return key;
}

/* Compares as values: blocks from outside may hold an integer as text, or wider than need be. */
bool listpack_is(const uint8_t *at, const struct listpack_key *key) {
    struct listpack_value value = listpack_get(at);
    if (value.text) return slice_eq(slice_of(value.text, value.len), key->text);
    return key->is_number && value.number == key->number;
}

/* What listpack_next and listpack_is do, in one look at the first byte. */
const uint8_t *listpack_find(const uint8_t *lp, const uint8_t *at, const struct listpack_key *key,
                             unsigned skip) {
    const struct slice text = key->text;
    /* The first byte that a short text has; one that no element has, if it's long. */
    const unsigned wanted = text.len < 64 ? TEXT_6 | (unsigned)text.len : LISTPACK_END;
    if (!at) return NULL;
    while (*at != LISTPACK_END) {
        if (*at == wanted) {
            if (slice_eq(slice_of(at + 1, text.len), text)) return at;
        } else if (*at < TEXT_6 || *at >= INTEGER_13) {
            if (listpack_is(at, key)) return at;
        }
        for (unsigned step = 0; step <= skip; step++) {
            at = listpack_next(lp, at);
            if (!at) return NULL;
        }
    }
    return NULL;
}

/* ---- elements on their way in ---- */

/* The text is what follows the head; an integer has all in its head. */
struct element {
    uint8_t head[9];
    uint8_t head_len;
    struct slice text;
};

static struct element integer_element(int64_t number) {
    struct element e = {0};
    uint64_t bytes = htole64((uint64_t)number);
    if (number >= 0 && number < 128) {
        e.head[0] = (uint8_t)number;
        e.head_len = 1;
        return e;
    }
    if (number >= -4096 && number < 4096) {
        e.head[0] = (uint8_t)(INTEGER_13 | ((uint64_t)number >> 8 & 31));
        e.head[1] = (uint8_t)number;
        e.head_len = 2;
        return e;
    }
    unsigned width = 8;
    if (number == (int16_t)number)
        width = 2;
    else if (number >= -(1 << 23) && number < 1 << 23)
        width = 3;
    else if (number == (int32_t)number)
        width = 4;
    e.head[0] = (uint8_t)(width == 8 ? INTEGER_64 : INTEGER_16 + width - 2);
    memcpy(e.head + 1, &bytes, sizeof bytes);
    e.head_len = (uint8_t)(1 + width);
    return e;
}

static struct element text_element(struct slice text) {
    struct element e = {.head_len = 1, .text = text};
    uint32_t len = htole32((uint32_t)text.len);
    if (text.len < 64) {
        e.head[0] = (uint8_t)(TEXT_6 | text.len);
    } else if (text.len < 4096) {
        e.head[0] = (uint8_t)(TEXT_12 | text.len >> 8);
        e.head[1] = (uint8_t)text.len;
        e.head_len = 2;
    } else {
        ASSERT(text.len < UINT32_MAX);
        e.head[0] = TEXT_32;
        memcpy(e.head + 1, &len, sizeof len);
        e.head_len = 5;
    }
    return e;
}

static struct element element_of(struct slice text) {
    int64_t number;
    return is_number(text, &number) ? integer_element(number) : text_element(text);
}

static inline size_t element_bytes(const struct element *e) {
    size_t body = e->head_len + e->text.len;
    return body + back_bytes(body);
}

static inline uint8_t *put_element(uint8_t *to, const struct element *e) {
    memcpy(to, e->head, e->head_len);
    slice_put(to + e->head_len, e->text);
    size_t body = e->head_len + e->text.len;
    return put_back(to + body, body);
}

size_t listpack_size_of(struct slice text) {
    struct element e = element_of(text);
    return element_bytes(&e);
}

/* ---- editing ---- */

/* Gives the `gone` bytes at `offset` room for `come`; what's behind them moves. */
static uint8_t *splice(uint8_t **lp, size_t offset, size_t gone, size_t come) {
    size_t before = listpack_bytes(*lp), bytes = before - gone + come;
    DASSERT(offset >= LISTPACK_HEADER && offset + gone < before);
    if (gone == come) return *lp + offset;
    ASSERT(bytes <= UINT32_MAX);
    bool moves = mem_class_size(before) != mem_class_size(bytes);
    if (moves && come > gone) *lp = mem_realloc(*lp, bytes);
    memmove(*lp + offset + come, *lp + offset + gone, before - offset - gone);
    if (moves && come < gone) *lp = mem_realloc(*lp, bytes);
    set_bytes(*lp, bytes);
    return *lp + offset;
}

static inline size_t offset_of(const uint8_t *lp, const uint8_t *at) {
    return at ? (size_t)(at - lp) : listpack_bytes(lp) - 1;
}

static const uint8_t *insert(uint8_t **lp, const uint8_t *before, const struct element *e) {
    uint8_t *room = splice(lp, offset_of(*lp, before), 0, element_bytes(e));
    put_element(room, e);
    change_count(*lp, 0, 1);
    return room;
}

const uint8_t *listpack_insert(uint8_t **lp, const uint8_t *before, struct slice text) {
    struct element e = element_of(text);
    return insert(lp, before, &e);
}

const uint8_t *listpack_insert_number(uint8_t **lp, const uint8_t *before, int64_t number) {
    struct element e = integer_element(number);
    return insert(lp, before, &e);
}

/* In batches, so that what's behind moves once for all of one, and no memory is needed for it. */
const uint8_t *listpack_insert_many(uint8_t **lp, const uint8_t *before, const struct slice *texts,
                                    size_t count) {
    struct element batch[BATCH];
    size_t first = offset_of(*lp, before), offset = first;
    while (count) {
        size_t n = count < BATCH ? count : BATCH, bytes = 0;
        for (size_t i = 0; i < n; i++) {
            batch[i] = element_of(texts[i]);
            bytes += element_bytes(&batch[i]);
        }
        uint8_t *to = splice(lp, offset, 0, bytes);
        for (size_t i = 0; i < n; i++) to = put_element(to, &batch[i]);
        change_count(*lp, 0, n);
        offset += bytes;
        texts += n;
        count -= n;
    }
    return or_none(*lp + first);
}

static inline size_t integer_body(int64_t number) {
    if ((uint64_t)number < 128) return 1;
    if ((uint64_t)number + 4096 < 8192) return 2;
    unsigned bits = 64 - (unsigned)__builtin_clrsbll(number); /* with the sign's */
    if (bits <= 16) return 3;
    return bits <= 24 ? 4 : bits <= 32 ? 5 : 9;
}

static inline size_t key_bytes(const struct listpack_key *key) {
    size_t len = key->text.len;
    if (key->is_number) return integer_body(key->number) + 1;
    size_t body = len + (len < 64 ? 1 : len < 4096 ? 2 : 5);
    return body + back_bytes(body);
}

/* The usual ones, short, need not be made ready first. */
static inline uint8_t *put_key(uint8_t *to, const struct listpack_key *key) {
    if (!key->is_number && key->text.len < 64) {
        *to++ = (uint8_t)(TEXT_6 | key->text.len);
        slice_put(to, key->text);
        to += key->text.len;
        *to++ = (uint8_t)(1 + key->text.len);
        return to;
    }
    if (key->is_number && (uint64_t)key->number < 128) {
        *to++ = (uint8_t)key->number;
        *to++ = 1;
        return to;
    }
    struct element e = key->is_number ? integer_element(key->number) : text_element(key->text);
    return put_element(to, &e);
}

void listpack_append_keys(uint8_t **lp, const struct listpack_key *keys, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += key_bytes(&keys[i]);
    uint8_t *to = splice(lp, listpack_bytes(*lp) - 1, 0, bytes);
    for (size_t i = 0; i < count; i++) to = put_key(to, &keys[i]);
    change_count(*lp, 0, count);
}

static const uint8_t *replace(uint8_t **lp, const uint8_t *at, const struct element *e) {
    size_t body = body_bytes(at), gone = body + back_bytes(body);
    uint8_t *room = splice(lp, offset_of(*lp, at), gone, element_bytes(e));
    put_element(room, e);
    return room;
}

const uint8_t *listpack_replace(uint8_t **lp, const uint8_t *at, struct slice text) {
    struct element e = element_of(text);
    return replace(lp, at, &e);
}

const uint8_t *listpack_replace_number(uint8_t **lp, const uint8_t *at, int64_t number) {
    struct element e = integer_element(number);
    return replace(lp, at, &e);
}

const uint8_t *listpack_delete(uint8_t **lp, const uint8_t *at, size_t count) {
    const uint8_t *rest = at;
    size_t gone = 0;
    for (; rest && gone < count; gone++) rest = listpack_next(*lp, rest);
    if (gone == 0) return rest;
    size_t offset = offset_of(*lp, at);
    const uint8_t *follows = splice(lp, offset, offset_of(*lp, rest) - offset, 0);
    change_count(*lp, gone, 0);
    return or_none(follows);
}

uint8_t *listpack_split(uint8_t **lp, const uint8_t *at) {
    const uint8_t *first = listpack_first(*lp), *end = end_of(*lp);
    if (!at) at = end;
    size_t all = listpack_count(*lp), tail;
    if (at - *lp < end - at)
        tail = all - count_between(*lp, first, at);
    else
        tail = count_between(*lp, at, end);
    uint8_t *split = list_of(at, (size_t)(end - at), tail);
    splice(lp, (size_t)(at - *lp), (size_t)(end - at), 0);
    set_count(*lp, all - tail);
    return split;
}

void listpack_join(uint8_t **to, uint8_t *from) {
    size_t len = listpack_bytes(from) - LISTPACK_HEADER - 1;
    /* Both are known, or the sum isn't either. */
    size_t count = stored_count(*to) + stored_count(from);
    uint8_t *room = splice(to, listpack_bytes(*to) - 1, 0, len);
    memcpy(room, from + LISTPACK_HEADER, len);
    set_count(*to, count);
    listpack_free(from);
}

/* ---- bytes from outside ---- */

/* All bytes of the element that starts `room` bytes; 0 if none does, wholly. */
static size_t checked_bytes(const uint8_t *at, size_t room) {
    size_t head = *at == TEXT_32 ? 5 : *at >= INTEGER_13 ? 2 : 1;
    if (room < head) return 0;
    size_t body = body_bytes(at), back = back_bytes(body);
    if (body == 0 || body > room || back > room - body) return 0;
    uint8_t expected[BACK_MAX];
    put_back(expected, body);
    return memcmp(at + body, expected, back) == 0 ? body + back : 0;
}

bool listpack_valid(const uint8_t *bytes, size_t len) {
    if (len < LISTPACK_HEADER + 1 || len > LISTPACK_MAX_BYTES || listpack_bytes(bytes) != len)
        return false;
    const uint8_t *at = bytes + LISTPACK_HEADER, *end = bytes + len - 1;
    size_t count = 0;
    for (; at < end; count++) {
        size_t size = checked_bytes(at, (size_t)(end - at));
        if (size == 0) return false;
        at += size;
    }
    return *end == LISTPACK_END &&
           (stored_count(bytes) == COUNT_UNKNOWN || stored_count(bytes) == count);
}
