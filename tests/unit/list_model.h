/* SPDX-License-Identifier: BSD-3-Clause */
/* A list as simple as can be, an array of strings, to compare others with. */
#ifndef DREY_TESTS_UNIT_LIST_MODEL_H
#define DREY_TESTS_UNIT_LIST_MODEL_H

#include "base/random.h"
#include "base/slice.h"

enum { LIST_MODEL_MAX = 4000 };

struct list_model {
    struct slice items[LIST_MODEL_MAX]; /* owned */
    size_t count;
};

void list_model_insert(struct list_model *m, size_t at, struct slice text);
void list_model_delete(struct list_model *m, size_t at, size_t n);
size_t list_model_remove(struct list_model *m, struct slice text, size_t max, bool from_back);

/* Numbers of all sizes, their edges, short and long texts, few different ones so that they're found
 * again. `to` has room for max + 40 bytes. */
struct slice list_model_text(struct random *rng, char to[], size_t max);

#endif
