/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists: one packed block while they're short, else a deque of blocks.
 *
 * Encodings change as in Redis 7.2: a list that would exceed list_max_listpack_size becomes a
 * deque ("quicklist"), one that has shrunk to half of that a block ("listpack") again, unless it
 * holds an element with a place of its own. Redis asks besides that the rest is in one node; where
 * nodes end is Redis's own affair, so that isn't asked here.
 *
 * Numbers of elements count from 0 at the front and must be in range. */
#ifndef DREY_TYPE_T_LIST_H
#define DREY_TYPE_T_LIST_H

#include "ds/deque.h"
#include "type/type.h"

enum list_encoding { LIST_LISTPACK, LIST_DEQUE };

extern const struct type type_list;

/* What is stored or searched for. `bytes`, if not NULL, is memory that holds just this text. */
static inline struct deque_item list_item(struct slice text, struct bytes *bytes) {
    return (struct deque_item){listpack_key(text), bytes};
}

size_t list_count(const struct entry *e);

#define LIST_NONE SIZE_MAX

/* The number of the first element that is `key`, or LIST_NONE. */
size_t list_find(const struct entry *e, const struct listpack_key *key);

/* Takes the encoding for `count` more elements of `bytes` in all: before they're pushed. */
void list_expect(struct entry *e, size_t count, size_t bytes, const struct type_settings *settings);
void list_push(struct entry *e, const struct deque_item *item, bool front);

/* Inserts before element `index`. */
void list_insert(struct entry *e, size_t index, const struct deque_item *item,
                 const struct type_settings *settings);
void list_replace(struct entry *e, size_t index, const struct deque_item *item,
                  const struct type_settings *settings);

/* Removes n elements at one end. */
void list_drop(struct entry *e, size_t n, bool front, const struct type_settings *settings);
/* Removes up to `max` elements that are `key`, from one end on; returns how many. */
size_t list_remove(struct entry *e, const struct listpack_key *key, size_t max, bool from_back,
                   const struct type_settings *settings);

/* Reading one element after the other, as with a deque_iter: what it gives is borrowed until the
 * next step, and it must be ended. */
struct list_iter {
    const uint8_t *listpack; /* NULL: a deque */
    const uint8_t *at;       /* of the next element */
    bool backward;
    struct deque_iter deque;
};

void list_iter_init(struct list_iter *it, const struct entry *e, size_t index, bool backward);
static inline void list_iter_end(struct list_iter *it) {
    if (!it->listpack) deque_iter_end(&it->deque);
}

static inline bool list_next(struct list_iter *it, struct deque_value *out) {
    if (!it->listpack) return deque_next(&it->deque, out);
    if (!it->at) return false;
    out->bytes = NULL;
    out->value = listpack_get(it->at);
    it->at =
        it->backward ? listpack_prev(it->listpack, it->at) : listpack_next(it->listpack, it->at);
    return true;
}

/* The element as text; a number is printed to `digits`. */
struct slice list_value_text(const struct deque_value *v, char digits[NUM_I64_MAX]);

/* Checks all that must hold, by ASSERT. For tests. */
void list_check(const struct entry *e);

#endif
