/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/entry.h"

#include "base/assert.h"
#include "base/cell.h"
#include "type/type.h"

enum { SHAPE_FLAGS = ENTRY_DEADLINE | ENTRY_LONG_KEY | ENTRY_WORD };

static size_t size_of(unsigned flags, size_t key_len, size_t embedded_len) {
    return sizeof(struct entry) + entry_words(flags) + key_len + embedded_len;
}

size_t entry_size(const struct entry *e) {
    return size_of(e->flags, entry_key(e).len, e->embedded_len);
}

static void set_long_key_len(struct entry *e, uint64_t len) {
    memcpy(e->body + entry_words(e->flags & ENTRY_DEADLINE), &len, sizeof len);
}

struct entry *entry_new(struct slice key, unsigned flags, size_t embedded_len) {
    DASSERT(embedded_len <= UINT16_MAX);
    flags = (flags & ~(unsigned)ENTRY_LONG_KEY) | (key.len > UINT8_MAX ? ENTRY_LONG_KEY : 0);
    struct entry *e = cell_alloc(size_of(flags, key.len, embedded_len));
    *e = (struct entry){.flags = (uint8_t)flags,
                        .key_len = (uint8_t)key.len,
                        .embedded_len = (uint16_t)embedded_len};
    if (flags & ENTRY_LONG_KEY) set_long_key_len(e, key.len);
    slice_put(e->body + entry_words(flags), key);
    return e;
}

struct entry *entry_reshape(struct entry *e, unsigned flags, size_t embedded_len) {
    struct slice key = entry_key(e);
    flags = (flags & ~(unsigned)ENTRY_LONG_KEY) | (e->flags & ENTRY_LONG_KEY);
    size_t before = size_of(e->flags, key.len, e->embedded_len);
    size_t after = size_of(flags, key.len, embedded_len);
    uint64_t deadline = entry_deadline(e);
    struct entry *to = e;
    if (cell_size(before) != cell_size(after)) {
        to = cell_alloc(after);
        *to = *e;
    }
    if (to != e || entry_words(e->flags) != entry_words(flags))
        memmove(to->body + entry_words(flags), key.ptr, key.len);
    to->flags = (uint8_t)flags;
    to->embedded_len = (uint16_t)embedded_len;
    if (flags & ENTRY_LONG_KEY) set_long_key_len(to, key.len);
    if (flags & ENTRY_DEADLINE) entry_set_deadline(to, deadline);
    if (to != e) cell_free(e, before);
    return to;
}

/* The word and what follows keep their order; only their distance from the head changes. */
struct entry *entry_with_deadline(struct entry *e, uint64_t deadline) {
    bool wanted = deadline != ENTRY_NO_DEADLINE;
    if (wanted == ((e->flags & ENTRY_DEADLINE) != 0)) {
        if (wanted) entry_set_deadline(e, deadline);
        return e;
    }
    size_t skip = entry_words(e->flags & ENTRY_DEADLINE), before = entry_size(e);
    size_t tail = before - sizeof *e - skip, shift = wanted ? 8 : 0;
    size_t after = sizeof *e + shift + tail;
    struct entry *to = e;
    if (cell_size(before) != cell_size(after)) {
        to = cell_alloc(after);
        *to = *e;
    }
    memmove(to->body + shift, e->body + skip, tail);
    to->flags = (uint8_t)((to->flags & ~ENTRY_DEADLINE) | (wanted ? ENTRY_DEADLINE : 0));
    if (wanted) entry_set_deadline(to, deadline);
    if (to != e) cell_free(e, before);
    return to;
}

void entry_free(struct entry *e) {
    const struct type *type = type_of(e);
    if ((e->flags & ENTRY_WORD) && type->release) type->release(e);
    cell_free(e, entry_size(e));
}

struct entry *entry_copy(const struct entry *e, struct slice key) {
    struct entry *copy =
        entry_new(key, e->flags & ~(unsigned)(ENTRY_DEADLINE | ENTRY_LONG_KEY), e->embedded_len);
    copy->type = e->type;
    copy->encoding = e->encoding;
    copy->access = e->access;
    if (e->flags & ENTRY_WORD)
        type_of(e)->copy(copy, e);
    else
        memcpy(entry_embedded(copy), entry_embedded(e), e->embedded_len);
    return copy;
}

struct entry *entry_rename(struct entry *e, struct slice key) {
    struct entry *to = entry_new(key, e->flags & ~(unsigned)ENTRY_LONG_KEY, e->embedded_len);
    to->type = e->type;
    to->encoding = e->encoding;
    to->access = e->access;
    if (e->flags & ENTRY_DEADLINE) entry_set_deadline(to, entry_deadline(e));
    if (e->flags & ENTRY_WORD) memcpy(entry_word_at(to), entry_word_at(e), 8);
    memcpy(entry_embedded(to), entry_embedded(e), e->embedded_len);
    cell_free(e, entry_size(e));
    return to;
}
