/* SPDX-License-Identifier: BSD-3-Clause */
#include "type/t_string.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "type/compact.h"
#include "type/rdb_types.h"
#include "type/rewrite.h"

size_t string_len(const struct entry *e) {
    char digits[NUM_I64_MAX];
    return string_view(e, digits).len;
}

bool string_to_i64(const struct entry *e, int64_t *out) {
    if (e->encoding == STRING_INT) {
        *out = entry_int(e);
        return true;
    }
    return num_to_i64(string_view(e, NULL), out);
}

static const char *encoding_name(const struct entry *e) {
    if (e->encoding == STRING_INT) return "int";
    bool raw = e->encoding == STRING_BYTES || (e->flags & ENTRY_EDITED) ||
               e->embedded_len > STRING_EMBSTR_MAX;
    return raw ? "raw" : "embstr";
}

static void release(struct entry *e) {
    if (e->encoding == STRING_BYTES) bytes_unref(entry_ptr(e));
}

static void copy(struct entry *to, const struct entry *from) {
    if (from->encoding == STRING_INT)
        entry_set_int(to, entry_int(from));
    else
        entry_set_ptr(to, bytes_ref(entry_ptr(from)));
}

static size_t memory(const struct entry *e, size_t samples) {
    return e->encoding == STRING_BYTES ? bytes_memory(entry_ptr(e)) : 0;
}

/* Giving back megabytes can take the kernel as long as many small pieces take the allocator. */
static size_t free_effort(const struct entry *e) {
    return 1 + memory(e, 0) / 65536;
}

static void digest(const struct entry *e, struct digest *d) {
    char digits[NUM_I64_MAX];
    digest_chain(d, string_view(e, digits));
}

static uint64_t compact(struct entry *e, uint64_t from, struct compact_count *count) {
    if (e->encoding == STRING_BYTES) entry_set_ptr(e, compact_bytes(count, entry_ptr(e)));
    return 0;
}

const struct type type_string = {
    .name = "string",
    .encoding_name = encoding_name,
    .release = release,
    .copy = copy,
    .elements = string_len,
    .memory = memory,
    .free_effort = free_effort,
    .digest = digest,
    .compact = compact,
    .rdb = &string_rdb,
    .rewrite = rewrite_string,
};

static unsigned deadline_flag(uint64_t deadline) {
    return deadline == ENTRY_NO_DEADLINE ? 0 : ENTRY_DEADLINE;
}

/* Most values aren't numbers: the first byte tells. */
static bool as_int(struct slice value, int64_t *out) {
    if (value.len == 0 || value.len > 20) return false;
    unsigned char first = (unsigned char)value.ptr[0];
    return (first == '-' || (unsigned char)(first - '0') < 10) && num_to_i64(value, out);
}

static void fill(struct entry *e, uint64_t deadline, enum string_encoding encoding) {
    e->type = TYPE_STRING;
    e->encoding = encoding;
    if (deadline != ENTRY_NO_DEADLINE) entry_set_deadline(e, deadline);
}

struct entry *string_new_int(struct slice key, int64_t value, uint64_t deadline) {
    struct entry *e = entry_new(key, deadline_flag(deadline) | ENTRY_WORD, 0);
    fill(e, deadline, STRING_INT);
    entry_set_int(e, value);
    return e;
}

struct entry *string_new_text(struct slice key, struct slice value, uint64_t deadline) {
    unsigned flags = deadline_flag(deadline);
    if (value.len <= STRING_EMBED_MAX) {
        struct entry *e = entry_new(key, flags, value.len);
        fill(e, deadline, STRING_EMBEDDED);
        slice_put(entry_embedded(e), value);
        return e;
    }
    struct entry *e = entry_new(key, flags | ENTRY_WORD, 0);
    fill(e, deadline, STRING_BYTES);
    entry_set_ptr(e, bytes_copy(value));
    return e;
}

