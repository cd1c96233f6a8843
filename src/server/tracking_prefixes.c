/* SPDX-License-Identifier: BSD-3-Clause */
#include "server/tracking_prefixes.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"

static struct slice prefix_key(const void *entry) {
    return tracking_prefix_name(entry);
}

static struct slice changed_name(const void *entry) {
    return changed_key_name(entry);
}

static const struct table_ops by_prefix = {prefix_key}, by_name = {changed_name};

void tracking_prefixes_init(struct tracking_prefixes *p, const struct hash_seed *seed) {
    *p = (struct tracking_prefixes){0};
    table_init(&p->table, &by_prefix, seed);
    table_init(&p->changed, &by_name, seed);
}

static void prefix_free(void *prefix) {
    struct tracking_prefix *p = prefix;
    mem_free(p->clients);
    mem_free(p->changed);
    mem_free(p);
}

void tracking_prefixes_release(struct tracking_prefixes *p) {
    table_release(&p->table, prefix_free);
    table_release(&p->changed, mem_free);
    mem_free(p->lengths);
}

/* Room for one more element in an array. */
static void *with_room(void *items, size_t count, size_t *cap, size_t size) {
    if (count < *cap) return items;
    *cap = *cap ? 2 * *cap : 4;
    return mem_realloc(items, *cap * size);
}

/* Lengths. */

static size_t length_place(const struct tracking_prefixes *p, size_t len) {
    size_t at = 0;
    while (at < p->length_count && p->lengths[at].len < len) at++;
    return at;
}

static void length_add(struct tracking_prefixes *p, size_t len) {
    size_t at = length_place(p, len);
    if (at == p->length_count || p->lengths[at].len != len) {
        p->lengths = with_room(p->lengths, p->length_count, &p->length_cap, sizeof *p->lengths);
        memmove(p->lengths + at + 1, p->lengths + at, (p->length_count - at) * sizeof *p->lengths);
        p->lengths[at] = (struct prefix_length){.len = len};
        p->length_count++;
    }
    p->lengths[at].count++;
}

static void length_remove(struct tracking_prefixes *p, size_t len) {
    size_t at = length_place(p, len);
    if (--p->lengths[at].count) return;
    p->length_count--;
    memmove(p->lengths + at, p->lengths + at + 1, (p->length_count - at) * sizeof *p->lengths);
}

/* Prefixes and their clients. */

static struct tracking_prefix *prefix_find(const struct tracking_prefixes *p, struct slice name) {
    return table_find(&p->table, table_hash(&p->table, name), name, NULL);
}

static struct tracking_prefix *prefix_new(struct tracking_prefixes *p, struct slice name) {
    struct tracking_prefix *prefix = mem_alloc(sizeof *prefix + name.len);
    *prefix = (struct tracking_prefix){.name_len = name.len};
    slice_put(prefix->name, name);
    table_insert(&p->table, table_hash(&p->table, name), prefix);
    length_add(p, name.len);
    return prefix;
}

/* Out of the list of those with changes. */
static void forget_changes(struct tracking_prefixes *p, const struct tracking_prefix *prefix) {
    struct tracking_prefix **at = &p->first_changed;
    while (*at && *at != prefix) at = &(*at)->next_changed;
    if (*at) *at = prefix->next_changed;
}

static void prefix_remove(struct tracking_prefixes *p, struct tracking_prefix *prefix) {
    struct slice name = tracking_prefix_name(prefix);
    uint64_t hash = table_hash(&p->table, name);
    struct table_ref ref;
    table_find(&p->table, hash, name, &ref);
    table_remove(&p->table, hash, ref);
    length_remove(p, name.len);
    if (prefix->changed_count) forget_changes(p, prefix);
    prefix_free(prefix);
}

static size_t client_place(const struct tracking_prefix *prefix, uint64_t client) {
    size_t at = prefix->client_count; /* the newest client has the highest id */
    while (at && prefix->clients[at - 1] >= client) at--;
    return at;
}

