/* SPDX-License-Identifier: BSD-3-Clause */
/* "Stored" positions count in the order in which the block holds its elements; they are the list's,
 * or those counted from the back if the block is reversed. A number's bytes are its low ones,
 * little-endian, as many as keep its sign. */
#include "ds/list_block.h"

#include "base/alloc.h"
#include "base/assert.h"

/* An element as a block holds it. */
struct stored {
    unsigned code;
    size_t size;
    const void *bytes;
};

/* What `key` would be stored as; `key` holds a number's bytes. */
static struct stored stored_form(const struct listpack_key *key) {
    if (!key->is_number) {
        size_t len = key->text.len;
        return (struct stored){len < LIST_BLOCK_TEXT_MAX ? (unsigned)len : LIST_BLOCK_TEXT_MAX, len,
                               key->text.ptr};
    }
    unsigned bits = 64 - (unsigned)__builtin_clrsbll(key->number);
    unsigned bytes = (bits + 7) / 8;
    return (struct stored){LIST_CODE_NUMBER | (bytes - 1), bytes, &key->number};
}

static inline unsigned code_width(const struct list_block *b) {
    return b->flags & LIST_BLOCK_WIDE ? 2 : 1;
}

/* The width that a block has, or needs for this code. */
static inline unsigned width_with(const struct list_block *b, unsigned code) {
    bool wide = code > LIST_CODE_NARROW_TEXT && code < LIST_CODE_NUMBER;
    return wide ? 2 : code_width(b);
}

static inline void code_set(struct list_block *b, unsigned k, unsigned code) {
    uint8_t *at = (uint8_t *)list_block_code_at(b, k);
    at[0] = (uint8_t)code;
    if (b->flags & LIST_BLOCK_WIDE) memcpy(at, &(uint16_t){(uint16_t)code}, 2);
}

static inline char *address(struct list_block *b, size_t offset) {
    return (char *)b + offset;
}

/* How many bytes the stored elements `from` to `to` (not included) take. Plain loops over bytes,
 * that compilers turn into vector instructions. */
static size_t data_bytes(const struct list_block *b, unsigned from, unsigned to) {
    if (from == to) return 0;
    const uint8_t *codes = list_block_code_at(b, to - 1);
    unsigned n = to - from, sum = 0;
    if (b->flags & LIST_BLOCK_WIDE) {
        for (unsigned i = 0; i < n; i++) {
            uint16_t code;
            memcpy(&code, codes + 2 * i, sizeof code);
            sum += code < LIST_CODE_NUMBER ? code : (code & 7u) + 1;
        }
    } else {
        for (unsigned i = 0; i < n; i++)
            sum += codes[i] <= LIST_CODE_NARROW_TEXT ? codes[i] : (codes[i] & 7u) + 1;
    }
    return sum;
}

size_t list_block_offset(const struct list_block *b, unsigned k) {
    if (k <= b->count / 2u) return b->start + data_bytes(b, 0, k);
    return b->end - data_bytes(b, k, b->count);
}

size_t list_block_used(const struct list_block *b) {
    return (size_t)(b->end - b->start) + (size_t)b->count * code_width(b);
}

static inline unsigned stored_index(const struct list_block *b, unsigned index) {
    return list_block_is_reversed(b) ? b->count - 1u - index : index;
}

struct listpack_value list_block_get(const struct list_block *b, unsigned index) {
    unsigned k = stored_index(b, index);
    return list_code_value(list_block_code(b, k), (const char *)b + list_block_offset(b, k));
}

static void make_empty(struct list_block *b) {
    b->count = b->unused = 0;
    b->start = b->end = LIST_BLOCK_HEADER;
}

/* What a block that has to hold `bytes` is to ask for. */
static size_t round_up(size_t bytes) {
    size_t units = (bytes + LIST_BLOCK_UNIT - 1) / LIST_BLOCK_UNIT * LIST_BLOCK_UNIT;
    size_t given = mem_class_size(units) / LIST_BLOCK_UNIT * LIST_BLOCK_UNIT;
    return given <= LIST_BLOCK_MAX ? given : units;
}

