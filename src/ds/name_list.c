/* SPDX-License-Identifier: BSD-3-Clause */
#include "ds/name_list.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

static void free_items(struct name_list *l) {
    mem_free(l->items);
    *l = (struct name_list)NAME_LIST_INIT;
}

void name_list_release(struct name_list *l, void (*free_item)(struct named *item)) {
    for (size_t i = 0; i < l->count; i++) free_item(l->items[i]);
    free_items(l);
}

/* Where the name is, or would be. */
static size_t place_of(const struct name_list *l, struct slice name, bool *found) {
    size_t low = 0, high = l->count;
    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = slice_cmp(l->items[mid]->name, name);
        *found = order == 0;
        if (*found) return mid;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct named *name_list_find(const struct name_list *l, struct slice name) {
    bool found;
    size_t at = place_of(l, name, &found);
    return found ? l->items[at] : NULL;
}

bool name_list_add(struct name_list *l, struct named *item) {
    bool found;
    size_t at = place_of(l, item->name, &found);
    if (found) return false;
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 1;
        l->items = mem_realloc(l->items, l->cap * sizeof(struct named *));
    }
    memmove(l->items + at + 1, l->items + at, (l->count - at) * sizeof(struct named *));
    l->items[at] = item;
    l->count++;
    return true;
}

struct named *name_list_remove(struct name_list *l, struct slice name) {
    bool found;
    size_t at = place_of(l, name, &found);
    if (!found) return NULL;
    struct named *item = l->items[at];
    l->count--;
    memmove(l->items + at, l->items + at + 1, (l->count - at) * sizeof(struct named *));
    if (l->count == 0) {
        free_items(l);
    } else if (l->count <= l->cap / 4) {
        l->cap /= 2;
        l->items = mem_realloc(l->items, l->cap * sizeof(struct named *));
    }
    return item;
}

size_t name_list_memory(const struct name_list *l) {
    return l->cap ? mem_class_size(l->cap * sizeof(struct named *)) : 0;
}

void name_list_check(const struct name_list *l) {
    ASSERT(l->count <= l->cap && (l->cap == 0) == (l->items == NULL));
    for (size_t i = 1; i < l->count; i++)
        ASSERT(slice_cmp(l->items[i - 1]->name, l->items[i]->name) < 0);
}