struct tracking_prefix *tracking_prefixes_add(struct tracking_prefixes *p, struct slice name,
                                              uint64_t client) {
    struct tracking_prefix *prefix = prefix_find(p, name);
    if (!prefix) prefix = prefix_new(p, name);
    size_t at = client_place(prefix, client), count = prefix->client_count++;
    prefix->clients =
        with_room(prefix->clients, count, &prefix->client_cap, sizeof *prefix->clients);
    memmove(prefix->clients + at + 1, prefix->clients + at, (count - at) * sizeof client);
    prefix->clients[at] = client;
    return prefix;
}

void tracking_prefixes_remove(struct tracking_prefixes *p, struct tracking_prefix *prefix,
                              uint64_t client) {
    size_t at = client_place(prefix, client);
    ASSERT(at < prefix->client_count && prefix->clients[at] == client);
    if (--prefix->client_count == 0) {
        prefix_remove(p, prefix);
        return;
    }
    memmove(prefix->clients + at, prefix->clients + at + 1,
            (prefix->client_count - at) * sizeof client);
}

/* Changes. */

static void add_change(struct tracking_prefixes *p, struct tracking_prefix *prefix,
                       const struct changed_key *k) {
    if (prefix->changed_count == 0) {
        prefix->next_changed = p->first_changed;
        p->first_changed = prefix;
    }
    prefix->changed = with_room(prefix->changed, prefix->changed_count, &prefix->changed_cap,
                                sizeof *prefix->changed);
    prefix->changed[prefix->changed_count++] = k;
}

static struct changed_key *changed_new(struct slice name, uint64_t by) {
    struct changed_key *k = mem_alloc(sizeof *k + name.len);
    *k = (struct changed_key){.by = by, .name_len = name.len};
    slice_put(k->name, name);
    return k;
}

void tracking_prefixes_note(struct tracking_prefixes *p, struct slice key, uint64_t by) {
    uint64_t hash = table_hash(&p->changed, key);
    struct changed_key *k = table_find(&p->changed, hash, key, NULL);
    if (k) {
        if (k->by != by) k->by = 0;
        return;
    }
    for (size_t i = 0; i < p->length_count && p->lengths[i].len <= key.len; i++) {
        struct tracking_prefix *prefix = prefix_find(p, slice_of(key.ptr, p->lengths[i].len));
        if (!prefix) continue;
        if (!k) {
            k = changed_new(key, by);
            table_insert(&p->changed, hash, k);
        }
        add_change(p, prefix, k);
    }
}

/* Telling. */

static int by_key_name(const void *a, const void *b) {
    const struct changed_key *const *one = a, *const *other = b;
    return slice_cmp(changed_key_name(*one), changed_key_name(*other));
}

static int by_prefix_name(const void *a, const void *b) {
    const struct tracking_prefix *const *one = a, *const *other = b;
    return slice_cmp(tracking_prefix_name(*one), tracking_prefix_name(*other));
}

static struct tracking_prefix **changed_in_order(const struct tracking_prefixes *p, size_t *count) {
    struct tracking_prefix **list;
    *count = 0;
    for (const struct tracking_prefix *at = p->first_changed; at; at = at->next_changed) ++*count;
    list = mem_alloc((*count + 1) * sizeof *list);
    *count = 0;
    for (struct tracking_prefix *at = p->first_changed; at; at = at->next_changed)
        list[(*count)++] = at;
    qsort(list, *count, sizeof(struct tracking_prefix *), by_prefix_name);
    return list;
}

void tracking_prefixes_tell_all(struct tracking_prefixes *p, tracking_prefixes_tell *tell,
                                void *ctx) {
    size_t count;
    if (!tracking_prefixes_changed(p)) return;
    struct tracking_prefix **list = changed_in_order(p, &count);
    for (size_t i = 0; i < count; i++) {
        struct tracking_prefix *prefix = list[i];
        qsort(prefix->changed, prefix->changed_count, sizeof(struct changed_key *), by_key_name);
        tell(ctx, prefix);
        mem_free(prefix->changed);
        prefix->changed = NULL;
        prefix->changed_count = prefix->changed_cap = 0;
    }
    mem_free(list);
    p->first_changed = NULL;
    table_release(&p->changed, mem_free);
    table_init(&p->changed, &by_name, p->table.seed);
}
