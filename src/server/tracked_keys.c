/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/tracked_keys.h"

#include "base/assert.h"
#include "base/cell.h"

static size_t size_of(size_t cap, size_t name_len) {
    return sizeof(struct tracked_key) + cap * sizeof(uint64_t) + name_len;
}

struct slice tracked_key_name(const struct tracked_key *k) {
    return slice_of(k->ids + k->cap, k->name_len);
}

static struct slice name_of(const void *entry) {
    return tracked_key_name(entry);
}

static const struct table_ops by_name = {name_of};

void tracked_keys_init(struct tracked_keys *t, const struct hash_seed *seed) {
    t->items = 0;
    table_init(&t->table, &by_name, seed);
}

void tracked_key_free(void *key) {
    const struct tracked_key *k = key;
    cell_free(key, size_of(k->cap, k->name_len));
}

void tracked_keys_release(struct tracked_keys *t) {
    table_release(&t->table, tracked_key_free);
    t->items = 0;
}

bool tracked_keys_has(const struct tracked_keys *t, struct slice name, uint64_t hash) {
    return table_find(&t->table, hash, name, NULL) != NULL;
}

/* With room for `cap` ids, and those that `from` (may be NULL) has. */
static struct tracked_key *key_new(struct slice name, size_t cap, const struct tracked_key *from) {
    struct tracked_key *k = cell_alloc(size_of(cap, name.len));
    *k = (struct tracked_key){
        .count = from ? from->count : 0, .cap = (uint32_t)cap, .name_len = name.len};
    if (from) memcpy(k->ids, from->ids, from->count * sizeof *k->ids);
    slice_put(k->ids + cap, name);
    return k;
}

/* The first id that isn't below `client`. */
static size_t place_of(const struct tracked_key *k, uint64_t client) {
    size_t low = 0, high = k->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (k->ids[middle] < client)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void tracked_keys_add(struct tracked_keys *t, struct slice name, uint64_t hash, uint64_t client) {
    struct table_ref ref;
    struct tracked_key *k = table_find(&t->table, hash, name, &ref);
    size_t at = k ? place_of(k, client) : 0;
    if (k && at < k->count && k->ids[at] == client) return;
    if (!k) {
        k = key_new(name, 1, NULL);
        table_insert(&t->table, hash, k);
    } else if (k->count == k->cap) {
        struct tracked_key *grown = key_new(name, k->cap + k->cap / 2 + 1, k);
        table_replace(ref, grown);
        tracked_key_free(k);
        k = grown;
    }
    memmove(k->ids + at + 1, k->ids + at, (k->count - at) * sizeof *k->ids);
    k->ids[at] = client;
    k->count++;
    t->items++;
}

static struct tracked_key *take(struct tracked_keys *t, struct tracked_key *k, uint64_t hash,
                                struct table_ref ref) {
    table_remove(&t->table, hash, ref);
    t->items -= k->count;
    return k;
}

struct tracked_key *tracked_keys_take(struct tracked_keys *t, struct slice name, uint64_t hash) {
    struct table_ref ref;
    struct tracked_key *k = table_find(&t->table, hash, name, &ref);
    return k ? take(t, k, hash, ref) : NULL;
}

struct tracked_key *tracked_keys_take_random(struct tracked_keys *t, struct random *rng) {
    const struct tracked_key *k = table_random(&t->table, rng);
    if (!k) return NULL;
    struct slice name = tracked_key_name(k);
    return tracked_keys_take(t, name, table_hash(&t->table, name));
}

void tracked_keys_check(const struct tracked_keys *t) {
    size_t items = 0;
    struct table_iter it;
    table_check(&t->table);
    table_iter_init(&it, &t->table);
    for (const struct tracked_key *k; (k = table_iter_next(&it));) {
        ASSERT(k->count > 0 && k->count <= k->cap);
        for (size_t i = 1; i < k->count; i++) ASSERT(k->ids[i - 1] < k->ids[i]);
        items += k->count;
    }
    ASSERT(items == t->items);
}
