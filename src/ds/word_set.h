/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of 64-bit words that are as good as random: hashes.
 *
 * Shape: linear hashing (Litwin, 1980). The low bits of a word choose one of `buckets` arrays of
 * words in no order; when they hold many on average the next bucket in turn splits, when few the
 * last one joins its partner. So nothing ever moves more than a bucket or two, whatever the size.
 *
 * A word takes 8 to 10 bytes; an empty set takes this struct alone. Adding, removing and finding
 * are O(1): a bucket of some dozens is looked through. */
#ifndef DREY_DS_WORD_SET_H
#define DREY_DS_WORD_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word_bucket {
    uint32_t count, cap;
    uint64_t words[];
};

struct word_set {
    struct word_bucket **buckets; /* each NULL while empty */
    uint32_t used, cap;           /* of buckets */
    size_t count;                 /* words */
};

void word_set_release(struct word_set *s); /* it's empty, and may be used again */

/* False: it was there. */
bool word_set_add(struct word_set *s, uint64_t word);
/* False: it wasn't. */
bool word_set_remove(struct word_set *s, uint64_t word);
bool word_set_has(const struct word_set *s, uint64_t word);

/* Copies up to `max` words, and returns how many. */
size_t word_set_some(const struct word_set *s, uint64_t *words, size_t max);

/* Bytes of its own. O(words / 64) */
size_t word_set_memory(const struct word_set *s);

/* Checks all that must hold, by ASSERT. For tests. */
void word_set_check(const struct word_set *s);

#endif
