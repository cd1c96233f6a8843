/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/hash_field.h"

#include "base/cell.h"
#include "type/compact.h"

static size_t size_of(unsigned flags, size_t name_len, size_t value_len) {
    return sizeof(struct hash_field) + hash_field_words(flags) + name_len +
           (flags & HASH_FIELD_OUTSIDE ? 0 : value_len);
}

static size_t cell_bytes(const struct hash_field *f) {
    return size_of(f->flags, hash_field_name(f).len, f->value_len);
}

static unsigned flags_for(struct slice name, size_t value_len, uint64_t deadline) {
    return (deadline == HASH_NO_DEADLINE ? 0 : HASH_FIELD_DEADLINE) |
           (name.len > UINT8_MAX ? HASH_FIELD_LONG_NAME : 0) |
           (value_len > HASH_FIELD_INLINE_MAX ? HASH_FIELD_OUTSIDE : 0);
}

/* Writes all that stands before the name; of a value outside, `bytes` becomes the cell's. */
static void write_head(struct hash_field *f, unsigned flags, size_t name_len, size_t value_len) {
    f->flags = (uint8_t)flags;
    f->name_len = (uint8_t)name_len;
    f->value_len = flags & HASH_FIELD_OUTSIDE ? 0 : (uint16_t)value_len;
}

static void write_words(struct hash_field *f, uint64_t name_len, uint64_t deadline,
                        struct bytes *bytes) {
    char *at = f->body;
    if (f->flags & HASH_FIELD_DEADLINE) memcpy(at, &deadline, 8), at += 8;
    if (f->flags & HASH_FIELD_LONG_NAME) memcpy(at, &name_len, 8), at += 8;
    if (f->flags & HASH_FIELD_OUTSIDE) memcpy(at, &bytes, sizeof bytes);
}

/* A reference to the bytes of a long value; NULL for one that goes into the cell. */
static struct bytes *take_bytes(const struct hash_input *in) {
    if (in->value.len <= HASH_FIELD_INLINE_MAX) return NULL;
    return in->own ? bytes_ref(in->own) : bytes_copy(in->value);
}

/* A new cell; takes `bytes` over, or else copies the value. */
static struct hash_field *make(struct slice name, struct slice value, uint64_t deadline,
                               struct bytes *bytes) {
    unsigned flags = flags_for(name, value.len, deadline);
    struct hash_field *f = cell_alloc(size_of(flags, name.len, value.len));
    write_head(f, flags, name.len, value.len);
    write_words(f, name.len, deadline, bytes);
    char *at = f->body + hash_field_words(flags);
    slice_put(at, name);
    if (!bytes) slice_put(at + name.len, value);
    return f;
}

struct hash_field *hash_field_new(struct slice name, const struct hash_input *in) {
    uint64_t deadline = in->deadline == HASH_KEEP_DEADLINE ? HASH_NO_DEADLINE : in->deadline;
    return make(name, in->value, deadline, take_bytes(in));
}

struct hash_field *hash_field_copy(const struct hash_field *f) {
    struct bytes *bytes = hash_field_bytes(f);
    struct slice value = hash_field_value(f);
    return make(hash_field_name(f), value, hash_field_deadline(f),
                bytes ? bytes_copy(value) : NULL);
}

void hash_field_free(struct hash_field *f) {
    struct bytes *bytes = hash_field_bytes(f);
    if (bytes) bytes_unref(bytes);
    cell_free(f, cell_bytes(f));
}

size_t hash_field_memory(const struct hash_field *f) {
    const struct bytes *bytes = hash_field_bytes(f);
    return cell_size(cell_bytes(f)) + (bytes ? bytes_memory(bytes) : 0);
}

struct hash_field *hash_field_compact(struct hash_field *f, struct compact_count *count) {
    struct bytes *bytes = hash_field_bytes(f);
    if (bytes) {
        bytes = compact_bytes(count, bytes);
        write_words(f, hash_field_name(f).len, hash_field_deadline(f), bytes);
    }
    return compact_cell(count, f, cell_bytes(f));
}

struct hash_field *hash_field_assign(struct hash_field *f, const struct hash_input *in) {
    struct slice name = hash_field_name(f), value = in->value;
    uint64_t deadline = in->deadline == HASH_KEEP_DEADLINE ? hash_field_deadline(f) : in->deadline;
    unsigned flags = flags_for(name, value.len, deadline);
    bool stays = flags == f->flags && !(flags & HASH_FIELD_OUTSIDE) &&
                 cell_size(cell_bytes(f)) == cell_size(size_of(flags, name.len, value.len));
    if (!stays) {
        struct hash_field *to = make(name, value, deadline, take_bytes(in));
        hash_field_free(f);
        return to;
    }
    f->value_len = (uint16_t)value.len;
    if (value.len) memmove((char *)name.ptr + name.len, value.ptr, value.len);
    if (flags & HASH_FIELD_DEADLINE) memcpy(f->body, &deadline, sizeof deadline);
    return f;
}

struct hash_field *hash_field_with_deadline(struct hash_field *f, uint64_t deadline) {
    bool had = f->flags & HASH_FIELD_DEADLINE;
    if (had == (deadline != HASH_NO_DEADLINE)) {
        if (had) memcpy(f->body, &deadline, sizeof deadline);
        return f;
    }
    struct bytes *bytes = hash_field_bytes(f);
    struct hash_field *to = make(hash_field_name(f), hash_field_value(f), deadline, bytes);
    cell_free(f, cell_bytes(f));
    return to;
}
