/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes anywhere in a deque. Each costs O(bytes of a block), and O(blocks) if blocks come or go.
 */
#ifndef DREY_DS_DEQUE_EDIT_H
#define DREY_DS_DEQUE_EDIT_H

#include "ds/deque.h"

/* Inserts before element `index`, which may be the number of elements. */
void deque_insert(struct deque *d, size_t index, const struct deque_item *item);
void deque_replace(struct deque *d, size_t index, const struct deque_item *item);
/* Removes up to `max` elements that are `key`, from one end on; returns how many. */
size_t deque_remove(struct deque *d, const struct listpack_key *key, size_t max, bool from_back);

#endif
