/* SPDX-License-Identifier: BSD-3-Clause */
/* A member of a sorted set with its score: one small allocation that both the table of members and
 * the tree that ranks them point to.
 *
 *   | form: 2 bits, length: 6 bits | score: 4, 6 or 8 bytes | length: 8 bytes, if over 62 | bytes |
 *
 * A score that is a small whole number takes fewer bytes, when that makes the allocation smaller: a
 * member of 16 bytes with a timestamp takes 24 bytes instead of 32. NaN isn't a score. */
#ifndef DREY_DS_SCORED_H
#define DREY_DS_SCORED_H

#include <stdint.h>

#include "base/slice.h"

enum scored_form { SCORED_DOUBLE, SCORED_INT32, SCORED_INT48 };
enum { SCORED_LONG = 63 }; /* the length in the first byte that says: it follows */

struct scored {
    uint8_t head; /* enum scored_form, length << 2 */
    char body[];
};

static inline unsigned scored_width(unsigned form) {
    return form == SCORED_DOUBLE ? 8 : form == SCORED_INT32 ? 4 : 6;
}

static inline struct slice scored_member(const void *scored) {
    const struct scored *e = scored;
    const char *at = e->body + scored_width(e->head & 3);
    uint64_t len = e->head >> 2;
    if (__builtin_expect(len == SCORED_LONG, 0)) {
        memcpy(&len, at, sizeof len);
        at += sizeof len;
    }
    return slice_of(at, len);
}

static inline double scored_score(const struct scored *e) {
    unsigned form = e->head & 3;
    if (form == SCORED_DOUBLE) {
        double score;
        memcpy(&score, e->body, sizeof score);
        return score;
    }
    int32_t high;
    uint16_t low = 0;
    memcpy(&high, e->body, sizeof high);
    if (form == SCORED_INT32) return high;
    memcpy(&low, e->body + 4, sizeof low);
    return (double)((int64_t)high * 65536 + low);
}

/* A copy of the member, which must not be longer than memory allows. */
struct scored *scored_new(struct slice member, double score);
void scored_free(void *scored);

/* Gives it another score. It may need other room for that: returns it, `e` is gone. */
struct scored *scored_set(struct scored *e, double score) __attribute__((warn_unused_result));

/* Bytes that it takes. */
size_t scored_memory(const struct scored *e);

#endif
