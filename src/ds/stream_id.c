/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/stream_id.h"

#include <ctype.h>
#include <string.h>

#include "base/num.h"

/* Redis takes no longer ones. */
enum { TEXT_MAX = 127 };

bool stream_id_next(struct stream_id *id) {
    if (stream_id_eq(*id, STREAM_ID_MAX)) return false;
    if (++id->seq == 0) id->ms++;
    return true;
}

bool stream_id_prev(struct stream_id *id) {
    if (stream_id_is_zero(*id)) return false;
    if (id->seq-- == 0) id->ms--;
    return true;
}

size_t stream_id_print(char to[STREAM_ID_TEXT_MAX], struct stream_id id) {
    size_t len = num_from_u64(to, id.ms);
    to[len++] = '-';
    return len + num_from_u64(to + len, id.seq);
}

/* What strtoull takes beyond plain digits: white space, a sign (a minus negates modulo 2^64),
 * leading zeros. */
static bool lenient_u64(struct slice text, uint64_t *out) {
    size_t i = 0;
    uint64_t value = 0;
    while (i < text.len && isspace((unsigned char)text.ptr[i])) i++;
    bool negative = i < text.len && text.ptr[i] == '-';
    if (i < text.len && (negative || text.ptr[i] == '+')) i++;
    if (i == text.len) return false;
    for (; i < text.len; i++) {
        unsigned digit = (unsigned)text.ptr[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = negative ? -value : value;
    return true;
}

bool stream_id_parse_part(struct slice text, uint64_t *part) {
    if (num_to_u64(text, part)) return true;
    int64_t number;
    if (num_to_i64(text, &number)) return false; /* below 0 */
    return lenient_u64(text, part);
}

bool stream_id_parse(struct slice text, struct stream_id *id, bool *has_seq) {
    if (text.len == 0 || text.len > TEXT_MAX) return false;
    const char *zero = memchr(text.ptr, 0, text.len); /* Redis reads no further */
    if (zero) text.len = (size_t)(zero - text.ptr);
    const char *dash = memchr(text.ptr, '-', text.len);
    struct slice ms = slice_of(text.ptr, dash ? (size_t)(dash - text.ptr) : text.len);
    struct stream_id read = *id;
    if (!stream_id_parse_part(ms, &read.ms)) return false;
    if (dash) {
        struct slice seq = slice_of(dash + 1, text.len - ms.len - 1);
        if (!stream_id_parse_part(seq, &read.seq)) return false;
    }
    *has_seq = dash != NULL;
    *id = read;
    return true;
}
