/* SPDX-License-Identifier: BSD-3-Clause */
/* A set of integers as one sorted array: what small sets of nothing but integers are made of. The
 * format is Redis's intset, so that files hold the block as it is:
 *
 *   | bytes per integer (2, 4 or 8): 4 | integers: 4 | integer ... |     all little-endian
 *
 * All integers have the width that the widest one ever added needed. A set is a plain allocation,
 * passed by its address; what edits it takes the variable that holds the address, as the block may
 * move, which it does only when the allocator's size class changes. Finding costs O(log n), adding
 * and removing O(n). */
#ifndef DREY_DS_INTSET_H
#define DREY_DS_INTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most integers that a set is meant to hold; whoever adds sees to it. */
#define INTSET_MAX ((size_t)1 << 30)

uint8_t *intset_new(void);
void intset_free(uint8_t *set);
uint8_t *intset_copy(const uint8_t *set);

size_t intset_bytes(const uint8_t *set);  /* of the format */
size_t intset_memory(const uint8_t *set); /* that the allocator gave */
size_t intset_count(const uint8_t *set);

/* The integers in order: index < count. */
int64_t intset_at(const uint8_t *set, size_t index);
bool intset_has(const uint8_t *set, int64_t value);

/* False: it was there, or wasn't. */
bool intset_add(uint8_t **set, int64_t value);
bool intset_remove(uint8_t **set, int64_t value);

/* Is this the format, whole, sorted and without duplicates? For bytes that come from outside.
 * O(n). */
bool intset_valid(const uint8_t *bytes, size_t len);

#endif