struct entry *string_new(struct slice key, struct slice value, uint64_t deadline) {
    int64_t number;
    return as_int(value, &number) ? string_new_int(key, number, deadline)
                                  : string_new_text(key, value, deadline);
}

/* Drops the old value and makes room for the next. */
static struct entry *reshape(struct entry *e, unsigned flags, size_t embedded_len) {
    if ((e->flags & ENTRY_WORD) && type_of(e)->release) type_of(e)->release(e);
    return entry_reshape(e, flags, embedded_len);
}

struct entry *string_assign_text(struct entry *e, struct slice value, uint64_t deadline) {
    if (value.len > STRING_EMBED_MAX) return string_assign_bytes(e, bytes_copy(value), deadline);
    e = reshape(e, deadline_flag(deadline), value.len);
    fill(e, deadline, STRING_EMBEDDED);
    slice_put(entry_embedded(e), value);
    return e;
}

struct entry *string_assign(struct entry *e, struct slice value, uint64_t deadline) {
    int64_t number;
    if (!as_int(value, &number)) return string_assign_text(e, value, deadline);
    e = reshape(e, deadline_flag(deadline) | ENTRY_WORD, 0);
    fill(e, deadline, STRING_INT);
    entry_set_int(e, number);
    return e;
}

struct entry *string_assign_bytes(struct entry *e, struct bytes *value, uint64_t deadline) {
    e = reshape(e, deadline_flag(deadline) | ENTRY_WORD, 0);
    fill(e, deadline, STRING_BYTES);
    entry_set_ptr(e, value);
    return e;
}

struct entry *string_assign_int(struct entry *e, int64_t value) {
    if (e->type != TYPE_STRING || e->encoding != STRING_INT) {
        e = reshape(e, (e->flags & ENTRY_DEADLINE) | ENTRY_WORD, 0);
        e->type = TYPE_STRING;
        e->encoding = STRING_INT;
    }
    entry_set_int(e, value);
    return e;
}

/* An integer turns into its digits first. */
static struct entry *int_to_text(struct entry *e) {
    char digits[NUM_I64_MAX];
    size_t len = num_from_i64(digits, entry_int(e));
    e = entry_reshape(e, e->flags & ENTRY_DEADLINE, len);
    e->encoding = STRING_EMBEDDED;
    memcpy(entry_embedded(e), digits, len);
    return e;
}

static struct entry *embedded_resize(struct entry *e, size_t len) {
    char keep[STRING_APPEND_IN_ENTRY];
    size_t have = e->embedded_len < len ? e->embedded_len : len;
    memcpy(keep, entry_embedded(e), have);
    e = entry_reshape(e, e->flags & ENTRY_DEADLINE, len);
    memcpy(entry_embedded(e), keep, have);
    memset(entry_embedded(e) + have, 0, len - have);
    return e;
}

static struct entry *embedded_to_bytes(struct entry *e, size_t cap) {
    struct bytes *b = bytes_new(cap);
    size_t have = e->embedded_len < cap ? e->embedded_len : cap;
    memcpy(b->data, entry_embedded(e), have);
    b->len = have;
    e = entry_reshape(e, (e->flags & ENTRY_DEADLINE) | ENTRY_WORD, 0);
    e->encoding = STRING_BYTES;
    entry_set_ptr(e, b);
    return e;
}

struct entry *string_edit(struct entry *e, size_t len, char **data) {
    if (e->encoding == STRING_INT) e = int_to_text(e);
    if (e->encoding == STRING_EMBEDDED) {
        if (len != e->embedded_len && len <= STRING_APPEND_IN_ENTRY) e = embedded_resize(e, len);
        if (len == e->embedded_len) {
            e->flags |= ENTRY_EDITED;
            *data = entry_embedded(e);
            return e;
        }
        e = embedded_to_bytes(e, len);
    }
    struct bytes *b = bytes_own(entry_ptr(e), len);
    if (len > b->len) memset(b->data + b->len, 0, len - b->len);
    b->len = len;
    entry_set_ptr(e, b);
    *data = b->data;
    return e;
}