static struct list_block *new_block(size_t bytes, unsigned flags) {
    size_t given = round_up(bytes);
    struct list_block *b = mem_alloc(given);
    b->units = (uint16_t)(given / LIST_BLOCK_UNIT);
    b->flags = (uint8_t)flags;
    make_empty(b);
    return b;
}

struct list_block *list_block_new(size_t bytes, bool for_front) {
    return new_block(bytes < LIST_BLOCK_HEADER ? LIST_BLOCK_HEADER : bytes,
                     for_front ? LIST_BLOCK_REVERSED : 0);
}

void list_block_free(struct list_block *b) {
    mem_free_sized(b, list_block_memory(b));
}

struct list_block *list_block_copy(const struct list_block *b) {
    struct list_block *copy = mem_alloc(list_block_memory(b));
    memcpy(copy, b, list_block_memory(b));
    return copy;
}

/* Appends stored elements `from` to `to` of another block to those that b has; there's room, and
 * b's codes are at least as wide. */
static void append_range(struct list_block *b, const struct list_block *other, unsigned from,
                         unsigned to) {
    if (from == to) return;
    size_t offset = list_block_offset(other, from), size = data_bytes(other, from, to);
    memcpy(address(b, b->end), (const char *)other + offset, size);
    unsigned first = b->count;
    b->count = (uint16_t)(b->count + to - from);
    b->end = (uint16_t)(b->end + size);
    if (code_width(b) == code_width(other)) {
        memcpy((char *)list_block_code_at(b, b->count - 1u), list_block_code_at(other, to - 1),
               (size_t)(to - from) * code_width(b));
        return;
    }
    for (unsigned k = from; k < to; k++) code_set(b, first + k - from, list_block_code(other, k));
}

/* Moves everything to a block of `bytes` and codes of `width`, without free room before. */
static void rebuild(struct list_block **b, size_t bytes, unsigned width) {
    struct list_block *old = *b;
    unsigned flags = old->flags | (width > 1 ? LIST_BLOCK_WIDE : 0);
    *b = new_block(bytes, flags);
    append_range(*b, old, 0, old->count);
    list_block_free(old);
}

/* Takes back the room before data and codes. */
static void compact(struct list_block *b) {
    size_t data = (size_t)(b->end - b->start), codes = (size_t)b->count * code_width(b);
    const uint8_t *low = list_block_code_at(b, b->count - 1u);
    memmove(address(b, LIST_BLOCK_HEADER), address(b, b->start), data);
    b->start = LIST_BLOCK_HEADER;
    b->end = (uint16_t)(LIST_BLOCK_HEADER + data);
    b->unused = 0;
    memmove((char *)list_block_code_at(b, b->count - 1u), low, codes);
}

/* Makes room behind the data for an element of that size and before the codes for its code, of that
 * width. With `cheap` room is taken back only where that pays: an eighth of the block each time
 * makes it a few bytes an element, but one element's worth each time would move the block for each.
 */
static bool make_room(struct list_block **block, size_t size, unsigned width, size_t limit,
                      bool cheap) {
    struct list_block *b = *block;
    size_t memory = list_block_memory(b);
    bool same_width = width == code_width(b);
    if (same_width && b->end + size + (b->unused + b->count + 1u) * width <= memory) return true;
    size_t data = (size_t)(b->end - b->start);
    size_t need = LIST_BLOCK_HEADER + data + size + (b->count + 1u) * width;
    if (need > limit || size > LIST_BLOCK_TEXT_MAX) return false;
    size_t before = b->start - LIST_BLOCK_HEADER + (size_t)b->unused * width;
    if (same_width && need <= memory && (!cheap || before >= memory / 8)) {
        compact(b);
        return true;
    }
    if (need <= memory && same_width && memory >= limit) return false;
    size_t wanted = memory + memory / 4 > need ? memory + memory / 4 : need;
    rebuild(block, wanted < limit ? wanted : limit, width);
    return true;
}

