/* SPDX-License-Identifier: BSD-3-Clause */
/* Named things, in order of their names (memcmp): a stream's consumer groups, a group's consumers.
 * There are few of them, they're listed in this order, and seldom come or go: a sorted array.
 * Finding takes O(log n), adding and removing move up to 8 n bytes. */
#ifndef DREY_DS_NAME_LIST_H
#define DREY_DS_NAME_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* What is listed begins with this; the name must stay the same. */
struct named {
    struct slice name;
};

/* Borrows what it lists. */
struct name_list {
    struct named **items;
    size_t count, cap;
};

#define NAME_LIST_INIT                                                                             \
    { NULL, 0, 0 }

/* Frees the list's own memory, after `free_item` has had each; it's empty afterwards. */
void name_list_release(struct name_list *l, void (*free_item)(struct named *item));
struct named *name_list_find(const struct name_list *l, struct slice name); /* NULL: there's none */
/* False: the name is there already; nothing changes. */
bool name_list_add(struct name_list *l, struct named *item);
/* Takes it out; NULL: there's none. */
struct named *name_list_remove(struct name_list *l, struct slice name);
size_t name_list_memory(const struct name_list *l); /* items not included */

/* Checks all that must hold, by ASSERT. For tests. */
void name_list_check(const struct name_list *l);

#endif
