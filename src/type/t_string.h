/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings: an integer in the entry, bytes in the entry (up to STRING_EMBED_MAX), or a `struct
 * bytes` of their own. */
#ifndef DREY_TYPE_T_STRING_H
#define DREY_TYPE_T_STRING_H

#include "base/bytes.h"
#include "base/num.h"
#include "type/type.h"

enum string_encoding { STRING_INT, STRING_EMBEDDED, STRING_BYTES };

enum {
    STRING_EMBED_MAX = 1024, /* longer values have an allocation of their own */
    STRING_EMBSTR_MAX = 44,  /* OBJECT ENCODING: embstr up to here, raw beyond (Redis) */
    STRING_APPEND_IN_ENTRY =
        64, /* a value edited in place that outgrows this gets room to grow outside */
};

extern const struct type type_string;

/* The value as text. An integer is written to `digits`. Borrowed: dies with the next change of the
 * entry. */
static inline struct slice string_view(const struct entry *e, char digits[NUM_I64_MAX]) {
    if (e->encoding == STRING_EMBEDDED) return slice_of(entry_embedded(e), e->embedded_len);
    if (e->encoding == STRING_BYTES) return bytes_slice(entry_ptr(e));
    return slice_of(digits, num_from_i64(digits, entry_int(e)));
}

/* The bytes of a long value, which aren't in the entry; NULL: it has none outside. */
static inline const struct bytes *string_outside(const struct entry *e) {
    return e->type == TYPE_STRING && e->encoding == STRING_BYTES ? entry_ptr(e) : NULL;
}

size_t string_len(const struct entry *e);

/* The value as a number, as INCR reads it. False if it isn't one. */
bool string_to_i64(const struct entry *e, int64_t *out);

/* A new entry. Text that is the canonical form of an int64_t is kept as the integer. */
struct entry *string_new(struct slice key, struct slice value, uint64_t deadline);
struct entry *string_new_int(struct slice key, int64_t value, uint64_t deadline);
/* Keeps the text as text, even if it's a number. */
struct entry *string_new_text(struct slice key, struct slice value, uint64_t deadline);

/* Gives the entry (of any type) another value and deadline; `value` must not lie in it. Returns the
 * entry; `e` is gone. */
struct entry *string_assign(struct entry *e, struct slice value, uint64_t deadline)
    __attribute__((warn_unused_result));
struct entry *string_assign_int(struct entry *e, int64_t value) __attribute__((warn_unused_result));
struct entry *string_assign_text(struct entry *e, struct slice value, uint64_t deadline)
    __attribute__((warn_unused_result));
/* The same with bytes; takes over the caller's reference. */
struct entry *string_assign_bytes(struct entry *e, struct bytes *value, uint64_t deadline)
    __attribute__((warn_unused_result));

/* Makes the value `len` bytes that may be written at *data: what there was, cut or filled up with
 * zeros. Returns the entry; `e` is gone. The same length each time costs nothing; growing by steps
 * costs O(1) a byte. */
struct entry *string_edit(struct entry *e, size_t len, char **data)
    __attribute__((warn_unused_result));

#endif