static bool insert_stored(struct list_block **block, unsigned k, struct stored element,
                          size_t limit, bool cheap) {
    unsigned width = width_with(*block, element.code);
    if (!make_room(block, element.size, width, limit, cheap)) return false;
    struct list_block *b = *block;
    size_t offset = b->end;
    if (k < b->count) {
        offset = list_block_offset(b, k);
        memmove(address(b, offset + element.size), address(b, offset), b->end - offset);
        char *codes = (char *)list_block_code_at(b, b->count - 1u);
        memmove(codes - width, codes, (b->count - k) * width);
    }
    if (element.size) memcpy(address(b, offset), element.bytes, element.size);
    b->end = (uint16_t)(b->end + element.size);
    b->count++;
    code_set(b, k, element.code);
    return true;
}

/* Puts an element before the stored ones, where others were popped. */
static bool put_before(struct list_block *b, struct stored element) {
    if (!b->unused || (size_t)(b->start - LIST_BLOCK_HEADER) < element.size) return false;
    if (width_with(b, element.code) != code_width(b)) return false;
    b->start = (uint16_t)(b->start - element.size);
    b->unused--;
    b->count++;
    if (element.size) memcpy(address(b, b->start), element.bytes, element.size);
    code_set(b, 0, element.code);
    return true;
}

bool list_block_push(struct list_block **block, const struct listpack_key *element, bool front,
                     size_t limit) {
    struct list_block *b = *block;
    struct stored form = stored_form(element);
    if (b->count == 0 && list_block_is_reversed(b) != front) b->flags ^= LIST_BLOCK_REVERSED;
    if (list_block_is_reversed(b) == front)
        return insert_stored(block, b->count, form, limit, true);
    return put_before(b, form);
}

bool list_block_insert(struct list_block **block, unsigned index,
                       const struct listpack_key *element, size_t limit) {
    unsigned k = list_block_is_reversed(*block) ? (*block)->count - index : index;
    return insert_stored(block, k, stored_form(element), limit, false);
}

bool list_block_replace(struct list_block **block, unsigned index,
                        const struct listpack_key *element, size_t limit) {
    struct list_block *b = *block;
    struct stored form = stored_form(element);
    unsigned k = stored_index(b, index), old = list_block_code(b, k);
    size_t old_size = list_code_size(old);
    if (form.size == old_size && width_with(b, form.code) == code_width(b)) {
        if (form.size) memcpy(address(b, list_block_offset(b, k)), form.bytes, form.size);
        code_set(b, k, form.code);
        return true;
    }
    size_t data = (size_t)(b->end - b->start) - old_size + form.size;
    size_t need = LIST_BLOCK_HEADER + data + b->count * width_with(b, form.code);
    if (need > limit || form.size > LIST_BLOCK_TEXT_MAX) return false;
    list_block_delete(b, index, 1);
    bool fits = insert_stored(block, k, form, limit, false);
    ASSERT(fits);
    return true;
}

void list_block_delete(struct list_block *b, unsigned index, unsigned n) {
    unsigned k = list_block_is_reversed(b) ? b->count - index - n : index, width = code_width(b);
    if (n == b->count) {
        make_empty(b);
        return;
    }
    size_t size = data_bytes(b, k, k + n);
    if (k + n == b->count) {
        b->end = (uint16_t)(b->end - size);
    } else if (k == 0) {
        b->start = (uint16_t)(b->start + size);
        b->unused = (uint16_t)(b->unused + n);
    } else {
        size_t offset = list_block_offset(b, k);
        memmove(address(b, offset), address(b, offset + size), b->end - offset - size);
        b->end = (uint16_t)(b->end - size);
        char *codes = (char *)list_block_code_at(b, b->count - 1u);
        memmove(codes + n * width, codes, (b->count - k - n) * width);
    }
    b->count = (uint16_t)(b->count - n);
}

static bool is_at(const struct list_block *b, unsigned k, size_t offset,
                  const struct stored *element) {
    return list_block_code(b, k) == element->code &&
           (element->size == 0 ||
            memcmp((const char *)b + offset, element->bytes, element->size) == 0);
}

/* The same bytes under the same code are the same element: a number has one form only. */
static unsigned count_equal(const struct list_block *b, const struct stored *element) {
    unsigned found = 0;
    size_t offset = b->start;
    for (unsigned k = 0; k < b->count; k++) {
        found += is_at(b, k, offset, element);
        offset += list_code_size(list_block_code(b, k));
    }
    return found;
}

unsigned list_block_remove(struct list_block *b, const struct listpack_key *key, unsigned max,
                           bool from_back) {
    struct stored element = stored_form(key);
    unsigned found = element.size <= LIST_BLOCK_TEXT_MAX ? count_equal(b, &element) : 0;
    unsigned remove = found < max ? found : max;
    if (!remove) return 0;
    unsigned keep = from_back != list_block_is_reversed(b) ? found - remove : 0, left = remove;
    unsigned to = 0;
    size_t offset = b->start, end = offset;
    for (unsigned k = 0; k < b->count; k++) {
        unsigned code = list_block_code(b, k);
        size_t size = list_code_size(code);
        bool equal = (keep || left) && is_at(b, k, offset, &element);
        if (equal && !keep) {
            left--;
        } else {
            keep -= equal;
            memmove(address(b, end), address(b, offset), size);
            code_set(b, to++, code);
            end += size;
        }
        offset += size;
    }
    b->count = (uint16_t)to;
    b->end = (uint16_t)end;
    if (!to) make_empty(b);
    return remove;
}

struct list_block *list_block_split(struct list_block **block, unsigned index) {
    struct list_block *b = *block;
    unsigned n = b->count - index, k = list_block_is_reversed(b) ? 0 : index;
    size_t size = data_bytes(b, k, k + n) + n * code_width(b);
    struct list_block *behind = new_block(LIST_BLOCK_HEADER + size, b->flags);
    append_range(behind, b, k, k + n);
    list_block_delete(b, index, n);
    list_block_seal(block);
    return behind;
}

bool list_block_join(struct list_block **block, struct list_block *from, size_t limit) {
    struct list_block *b = *block;
    size_t data = (size_t)(b->end - b->start) + (size_t)(from->end - from->start);
    unsigned flags = (b->flags | from->flags) & LIST_BLOCK_WIDE, count = b->count + from->count;
    size_t need = LIST_BLOCK_HEADER + data + (size_t)count * (flags ? 2 : 1);
    if (need > limit) return false;
    struct list_block *parts[2] = {b, from};
    struct list_block *joined = new_block(need, flags);
    for (int i = 0; i < 2; i++) {
        const struct list_block *part = parts[i];
        for (unsigned index = 0; index < part->count; index++) {
            unsigned k = stored_index(part, index);
            append_range(joined, part, k, k + 1);
        }
    }
    list_block_free(b);
    list_block_free(from);
    *block = joined;
    return true;
}

void list_block_seal(struct list_block **block) {
    struct list_block *b = *block;
    size_t need = LIST_BLOCK_HEADER + list_block_used(b);
    if (round_up(need) < list_block_memory(b))
        rebuild(block, need, code_width(b));
    else if (b->start > LIST_BLOCK_HEADER || b->unused)
        compact(b);
    b = *block;
    const char *codes = (const char *)list_block_code_at(b, b->count - 1u);
    memset(address(b, b->end), 0, (size_t)(codes - address(b, b->end)));
}

void list_block_check(const struct list_block *b) {
    ASSERT(list_block_memory(b) <= LIST_BLOCK_MAX);
    ASSERT(b->start >= LIST_BLOCK_HEADER && b->start <= b->end);
    ASSERT(b->start + data_bytes(b, 0, b->count) == b->end);
    ASSERT(b->end + ((size_t)b->unused + b->count) * code_width(b) <= list_block_memory(b));
    if (b->count == 0) ASSERT(b->start == LIST_BLOCK_HEADER && b->unused == 0);
    for (unsigned k = 0; k < b->count; k++) {
        unsigned code = list_block_code(b, k);
        ASSERT(list_code_size(code) <= LIST_BLOCK_MAX);
        ASSERT(code < LIST_CODE_NUMBER || (code & 15) < 8);
    }
}
